package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Cgroup counts the memory of one worker: a second source beside what the
// process itself shows, with the page cache that it filled and what the kernel
// keeps for it.
type Cgroup struct {
	dir  string
	peak string // file
}

// groupPrefix begins the names of our groups: "assay-<pid>-<number>", the pid
// being that of the process that measures.
const groupPrefix = "assay-"

var (
	groups atomic.Int64 // made by this process
	sweep  sync.Once
)

// NewCgroup makes an empty memory cgroup. The error wraps
// errors.ErrUnsupported where this system has no place for one, and
// fs.ErrPermission where the place is not ours to use. The first call also
// removes what processes left behind that were killed.
func NewCgroup() (*Cgroup, error) { return newCgroup("/") }

func newCgroup(root string) (*Cgroup, error) {
	h, err := findHome(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	base := filepath.Join(root, filepath.FromSlash(h.dir))
	sweep.Do(func() { removeStale(base) })
	g := &Cgroup{dir: filepath.Join(base, fmt.Sprintf("%s%d-%d", groupPrefix, os.Getpid(), groups.Add(1))), peak: h.peak}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a cgroup for a worker: %w", err)
	}
	if _, err := os.Stat(filepath.Join(g.dir, g.peak)); err != nil {
		return nil, errors.Join(fmt.Errorf("the peak of a cgroup, in this kernel: %w", errors.ErrUnsupported), g.Remove())
	}
	return g, nil
}

// Add moves a process into the group. What it took before stays counted where
// it was.
func (g *Cgroup) Add(pid int) error {
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		return fmt.Errorf("move process %d into a cgroup: %w", pid, gone(err))
	}
	return nil
}

// Peak returns the most memory that the group's processes took at a time, page
// cache and kernel memory included, in bytes.
func (g *Cgroup) Peak() (int64, error) {
	b, err := os.ReadFile(filepath.Join(g.dir, g.peak))
	if err != nil {
		return -1, fmt.Errorf("read the peak of a cgroup: %w", err)
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || v < 0 {
		return -1, fmt.Errorf("%s: %q is no number of bytes", g.peak, strings.TrimSpace(string(b)))
	}
	return v, nil
}

// Remove ends the group once its processes have ended; it waits a moment for
// the kernel to notice that. A group that is gone is no error.
func (g *Cgroup) Remove() error {
	var err error
	for range 50 {
		if err = syscall.Rmdir(g.dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("remove cgroup %s: %w", g.dir, err)
}

// removeStale removes the groups of processes that are no more. One that still
// holds a process cannot be removed, so a wrong guess costs nothing.
func removeStale(base string) {
	dirs, err := os.ReadDir(base)
	if err != nil {
		return // not ours to look at: nothing of ours is there
	}
	for _, d := range dirs {
		rest, ok := strings.CutPrefix(d.Name(), groupPrefix)
		owner, _, ok2 := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(owner)
		if ok && ok2 && err == nil && pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = syscall.Rmdir(filepath.Join(base, d.Name()))
		}
	}
}
