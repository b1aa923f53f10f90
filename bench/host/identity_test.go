package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

func TestPiRevision(t *testing.T) {
	for _, c := range []struct{ cpuinfo, tree, want string }{
		{"c04170", "", "c04170: BCM2712, 4 GB, Sony UK, revision 0"}, // Raspberry Pi 5, 4 GB
		{"c03114", "", "c03114: BCM2711, 4 GB, Sony UK, revision 4"}, // 4 Model B Rev 1.4
		{"a22082", "", "a22082: BCM2837, 1 GB, Embest, revision 2"},  // 3 Model B
		{"902120", "", "902120: BCM2837, 512 MB, Sony UK, revision 0"},
		{"", "\x00\xb0\x31\x15", "b03115: BCM2711, 2 GB, Sony UK, revision 5"},
		{"000e", "", "000e"}, // old style
		{"ffffff", "", "ffffff: unknown, unknown, unknown, revision 15"},
		{"xyz", "", ""},
		{"", "", ""},
		{"0", "", ""},
		{"", "\x00\xb0", ""},
	} {
		root := fstest.MapFS{"proc/device-tree/system/linux,revision": {Data: []byte(c.tree)}}
		if got := piRevision(root, c.cpuinfo); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.cpuinfo, c.tree, got, c.want)
		}
	}
}

func TestModules(t *testing.T) {
	for entry, want := range map[string]string{
		"nvidia,p3768-0000+p3767-0000": "jetson-orin-nx", "nvidia,p3768-0000+p3767-0001": "jetson-orin-nx",
		"nvidia,p3768-0000+p3767-0003": "jetson-orin-nano", "nvidia,p3768-0000+p3767-0005": "jetson-orin-nano",
		"nvidia,p3768-0000+p3767-0005-super": "jetson-orin-nano", "nvidia,p3737-0000+p3701-0005": "jetson-agx-orin",
		"nvidia,p3509-0000+p3668-0001": "jetson-xavier-nx", "raspberrypi,4-compute-module": "rpi-cm4", "raspberrypi,model-zero-2-w": "rpi-zero2",
	} {
		root := fstest.MapFS{"proc/device-tree/compatible": {Data: []byte(entry + "\x00acme,chip\x00")}}
		if got := class(root, Device{}); got != want {
			t.Errorf("%s is a %q, want %q", entry, got, want)
		}
	}
}

