package bench

import (
	"assay/bench/host"
	"assay/bench/memory"
)

// Local returns a Setup with everything that this device itself provides:
// identity, condition, probe, cores, memory and explanations. The caller adds
// workers, data and plan.
func Local() (Setup, error) {
	sys := host.Here()
	d, err := host.Identify(sys)
	if err != nil {
		return Setup{}, err
	}
	return Setup{
		Device:       d,
		Observe:      func() host.Condition { return host.Observe(sys) },
		Probe:        func(cpus []int) Prober { return host.NewProbe(cpus) },
		Watch:        func(cpus []int) *host.Watch { return host.NewWatch(sys, cpus) },
		CPUs:         lastCPUs,
		MemAvailable: func() int64 { return host.Observe(sys).FreeMem },
		Shared:       func(pid int) (*memory.Shared, error) { return memory.FollowShared(sys.FS, pid) },
		Explain:      Explainer(d.Features),
	}, nil
}

// lastCPUs names the cores to pin workers of so many threads to: the last
// that this process may use, since the first ones serve most interrupts. It
// is nil, which pins nothing, where all cores are needed or none can be named.
func lastCPUs(threads int) []int {
	cpus := host.AllowedCPUs()
	if threads >= len(cpus) {
		return nil
	}
	return cpus[len(cpus)-threads:]
}
