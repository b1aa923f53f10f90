// Package memory reads how much memory a worker takes, from outside the
// worker: resident (RSS), its peak, and the proportional share (PSS), in which
// a page that n processes share counts one n-th for each; what it shares with
// a GPU; and what a cgroup counts for it. All in bytes.
//
// On Linux the numbers come from /proc/<pid>/status and smaps_rollup
// (proc(5)). A peak is since the process began, or since ResetPeak; a Watch
// gives each phase of a process a peak of its own.
//
// Linux counts what is resident in batches of some dozen pages per core
// (lib/percpu_counter.c), so that some 100 kB may be missing from it. The share
// is counted page by page.
package memory

import (
	"errors"
	"fmt"
)

// Usage is what one process takes. A number that this system does not tell is
// −1: never 0, which would be a lie.
type Usage struct {
	RSS     int64 // resident now, B
	PeakRSS int64 // most that was ever resident, B
	Own     int64 // the part of RSS that no file backs: it cannot be dropped, B
}

// ErrGone means that the process has ended.
var ErrGone = errors.New("the process has ended")

// Read returns the usage of a process; it costs about 20 µs on Linux. The
// error wraps ErrGone where there is no such process, fs.ErrPermission where
// it may not be read, and errors.ErrUnsupported where this system does not
// tell.
func Read(pid int) (Usage, error) {
	u, err := read(pid)
	if err != nil {
		return Usage{-1, -1, -1}, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return u, nil
}

// Share returns the proportional share of what a process has resident now. The
// kernel walks all its pages for it. The errors are those of Read.
func Share(pid int) (int64, error) {
	v, err := share(pid)
	if err != nil {
		return -1, fmt.Errorf("read the share of memory of process %d: %w", pid, err)
	}
	return v, nil
}

// ResetPeak makes PeakRSS begin anew at what is resident now. The error wraps
// errors.ErrUnsupported where this system cannot (Linux before 4.0, others).
func ResetPeak(pid int) error {
	if err := resetPeak(pid); err != nil {
		return fmt.Errorf("reset the peak memory of process %d: %w", pid, err)
	}
	return nil
}
