package host

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/bench/unit"
)

// Limits say when a change of condition is a doubt (a footnote) and when a
// violation (timing and energy are untrusted).
type Limits struct {
	StealDoubt, Steal   float64 // share of all CPU time that the hypervisor took
	OthersDoubt, Others float64 // share of all CPU time that other processes used
	Waited              float64 // share of the time in which some task waited for a CPU, from which on it is a doubt
	Swap                int64   // B by which the use of swap may grow before it is a doubt
	Hot                 float64 // °C from which on a sensor is a doubt
	Rise                float64 // °C by which a sensor may rise before it is a doubt
	Clock               float64 // of the highest clock, that is to be held under load
}

// Standard are the limits of every run. Stolen time is met block by block in
// the measuring loop, which drops the blocks and gives a group up when too
// many are hit; here it is a doubt from 1 % on, and a violation only where it
// is so much that the blocks between the ticks of its counter (10 ms) cannot
// be clean either. Interleaving makes other processes hit all workers alike;
// when they use more than half of the machine there is no quiet core left. A
// sensor that rises by 15 °C says that the device had not come to rest: drift
// hits all workers alike, but what a cold device does is not what it holds.
var Standard = Limits{
	StealDoubt: 0.01, Steal: 0.10, OthersDoubt: 0.10, Others: 0.50, Waited: 0.25,
	Swap: 16 << 20, Hot: 85, Rise: 15, Clock: 0.95,
}

// Compare says what happened to the device between two conditions, and while
// it was watched in between, with what to do about it. doubts are footnotes,
// violations make timing untrusted.
func Compare(before Condition, during During, after Condition) (doubts, violations []string) {
	return Standard.Compare(before, during, after)
}

// Compare is the package's Compare with limits of one's own.
func (l Limits) Compare(before Condition, during During, after Condition) (doubts, violations []string) {
	r := report{}
	if !l.processor(&r, before, during, after) {
		l.pressure(&r, before, during, after)
	}
	throttling(&r, before, during, after)
	l.clock(&r, before, during, after)
	l.heat(&r, before, during, after)
	if grown := after.SwapUsed - before.SwapUsed; grown > l.Swap {
		r.doubt("swap grew by %s: free memory, or measure fewer models at once", unit.Format(float64(grown), "B"))
	}
	for _, note := range append(slices.Clone(before.Notes), after.Notes...) {
		if !slices.Contains(r.doubts, note) {
			r.doubt("%s", note)
		}
	}
	return r.doubts, r.violations
}

type report struct{ doubts, violations []string }

func (r *report) doubt(format string, a ...any) {
	r.doubts = append(r.doubts, fmt.Sprintf(format, a...))
}

func (r *report) violate(format string, a ...any) {
	r.violations = append(r.violations, fmt.Sprintf(format, a...))
}

// processor judges who else had the CPUs; true if other processes did.
func (l Limits) processor(r *report, before Condition, during During, after Condition) bool {
	capacity := after.At.Sub(before.At).Seconds() * float64(after.CPUs)
	if capacity <= 0 {
		return false
	}
	switch stolen := (after.Steal - before.Steal) / capacity; {
	case stolen > l.Steal:
		r.violate("the hypervisor took %.1f %% of the CPU time: use a machine with cores of its own", 100*stolen)
	case stolen > l.StealDoubt:
		r.doubt("the hypervisor took %.1f %% of the CPU time (blocks that it hit were dropped)", 100*stolen)
	}
	if before.Own == 0 || after.Own == 0 {
		return false // unknown here
	}
	used := after.Busy - before.Busy - (after.Own - before.Own)
	others := used / capacity
	cores := others * float64(after.CPUs)
	text := fmt.Sprintf("other processes used %.1f of %d cores: stop %s", cores, after.CPUs, toStop(during.Neighbours, cores))
	switch {
	case others > l.Others:
		r.violate("%s and measure again", text)
	case others > l.OthersDoubt:
		r.doubt("%s", text)
	}
	return others > l.OthersDoubt
}

// toStop names who used so many cores, as far as that is known.
func toStop(ns []Neighbour, cores float64) string {
	for _, n := range ns {
		cores -= n.Cores
	}
	switch {
	case len(ns) == 0:
		return "them (too short-lived to be seen, or out of sight of this container: top on the host shows which)"
	case cores >= 0.1:
		return fmt.Sprintf("%s and others (%.2f cores; top on the host shows which)", named(ns), cores)
	}
	return named(ns)
}

// named lists processes for a message: "stress-ng (pid 4242, 0.98 cores)".
func named(ns []Neighbour) string {
	var parts []string
	for _, n := range ns {
		parts = append(parts, fmt.Sprintf("%s (pid %d, %.2f cores)", n.Name, n.PID, n.Cores))
	}
	return strings.Join(parts, ", ")
}

// pressure judges how long tasks waited for a CPU, where nobody else is to
// blame: more threads than cores, or neighbours that no table shows. The
// kernel counts any task. Where the measured threads were on a CPU all the
// same, it was one of their own process that waited behind them: Go's monitor
// thread does, most of the time, while a pinned engine is called through C
// (runtime/proc.go, sysmon).
func (l Limits) pressure(r *report, before Condition, during During, after Condition) {
	elapsed := after.At.Sub(before.At).Seconds()
	if elapsed <= 0 || before.Waited < 0 || after.Waited < 0 || during.Ran > 1-l.Waited {
		return
	}
	if share := (after.Waited - before.Waited) / elapsed; share > l.Waited {
		r.doubt("tasks waited for a CPU during %.0f %% of the time: measure with fewer threads than cores, or stop what else runs", 100*share)
	}
}

