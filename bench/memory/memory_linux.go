package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func read(pid int) (Usage, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, gone(err)
	}
	s := kilobytes(string(status))
	u := Usage{Own: -1}
	for _, f := range []struct {
		name string
		to   *int64
	}{{"VmRSS", &u.RSS}, {"VmHWM", &u.PeakRSS}} {
		v, ok := s[f.name]
		if !ok { // a zombie has a status, but no memory
			return Usage{}, ErrGone
		}
		*f.to = v
	}
	if anon, ok := s["RssAnon"]; ok { // since Linux 4.5
		u.Own = anon + s["RssShmem"]
	}
	return u, nil
}

// share reads smaps_rollup, which is absent before Linux 4.14 and in some
// sandboxes, and closed to other users.
func share(pid int) (int64, error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := read(pid); e == nil {
			return -1, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
	}
	if err != nil {
		return -1, gone(err)
	}
	v, ok := kilobytes(string(rollup))["Pss"]
	if !ok { // a zombie's is empty
		return -1, ErrGone
	}
	return v, nil
}

// kilobytes reads the lines "Name:  123 kB" of a file of /proc, in bytes.
func kilobytes(text string) map[string]int64 {
	out := map[string]int64{}
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if !ok || len(f) != 2 || f[1] != "kB" {
			continue
		}
		if v, err := strconv.ParseInt(f[0], 10, 64); err == nil && v >= 0 && v < 1<<50 {
			out[name] = v << 10
		}
	}
	return out
}

// resetPeak writes 5 to clear_refs: "reset the peak resident set size to the
// process's current resident set size" (proc(5), since Linux 4.0).
func resetPeak(pid int) error {
	err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	if errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return gone(err)
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ErrGone
	}
	return err
}
