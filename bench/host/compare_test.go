package host

import (
	"strings"
	"testing"
	"time"
)

// calm is a minute on a quiet machine of 4 cores, of which we used one.
func calm() (before, after Condition) {
	at := time.Unix(1_700_000_000, 0)
	before = Condition{At: at, CPUs: 4, Governor: "performance", MaxMHz: 2400, Busy: 1000, Own: 10, Celsius: map[string]float64{"cpu": 50, "PMIC-Die": 100}}
	after = before
	after.At = at.Add(time.Minute)
	after.Busy, after.Own = 1062, 70
	after.Celsius = map[string]float64{"cpu": 60, "PMIC-Die": 100} // 100 °C is what Jetson's PMIC always says
	return before, after
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name             string
		change           func(before *Condition, d *During, after *Condition)
		doubt, violation string
	}{
		{"calm", func(b *Condition, d *During, a *Condition) {}, "", ""},
		{"some steal", func(b *Condition, d *During, a *Condition) { a.Steal = b.Steal + 5 }, "hypervisor took 2.1 %", ""},
		{"much steal", func(b *Condition, d *During, a *Condition) { a.Steal = b.Steal + 60 }, "", "hypervisor took 25.0 %"},
		{"a neighbour without a name", func(b *Condition, d *During, a *Condition) { a.Busy += 60 }, "other processes used 1.0 of 4 cores: stop them (too short-lived to be seen", ""},
		{"a neighbour", func(b *Condition, d *During, a *Condition) {
			a.Busy += 60
			d.Neighbours = []Neighbour{{"stress-ng", 4242, 0.98}}
		}, "other processes used 1.0 of 4 cores: stop stress-ng (pid 4242, 0.98 cores)", ""},
		{"a crowd", func(b *Condition, d *During, a *Condition) {
			a.Busy += 150
			d.Neighbours = []Neighbour{{"cc1", 7, 1.5}, {"ld", 8, 1}}
		}, "", "other processes used 2.5 of 4 cores: stop cc1 (pid 7, 1.50 cores), ld (pid 8, 1.00 cores) and measure again"},
		{"a neighbour of many", func(b *Condition, d *During, a *Condition) {
			a.Busy += 60
			d.Neighbours = []Neighbour{{"make", 7, 0.3}}
		}, "stop make (pid 7, 0.30 cores) and others (0.73 cores; top on the host shows which)", ""},
		{"own time unknown", func(b *Condition, d *During, a *Condition) { a.Busy += 150; b.Own, a.Own = 0, 0 }, "", ""},
		{"tasks waited", func(b *Condition, d *During, a *Condition) { a.Waited = b.Waited + 30 }, "waited for a CPU during 50 % of the time", ""},
		{"the measured threads waited", func(b *Condition, d *During, a *Condition) { a.Waited, d.Ran = b.Waited+30, 0.6 }, "waited for a CPU during 50 % of the time", ""},
		{"others than the measured threads waited", func(b *Condition, d *During, a *Condition) { a.Waited, d.Ran = b.Waited+30, 0.98 }, "", ""},
		{"tasks waited for a neighbour", func(b *Condition, d *During, a *Condition) { a.Waited = b.Waited + 30; a.Busy += 60 }, "other processes", ""},
		{"waiting unknown", func(b *Condition, d *During, a *Condition) { b.Waited, a.Waited = -1, 100 }, "", ""},
		{"x86 throttled", func(b *Condition, d *During, a *Condition) { b.Throttled, a.Throttled = 3, 5 }, "", "throttled 2 times: cool"},
		{"throttled long ago", func(b *Condition, d *During, a *Condition) { b.Throttled, a.Throttled = 3, 3 }, "", ""},
		{"unknown, then known", func(b *Condition, d *During, a *Condition) { b.Throttled, a.Throttled = -1, 5 }, "", ""},
		{"the counter vanished", func(b *Condition, d *During, a *Condition) { b.Throttled, a.Throttled = 3, -1 }, "vanished while measuring", ""},
		{"the firmware fell silent", func(b *Condition, d *During, a *Condition) { b.FirmwareBy = "vcgencmd" }, "vanished while measuring", ""},
		{"Jetson's oc3", func(b *Condition, d *During, a *Condition) { b.OverPower, a.OverPower = 2, 9 }, "at its limit 7 times (oc3)", ""},
		{"Pi under voltage now", func(b *Condition, d *During, a *Condition) { a.Firmware = 0x50001; b.Firmware = 0x50000 }, "", "under-voltage: use the official"},
		{"Pi throttled in between", func(b *Condition, d *During, a *Condition) { a.Firmware = 0x40000 }, "", "firmware reports throttled"},
		{"Pi capped in mid-run, and all bits gone again", func(b *Condition, d *During, a *Condition) { d.Firmware = 0x2 }, "", "the clock is capped"},
		{"Pi throttled long ago", func(b *Condition, d *During, a *Condition) {
			b.Firmware, d.Firmware, a.Firmware = 0x50000, 0x50000, 0x50000
		}, "", ""},
		{"quota", func(b *Condition, d *During, a *Condition) { a.Quota = 7 }, "", "quota stopped us 7 times"},
		{"governor changed", func(b *Condition, d *During, a *Condition) { a.Governor = "ondemand" }, "", `from "performance" to "ondemand"`},
		{"governor changed and changed back", func(b *Condition, d *During, a *Condition) { d.Governors = []string{"performance", "schedutil"} }, "", "in between (performance, schedutil)"},
		{"powersave", func(b *Condition, d *During, a *Condition) { b.Governor, a.Governor = "powersave", "powersave" }, "cpupower frequency-set -g performance", ""},
		{"powersave of intel_pstate", func(b *Condition, d *During, a *Condition) {
			b.Governor, a.Governor, b.Driver, a.Driver = "powersave", "powersave", "intel_pstate", "intel_pstate"
		}, "", ""},
		{"power mode changed", func(b *Condition, d *During, a *Condition) {
			b.PowerMode, a.PowerMode = "15W (mode 2)", "MAXN (mode 0)"
		}, "", "power mode changed from"},
		{"power mode unknown in the end", func(b *Condition, d *During, a *Condition) { b.PowerMode = "15W (mode 2)" }, "", ""},
		{"boost switched", func(b *Condition, d *During, a *Condition) { b.Boost, a.Boost = "off", "on" }, "", "boost was off before and on after"},
		{"clock capped", func(b *Condition, d *During, a *Condition) { a.MaxMHz = 1500 }, "", "from 2400 to 1500 MHz"},
		{"clock held", func(b *Condition, d *During, a *Condition) { d.LoadMHz = 2300 }, "", ""},
		{"clock not held", func(b *Condition, d *During, a *Condition) { d.LoadMHz = 2000 }, "", "under load the clock was 2000 of 2400 MHz: cool"},
		{"boost not held", func(b *Condition, d *During, a *Condition) { d.LoadMHz, b.Boost, a.Boost = 2000, "on", "on" }, "of 2400 MHz: boost depends on heat", ""},
		{"swap", func(b *Condition, d *During, a *Condition) { a.SwapUsed = 64 << 20 }, "swap grew by 67.1 MB", ""},
		{"hot", func(b *Condition, d *During, a *Condition) { b.Celsius["cpu"] = 84; a.Celsius["cpu"] = 91 }, "cpu 91 °C: cool", ""},
		{"hot in between", func(b *Condition, d *During, a *Condition) {
			b.Celsius["cpu"], d.Hottest, d.Celsius = 75, "cpu", 88
		}, "cpu 88 °C: cool", ""},
		{"not warm", func(b *Condition, d *During, a *Condition) { a.Celsius["cpu"] = 70 }, "cpu rose from 50 to 70 °C", ""},
		{"a note of both", func(b *Condition, d *During, a *Condition) {
			b.Notes, a.Notes = []string{"vcgencmd hangs"}, []string{"vcgencmd hangs"}
		}, "vcgencmd hangs", ""},
		{"no time passed", func(b *Condition, d *During, a *Condition) { a.At = b.At; a.Steal, a.Waited = 99, 99 }, "", ""},
	} {
		before, after := calm()
		before.Celsius = map[string]float64{"cpu": before.Celsius["cpu"], "PMIC-Die": 100}
		during := During{Looks: 60, LimitMHz: 2400, Governors: []string{"performance"}, Celsius: 60, Hottest: "cpu"}
		c.change(&before, &during, &after)
		doubts, violations := Compare(before, during, after)
		one(t, c.name+": doubts", doubts, c.doubt)
		one(t, c.name+": violations", violations, c.violation)
	}
}

