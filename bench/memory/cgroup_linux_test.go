package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCgroup counts a child of known size, where this system lets us.
func TestCgroup(t *testing.T) {
	g, err := NewCgroup()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(g.Remove(), g.Remove()); err != nil { // the second finds it gone
			t.Error(err)
		}
		if _, err := os.Stat(g.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the group is still there: %v", err)
		}
	})
	const size = 128 << 20
	k := start(t) // it ends before the group does: cleanups run backwards
	if err := g.Add(k.cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	k.do(t, fmt.Sprintf("take %d", size))
	k.do(t, "drop")
	got, err := g.Peak()
	if err != nil {
		t.Fatal(err)
	}
	near(t, "cgroup", got, size)
	k.end()
	if err := g.Add(k.cmd.Process.Pid); !errors.Is(err, ErrGone) {
		t.Errorf("an ended process was moved: %v", err)
	}
	if got, err := g.Peak(); err != nil || got < size {
		t.Errorf("the peak after the process has ended: %d, %v", got, err)
	}
}

// tree is a file system of version 1 on disk, in which groups have no files.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/self/cgroup": "4:memory:/us\n",
		"sys/fs/cgroup/memory/us/memory.use_hierarchy": "1\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestNoPeak: a kernel whose groups tell no peak (v2 before 5.19) leaves
// nothing behind.
func TestNoPeak(t *testing.T) {
	root := tree(t)
	if _, err := newCgroup(root); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("groups without a peak: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(root, "sys/fs/cgroup/memory/us", groupPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestNoPermission(t *testing.T) {
	root := tree(t)
	if err := errors.Join(os.Chmod(root, 0o755), os.Chmod(filepath.Dir(root), 0o755)); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		if _, err := newCgroup(root); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("root's groups, as nobody: %v", err)
		}
	})
}

func TestStrangePeak(t *testing.T) {
	g := &Cgroup{dir: t.TempDir(), peak: peakV2}
	for _, text := range []string{"", "max\n", "-1\n", "99999999999999999999\n"} {
		if err := os.WriteFile(filepath.Join(g.dir, g.peak), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if v, err := g.Peak(); err == nil || v != -1 {
			t.Errorf("%q: %d, %v", text, v, err)
		}
	}
}

// TestStale: what a killed run left is removed, what a living one has is not.
func TestStale(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.list", "none")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	stale := fmt.Sprintf("%s%d-1", groupPrefix, ended.Process.Pid)
	kept := []string{fmt.Sprintf("%s%d-1", groupPrefix, os.Getpid()), groupPrefix + "x-1", groupPrefix + "0-1", "other"}
	for _, d := range append(kept, stale) {
		if err := os.Mkdir(filepath.Join(base, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	removeStale(base)
	if _, err := os.Stat(filepath.Join(base, stale)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", stale, err)
	}
	for _, d := range kept {
		if _, err := os.Stat(filepath.Join(base, d)); err != nil {
			t.Error(err)
		}
	}
}
