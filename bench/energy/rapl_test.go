package energy

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

const pkg0 = "sys/class/powercap/intel-rapl:0"

// noPerf is a kernel without perf events.
func noPerf(uint32, uint64, int) (perfEvent, error) { return nil, errors.ErrUnsupported }

// TestRAPLWraps takes the recorded second reading after a wrap-around: the
// difference is the rest of the range and 5 J.
func TestRAPLWraps(t *testing.T) {
	root := recorded(t, "x86-intel-rapl")
	a := alter(root)
	ms, err := raplProbe(noPerf)(t.Context(), a.env())
	if err != nil || len(ms) != 2 {
		t.Fatalf("%v, %v", ms, err)
	}
	s := ms[0].Total[0]
	first := reads(t, s)
	a.set(pkg0+"/energy_uj", strings.TrimSpace(string(root["wrap/"+pkg0+"/energy_uj"].Data)))
	a.later(2 * time.Minute) // the 21.7 kJ up to the wrap-around at 181 W
	const want = (262143328850 - 240422366267 + 5000000) * 1e-6
	if got := reads(t, s) - first; math.Abs(got-want) > 1e-3 {
		t.Errorf("%v J over the wrap-around, want %v", got, want)
	}
}

// TestWrapping feeds counters of a range of 1 kJ.
func TestWrapping(t *testing.T) {
	const span = 1e9 // µJ
	type step struct {
		ms   int
		uJ   uint64
		want uint64 // total, 0: the counter is lost
	}
	for _, c := range []struct {
		name  string
		span  uint64
		steps []step
	}{
		{"counts", span, []step{{0, 500, 500}, {1, 700, 700}, {2, 700, 700}}},
		{"wraps", span, []step{{0, 999_999_000, 999_999_000}, {1, 1_000, span + 1_000}, {2, 2_000, span + 2_000}}},
		{"wraps twice", span, []step{{0, 900e6, 900e6}, {9000, 100e6, span + 100e6}, {18000, 900e6, span + 900e6}, {27000, 0, 2 * span}}},
		{"wraps to the end of its range", span, []step{{0, span, span}, {1, 0, span}}},
		{"is set back", span, []step{{0, 500e6, 500e6}, {1, 0, 0}, {2, 500, 0}, {3, 999e6, 0}}},
		{"is set back after hours", span, []step{{0, 500e6, 500e6}, {3_600_000, 0, span}}}, // not to be told from a wrap-around
		{"never wraps", 0, []step{{0, 1 << 62, 1 << 62}, {1, 1<<62 + 5, 1<<62 + 5}, {2, 7, 0}}},
		{"time goes back", span, []step{{10, 500e6, 500e6}, {5, 400e6, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.steps[0]
			w := wrapping{span: c.span, last: f.uJ, total: f.uJ, at: time.Duration(f.ms) * time.Millisecond}
			for i, s := range c.steps[1:] {
				err := w.add(s.uJ, time.Duration(s.ms)*time.Millisecond)
				if (err != nil) != (s.want == 0) || err == nil && w.total != s.want {
					t.Errorf("step %d: %d µJ, %v; want %d", i+1, w.total, err, s.want)
				}
			}
		})
	}
}

// TestRAPLTrees checks what is added on trees of other machines than the
// recorded ones. The names are those of drivers/powercap/intel_rapl_common.c.
func TestRAPLTrees(t *testing.T) {
	for _, c := range []struct {
		name, zones string // number=name, of intel-rapl or mmio:
		want        string // meters, and the number of parts of each
	}{
		{"two sockets", "0=package-0 0:0=dram 1=package-1 1:0=dram", "rapl (package): package-0 + package-1 + package-0/dram + package-1/dram, 0"},
		{"two dies", "0=package-0-die-0 0:0=core 1=package-0-die-1 1:0=core", "rapl (package): package-0-die-0 + package-0-die-1, 2"},
		{"eleven sockets in order", "0=package-0 2=package-2 10=package-10", "rapl (package): package-0 + package-2 + package-10, 0"},
		{"mmio alone", "mmio:0=package-0 mmio:0:0=dram", "rapl (package): package-0 + package-0/dram, 0"},
		{"mmio again", "0=package-0 0:0=core mmio:0=package-0 mmio:0:0=core mmio:0:1=dram", "rapl (package): package-0, 1"},
		{"psys alone", "0=psys", "rapl/psys (board): psys, 0"},
		{"psys of two sockets", "0=package-0 1=psys 2=psys-1", "rapl (package): package-0, 2\nrapl/psys (board): psys, 1"},
		{"uncore", "0=package-0 0:0=core 0:1=uncore", "rapl (package): package-0, 2"},
		{"none", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := treeOf()
			for f := range strings.FieldsSeq(c.zones) {
				number, name, _ := strings.Cut(f, "=")
				dir := "sys/class/powercap/intel-rapl:" + number
				if rest, ok := strings.CutPrefix(number, "mmio:"); ok {
					dir = "sys/class/powercap/intel-rapl-mmio:" + rest
				}
				a.set(dir+"/name", name)
				a.set(dir+"/energy_uj", "1000000")
				a.set(dir+"/max_energy_range_uj", "262143328850")
			}
			ms, err := raplProbe(noPerf)(t.Context(), a.env())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range ms {
				got = append(got, m.String()+", "+string(rune('0'+len(m.Parts))))
			}
			if s := strings.Join(got, "\n"); s != c.want {
				t.Errorf("got %s\nwant %s", s, c.want)
			}
		})
	}
}

