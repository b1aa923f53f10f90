package energy

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"assay/bench/host"
)

// findKind is what the probe of one kind finds, described.
func findKind(t *testing.T, kind string, env Env) string {
	t.Helper()
	for _, f := range Find(t.Context(), env) {
		if f.Kind == kind {
			return strings.TrimPrefix(describe(t, []Finding{f}), kind+"\n")
		}
	}
	return "no meter\n"
}

// lines joins what is expected, each line indented as describe does it.
func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func TestSCMI(t *testing.T) {
	const dir = "sys/class/powercap/arm-scmi:"
	const note = "    note: the firmware alone knows which supplies a zone has"
	for _, c := range []struct {
		name   string
		change func(*altering)
		want   string
	}{
		{"one zone in another", func(a *altering) {
			a.set(dir+"0:0/name", "cores")
			a.set(dir+"0:0/power_uw", "30000000")
		}, lines("  scmi (rail): soc", "    soc: 41.5 W", "    part: cores (power)", "    every 10ms", note)},
		{"a zone in one that does not meter", func(a *altering) {
			a.set(dir+"0:0/name", "cores")
			a.set(dir+"0:0/power_uw", "30000000")
			a.fail(dir+"0/power_uw", syscall.EINVAL) // arm_scmi_powercap.c: no powercap_monitoring
		}, lines("  scmi (rail): cores", "    cores: 30 W", "    note: soc can be limited and not metered: left out", note)},
		{"two zones, the slower one counts", func(a *altering) {
			a.set(dir+"1/name", "gpu")
			a.set(dir+"1/power_uw", "5000000")
			a.set(dir+"1/constraint_0_time_window_us", "20000")
		}, lines("  scmi (rail): soc + gpu", "    soc: 41.5 W", "    gpu: 5 W", "    every 20ms", note)},
		{"no power of it", func(a *altering) { a.remove(dir + "0/power_uw") }, "no meter\n"},
		{"denied", func(a *altering) { a.fail(dir+"0/power_uw", fs.ErrPermission) }, "  error: /" + dir + "0/power_uw: permission denied\n"},
		{"nonsense", func(a *altering) { a.set(dir+"0/power_uw", "NaN") }, "  error: /" + dir + "0/power_uw: \"NaN\" is not a number\n"},
		{"negative", func(a *altering) { a.set(dir+"0/power_uw", "-1") }, lines("  scmi (rail): soc", "    soc: read soc: -1e-06 is no power", "    every 10ms", note)},
		{"no name", func(a *altering) { a.remove(dir + "0/name") }, "  error: /" + dir + "0/name: file does not exist\n"},
	} {
		a := alter(recorded(t, "arm-server"))
		c.change(a)
		if got := findKind(t, "scmi", a.env()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestACPI(t *testing.T) {
	const dir = "sys/class/hwmon/hwmon0"
	const oem = `    note: the meter calls itself "fixture"`
	for _, c := range []struct {
		name   string
		change func(*altering)
		want   string
	}{
		{"accuracy", func(a *altering) { a.set(dir+"/power1_accuracy", "90.0%") }, lines("  acpi (board): meter 0", "    meter 0: 132 W", "    every 1s", "    within 10 %", oem)},
		{"of a battery", func(a *altering) { a.set(dir+"/power1_is_battery", "1") }, "no meter\n"},
		{"older kernels", func(a *altering) {
			for _, f := range []string{"name", "power1_average", "power1_average_interval", "power1_oem_info"} {
				a.files[dir+"/device/"+f] = a.files[dir+"/"+f]
				a.remove(dir + "/" + f)
			}
			a.set(dir+"/device/power1_average_interval", "4000")
		}, lines("  acpi (board): meter 0", "    meter 0: 132 W", "    every 4s", oem)},
		{"two meters", func(a *altering) {
			a.set("sys/class/hwmon/hwmon3/name", "power_meter")
			a.set("sys/class/hwmon/hwmon3/power1_average", "7000000")
		}, lines(
			"  acpi (board): meter 0", "    meter 0: 132 W", "    every 1s", oem, "    note: one of 2 ACPI meters, which are not added: choose by acpi/2 and so on",
			"  acpi/2 (board): meter 3", "    meter 3: 7 W", "    every 1s", "    note: one of 2 ACPI meters, which are not added: choose by acpi/2 and so on")},
		{"denied", func(a *altering) { a.fail(dir+"/power1_average", fs.ErrPermission) }, "  error: /" + dir + "/power1_average: permission denied\n"},
		{"nonsense", func(a *altering) { a.set(dir+"/power1_average", "watts") }, "  error: /" + dir + "/power1_average: \"watts\" is not a number\n"},
		{"of another driver", func(a *altering) { a.set(dir+"/name", "nct6775") }, "no meter\n"},
	} {
		a := alter(recorded(t, "arm-server"))
		c.change(a)
		if got := findKind(t, "acpi", a.env()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestBattery(t *testing.T) {
	const bat = "sys/class/power_supply/BAT0/"
	const notes = "    note: coarse: the gauge of a battery renews its figures every few seconds\n    note: only while it discharges: leave the mains unplugged"
	const unplug = "  remedy: unplug the mains while energy is measured"
	meter := func(watts string) string {
		return lines("  battery (board): BAT0", "    BAT0: "+watts+" W", notes)
	}
	second := func(a *altering, state, watts string) {
		a.set("sys/class/power_supply/BAT1/type", "Battery")
		a.set("sys/class/power_supply/BAT1/status", state)
		a.set("sys/class/power_supply/BAT1/power_now", watts)
	}
	for _, c := range []struct {
		name   string
		change func(*altering)
		want   string
	}{
		{"negative current", func(a *altering) { a.set(bat+"current_now", "-1034000") }, meter("12.2529")},
		{"power", func(a *altering) { a.set(bat+"power_now", "9500000") }, meter("9.5")},
		{"charging", func(a *altering) { a.set(bat+"status", "Charging") }, lines("  error: no battery discharges: BAT0 says Charging", unplug)},
		{"full", func(a *altering) { a.set(bat+"status", "Full") }, lines("  error: no battery discharges: BAT0 says Full", unplug)},
		{"two, by turns", func(a *altering) { second(a, "Not charging", "0") }, lines("  battery (board): BAT0 + BAT1", "    BAT0 + BAT1: 12.2529 W", notes)},
		{"two at once", func(a *altering) { second(a, "Discharging", "1000000") }, lines("  battery (board): BAT0 + BAT1", "    BAT0 + BAT1: 13.2529 W", notes)},
		{"one charges", func(a *altering) { second(a, "Charging", "1000000") }, lines("  error: no battery discharges: BAT0 says Discharging, BAT1 says Charging", unplug)},
		{"a mouse's", func(a *altering) { a.set(bat+"scope", "Device") }, "no meter\n"},
		{"an empty bay", func(a *altering) { a.set(bat+"present", "0") }, "no meter\n"},
		{"a supply", func(a *altering) { a.set(bat+"type", "USB") }, "no meter\n"},
		{"no current", func(a *altering) { a.remove(bat + "current_now") }, "  error: /" + bat + "current_now: file does not exist\n"},
		{"nonsense", func(a *altering) { a.set(bat+"voltage_now", "NaN") }, "  error: /" + bat + "voltage_now: \"NaN\" is not a number\n"},
		{"0 A", func(a *altering) { a.set(bat+"current_now", "0") }, "  error: /" + strings.TrimSuffix(bat, "/") + ": 0 W while discharging: the gauge does not tell\n"},
		{"no status", func(a *altering) { a.remove(bat + "status") }, "  error: /" + bat + "status: file does not exist\n"},
	} {
		a := alter(recorded(t, "battery"))
		c.change(a)
		if got := findKind(t, "battery", a.env()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestBatteryPlugged plugs the mains in during a measurement.
func TestBatteryPlugged(t *testing.T) {
	a := alter(recorded(t, "battery"))
	m := probes(t, probeBattery, a.env())
	if w := reads(t, m.Total[0]); math.Abs(w-12.2529) > 1e-4 { // 1.034 A × 11.85 V
		t.Errorf("%v W", w)
	}
	a.set("sys/class/power_supply/BAT0/status", "Charging")
	if r, err := m.Total[0].Read(t.Context()); err == nil || RemedyOf(err) == "" {
		t.Errorf("%v, %v; want an error with a remedy", r, err)
	}
}

// commands is a device whose command name answers as f does.
func commands(root fs.FS, f func(ctx context.Context) (string, error)) Env {
	env := inTree(fstest.MapFS{})
	env.System = host.System{FS: root, Run: func(ctx context.Context, _ string, _ ...string) ([]byte, error) {
		out, err := f(ctx)
		return []byte(out), err
	}}
	return env
}

func TestIPMI(t *testing.T) {
	says := func(out string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return out, err }
	}
	notFound := says("", fmt.Errorf("ipmitool: %w", exec.ErrNotFound))
	denied := treeOf("dev/ipmi0", "")
	denied.fail("dev/ipmi0", fs.ErrPermission)
	for _, c := range []struct {
		name         string
		root         fs.FS
		run          func(context.Context) (string, error)
		want, remedy string
	}{
		{"no controller", fstest.MapFS{}, says("Instantaneous power reading: 132 Watts", nil), "", ""},
		{"no ipmitool", treeOf("dev/ipmi/0", ""), notFound, "/dev/ipmi/0 is there, to be asked by a command that is not: ipmitool: " + exec.ErrNotFound.Error(), "install ipmitool (Debian: sudo apt install ipmitool)"},
		{"denied", denied, says("", fmt.Errorf("ipmitool: exit status 1: Could not open device")), "/dev/ipmi0: permission denied", ipmiRemedy},
		{"no DCMI", treeOf("dev/ipmi0", ""), says("", fmt.Errorf("ipmitool: exit status 1: DCMI request failed because: Invalid command (c1)")), "ipmitool: exit status 1: DCMI request failed because: Invalid command (c1)", ""},
		{"hangs", treeOf("dev/ipmi0", ""), says("", fmt.Errorf("ipmitool: %w", context.DeadlineExceeded)), "ipmitool: context deadline exceeded", ""},
		{"prints nothing", treeOf("dev/ipmi0", ""), says("", nil), "ipmitool: no power reading in what it printed", ""},
	} {
		ms, err := probeIPMI(t.Context(), commands(c.root, c.run))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if len(ms) != 0 || text != c.want || RemedyOf(err) != c.remedy {
			t.Errorf("%s: %v, %q, remedy %q; want %q, %q", c.name, ms, text, RemedyOf(err), c.want, c.remedy)
		}
	}
}

// TestIPMITakesTime puts a reading in the middle of the time that the command
// took, and bounds a command that hangs by the caller's context.
func TestIPMITakesTime(t *testing.T) {
	a := alter(recorded(t, "ipmi-server"))
	hang := false
	env := a.env()
	run := env.System.Run
	env.System.Run = func(ctx context.Context, name string, arg ...string) ([]byte, error) {
		if hang {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		a.later(300 * time.Millisecond)
		return run(ctx, name, arg...)
	}
	m := probes(t, probeIPMI, env)
	before := env.Now()
	r, err := m.Total[0].Read(t.Context())
	after := env.Now()
	if middle := before + (after-before)/2; err != nil || r.Value != 132 || (r.At-middle).Abs() > 2*time.Millisecond {
		t.Errorf("%+v, %v; want 132 W at %v", r, err, middle)
	}
	hang = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if r, err := m.Total[0].Read(ctx); err == nil {
		t.Errorf("%v of a command that hangs", r)
	}
}

func TestDCMI(t *testing.T) {
	const power, state = "Instantaneous power reading:", "Power reading state is:"
	for _, c := range []struct {
		text  string
		watts float64
		err   string
	}{
		{power + "   132 Watts\n" + state + " activated\n", 132, ""},
		{power + "   132 Watts\n", 132, ""},
		{power + "   132 Watts\n" + state + " deactivated\n", 0, "the controller's power reading is deactivated"},
		{power + "   0 Watts\n" + state + " activated\n", 0, "0 W: the controller does not meter"},
		{power + "   -3 Watts\n", 0, `"-3 Watts" is no power`},
		{power + "   nan Watts\n", 0, "is no power"},
		{power + "   132 mW\n", 0, "is no power"},
		{power + "\n", 0, `"" is no power`},
		{"DCMI request failed", 0, "no power reading"},
	} {
		watts, err := parseDCMI(c.text)
		if watts != c.watts || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, %v; want %v, %s", c.text, watts, err, c.watts, c.err)
		}
	}
}

func FuzzDCMI(f *testing.F) {
	f.Add("    Instantaneous power reading:                   132 Watts\n    Power reading state is:                   activated\n")
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := parseDCMI(text); err == nil && (w <= 0 || w > math.MaxUint32) || err != nil && w != 0 {
			t.Errorf("%v W, %v", w, err)
		}
	})
}
