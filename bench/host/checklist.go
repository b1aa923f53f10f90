package host

import (
	"fmt"
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
// condition, and how to mend it.
func Checklist(d Device, c Condition) []Item {
	return []Item{
		identityItem(d), cpuItem(d), virtualItem(d), governorItem(c), boostItem(d), throttleItem(c),
		quotaItem(c), heatItem(c), loadItem(c), stealItem(c), swapItem(c), memoryItem(c),
		factItem("hyper-threads", d.Facts["smt"], "on", "two threads may share a core: pin to one thread of each core, or turn SMT off (echo off > /sys/devices/system/cpu/smt/control)"),
		factItem("huge pages", d.Facts["thp"], "", ""),
		factItem("address layout", aslr[d.Facts["aslr"]], "", ""),
	}
}

var aslr = map[string]string{"0": "fixed", "1": "partly randomised", "2": "randomised (each trial is a new process, so its luck is averaged)"}

func identityItem(d Device) Item {
	i := Item{"identity", Good, fmt.Sprintf("%s, class %s (id %s)", d.Name, d.Class, d.Facts["id"]), ""}
	if strings.Contains(d.Facts["id"], "no machine-id") {
		i.State, i.Remedy = Warn, "two devices could be taken for one: create /etc/machine-id (systemd-machine-id-setup)"
	}
	return i
}

func cpuItem(d Device) Item {
	i := Item{"cpu", Good, fmt.Sprintf("%s, %d cores, %s", d.CPU, d.Cores, strings.Join(d.Features, " ")), ""}
	if len(d.Features) == 0 {
		i.State, i.Detail = Unknown, fmt.Sprintf("%s, %d cores, instruction sets unknown", d.CPU, d.Cores)
	}
	return i
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

func boostItem(d Device) Item {
	switch b := d.Facts["boost"]; b {
	case "":
		return Item{"boost", Unknown, "no switch for it here", ""}
	case "on":
		return Item{"boost", Warn, "on: the clock depends on heat and on neighbours", "for the steadiest numbers: echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 > /sys/devices/system/cpu/cpufreq/boost"}
	default:
		return Item{"boost", Good, b, ""}
	}
}

func throttleItem(c Condition) Item {
	for _, b := range firmwareBits {
		if c.Firmware>>b.bit&1 != 0 {
			return Item{"throttling", Bad, fmt.Sprintf("the firmware reports 0x%x", c.Firmware), b.what}
		}
	}
	switch {
	case c.Firmware != 0:
		return Item{"throttling", Warn, fmt.Sprintf("has happened since boot (0x%x)", c.Firmware), "check cooling and power supply"}
	case c.Throttled > 0:
		return Item{"throttling", Warn, fmt.Sprintf("%s events since boot", unit.Count(int(c.Throttled))), "check cooling; only events during a run count against it"}
	case c.Throttled < 0:
		return Item{"throttling", Unknown, "nothing counts it here", ""}
	}
	return Item{"throttling", Good, "none since boot", ""}
}

func quotaItem(c Condition) Item {
	switch {
	case c.Quota < 0:
		return Item{"cgroup quota", Unknown, "no cgroup with a cpu.stat found", ""}
	case c.Quota > 0:
		return Item{"cgroup quota", Warn, fmt.Sprintf("stopped this cgroup %s times so far", unit.Count(int(c.Quota))), "raise the quota (cpu.max), or measure outside of the container"}
	}
	return Item{"cgroup quota", Good, "never stopped us", ""}
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

func loadItem(c Condition) Item {
	detail := fmt.Sprintf("load %.2f on %d cores", c.Load1, c.CPUs)
	switch {
	case c.Load1 > 0.5*float64(c.CPUs):
		return Item{"other processes", Bad, detail, "stop them (top shows which), or wait"}
	case c.Load1 > 0.1*float64(c.CPUs)+0.1:
		return Item{"other processes", Warn, detail, "stop them (top shows which), or wait"}
	}
	return Item{"other processes", Good, detail, ""}
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

func memoryItem(c Condition) Item {
	switch {
	case c.FreeMem == 0:
		return Item{"memory", Unknown, "available memory is not told here", ""}
	case c.FreeMem < 256<<20:
		return Item{"memory", Warn, unit.Format(float64(c.FreeMem), "B") + " available", "groups are measured in pairs where they do not fit: stop other programs"}
	}
	return Item{"memory", Good, unit.Format(float64(c.FreeMem), "B") + " available", ""}
}

// factItem shows a fact; the value warn draws a remedy.
func factItem(name, value, warn, remedy string) Item {
	switch {
	case value == "":
		return Item{name, Unknown, "not told here", ""}
	case value == warn:
		return Item{name, Warn, value, remedy}
	}
	return Item{name, Good, value, ""}
}