// TestRAPLBroken wants an error of the probe, with its place, where a file
// does not hold what it should.
func TestRAPLBroken(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"energy_uj", "NaN", `/` + pkg0 + `/energy_uj: "NaN" is not a count`},
		{"energy_uj", "-5", `"-5" is not a count`},
		{"energy_uj", "", `"" is not a count`},
		{"energy_uj", "18446744073709551616", "is not a count"},
		{"energy_uj", strings.Repeat("1", 5000), "are no attribute of a device"},
		{"max_energy_range_uj", "lots", `/max_energy_range_uj: "lots" is not a count`},
		{"max_energy_range_uj", "<gone>", "/max_energy_range_uj: file does not exist"},
		{"energy_uj", "<gone>", "/energy_uj: file does not exist"},
		{"name", "<gone>", "/name: file does not exist"},
	} {
		a := alter(recorded(t, "x86-intel-rapl"))
		a.remove(perfDir + "/type")
		if c.text == "<gone>" {
			a.remove(pkg0 + "/" + c.file)
		} else {
			a.set(pkg0+"/"+c.file, c.text)
		}
		ms, err := raplProbe(noPerf)(t.Context(), a.env())
		if err == nil || len(ms) != 0 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %.20q: %v, %v; want %s", c.file, c.text, ms, err, c.want)
		}
	}
}

// TestRAPLVanishes wants errors of Read while the counter is away or shows
// nonsense, and the right difference once it is back.
func TestRAPLVanishes(t *testing.T) {
	a := alter(recorded(t, "x86-amd"))
	m := probes(t, raplProbe(noPerf), a.env())
	file := pkg0 + "/energy_uj"
	first := reads(t, m.Total[0])
	for _, break_ := range []func(){
		func() { a.remove(file) }, func() { a.set(file, "NaN") }, func() { a.set(file, "-1") }, func() { a.set(file, "") },
	} {
		break_()
		if r, err := m.Total[0].Read(t.Context()); err == nil || !strings.Contains(err.Error(), "read package-0: /"+file) {
			t.Errorf("%v, %v; want an error with the place", r, err)
		}
	}
	a.set(file, "61000500000")
	if got := reads(t, m.Total[0]) - first; math.Abs(got-1.5) > 1e-6 {
		t.Errorf("%v J since the first reading, want 1.5", got)
	}
	a.set(file, "7")
	for range 2 {
		if r, err := m.Total[0].Read(t.Context()); err == nil || !strings.Contains(err.Error(), "it was set back") {
			t.Errorf("%v, %v; want an error for ever once the counter was set back", r, err)
		}
	}
}

// TestRAPLDenied walks through the ways to the counters, from powercap on.
func TestRAPLDenied(t *testing.T) {
	deny := func(a *altering, files ...string) {
		for _, f := range files {
			a.fail(f, fs.ErrPermission)
		}
	}
	const energy, hwmon = pkg0 + "/energy_uj", "sys/class/hwmon/hwmon2/energy2_input"
	perf := fakePerf{counts: map[uint64]uint64{2: 1 << 33}}
	for _, c := range []struct {
		name, board string
		change      func(*altering)
		open        perfOpener
		want        string // note, or error
		remedy      string
	}{
		{"perf instead", "x86-intel-rapl", func(a *altering) { deny(a, energy) }, perf.open, "read through perf events", ""},
		{"amd_energy instead", "x86-amd", func(a *altering) { deny(a, energy) }, noPerf, "read through the amd_energy driver", ""},
		{"amd_energy alone", "x86-amd", func(a *altering) { a.remove(pkg0 + "/name"); a.remove(pkg0 + ":0/name"); hide(a) }, noPerf, "read through the amd_energy driver", ""},
		{"hidden by a container", "x86-amd", func(a *altering) { a.fail(pkg0, fs.ErrNotExist); a.remove("sys/class/hwmon/hwmon2/name") }, noPerf, "/" + pkg0 + " is hidden: permission denied", hiddenRemedy},
		{"no perf", "x86-intel-rapl", func(a *altering) { deny(a, energy); a.remove(perfDir + "/type") }, noPerf, "/" + energy + ": permission denied", powercapRemedy},
		{"perf denied", "x86-intel-rapl", func(a *altering) { deny(a, energy) }, fakePerf{err: fs.ErrPermission}.open, "/" + energy + ": permission denied; perf event energy-pkg on CPU 0: permission denied", powercapRemedy},
		{"perf denied, no powercap", "x86-intel-rapl", hide, fakePerf{err: fs.ErrPermission}.open, "perf event energy-pkg on CPU 0: permission denied", perfRemedy},
		{"all denied", "x86-amd", func(a *altering) { deny(a, energy, hwmon) }, noPerf, "/" + energy + ": permission denied; /" + hwmon + ": permission denied", powercapRemedy},
		{"amd_energy denied, no powercap", "x86-amd", func(a *altering) { hide(a); deny(a, hwmon) }, noPerf, "/" + hwmon + ": permission denied", amdRemedy},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := alter(recorded(t, c.board))
			c.change(a)
			ms, err := raplProbe(c.open)(t.Context(), a.env())
			if c.remedy == "" {
				if err != nil || len(ms) == 0 || !strings.Contains(strings.Join(ms[0].Notes, "\n"), c.want) {
					t.Fatalf("%v, %v; want %q", ms, err, c.want)
				}
				return
			}
			if len(ms) != 0 || err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("%v, %v; want %q", ms, err, c.want)
			}
			if got := RemedyOf(err); got != c.remedy {
				t.Errorf("remedy %q, want %q", got, c.remedy)
			}
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%v is no error of permission", err)
			}
		})
	}
}

