// Package ort is the engine "onnxruntime": ONNX Runtime through
// github.com/yalue/onnxruntime_go. It is the only cgo of Assay and is linked
// into cmd/assay-ort alone; the library itself is opened at run time.
//
// Sessions run sequentially with all graph optimisations, the CPU arena and
// the memory pattern on, and threads that do not spin, since an idle worker
// must not burn the cores that another is measured on. Inputs and outputs are
// bound once by I/O binding, so that a run neither copies nor allocates.
package ort

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"assay/bench/engine"
	"assay/models"

	ort "github.com/yalue/onnxruntime_go"
)

// Name is what suites call this engine.
const Name = "onnxruntime"

// Oldest is the oldest ONNX Runtime that serves the API version which the Go
// binding asks for (24).
const Oldest = "1.24"

// New returns the engine that uses the library which find returns. It is
// looked for once, at the first use.
func New(find func() (string, error)) engine.Engine { return &runtime{find: find} }

type runtime struct {
	find func() (string, error)
	once sync.Once
	path string
	err  error
}

var _ engine.Engine = (*runtime)(nil)

// open loads the library and makes the process's one environment.
func (r *runtime) open() error {
	r.once.Do(func() {
		if r.path, r.err = r.find(); r.err == nil {
			r.err = initialize(r.path)
		}
	})
	return r.err
}

func initialize(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("ONNX Runtime's library %s: %w", path, errors.Unwrap(err))
	}
	if ort.IsInitialized() { // by another engine of this process, which can have one environment only
		return nil
	}
	ort.SetSharedLibraryPath(path)
	// DisableTelemetry comes too late: by then the library has opened a database
	// of its own in the user's cache, into which every process writes about
	// 40 kB, and looked for a way to send it.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return err
	}
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return loadError(path, err)
	}
	return ort.DisableTelemetry()
}

// loadError says in one line why a library could not be used. The texts are
// those of onnxruntime_go's setup_env.go.
func loadError(path string, err error) error {
	msg := oneLine(err.Error())
	switch {
	case strings.Contains(msg, "looking up OrtGetApiBase"):
		return fmt.Errorf("%s is not ONNX Runtime: it has no OrtGetApiBase", path)
	case strings.Contains(msg, "setting ORT API base"):
		return fmt.Errorf("%s is too old an ONNX Runtime: this program needs %s or newer", path, Oldest)
	}
	if _, why, ok := strings.Cut(msg, `": `); ok { // what dlopen says, after the quoted path
		msg = why
	}
	return fmt.Errorf("load ONNX Runtime: %s", msg)
}

// Info opens the library and probes every provider that the binding knows.
func (r *runtime) Info(context.Context) (engine.Info, error) {
	if err := r.open(); err != nil {
		return engine.Info{}, err
	}
	return engine.Info{
		Name: Name, Build: ort.GetVersion(), Providers: probe(),
		Settings: settings(r.path), Capabilities: []string{"profile"},
	}, nil
}

// settings are those of every session.
func settings(path string) map[string]string {
	return map[string]string{
		"library":            filepath.Base(path),
		"version":            ort.GetVersion(),
		"graph_optimization": ort.GraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll).String(),
		"execution_mode":     "sequential",
		"inter_op_threads":   "1",
		"allow_spinning":     "0",
		"cpu_mem_arena":      "on",
		"mem_pattern":        "on",
	}
}

// Open implements engine.Engine.
func (r *runtime) Open(_ context.Context, a models.Artifact, o engine.Options) (engine.Session, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	if a.Format != "" && a.Format != "onnx" {
		return nil, fmt.Errorf("artifact is %s, this engine opens onnx: %w", a.Format, errors.ErrUnsupported)
	}
	return open(r.path, a, o, "")
}

// mark is what ONNX Runtime puts between its own source lines and a message:
// "file.cc:12 F() [ONNXRuntimeError] : 1 : FAIL : message".
var mark = regexp.MustCompile(`^.*\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : `)

// clean makes one line of what ONNX Runtime says, without its source lines.
func clean(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(mark.ReplaceAllString(oneLine(err.Error()), ""))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