func TestJetsonCommands(t *testing.T) {
	for _, c := range []struct {
		name, nvpmodel, clocks string
		change                 func(fstest.MapFS)
		mode, held, note       string
	}{
		{"both", "NV Fan Mode:quiet\nNV Power Mode: MAXN\n0\n", "cpu0: Online=1 Governor=schedutil MinFreq=1984000 MaxFreq=1984000 CurrentFreq=1984000\n", nil, "MAXN (mode 0)", "on", ""},
		{"no number", "NV Power Mode: 25W\n", "", nil, "25W", "off", ""},
		{"nonsense", "NVPM ERROR: \x1b[31mdenied", "SOC family\n", nil, "", "off", "names no power mode"},
		{"no commands", "", "", nil, "", "off", "executable file not found"},
		{"locked by files", "", "", func(m fstest.MapFS) {
			for i := range 4 {
				set(m, fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_min_freq", i), "1984000\n")
			}
		}, "", "on", "executable file not found"},
		{"not a Jetson", "NV Power Mode: 15W\n", "", func(m fstest.MapFS) { set(m, "proc/device-tree/compatible", "acme,board\x00") }, "", "", ""},
	} {
		root := recorded(t, "jetson-orin-nx", "")
		if c.change != nil {
			c.change(root)
		}
		sys := System{FS: root, Run: func(_ context.Context, name string, arg ...string) ([]byte, error) {
			out := map[string]string{"nvpmodel -q": c.nvpmodel, "jetson_clocks --show": c.clocks}[name+" "+strings.Join(arg, " ")]
			if out == "" {
				return nil, fmt.Errorf("%s: %w", name, exec.ErrNotFound)
			}
			return []byte(out), nil
		}}
		d, err := Identify(sys)
		if err != nil {
			t.Fatal(err)
		}
		if d.Facts["power mode"] != c.mode || d.Facts["jetson_clocks"] != c.held {
			t.Errorf("%s: mode %q, jetson_clocks %q; want %q, %q", c.name, d.Facts["power mode"], d.Facts["jetson_clocks"], c.mode, c.held)
		}
		o := Observe(sys)
		one(t, c.name, o.Notes, c.note)
		if doubts, _ := Compare(o, During{}, o); c.note != "" && !strings.Contains(strings.Join(doubts, "\n"), c.note) {
			t.Errorf("%s: the run is not told: %q", c.name, doubts)
		}
	}
}

func TestHypervisor(t *testing.T) {
	for _, c := range []struct {
		files   map[string]string
		flagged bool
		want    string
	}{
		{nil, false, ""},
		{nil, true, "virtual machine"},
		{map[string]string{dmi + "sys_vendor": "QEMU\n"}, false, "kvm"}, // arm64 has no flag
		{map[string]string{dmi + "product_name": "VirtualBox", dmi + "sys_vendor": "innotek GmbH"}, true, "virtualbox"},
		{map[string]string{"sys/hypervisor/type": "xen\n"}, true, "xen"},
		{map[string]string{dmi + "sys_vendor": "Dell Inc."}, false, ""},
	} {
		root := fstest.MapFS{}
		for p, s := range c.files {
			set(root, p, s)
		}
		if got := hypervisor(root, c.flagged); got != c.want {
			t.Errorf("%v, flag %v: %q, want %q", c.files, c.flagged, got, c.want)
		}
	}
}

// TestLimits: the least limit of our cgroup and those above binds, in both
// versions of cgroups.
func TestLimits(t *testing.T) {
	const v2, v1 = "sys/fs/cgroup/", "sys/fs/cgroup/"
	for _, c := range []struct {
		name, own   string
		files       map[string]string
		cpus        float64
		limit, free int64
	}{
		{"v2", "0::/a/b\n", map[string]string{
			v2 + "a/cpu.max": "150000 100000\n", v2 + "a/b/cpu.max": "max 100000\n", v2 + "a/b/memory.max": "1000000\n", v2 + "a/memory.max": "max\n",
			v2 + "a/b/memory.current": "700000\n", v2 + "a/b/memory.stat": "anon 5\ninactive_file 200000\n",
		}, 1.5, 1000000, 500000},
		{"v2, the parent allows less", "0::/a/b\n", map[string]string{v2 + "a/cpu.max": "50000 100000", v2 + "a/b/cpu.max": "200000 100000"}, 0.5, 0, 0},
		{"v1", "4:memory:/x\n2:cpu,cpuacct:/x\n", map[string]string{
			v1 + "cpu,cpuacct/x/cpu.cfs_quota_us": "25000\n", v1 + "cpu,cpuacct/x/cpu.cfs_period_us": "50000\n", v1 + "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
			v1 + "memory/x/memory.limit_in_bytes": "4096\n", v1 + "memory/x/memory.usage_in_bytes": "8192\n", v1 + "memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0.5, 4096, 0},
		{"malformed", "0::/a\n", map[string]string{v2 + "a/cpu.max": "lots\n", v2 + "a/memory.max": "-7"}, 0, 0, 0},
		{"no cgroup", "", nil, 0, 0, 0},
	} {
		root := fstest.MapFS{}
		set(root, "proc/self/cgroup", c.own)
		for p, s := range c.files {
			set(root, p, s)
		}
		limit, free := memoryLimit(root)
		if got := cpuLimit(root); got != c.cpus || limit != c.limit || free != c.free {
			t.Errorf("%s: %v CPUs, %d B, %d free; want %v, %d, %d", c.name, got, limit, free, c.cpus, c.limit, c.free)
		}
	}
}

// sleepy is a tree in which some files answer with an error, as sensors do.
type sleepy struct {
	fs.FS
	errs map[string]error
}

func (s sleepy) Open(name string) (fs.File, error) {
	if err := s.errs[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return s.FS.Open(name)
}

// TestUnreadable: a sensor that sleeps or may not be read is left out, the
// rest is there.
func TestUnreadable(t *testing.T) {
	root := sleepy{recorded(t, "jetson-orin-nx", ""), map[string]error{
		"sys/class/thermal/thermal_zone0/temp":                 syscall.EAGAIN,
		"sys/class/hwmon/hwmon3/oc1_event_cnt":                 fs.ErrPermission,
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": errors.New("input/output error"),
		"proc/pressure/cpu":                                    syscall.EOPNOTSUPP,
		"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": fs.ErrPermission,
	}}
	sys := Recorded(root)
	c := Observe(sys)
	if _, there := c.Celsius["cpu-thermal"]; there || len(c.Celsius) != 3 || c.MHz != 729.6 || c.Throttled != 0 || c.Governor != "schedutil" || c.Waited != -1 {
		t.Errorf("%+v", c)
	}
	if g := NewWatch(sys, nil).Glance(); g.Hottest != "tj-thermal" || g.MHz != 729.6 {
		t.Errorf("%+v", g)
	}
}

// TestVanishing: sensors that are unplugged in mid-run leave a look that knows
// less, and a doubt.
func TestVanishing(t *testing.T) {
	root := recorded(t, "jetson-orin-nx", "")
	sys := Recorded(root)
	before, w := Observe(sys), NewWatch(sys, nil)
	clear(root)
	want := Glance{Throttled: -1, Quota: -1}
	g := w.Glance()
	if g.At = (time.Time{}); g != want {
		t.Errorf("got %+v, want %+v", g, want)
	}
	doubts, violations := Compare(before, w.End(), Observe(sys))
	one(t, "doubts", doubts, "what counts throttling vanished")
	one(t, "violations", violations, "")
}

// FuzzCommands lets a board's commands say anything.
func FuzzCommands(f *testing.F) {
	f.Add("throttled=0x50005\n", "NV Power Mode: 15W\n2\n", "cpu0: Online=1 Governor=schedutil MinFreq=102000 MaxFreq=1428000\n")
	f.Add("error=1 error_msg=\"Command not registered\"", "NVPM ERROR", "")
	f.Add("throttled=0x-1", "NV Power Mode:\n", "cpu0: MinFreq= MaxFreq=")
	f.Fuzz(func(t *testing.T, throttled, mode, clocks string) {
		for _, tree := range []string{"raspberrypi,5-model-b\x00", "nvidia,p3767-0000\x00nvidia,tegra234\x00"} {
			root := fstest.MapFS{"proc/device-tree/compatible": {Data: []byte(tree)}}
			sys := System{FS: root, Run: func(_ context.Context, name string, _ ...string) ([]byte, error) {
				return []byte(map[string]string{"vcgencmd": throttled, "nvpmodel": mode, "jetson_clocks": clocks}[name]), nil
			}}
			c := Observe(sys)
			d, err := Identify(sys)
			if err == nil && (strings.ContainsAny(d.Facts["power mode"], "\n\x1b") || len(c.Notes) > 1) {
				t.Errorf("%+v\n%+v", d, c)
			}
			Compare(c, During{}, c)
		}
	})
}