// hide takes powercap out of a tree.
func hide(a *altering) {
	for path := range a.files {
		if strings.HasPrefix(path, "sys/class/powercap/") {
			a.remove(path)
		}
	}
}

// TestAMDEnergy reads the sockets of the driver amd_energy.
func TestAMDEnergy(t *testing.T) {
	a := alter(recorded(t, "x86-amd"))
	hide(a)
	m := probes(t, raplProbe(noPerf), a.env())
	if got, want := m.String(), "rapl (package): Esocket0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := reads(t, m.Total[0]); math.Abs(got-61123.456789) > 1e-6 { // energy2_input of the recording
		t.Errorf("%v J", got)
	}
	a.set("sys/class/hwmon/hwmon2/energy2_input", "5")
	if _, err := m.Total[0].Read(t.Context()); err == nil || !strings.Contains(err.Error(), "hwmon2/energy2_input: the counter fell") {
		t.Errorf("a counter that fell: %v", err)
	}
}

// TestOpenPsys chooses a meter of a kind by its name.
func TestOpenPsys(t *testing.T) {
	for name, want := range map[string]string{"": "rapl", "rapl": "rapl", "rapl/psys": "rapl/psys"} {
		m, err := Open(t.Context(), alter(recorded(t, "x86-intel-rapl")).env(), name)
		if err != nil || m.Name != want {
			t.Errorf("%q: %s, %v; want %s", name, m.Name, err, want)
		}
	}
}

// TestOpenDenied wants every reason in the error, and the remedy of the
// preferred kind.
func TestOpenDenied(t *testing.T) {
	a := alter(recorded(t, "x86-amd"))
	a.fail(pkg0+"/energy_uj", fs.ErrPermission)
	a.fail("sys/class/hwmon/hwmon2/energy2_input", fs.ErrPermission)
	a.set("dev/ipmi0", "")
	_, err := Open(t.Context(), a.env(), "")
	if !errors.Is(err, ErrNoMeter) || !errors.Is(err, errors.ErrUnsupported) || RemedyOf(err) != powercapRemedy {
		t.Errorf("%v, remedy %q", err, RemedyOf(err))
	}
	for _, want := range []string{"rapl: /" + pkg0 + "/energy_uj: permission denied", "; ipmi: /dev/ipmi0 is there", "(assay doctor says what mends it)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if _, err := Open(t.Context(), treeOf().env(), "rapl"); !errors.Is(err, ErrNoMeter) || RemedyOf(err) != "" {
		t.Errorf("none: %v, remedy %q", err, RemedyOf(err))
	}
}

// FuzzRAPL holds RAPL to its promises on files of any content: no panic, and
// readings that are finite and never fall.
func FuzzRAPL(f *testing.F) {
	f.Add("package-0", "240422366267", "262143328850", "5000000", int64(1))
	f.Add("psys", "18446744073709551615", "0", "0", int64(-5))
	f.Add("dram", "1", "1", "NaN", int64(1e18))
	f.Fuzz(func(t *testing.T, name, first, span, second string, wait int64) {
		a := treeOf(pkg0+"/name", name, pkg0+"/energy_uj", first, pkg0+"/max_energy_range_uj", span)
		ms, err := raplProbe(noPerf)(t.Context(), a.env())
		if err != nil || len(ms) == 0 {
			return
		}
		s := ms[0].Total[0]
		before, err := s.Read(t.Context())
		if err != nil {
			t.Fatalf("read twice without a change: %v", err)
		}
		a.later(time.Duration(wait))
		a.set(pkg0+"/energy_uj", second)
		after, err := s.Read(t.Context())
		if err == nil && (after.Value < before.Value || math.IsInf(after.Value, 0) || math.IsNaN(after.Value)) {
			t.Errorf("%v J after %v J", after.Value, before.Value)
		}
	})
}

// TestDocumentedRule holds the commands of docs/devices.md against those that
// the remedy prints.
func TestDocumentedRule(t *testing.T) {
	docs, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	commands, _, _ := strings.Cut(powercapRemedy, " # ")
	for c := range strings.SplitSeq(commands, " && ") {
		if !strings.Contains(string(docs), c) {
			t.Errorf("docs/devices.md lacks %s", c)
		}
	}
}
