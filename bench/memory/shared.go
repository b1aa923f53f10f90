package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Sources of what a worker shares with a GPU.
const (
	NvMap     = "NvMap"
	Available = "MemAvailable difference"
)

// nvmapClients lists what each process holds of the memory that NVIDIA's
// Jetsons share between processor and GPU. It escapes the process's resident
// memory. Format: nvmap_debug_clients_show of the L4T kernel,
// drivers/video/tegra/nvmap/nvmap_dev.c: a line "CLIENT PROCESS PID SIZE" for
// each client, sizes with a unit of K, M or G (of 1024).
const nvmapClients = "sys/kernel/debug/nvmap/iovmm/clients"

// A Shared tells what one process shares with the GPU of a Jetson.
type Shared struct {
	root      fs.FS
	pid       int
	available int64 // MemAvailable when it began, B
	own       int64 // of the process then, B
}

// FollowShared begins to follow a process. The error wraps
// errors.ErrUnsupported on other devices than Jetsons, whose GPU memory, if
// any, is not the processor's.
func FollowShared(root fs.FS, pid int) (*Shared, error) {
	if !tegra(root) {
		return nil, fmt.Errorf("memory shared with a GPU, on a device that is no Jetson: %w", errors.ErrUnsupported)
	}
	s := &Shared{root: root, pid: pid, available: available(root), own: -1}
	if u, err := Read(pid); err == nil {
		s.own = u.Own
	}
	return s, nil
}

// Took returns the shared memory that the process holds, in bytes, and by what
// it is known: NvMap's list, or, where debugfs is closed (it is root's), how
// much less memory is available than when it began, without what the process
// itself took. The second is an estimate: what others took or freed meanwhile
// is in it. −1 is unknown.
func (s *Shared) Took() (bytes int64, source string) {
	if b, err := fs.ReadFile(s.root, nvmapClients); err == nil {
		return clientBytes(string(b), s.pid), NvMap
	}
	now := available(s.root)
	u, err := Read(s.pid)
	if err != nil || now < 0 || s.available < 0 || u.Own < 0 || s.own < 0 {
		return -1, Available
	}
	return max(-1, s.available-now-(u.Own-s.own)), Available
}

// clientBytes adds up the lines of a process, which may hold several clients.
// Its name may have spaces, so lines are read from their end.
func clientBytes(text string, pid int) int64 {
	var sum int64
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || f[len(f)-2] != strconv.Itoa(pid) { // "total" has fewer
			continue
		}
		size := f[len(f)-1]
		shift := map[byte]int{'K': 10, 'M': 20, 'G': 30}[size[len(size)-1]]
		n, err := strconv.ParseInt(size[:len(size)-1], 10, 64)
		if err == nil && shift > 0 && n >= 0 && n < 1<<50>>shift {
			sum = min(sum+n<<shift, 1<<50)
		}
	}
	return sum
}

// tegra reports whether a device is a Jetson: what its device tree says that
// it is compatible with (NUL-separated, most specific first).
func tegra(root fs.FS) bool {
	b, err := fs.ReadFile(root, "proc/device-tree/compatible")
	return err == nil && strings.Contains(string(b), "nvidia,tegra")
}

// available returns MemAvailable of /proc/meminfo in bytes: what can be taken
// without swapping (proc(5)); −1 where it is not told.
func available(root fs.FS) int64 {
	b, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "MemAvailable:" || f[2] != "kB" {
			continue
		}
		if v, err := strconv.ParseInt(f[1], 10, 64); err == nil && v >= 0 && v < 1<<40 {
			return v << 10
		}
	}
	return -1
}
