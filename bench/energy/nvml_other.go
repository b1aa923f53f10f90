//go:build !linux || !(amd64 || arm64) || nonvml

package energy

import (
	"errors"
	"fmt"
)

// openNVML opens nothing: there is no driver for this system, or purego does
// not open libraries here (Windows). On linux/riscv64 a program with purego
// would not even start: it asks for a dynamic linker that no distribution has.
func openNVML(library string) (*nvmlFuncs, error) {
	return nil, fmt.Errorf("open %s: %w", library, errors.ErrUnsupported)
}