// Bits of get_throttled (Raspberry Pi documentation, "vcgencmd").
var firmwareBits = []struct {
	bit  uint
	what string
}{
	{0, "under-voltage: use the official power supply and a short cable"},
	{1, "the clock is capped: cool the board"},
	{2, "throttled: cool the board, check the power supply"},
	{3, "soft temperature limit: cool the board"},
}

// throttling judges the counters of hardware, firmware and cgroup.
func throttling(r *report, before Condition, during During, after Condition) {
	if before.Throttled >= 0 && after.Throttled > before.Throttled {
		r.violate("the CPU throttled %d times: cool the device, or lower its power mode", after.Throttled-before.Throttled)
	}
	if d := after.OverPower - before.OverPower; d > 0 {
		r.doubt("the module's average power was at its limit %d times (oc3): choose a lower power mode (nvpmodel) if the clock fell", d)
	}
	seen := before.Firmware | during.Firmware | after.Firmware
	for _, b := range firmwareBits {
		now := seen >> b.bit & 1
		since := (seen &^ before.Firmware) >> (b.bit + 16) & 1
		if now|since != 0 {
			r.violate("the firmware reports %s", b.what)
		}
	}
	if before.Throttled >= 0 && after.Throttled < 0 || before.FirmwareBy != "" && after.FirmwareBy == "" {
		r.doubt("what counts throttling vanished while measuring: whether it throttled is unknown, see dmesg")
	}
	if before.Quota >= 0 && after.Quota > before.Quota {
		r.violate("the cgroup's CPU quota stopped us %d times: raise the quota (cpu.max) or measure outside of the container", after.Quota-before.Quota)
	}
}

// clock judges the governor, the clock's upper limit and the clock under load.
func (l Limits) clock(r *report, before Condition, during During, after Condition) {
	switch {
	case differ(before.Governor, after.Governor):
		r.violate("the governor changed from %q to %q: set it to performance before measuring", before.Governor, after.Governor)
	case len(during.Governors) > 1:
		r.violate("the governor changed in between (%s): something else on this device sets it, stop that", strings.Join(during.Governors, ", "))
	}
	if differ(before.PowerMode, after.PowerMode) {
		r.violate("the power mode changed from %q to %q: something else on this device sets it, stop that", before.PowerMode, after.PowerMode)
	}
	if differ(before.Boost, after.Boost) {
		r.violate("boost was %s before and %s after: something else on this device sets it, stop that", before.Boost, after.Boost)
	}
	if after.MaxMHz > 0 && after.MaxMHz < 0.99*before.MaxMHz {
		r.violate("the highest clock fell from %.0f to %.0f MHz: cool the device, set its power mode before measuring", before.MaxMHz, after.MaxMHz)
	}
	if why, ok := slowGovernor(after); ok {
		r.doubt("%s", why)
	}
	if during.LoadMHz == 0 || during.LoadMHz >= l.Clock*during.LimitMHz {
		return
	}
	text := fmt.Sprintf("under load the clock was %.0f of %.0f MHz", during.LoadMHz, during.LimitMHz)
	if after.Boost == "on" { // nobody promises the highest clock of boost for long
		r.doubt("%s: boost depends on heat and neighbours, --prepare stops it for a run", text)
		return
	}
	r.violate("%s: cool the device, and set the governor (%s)", text, setGovernor)
}

// differ reports whether two values that are known differ.
func differ(a, b string) bool { return a != b && a != "" && b != "" }

// heat judges the sensors: hot at the end or in between, or not at rest.
func (l Limits) heat(r *report, before Condition, during During, after Condition) {
	highest := map[string]float64{}
	for name, c := range after.Celsius {
		highest[name] = c
	}
	if during.Hottest != "" {
		highest[during.Hottest] = max(highest[during.Hottest], during.Celsius)
	}
	var names []string
	for name := range highest {
		if counts(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	rise, riser := 0.0, ""
	for _, name := range names {
		if highest[name] >= l.Hot {
			r.doubt("%s %.0f °C: cool the device, or it will throttle", name, highest[name])
		}
		if was, ok := before.Celsius[name]; ok && highest[name]-was > rise {
			rise, riser = highest[name]-was, name
		}
	}
	if rise >= l.Rise {
		r.doubt("%s rose from %.0f to %.0f °C: it was not warm yet, measure once more right away", riser, before.Celsius[riser], math.Round(highest[riser]))
	}
}

// slowGovernor reports a governor that keeps the clock low.
func slowGovernor(c Condition) (why string, ok bool) {
	if c.Governor == "powersave" && c.Driver != "intel_pstate" && c.Driver != "amd-pstate-epp" {
		return "the governor powersave keeps the lowest clock: " + setGovernor, true
	}
	return "", false
}

const setGovernor = "--prepare sets performance for a run, sudo cpupower frequency-set -g performance for good"