func one(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestChecklist(t *testing.T) {
	var during During
	states := func(d Device, c Condition) map[string]State {
		out := map[string]State{}
		for _, i := range Checklist(d, c, during) {
			if _, twice := out[i.Name]; twice {
				t.Errorf("two items are called %q", i.Name)
			}
			out[i.Name] = i.State
			if i.Detail == "" {
				t.Errorf("%s has no detail", i.Name)
			}
			if i.State == Bad && i.Remedy == "" {
				t.Errorf("%s is bad, and nobody knows what to do", i.Name)
			}
		}
		return out
	}
	pi := recorded(t, "rpi4", "")
	d, err := Identify(Recorded(pi))
	if err != nil {
		t.Fatal(err)
	}
	got := states(d, Observe(Recorded(pi)))
	for name, want := range map[string]State{"identity": Warn, "governor": Warn, "throttling": Bad, "cgroup quota": Unknown, "temperature": Good, "boost": Unknown, "virtualisation": Good, "memory": Unknown} {
		if got[name] != want {
			t.Errorf("rpi4: %s is %s, want %s", name, got[name], want)
		}
	}
	d.Facts = map[string]string{"id": "from machine-id", "smt": "on", "cgroup cpus": "1.5", "container": "docker", "aslr": "2", "thp": "madvise"}
	d.Virtual = "kvm"
	_, c := calm()
	c.Load1, c.Steal, c.SwapUsed, c.FreeMem, c.Quota, c.Throttled = 3, 500, 1<<30, 1<<20, 5, 2
	c.Boost = "off"
	got = states(d, c)
	for name, want := range map[string]State{"identity": Good, "governor": Good, "throttling": Warn, "cgroup quota": Warn, "boost": Good, "virtualisation": Warn, "other processes": Bad, "stolen time": Warn, "swap": Warn, "memory": Warn, "hyper-threads": Warn, "huge pages": Good} {
		if got[name] != want {
			t.Errorf("busy guest: %s is %s, want %s", name, got[name], want)
		}
	}
	c.Load1, c.Steal, c.SwapUsed, c.FreeMem, c.Quota, c.Throttled, c.Governor = 4, 0, 0, 1<<33, 0, 0, "powersave"
	delete(d.Facts, "cgroup cpus")
	during.Neighbours = []Neighbour{{"sshd", 1, 0.02}} // the load of 4 was another minute's
	d.Virtual, d.Facts["smt"] = "", "off"
	got = states(d, c)
	for name, want := range map[string]State{"governor": Bad, "throttling": Good, "cgroup quota": Good, "virtualisation": Good, "other processes": Good, "stolen time": Good, "swap": Good, "memory": Good, "hyper-threads": Good} {
		if got[name] != want {
			t.Errorf("quiet host: %s is %s, want %s", name, got[name], want)
		}
	}
}
