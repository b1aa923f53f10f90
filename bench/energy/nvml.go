package energy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

func init() { Register("nvml", RankCounter+1, nvmlProbe("libnvidia-ml.so.1")) }

// NVML refreshes powers and energies every 20 to 100 ms, by model. The error
// is what "Part-time Power Measurements" (arXiv 2312.02741) found against
// meters at the supply; NVIDIA states the same 5 % for Fermi and Kepler.
const (
	nvmlInterval   = 100 * time.Millisecond
	nvmlInaccuracy = 0.05
)

// Signs of an NVIDIA driver: on Linux, in WSL 2 and on Windows. Without one
// nothing is opened and nothing is run.
var nvidiaDriver = []string{"proc/driver/nvidia/version", "dev/dxg", "Windows/System32/nvidia-smi.exe"}

// nvmlProbe finds NVIDIA's GPUs by the driver's library, and where that cannot
// be opened by nvidia-smi. What a GPU board meters is the GPU "and its
// associated circuitry (e.g. memory)" (NVML, nvmlDeviceGetPowerUsage):
// processor, memory and their supplies, which is a module and more than a
// package.
func nvmlProbe(library string) Probe {
	return func(ctx context.Context, env Env) ([]Meter, error) {
		t, found := tree{env.System.FS}, false
		for _, sign := range nvidiaDriver {
			found = found || t.has(sign)
		}
		if !found {
			return nil, nil
		}
		lib, err := openNVML(library)
		if err != nil {
			return smiMeters(ctx, env, err)
		}
		return nvmlMeters(lib, env)
	}
}

// nvmlFuncs are the functions of the library that are used; a function that
// the library lacks answers nvmlNotSupported.
type nvmlFuncs struct {
	init, shutdown func() nvmlReturn
	count          func(n *uint32) nvmlReturn
	handle         func(index uint32, gpu *uintptr) nvmlReturn
	name           func(gpu uintptr, buf *byte, size uint32) nvmlReturn
	energy         func(gpu uintptr, mJ *uint64) nvmlReturn // since the driver was loaded
	power          func(gpu uintptr, mW *uint32) nvmlReturn
}

// nvmlReturn is nvmlReturn_t; all but 0 are errors.
type nvmlReturn int32

const (
	nvmlNotSupported = nvmlReturn(3)
	nvmlNoPermission = nvmlReturn(4)
	nvmlMismatch     = nvmlReturn(18)
)

var nvmlTexts = map[nvmlReturn]string{
	1: "not initialised", 2: "invalid argument", nvmlNotSupported: "not supported by this GPU",
	nvmlNoPermission: "no permission", 6: "not found", 9: "the driver is not loaded", 10: "timeout",
	15: "the GPU is lost: it fell off the bus", 16: "the GPU must be reset", 17: "the operating system blocks the GPU",
	nvmlMismatch: "driver and library are of different versions",
}

func (r nvmlReturn) Error() string {
	if t, ok := nvmlTexts[r]; ok {
		return "nvml: " + t
	}
	return fmt.Sprintf("nvml: error %d", int32(r))
}

func (r nvmlReturn) Is(target error) bool {
	return r == nvmlNotSupported && target == errors.ErrUnsupported || r == nvmlNoPermission && target == fs.ErrPermission
}

// Remedy is what mends the errors that can be mended.
func (r nvmlReturn) Remedy() string {
	switch r {
	case nvmlMismatch:
		return "the driver was updated while it was loaded: restart the machine"
	case nvmlNoPermission:
		return "let your user open /dev/nvidiactl and /dev/nvidia0 (on some systems: sudo usermod -aG video \"$USER\")"
	}
	return ""
}

// err makes an error of what is none in Go: nil for 0.
func (r nvmlReturn) err() error {
	if r == 0 {
		return nil
	}
	return r
}

