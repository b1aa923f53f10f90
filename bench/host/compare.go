package host

import (
	"fmt"
	"sort"
	"strings"

	"assay/bench/unit"
)

// Limits say when a change of condition is a doubt (a footnote) and when a
// violation (timing and energy are untrusted).
type Limits struct {
	StealDoubt, Steal   float64 // share of all CPU time that the hypervisor took
	OthersDoubt, Others float64 // share of all CPU time that other processes used
	Swap                int64   // B by which the use of swap may grow before it is a doubt
	Hot                 float64 // °C from which on a sensor is a doubt
}

// Standard are the limits of every run. Stolen time is met block by block in
// the measuring loop, which drops the blocks and gives a group up when too
// many are hit; here it is a doubt from 1 % on, and a violation only where it
// is so much that the blocks between the ticks of its counter (10 ms) cannot
// be clean either. Interleaving makes other processes hit all workers alike;
// when they use more than half of the machine there is no quiet core left.
var Standard = Limits{StealDoubt: 0.01, Steal: 0.10, OthersDoubt: 0.10, Others: 0.50, Swap: 16 << 20, Hot: 85}

// Compare says what happened to the device between two conditions, with what
// to do about it. doubts are footnotes, violations make timing untrusted.
func Compare(before, after Condition) (doubts, violations []string) {
	return Standard.Compare(before, after)
}

// Compare is the package's Compare with limits of one's own.
func (l Limits) Compare(before, after Condition) (doubts, violations []string) {
	r := report{}
	l.processor(&r, before, after)
	throttling(&r, before, after)
	clock(&r, before, after)
	if grown := after.SwapUsed - before.SwapUsed; grown > l.Swap {
		r.doubt("swap grew by %s: free memory, or measure fewer models at once", unit.Format(float64(grown), "B"))
	}
	var hot []string
	for name, c := range after.Celsius {
		pmic := strings.Contains(strings.ToLower(name), "pmic") // Jetson's PMIC-Die always says 100 °C
		if c >= l.Hot && !pmic {
			hot = append(hot, fmt.Sprintf("%s %.0f °C", name, c))
		}
	}
	sort.Strings(hot)
	for _, h := range hot {
		r.doubt("%s: cool the device, or it will throttle", h)
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

// processor judges who else had the CPUs.
func (l Limits) processor(r *report, before, after Condition) {
	capacity := after.At.Sub(before.At).Seconds() * float64(after.CPUs)
	if capacity <= 0 {
		return
	}
	switch stolen := (after.Steal - before.Steal) / capacity; {
	case stolen > l.Steal:
		r.violate("the hypervisor took %.1f %% of the CPU time: use a machine with cores of its own", 100*stolen)
	case stolen > l.StealDoubt:
		r.doubt("the hypervisor took %.1f %% of the CPU time (blocks that it hit were dropped)", 100*stolen)
	}
	if before.Own == 0 || after.Own == 0 {
		return // unknown here
	}
	used := after.Busy - before.Busy - (after.Own - before.Own)
	switch others := used / capacity; {
	case others > l.Others:
		r.violate("other processes used %.1f of %d cores: stop them (top shows which) and measure again", others*float64(after.CPUs), after.CPUs)
	case others > l.OthersDoubt:
		r.doubt("other processes used %.1f of %d cores: stop them (top shows which)", others*float64(after.CPUs), after.CPUs)
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
func throttling(r *report, before, after Condition) {
	if before.Throttled >= 0 && after.Throttled > before.Throttled {
		r.violate("the CPU throttled %d times: cool the device, or lower its power mode", after.Throttled-before.Throttled)
	}
	for _, b := range firmwareBits {
		now := (before.Firmware | after.Firmware) >> b.bit & 1
		since := (after.Firmware &^ before.Firmware) >> (b.bit + 16) & 1
		if now|since != 0 {
			r.violate("the firmware reports %s", b.what)
		}
	}
	if before.Quota >= 0 && after.Quota > before.Quota {
		r.violate("the cgroup's CPU quota stopped us %d times: raise the quota (cpu.max) or measure outside of the container", after.Quota-before.Quota)
	}
}

// clock judges the governor and the clock's upper limit.
func clock(r *report, before, after Condition) {
	if before.Governor != after.Governor {
		r.violate("the governor changed from %q to %q: set it to performance before measuring", before.Governor, after.Governor)
	}
	if after.MaxMHz > 0 && after.MaxMHz < 0.99*before.MaxMHz {
		r.violate("the highest clock fell from %.0f to %.0f MHz: cool the device, set its power mode before measuring", before.MaxMHz, after.MaxMHz)
	}
	if why, ok := slowGovernor(after); ok {
		r.doubt("%s", why)
	}
}

// slowGovernor reports a governor that keeps the clock low.
func slowGovernor(c Condition) (why string, ok bool) {
	if c.Governor == "powersave" && c.Driver != "intel_pstate" && c.Driver != "amd-pstate-epp" {
		return "the governor powersave keeps the lowest clock: " + setGovernor, true
	}
	return "", false
}

const setGovernor = "sudo cpupower frequency-set -g performance"
