package host

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"assay/bench/unit"
)

// State is how one item of the checklist stands.
type State string

// The four of them.
const (
	Good    State = "ok"
	Warn    State = "warn"    // measurements will be noisier or of less use
	Bad     State = "bad"     // timing will be untrusted
	Unknown State = "unknown" // this device does not tell
)

// An Item is one line of `assay doctor`.
type Item struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // what to do about it, "" where nothing is wrong
}

// Checklist says what this device can measure, what is wrong with its
// condition, and how to mend it. during is what a watch of a second saw.
func Checklist(d Device, c Condition, during During) []Item {
	items := []Item{identityItem(d), systemItem(d), cpuItem(d), virtualItem(d), governorItem(c), boostItem(c)}
	if c.PowerMode != "" || d.Facts["jetson_clocks"] != "" {
		items = append(items, powerItem(d, c))
	}
	return append(
		items, throttleItem(c), quotaItem(d, c), heatItem(c), loadItem(c, during), stealItem(c), swapItem(c), memoryItem(d, c),
		smtItem(d), plainItem("huge pages", d.Facts["thp"]), plainItem("address layout", aslr[d.Facts["aslr"]]),
	)
}

var aslr = map[string]string{"0": "fixed", "1": "partly randomised", "2": "randomised (each trial is a new process, so its luck is averaged)"}

func identityItem(d Device) Item {
	i := Item{"identity", Good, join(", ", d.Name, d.Board, "class "+d.Class, "id "+d.Facts["id"]), ""}
	if strings.Contains(d.Facts["id"], "no machine-id") {
		i.State, i.Remedy = Warn, "two devices could be taken for one: create /etc/machine-id (systemd-machine-id-setup)"
	}
	return i
}

// systemItem says what software the device runs on.
func systemItem(d Device) Item {
	named := func(what, fact string) string {
		if fact == "" {
			return ""
		}
		return what + " " + fact
	}
	f := d.Facts
	text := join(", ", named(d.OS, d.Kernel), named("JetPack", f["jetpack"]), named("L4T", f["l4t"]), named("firmware", f["firmware"]), named("microcode", f["microcode"]), named("revision", f["pi revision"]))
	return plainItem("system", text)
}

func join(by string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), by)
}

func cpuItem(d Device) Item {
	name := join(", ", d.CPU, d.Facts["soc"], fmt.Sprintf("%d cores", d.Cores))
	if n := d.Facts["numa nodes"]; n != "" && n != "1" {
		name += " in " + n + " NUMA nodes"
	}
	if len(d.Features) == 0 {
		return Item{"cpu", Unknown, name + ", instruction sets unknown", ""}
	}
	return Item{"cpu", Good, name + ", " + strings.Join(d.Features, " "), ""}
}

const guest = "clocks and neighbours are hidden from a guest: gate on ratios (0.8x), not on absolute times"

func virtualItem(d Device) Item {
	switch {
	case d.Virtual != "" && d.Facts["container"] != "":
		return Item{"virtualisation", Warn, d.Facts["container"] + " in " + d.Virtual, guest}
	case d.Virtual != "":
		return Item{"virtualisation", Warn, d.Virtual, guest}
	case d.Facts["container"] != "":
		return Item{"virtualisation", Good, "container (" + d.Facts["container"] + ")", ""}
	}
	return Item{"virtualisation", Good, "none seen", ""}
}

func governorItem(c Condition) Item {
	detail := fmt.Sprintf("%s (%s), %.0f of at most %.0f MHz", c.Governor, c.Driver, c.MHz, c.MaxMHz)
	if _, slow := slowGovernor(c); slow {
		return Item{"governor", Bad, detail, setGovernor}
	}
	switch c.Governor {
	case "":
		return Item{"governor", Unknown, "no cpufreq here (usual in virtual machines)", ""}
	case "performance":
		return Item{"governor", Good, detail, ""}
	}
	return Item{"governor", Warn, detail, setGovernor}
}

func boostItem(c Condition) Item {
	switch c.Boost {
	case "":
		return Item{"boost", Unknown, "no switch for it here", ""}
	case "on":
		return Item{"boost", Warn, "on: the clock depends on heat and on neighbours", "--prepare stops it for a run"}
	}
	return Item{"boost", Good, c.Boost, ""}
}

