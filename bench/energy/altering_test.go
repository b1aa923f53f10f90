package energy

import (
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"assay/bench/host"
)

// altering is a tree that a test changes under the readers' hands: sensors
// that count, vanish and come back, files that may not be read.
type altering struct {
	mu    sync.Mutex
	files fstest.MapFS
	errs  map[string]error
	at    time.Duration
}

// alter starts with the files of root.
func alter(root fstest.MapFS) *altering {
	a := &altering{files: fstest.MapFS{}, errs: map[string]error{}}
	for path, f := range root {
		a.files[path] = f
	}
	return a
}

func (a *altering) Open(name string) (fs.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.errs[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return a.files.Open(name)
}

func (a *altering) set(path, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[path] = &fstest.MapFile{Data: []byte(text + "\n")}
}

func (a *altering) remove(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.files, path)
}

// fail lets every look at path end in err; nil mends it.
func (a *altering) fail(path string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errs[path] = err
}

// later moves the clock of the device on.
func (a *altering) later(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at += d
}

// env is a device whose root is the tree, and whose clock moves on by 1 ms with
// every look at it. Its commands are files of the tree.
func (a *altering) env() Env {
	return Env{System: host.Recorded(a), Now: func() time.Duration {
		a.later(time.Millisecond)
		return a.at
	}}
}

// treeOf makes a tree of paths and texts by turns.
func treeOf(pathsAndTexts ...string) *altering {
	a := alter(nil)
	for i := 0; i+1 < len(pathsAndTexts); i += 2 {
		a.set(pathsAndTexts[i], pathsAndTexts[i+1])
	}
	return a
}

// reads is the value of a sensor, or fails the test.
func reads(t testing.TB, s Sensor) float64 {
	t.Helper()
	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.Value
}

// probes is the only meter that p finds, or fails the test.
func probes(t testing.TB, p Probe, env Env) Meter {
	t.Helper()
	ms, err := p(t.Context(), env)
	if err != nil || len(ms) != 1 {
		t.Fatalf("%d meters, %v; want one", len(ms), err)
	}
	return ms[0]
}
