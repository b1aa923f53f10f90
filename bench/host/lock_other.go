//go:build !unix

package host

import (
	"errors"
	"os"
)

// lockDir is not needed: systems other than Linux have no cpufreq to prepare.
func lockDir(string) (*os.File, error) { return nil, errors.ErrUnsupported }
