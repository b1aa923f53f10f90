package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A home is where cgroups of workers can be made: a folder of the cgroup file
// system, and the file in which a group there tells its peak.
type home struct {
	dir  string // no leading slash
	peak string
}

// Files of the memory controller: Documentation/admin-guide/cgroup-v2.rst
// (memory.peak since Linux 5.19) and cgroup-v1/memory.rst.
const (
	peakV1 = "memory.max_usage_in_bytes"
	peakV2 = "memory.peak"
)

// findHome looks for a place where a group of its own changes nothing for a
// worker but that it is counted: it escapes no limit and keeps its cores. The
// error wraps errors.ErrUnsupported where there is none.
func findHome(root fs.FS) (home, error) {
	for line := range strings.Lines(text(root, "proc/self/cgroup")) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || len(f[2]) > 4096 { // PATH_MAX
			continue
		}
		own := path.Clean("/" + f[2])
		switch {
		case slices.Contains(strings.Split(f[1], ","), "memory"):
			// In version 1 every controller has a tree of its own, and a group
			// below ours counts against ours where use_hierarchy is on (always,
			// since Linux 5.11).
			dir := "sys/fs/cgroup/memory" + strings.TrimSuffix(own, "/")
			if text(root, dir+"/memory.use_hierarchy") == "1" {
				return home{dir, peakV1}, nil
			}
		case f[0] == "0" && f[1] == "":
			if h, ok := unified(root, own); ok {
				return h, nil
			}
		}
	}
	return home{}, fmt.Errorf("a cgroup for a worker alone, where it would change more than what is counted: %w", errors.ErrUnsupported)
}

// unified finds a place in the one tree of version 2, in which a group with
// processes cannot hand the memory controller down: below our own group where
// it does nevertheless (the root does), else beside it, if ours sets nothing
// that a worker would escape there.
func unified(root fs.FS, own string) (home, bool) {
	const mount = "sys/fs/cgroup"
	dir := mount + strings.TrimSuffix(own, "/")
	if hands(root, dir) {
		return home{dir, peakV2}, true
	}
	if own == "/" {
		return home{}, false
	}
	for _, x := range []struct{ file, none string }{
		{"memory.max", "max"}, {"memory.high", "max"}, {"memory.swap.max", "max"}, {"memory.min", "0"}, {"memory.low", "0"},
	} {
		if v := text(root, dir+"/"+x.file); v != "" && v != x.none {
			return home{}, false
		}
	}
	if up := path.Dir(dir); hands(root, up) {
		return home{up, peakV2}, true
	}
	return home{}, false
}

// hands reports whether a group hands the memory controller down, and none by
// which a group of its own would change a worker: cpuset undoes its pinning,
// cpu and io would weigh it as a whole group against the others.
func hands(root fs.FS, dir string) bool {
	c := strings.Fields(text(root, dir+"/cgroup.subtree_control"))
	return slices.Contains(c, "memory") && !slices.ContainsFunc(c, func(s string) bool { return s == "cpuset" || s == "cpu" || s == "io" })
}

func text(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