// nvmlMeters makes a meter of all GPUs, and one of each where there are
// several.
func nvmlMeters(lib *nvmlFuncs, env Env) ([]Meter, error) {
	if err := lib.init().err(); err != nil {
		return nil, err
	}
	defer lib.shutdown() // each sensor holds the library by an init of its own
	var n uint32
	if err := lib.count(&n).err(); err != nil {
		return nil, err
	}
	var gpus []gpu
	var notes []string
	kind := Counter
	for i := range n {
		g, err := nvmlGPU(lib, i)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			notes = append(notes, fmt.Sprintf("%s meters nothing and is left out", g))
			continue
		case err != nil:
			return nil, fmt.Errorf("GPU %d: %w", i, err)
		case !g.counts:
			kind = Power // all sensors of a meter are of one kind
		}
		gpus = append(gpus, g)
	}
	return gpuMeters(gpus, notes, func(gpus []gpu) (m Meter, err error) {
		m = Meter{Interval: nvmlInterval, Error: nvmlInaccuracy}
		for _, g := range gpus {
			s, err := nvmlSensor(lib, env, g, kind)
			if err != nil {
				m.Close() // what it held is given back; the reason is err
				return m, err
			}
			m.Total = append(m.Total, s)
		}
		return m, nil
	})
}

// A gpu is one GPU that meters itself.
type gpu struct {
	index  int
	name   string
	handle uintptr
	counts bool // energy, and not power alone
}

func (g gpu) String() string { return fmt.Sprintf("gpu-%d (%s)", g.index, g.name) }

// gpuMeters names the meters that open makes, and says what they are of.
func gpuMeters(gpus []gpu, notes []string, open func([]gpu) (Meter, error)) (out []Meter, err error) {
	if len(gpus) == 0 {
		return nil, nil // as on Jetson, whose GPU is on the rails of the board
	}
	add := func(name string, gpus []gpu, notes ...string) {
		m, e := open(gpus)
		if err = cmp.Or(err, e); e != nil {
			return
		}
		m.Name, m.Scope = name, Module
		for _, g := range gpus {
			m.Notes = append(m.Notes, g.String())
			if strings.Contains(g.name, "A100") || strings.Contains(g.name, "H100") {
				m.Notes = append(m.Notes, fmt.Sprintf("gpu-%d looks at its power a quarter of the time only (arXiv 2312.02741): loads shorter than 100 ms are seen by chance", g.index))
			}
		}
		m.Notes = append(m.Notes, notes...)
		out = append(out, m)
	}
	add("nvml", gpus, notes...)
	for _, g := range gpus {
		if len(gpus) > 1 {
			add(fmt.Sprintf("nvml/%d", g.index), []gpu{g})
		}
	}
	if err != nil {
		for _, m := range out {
			m.Close()
		}
		return nil, err
	}
	return out, nil
}

// nvmlGPU looks at one GPU. Its error is unsupported where it has neither a
// counter (Volta or newer) nor a power.
func nvmlGPU(lib *nvmlFuncs, i uint32) (g gpu, err error) {
	g.index, g.name = int(i), "unnamed"
	if err := lib.handle(i, &g.handle).err(); err != nil {
		return g, err
	}
	var name [96]byte // NVML_DEVICE_NAME_V2_BUFFER_SIZE
	if lib.name(g.handle, &name[0], uint32(len(name))) == 0 {
		g.name, _, _ = strings.Cut(string(name[:]), "\x00")
	}
	var mJ uint64
	if err := lib.energy(g.handle, &mJ).err(); err == nil || !errors.Is(err, errors.ErrUnsupported) {
		g.counts = true
		return g, err
	}
	var mW uint32
	return g, lib.power(g.handle, &mW).err()
}

// nvmlSensor opens a sensor. A call of NVML cannot be cancelled: it answers in
// microseconds or the driver has hung.
func nvmlSensor(lib *nvmlFuncs, env Env, g gpu, kind Kind) (Sensor, error) {
	if err := lib.init().err(); err != nil {
		return nil, err
	}
	value := func(context.Context) (float64, error) {
		var mW uint32
		err := lib.power(g.handle, &mW).err()
		return float64(mW) / 1000, err
	}
	if kind == Counter {
		value = func(context.Context) (float64, error) {
			var mJ uint64
			err := lib.energy(g.handle, &mJ).err()
			return float64(mJ) / 1000, err
		}
	}
	return &gauge{
		domain: Domain{fmt.Sprintf("gpu-%d", g.index), kind}, now: env.Now, value: value,
		close: func() error { return lib.shutdown().err() },
	}, nil
}
