package host

import (
	"context"
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func set(root fstest.MapFS, path, text string) { root[path] = &fstest.MapFile{Data: []byte(text)} }

func TestGlance(t *testing.T) {
	for _, c := range []struct {
		fixture string
		cpus    []int
		change  func(fstest.MapFS)
		want    Glance
	}{
		{"rpi4", nil, nil, Glance{MHz: 1800, MaxMHz: 1800, Governor: "ondemand", Celsius: 79.85, Hottest: "cpu-thermal", Throttled: -1, Firmware: 0x50005, Quota: -1}},
		{"jetson-orin-nx", nil, nil, Glance{MHz: 729.6, MaxMHz: 1984, Governor: "schedutil", Celsius: 63.781, Hottest: "tj-thermal", Quota: -1}},
		{"jetson-nano-jp4", nil, nil, Glance{MHz: 204, MaxMHz: 1479, Governor: "schedutil", Celsius: 39.5, Hottest: "AO-therm", Throttled: -1, Quota: -1}}, // PMIC-Die's 100 °C do not count
		{"x86-intel-rapl", []int{1}, func(m fstest.MapFS) {
			set(m, "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "800000\n")
			set(m, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n")
		}, Glance{MHz: 800, MaxMHz: 4600, Governor: "powersave", Celsius: 52, Hottest: "x86_pkg_temp", Throttled: 3, Quota: -1}},
		{"x86-intel-rapl", []int{1}, func(m fstest.MapFS) { // turbo is off, and scaling_max_freq does not know
			set(m, "sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
			set(m, "sys/devices/system/cpu/cpu1/cpufreq/base_frequency", "3200000\n")
		}, Glance{MHz: 3200, MaxMHz: 3200, Governor: "powersave", Celsius: 52, Hottest: "x86_pkg_temp", Throttled: 3, Quota: -1}},
		{"x86-intel-rapl", nil, func(m fstest.MapFS) { // nor does anything else
			set(m, "sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
		}, Glance{MHz: 3200, Governor: "powersave", Celsius: 52, Hottest: "x86_pkg_temp", Throttled: 3, Quota: -1}},
	} {
		root := recorded(t, c.fixture, "")
		if c.change != nil {
			c.change(root)
		}
		got := NewWatch(Recorded(root), c.cpus).Glance()
		if time.Since(got.At) > time.Minute {
			t.Errorf("%s: the time is not set", c.fixture)
		}
		got.At = time.Time{}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.fixture, got, c.want)
		}
	}
}

// TestFirmware: get_throttled comes from sysfs, from vcgencmd where the file
// is gone, and from the voltage's alarm where nothing else is left.
func TestFirmware(t *testing.T) {
	const file = "sys/devices/platform/soc/soc:firmware/get_throttled"
	hung := func(context.Context, string, ...string) ([]byte, error) { return nil, context.DeadlineExceeded }
	says := func(s string) func(context.Context, string, ...string) ([]byte, error) {
		return func(_ context.Context, name string, arg ...string) ([]byte, error) {
			if name != "vcgencmd" || !reflect.DeepEqual(arg, []string{"get_throttled"}) {
				return nil, exec.ErrNotFound
			}
			return []byte(s), nil
		}
	}
	for _, c := range []struct {
		name   string
		change func(fstest.MapFS)
		run    func(context.Context, string, ...string) ([]byte, error)
		bits   uint32
		by     string
		err    string
	}{
		{"sysfs first", func(m fstest.MapFS) { set(m, file, "e0008\n") }, says("throttled=0x1"), 0xe0008, "sysfs", ""},
		{"vcgencmd where there is no file", func(m fstest.MapFS) { delete(m, file) }, says("throttled=0x50005\n"), 0x50005, "vcgencmd", ""},
		{"vcgencmd where the file is broken", func(m fstest.MapFS) { set(m, file, "zzz") }, says("throttled=0x4"), 4, "vcgencmd", ""},
		{"vcgencmd hangs", func(m fstest.MapFS) { delete(m, file); delete(m, "sys/class/hwmon/hwmon1/name") }, hung, 0, "", "deadline exceeded"},
		{"vcgencmd talks nonsense", func(m fstest.MapFS) { delete(m, file) }, says("error=1 error_msg=\"no\""), 0, "rpi_volt", "is not of the form"},
		{"only the alarm is left", func(m fstest.MapFS) { delete(m, file); set(m, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n") }, hung, 1, "rpi_volt", "deadline exceeded"},
		{"the alarm adds to the file", func(m fstest.MapFS) { set(m, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n") }, hung, 1, "sysfs", ""},
		{"no Pi is not asked", func(m fstest.MapFS) {
			delete(m, file)
			delete(m, "sys/class/hwmon/hwmon1/name")
			set(m, "proc/device-tree/compatible", "acme,board\x00")
		}, says("throttled=0x50005"), 0, "", ""},
	} {
		root := recorded(t, "rpi5", "")
		c.change(root)
		bits, by, err := find(System{FS: root, Run: c.run}, nil).flags()
		if bits != c.bits || by != c.by || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %#x by %q, %v; want %#x by %q, %q", c.name, bits, by, err, c.bits, c.by, c.err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			if o := Observe(System{FS: root, Run: c.run}); len(o.Notes) != 1 {
				t.Errorf("%s: the condition says nothing of it: %q", c.name, o.Notes)
			}
		}
	}
}

// TestWatchEarnsItsLooks: what looking costs stays within its share of a core,
// whatever one look costs.
func TestWatchEarnsItsLooks(t *testing.T) {
	root := recorded(t, "rpi4", "")
	w := NewWatch(Recorded(root), nil)
	w.Look()
	if d := w.End(); d.Looks != 0 {
		t.Errorf("a look at once: %+v", d)
	}
	past := func(d time.Duration) { w.begun, w.last = time.Now().Add(-d), time.Now().Add(-d) }
	past(time.Minute)
	w.each = time.Minute // a sensor that takes forever
	w.Look()
	if d := w.End(); d.Looks != 0 {
		t.Errorf("a look that a minute does not pay for: %+v", d)
	}
	w.each = 20 * time.Millisecond
	set(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n")
	set(root, "sys/devices/platform/soc/soc:firmware/get_throttled", "50008\n")
	set(root, "sys/class/thermal/thermal_zone0/temp", "81000\n")
	set(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "600000\n")
	w.Look()
	d := w.End()
	if d.Looks != 1 || d.Firmware != 0x5000d || d.Celsius != 81 || d.MinMHz != 1500 || len(d.Governors) != 2 {
		t.Errorf("what changed in the middle was not seen: %+v", d)
	}
	if d.Cost <= 0 || d.Cost > 0.001 {
		t.Errorf("the look cost %v of a core", d.Cost)
	}
	w.Look()
	if again := w.End(); again.Looks != 1 {
		t.Errorf("two looks within a second: %+v", again)
	}
	var none *Watch
	none.Look()
	if d := none.End(); d.Looks != 0 {
		t.Errorf("no watch saw %+v", d)
	}
}

// BenchmarkLook is what one look at this device costs: the share of a core at
// one look a second, and that of the table of processes at one look in five.
func BenchmarkLook(b *testing.B) {
	w := NewWatch(Here(), nil)
	for _, c := range []struct {
		name  string
		look  func()
		every time.Duration
	}{
		{"glance", func() { w.Glance() }, watchEvery},
		{"processes", func() { w.tasks() }, tasksEvery},
	} {
		b.Run("look="+c.name, func(b *testing.B) {
			used := selfTime()
			for b.Loop() {
				c.look()
			}
			each := float64(selfTime()-used) / float64(b.N)
			b.ReportMetric(100*each/float64(c.every), "%core")
		})
	}
}
