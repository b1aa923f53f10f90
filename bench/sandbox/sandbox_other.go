//go:build !linux || (!amd64 && !arm64 && !arm && !riscv64)

package sandbox

import (
	"errors"
	"fmt"
	"runtime"
)

// Here tells that this system can refuse nothing.
func Here() Support { return Support{Why: "not known for " + runtime.GOOS + " on " + runtime.GOARCH} }

// Do returns an error that wraps errors.ErrUnsupported, and does not call f.
func (Sandbox) Do(func() error, <-chan struct{}) error {
	return fmt.Errorf("sandbox: %s: %w", Here().Why, errors.ErrUnsupported)
}
