//go:build !linux

package energy

import "errors"

// openPerf finds nothing to open: perf events are Linux's.
func openPerf(uint32, uint64, int) (perfEvent, error) { return nil, errors.ErrUnsupported }
