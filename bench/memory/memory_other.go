//go:build !linux

package memory

import (
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v3/process"
)

// read asks gopsutil: resident memory everywhere, its peak where the system
// keeps one.
func read(pid int) (Usage, error) {
	p, err := process.NewProcess(int32(pid))
	if errors.Is(err, process.ErrorProcessNotRunning) {
		return Usage{}, ErrGone
	}
	if err != nil {
		return Usage{}, err
	}
	m, err := p.MemoryInfo()
	if err != nil {
		return Usage{}, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	u := Usage{RSS: int64(m.RSS), PeakRSS: -1, Own: -1}
	if m.HWM > 0 {
		u.PeakRSS = int64(m.HWM)
	}
	return u, nil
}

func share(int) (int64, error) { return -1, errors.ErrUnsupported }

func resetPeak(int) error { return errors.ErrUnsupported }