func powerItem(d Device, c Condition) Item {
	held := d.Facts["jetson_clocks"]
	i := Item{"power mode", Good, fmt.Sprintf("%s, jetson_clocks %s", orUnknown(c.PowerMode), orUnknown(held)), ""}
	switch {
	case c.PowerMode == "":
		i.State, i.Remedy = Unknown, "nvpmodel does not answer: try sudo nvpmodel -q"
	case held != "on":
		i.State, i.Remedy = Warn, "for the steadiest clock of this mode: sudo jetson_clocks (nvpmodel -m chooses the mode)"
	}
	return i
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func throttleItem(c Condition) Item {
	for _, b := range firmwareBits {
		if c.Firmware>>b.bit&1 != 0 {
			return Item{"throttling", Bad, fmt.Sprintf("the firmware reports 0x%x (by %s)", c.Firmware, c.FirmwareBy), b.what}
		}
	}
	switch {
	case c.Firmware != 0:
		return Item{"throttling", Warn, fmt.Sprintf("has happened since boot (0x%x, by %s)", c.Firmware, c.FirmwareBy), "check cooling and power supply"}
	case c.Throttled > 0:
		return Item{"throttling", Warn, fmt.Sprintf("%s events since boot", unit.Count(int(c.Throttled))), "check cooling; only events during a run count against it"}
	case c.OverPower > 0:
		return Item{"throttling", Good, fmt.Sprintf("none since boot; the average power was at its limit %s times (oc3)", unit.Count(int(c.OverPower))), ""}
	case c.Throttled < 0 && c.FirmwareBy == "":
		return Item{"throttling", Unknown, "nothing counts it here", ""}
	}
	return Item{"throttling", Good, "none since boot", ""}
}

func quotaItem(d Device, c Condition) Item {
	const remedy = "raise the quota (cpu.max), or measure outside of the container"
	limit := ""
	if n := d.Facts["cgroup cpus"]; n != "" {
		limit = fmt.Sprintf("allows %s of %d CPUs, ", n, d.Cores)
	}
	switch {
	case c.Quota > 0:
		return Item{"cgroup quota", Warn, fmt.Sprintf("%sstopped this cgroup %s times so far", limit, unit.Count(int(c.Quota))), remedy}
	case limit != "":
		return Item{"cgroup quota", Warn, limit + "never stopped us", remedy}
	case c.Quota < 0:
		return Item{"cgroup quota", Unknown, "no cgroup with a cpu.stat found", ""}
	}
	return Item{"cgroup quota", Good, "none, never stopped us", ""}
}

func heatItem(c Condition) Item {
	if len(c.Celsius) == 0 {
		return Item{"temperature", Unknown, "no sensor here", ""}
	}
	var parts []string
	for name, v := range c.Celsius {
		parts = append(parts, fmt.Sprintf("%s %.0f °C", name, v))
	}
	sort.Strings(parts)
	return Item{"temperature", Good, strings.Join(parts, ", "), ""}
}

// loadItem says who else runs. The load is of the last minute and may be our
// own; where a watch saw the processes, it decides.
func loadItem(c Condition, during During) Item {
	load := fmt.Sprintf("load %.2f on %d cores", c.Load1, c.CPUs)
	if c.Running > 1 {
		load += fmt.Sprintf(", %d tasks to run", c.Running)
	}
	i := Item{"other processes", Good, load, ""}
	busy := c.Load1
	if len(during.Neighbours) > 0 {
		busy = during.Others
		i.Detail = fmt.Sprintf("%s; %s", named(during.Neighbours), load)
	}
	switch {
	case busy > Standard.Others*float64(c.CPUs):
		i.State = Bad
	case busy > Standard.OthersDoubt*float64(c.CPUs)+0.1:
		i.State = Warn
	default:
		return i
	}
	i.Remedy = "stop them, or wait"
	if len(during.Neighbours) == 0 {
		i.Remedy = "stop them (top shows which), or wait"
	}
	return i
}

func stealItem(c Condition) Item {
	if c.Busy+c.Steal == 0 {
		return Item{"stolen time", Unknown, "not told here", ""}
	}
	share := c.Steal / (c.Busy + c.Steal)
	detail := fmt.Sprintf("%.1f %% of the time that was wanted since boot", 100*share)
	if share > Standard.StealDoubt {
		return Item{"stolen time", Warn, detail, "use a machine with cores of its own; blocks that are hit are dropped"}
	}
	return Item{"stolen time", Good, detail, ""}
}

func swapItem(c Condition) Item {
	if c.SwapUsed > Standard.Swap {
		return Item{"swap", Warn, unit.Format(float64(c.SwapUsed), "B") + " in use", "free memory, then: swapoff -a && swapon -a"}
	}
	return Item{"swap", Good, unit.Format(float64(c.SwapUsed), "B") + " in use", ""}
}

func memoryItem(d Device, c Condition) Item {
	detail := unit.Format(float64(c.FreeMem), "B") + " available"
	if limit := d.Facts["cgroup memory"]; limit != "" {
		detail += " (the cgroup allows " + limit + ")"
	}
	switch {
	case c.FreeMem == 0:
		return Item{"memory", Unknown, "available memory is not told here", ""}
	case c.FreeMem < 256<<20:
		return Item{"memory", Warn, detail, "groups are measured in pairs where they do not fit: stop other programs"}
	}
	return Item{"memory", Good, detail, ""}
}

// smtItem: what sysfs calls notsupported is a CPU without hyper-threads.
func smtItem(d Device) Item {
	const name = "hyper-threads"
	switch v := d.Facts["smt"]; v {
	case "on":
		return Item{name, Warn, v, "two threads may share a core: use fewer threads than cores, or turn SMT off (echo off > /sys/devices/system/cpu/smt/control)"}
	case "notsupported", "notimplemented":
		return Item{name, Good, "none", ""}
	default:
		return plainItem(name, v)
	}
}

// plainItem shows what is neither good nor bad.
func plainItem(name, value string) Item {
	if value == "" {
		return Item{name, Unknown, "not told here", ""}
	}
	return Item{name, Good, value, ""}
}

// Summary counts the items by state, the worst first: "1 bad, 3 warn, 9 ok".
func Summary(items []Item) string {
	n := map[State]int{}
	for _, i := range items {
		n[i.State]++
	}
	var parts []string
	for _, s := range []State{Bad, Warn, Unknown, Good} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Join(parts, ", ")
}
