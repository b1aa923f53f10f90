//go:build linux && (amd64 || arm64) && nvml

package energy

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// openNVML opens the driver's library and finds its functions; the versions
// (_v2) are those that nvml.h maps the plain names to. It stays open until the
// process ends. The driver exists for these two architectures of Linux; other
// systems ask nvidia-smi, and so does a build without the tag nvml: purego
// makes assay a dynamically linked program, which starts on no musl system,
// starts 0.8 ms later and holds 1.4 MB more (x86-64, glibc 2.36).
func openNVML(library string) (*nvmlFuncs, error) {
	h, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err // it names the library
	}
	f := &nvmlFuncs{
		name:   func(uintptr, *byte, uint32) nvmlReturn { return nvmlNotSupported },
		energy: func(uintptr, *uint64) nvmlReturn { return nvmlNotSupported },
		power:  func(uintptr, *uint32) nvmlReturn { return nvmlNotSupported },
	}
	for _, c := range []struct {
		symbol string
		f      any
		must   bool
	}{
		{"nvmlInit_v2", &f.init, true},
		{"nvmlShutdown", &f.shutdown, true},
		{"nvmlDeviceGetCount_v2", &f.count, true},
		{"nvmlDeviceGetHandleByIndex_v2", &f.handle, true},
		{"nvmlDeviceGetName", &f.name, false},
		{"nvmlDeviceGetTotalEnergyConsumption", &f.energy, false},
		{"nvmlDeviceGetPowerUsage", &f.power, false},
	} {
		switch p, err := purego.Dlsym(h, c.symbol); {
		case err == nil:
			purego.RegisterFunc(c.f, p)
		case c.must:
			return nil, fmt.Errorf("%s: %w", library, err)
		}
	}
	return f, nil
}
