//go:build !linux || !(amd64 || arm64) || !nvml

package energy

import "fmt"

// openNVML opens nothing: assay is built without the tag nvml, which makes it
// a dynamically linked program, or there is no driver for this system.
func openNVML(library string) (*nvmlFuncs, error) {
	return nil, fmt.Errorf("%s is opened by builds with the tag nvml on linux/amd64 and linux/arm64", library)
}
