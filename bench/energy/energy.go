// Package energy measures the energy of inferences with the meters that a
// device has: one file per kind of meter, each registered by its init, and the
// window method that turns readings into joules. Energy is in joules, power in
// watts, time on the monotonic clock of the device.
//
// Zero joules is never "no meter": a device without one has no Meter, and what
// a meter cannot resolve is below detection or invalid, with the reason.
package energy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"assay/bench/host"
)

// Kind says what a sensor's readings are.
type Kind string

// A counter's differences are joules; a power is watts at, or averaged over
// the time before, the reading.
const (
	Counter Kind = "counter" // J since an arbitrary origin, wrap-around already hidden
	Power   Kind = "power"   // W
)

// Scope is what a meter's energy is the energy of. Values of different scopes
// are never compared.
type Scope string

// The scopes, from the narrowest.
const (
	Package Scope = "package" // processors with their caches
	Rail    Scope = "rail"    // some supply rails of a board, not all
	Module  Scope = "module"  // a compute module: processors, memory, their supplies
	Board   Scope = "board"   // everything behind the board's input
	Wall    Scope = "wall"    // everything behind the plug, power supply included
)

// A Reading is one look at a sensor.
type Reading struct {
	At    time.Duration // monotonic (Env.Now), when the sensor was read
	Value float64       // J or W, as the sensor's Kind says
}

// A Domain is what one sensor meters.
type Domain struct {
	Name string // "package-0", "VDD_IN"
	Kind Kind
}

// A Sensor meters one domain. It is used by one goroutine at a time.
type Sensor interface {
	Domain() Domain
	// Read looks at the sensor. What it returns is finite; an error is a
	// reading that could not be had, and the next may succeed.
	Read(ctx context.Context) (Reading, error)
	// Close frees what the sensor holds. Read must not be called afterwards.
	Close() error
}

// A Meter is what one probe found: sensors whose sum is the energy of its
// scope. A domain that lies within another one, or meters the same thing by
// another way, is a part: it is named, and never summed.
type Meter struct {
	Name      string        // kind of meter as registered, for example "rapl"
	Scope     Scope         // of the sum
	Total     []Sensor      // at least one, all of the same Kind
	Parts     []Domain      // what else was seen
	Interval  time.Duration // nominal time between new values, 0 if not known
	Error     float64       // relative error that the source states for the sensor, 0 if not known
	Estimated string        // why the figures are estimated and not measured, "" where they are measured
	Notes     []string      // for doctor and results: rails left out, corrections made
}

// Kind is that of the meter's sensors.
func (m Meter) Kind() Kind { return m.Total[0].Domain().Kind }

// String is "rapl (package): package-0 + package-1".
func (m Meter) String() string {
	var names []string
	for _, s := range m.Total {
		names = append(names, s.Domain().Name)
	}
	return fmt.Sprintf("%s (%s): %s", m.Name, m.Scope, strings.Join(names, " + "))
}

// Close closes all sensors.
func (m Meter) Close() error {
	var errs []error
	for _, s := range m.Total {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Env is what probes look at.
type Env struct {
	System   host.System
	HTTP     *http.Client         // for external meters
	External []External           // that the user has configured
	Now      func() time.Duration // the monotonic clock that workers report by (CLOCK_MONOTONIC on Linux)
}

// An External is a meter outside the device, as the user writes it:
// "shelly=http://192.0.2.7", "command=./watts.sh".
type External struct{ Kind, Target string }

// A Probe finds the meters of one kind in env. Finding none is not an error.
// An error says why meters that are there cannot be used, with the remedy
// (which group, which udev rule).
type Probe func(ctx context.Context, env Env) ([]Meter, error)

type kind struct {
	name  string
	rank  int
	probe Probe
}

var kinds []kind

// Register adds a kind of meter. Where a device has several, the one with the
// lowest rank is chosen: see Ranks. It panics on a second kind of one name.
func Register(name string, rank int, p Probe) {
	if slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name }) {
		panic(fmt.Sprintf("meter %q registered twice", name))
	}
	kinds = append(kinds, kind{name, rank, p})
	slices.SortStableFunc(kinds, func(a, b kind) int { return a.rank - b.rank })
}

// Ranks of the kinds of meters: what the user configured comes first, then
// what meters the most of the model's energy the most directly.
const (
	RankExternal = 10 // shelly, tasmota, command
	RankModule   = 20 // jetson
	RankCounter  = 30 // rapl, nvml: fine-grained counters of processors
	RankBoard    = 40 // pmic of the Raspberry Pi 5, INA219/226 by hwmon
	RankFirmware = 50 // scmi, acpi, ipmi
	RankBattery  = 60
)

// Kinds returns the names of all kinds of meters in the order of preference.
func Kinds() []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return out
}

// A Finding is what the probe of one kind said.
type Finding struct {
	Kind   string
	Meters []Meter
	Err    error // meters are there that cannot be used, and why
}

// Find asks every probe, in the order of preference. Kinds that are absent
// are left out. The caller closes the meters.
func Find(ctx context.Context, env Env) []Finding {
	var out []Finding
	for _, k := range kinds {
		ms, err := k.probe(ctx, env)
		if len(ms) > 0 || err != nil {
			out = append(out, Finding{k.name, ms, err})
		}
	}
	return out
}

// ErrNoMeter means that this device has no meter that can be used. It is
// absent support: energy is then not measured.
var ErrNoMeter error = noMeter{}

type noMeter struct{}

func (noMeter) Error() string { return "no energy meter" }
func (noMeter) Unwrap() error { return errors.ErrUnsupported }

// Open returns the meter called name ("rapl", or "rapl/psys" where a kind has
// several), or with "" the preferred one, and closes all others. The error
// wraps ErrNoMeter where there is none, and the reasons that probes gave, of
// which RemedyOf takes the preferred one's.
func Open(ctx context.Context, env Env, name string) (Meter, error) {
	if want, _, _ := strings.Cut(name, "/"); want != "" && !slices.Contains(Kinds(), want) {
		return Meter{}, fmt.Errorf("unknown meter %q (have %s)", name, strings.Join(Kinds(), ", "))
	}
	var chosen *Meter
	var reasons error
	for _, f := range Find(ctx, env) {
		for _, m := range f.Meters {
			if chosen == nil && (name == "" || name == f.Kind || name == m.Name) {
				chosen = &m
				continue
			}
			m.Close() // read-only files and connections: nothing is lost with them
		}
		switch {
		case f.Err != nil && reasons != nil:
			reasons = fmt.Errorf("%w; %s: %w", reasons, f.Kind, f.Err)
		case f.Err != nil:
			reasons = fmt.Errorf("%s: %w", f.Kind, f.Err)
		}
	}
	switch {
	case chosen != nil:
		return *chosen, nil
	case RemedyOf(reasons) != "":
		return Meter{}, fmt.Errorf("%w: %w (assay doctor says what mends it)", ErrNoMeter, reasons)
	case reasons != nil:
		return Meter{}, fmt.Errorf("%w: %w", ErrNoMeter, reasons)
	case name != "":
		return Meter{}, fmt.Errorf("%w of kind %s on this device", ErrNoMeter, name)
	}
	return Meter{}, fmt.Errorf("%w on this device: one can be attached (assay run --meter, docs/devices.md)", ErrNoMeter)
}
