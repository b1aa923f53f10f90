package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// board is the recorded tree of a Jetson; every PID in it becomes pid.
func board(t *testing.T, pid int) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile("testdata/jetson-orin-nx.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, f := range a.Files {
		text := strings.NewReplacer("PID", strconv.Itoa(pid), `\0`, "\x00").Replace(string(f.Data))
		tree[f.Name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

// closed denies what lies below sys/kernel/debug, as to everybody but root.
type closed struct{ fs.FS }

func (c closed) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "sys/kernel/debug") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.FS.Open(name)
}

func TestShared(t *testing.T) {
	pid := os.Getpid()
	tree := board(t, pid)
	s, err := FollowShared(tree, pid)
	if err != nil {
		t.Fatal(err)
	}
	if got, source := s.Took(); got != (184320+6144)<<10 || source != NvMap { // the two clients of PID in the tree
		t.Errorf("NvMap: %d by %s", got, source)
	}
	s.pid = 1 // which NvMap does not list
	if got, source := s.Took(); got != 0 || source != NvMap {
		t.Errorf("a process without GPU memory: %d by %s", got, source)
	}

	delete(tree, "proc/device-tree/compatible")
	if _, err := FollowShared(tree, pid); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a device that is no Jetson: %v", err)
	}
}

// TestSharedClosed: without debugfs, MemAvailable is 300 MiB less than when the
// process was first seen, of which 100 MiB are its own.
func TestSharedClosed(t *testing.T) {
	k := start(t)
	tree := board(t, k.cmd.Process.Pid)
	before := available(tree)
	s, err := FollowShared(closed{tree}, k.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	k.do(t, fmt.Sprintf("take %d", 100<<20))
	tree["proc/meminfo"] = &fstest.MapFile{Data: fmt.Appendf(nil, "MemAvailable: %d kB\n", before>>10-300<<10)}
	got, source := s.Took()
	near(t, "MemAvailable", got, 200<<20)
	if source != Available {
		t.Errorf("known by %s", source)
	}
	tree["proc/meminfo"] = &fstest.MapFile{Data: fmt.Appendf(nil, "MemAvailable: %d kB\n", before>>10+1<<10)}
	if got, _ := s.Took(); got != -1 {
		t.Errorf("more is available than before: %d", got)
	}
	tree["proc/meminfo"] = &fstest.MapFile{Data: []byte("MemFree: 1 kB\nMemAvailable: 12 pages\n")}
	if got, _ := s.Took(); got != -1 {
		t.Errorf("a meminfo without MemAvailable: %d", got)
	}
	delete(tree, "proc/meminfo")
	if got, _ := s.Took(); got != -1 {
		t.Errorf("no meminfo: %d", got)
	}
	tree["proc/meminfo"] = &fstest.MapFile{Data: []byte("MemAvailable: 1 kB\n")}
	k.end()
	if got, _ := s.Took(); got != -1 {
		t.Errorf("a process that has ended: %d", got)
	}
}

func TestClientBytes(t *testing.T) {
	for _, c := range []struct {
		line string
		want int64
	}{
		{"user gnome shell 12 34K", 34 << 10},
		{"user a 12 3M", 3 << 20},
		{"user a 12 1G", 1 << 30},
		{"user a 12 7T", 0},
		{"user a 12 -5K", 0},
		{"user a 13 34K", 0},
		{"total 12 34K", 0},
		{"user a 12 5K\nuser b 12 6K", 11 << 10},
	} {
		if got := clientBytes(c.line, 12); got != c.want {
			t.Errorf("%q: %d, want %d", c.line, got, c.want)
		}
	}
}

func FuzzClients(f *testing.F) {
	f.Add("CLIENT PROCESS PID SIZE\nuser gnome shell 12 34K\ntotal 34K\n", 12)
	f.Add("user a 12 3M\nuser b 12 1G\nuser c 12 7T\n", 12)
	f.Add("user a 12 99999999999999999999K\nuser a 12 1099511627775K\nuser a 12 1099511627775K\nuser a 12 -5K\n", 12)
	f.Fuzz(func(t *testing.T, text string, pid int) {
		if v := clientBytes(text, pid); v < 0 || v > 1<<51 {
			t.Errorf("%d bytes", v)
		}
	})
}
