//go:build !linux

package host

import (
	"errors"
	"fmt"
)

// Written is how many bytes this process has caused to be sent to a disk so
// far; only Linux tells.
func Written() (uint64, error) {
	return 0, fmt.Errorf("bytes written by a process: %w", errors.ErrUnsupported)
}
