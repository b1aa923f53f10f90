package host

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// board expands a recorded tree. The archives are not unpacked in the
// repository because their paths hold ':', which Go module zips forbid; the
// comment at the top of each names its sources. \0 stands for NUL, which ends
// every string of a device tree.
func recorded(t testing.TB, name, prefix string) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	root := fstest.MapFS{}
	for _, f := range a.Files {
		if path, ok := strings.CutPrefix(f.Name, prefix); ok {
			root[path] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(f.Data), `\0`, "\x00"))}
		}
	}
	return root
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		fixture, class, arch, cpu string
		cores                     int
		features, board           string
		facts                     map[string]string
	}{
		{"rpi5", "rpi5", "arm64", "Cortex-A76", 4, "asimd fphp asimdhp asimddp", "Raspberry Pi 5", nil},
		{"rpi4", "rpi4", "arm64", "Cortex-A72", 4, "asimd", "Raspberry Pi 4 Model B Rev 1.4", map[string]string{"clock driver": "cpufreq-dt"}},
		{"arm-server", "arm64-neoverse-v1-4c", "arm64", "Neoverse-V1", 4, "asimd fphp asimdhp asimddp asimdfhm sve i8mm svei8mm bf16 svebf16", "", nil},
		{"jetson-orin-nx", "jetson-orin-nx", "", "", 4, "", "NVIDIA Jetson Orin NX", map[string]string{"l4t": "R36.4.0"}},
		{"jetson-agx-orin", "jetson-agx-orin", "", "", 0, "", "NVIDIA Jetson AGX Orin", map[string]string{"l4t": "R36.3.0"}},
		{"jetson-nano-jp4", "jetson-nano", "", "", 4, "", "NVIDIA Jetson Nano", map[string]string{"l4t": "R32.7.1"}},
		{"x86-intel-rapl", "example-inc-fixture-1u-2c", "", "", 2, "", "Example Inc. Fixture 1U", map[string]string{"boost": "on", "smt": "on", "thp": "madvise", "aslr": "2"}},
		{"x86-amd", "2c", "", "", 2, "", "", map[string]string{"boost": "on", "clock driver": "acpi-cpufreq"}},
	} {
		d, err := Identify(Recorded(recorded(t, c.fixture, "")))
		if err != nil {
			t.Errorf("%s: %v", c.fixture, err)
			continue
		}
		if d.Class != c.class || d.Arch != c.arch || d.CPU != c.cpu || d.Cores != c.cores || !strings.HasPrefix(d.Board, c.board) {
			t.Errorf("%s: class %q, arch %q, cpu %q, %d cores, board %q; want %q, %q, %q, %d, %q",
				c.fixture, d.Class, d.Arch, d.CPU, d.Cores, d.Board, c.class, c.arch, c.cpu, c.cores, c.board)
		}
		if got := strings.Join(d.Features, " "); !strings.HasPrefix(got, c.features) || (got == "") != (c.features == "") {
			t.Errorf("%s: features %q, want %q", c.fixture, got, c.features)
		}
		for k, want := range c.facts {
			if d.Facts[k] != want {
				t.Errorf("%s: fact %s is %q, want %q", c.fixture, k, d.Facts[k], want)
			}
		}
		if len(d.ID) != 12 {
			t.Errorf("%s: id %q", c.fixture, d.ID)
		}
	}
}

func TestIdentityIsOfTheMachine(t *testing.T) {
	id := func(change func(fstest.MapFS)) string {
		root := recorded(t, "rpi5", "")
		change(root)
		d, err := Identify(Recorded(root))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(d.ID, "4f3c2a") {
			t.Error("the id shows the machine-id")
		}
		return d.ID
	}
	set := func(path, text string) func(fstest.MapFS) {
		return func(m fstest.MapFS) { m[path] = &fstest.MapFile{Data: []byte(text)} }
	}
	one := id(set("etc/machine-id", "4f3c2a0000000000000000000000aaaa\n"))
	if again := id(set("etc/machine-id", "4f3c2a0000000000000000000000aaaa\n")); again != one {
		t.Errorf("the id changes: %s, %s", one, again)
	}
	if dbus := id(set("var/lib/dbus/machine-id", "4f3c2a0000000000000000000000aaaa\n")); dbus != one {
		t.Errorf("D-Bus's copy of the machine-id gives another id: %s, %s", dbus, one)
	}
	if two := id(set("etc/machine-id", "4f3c2a0000000000000000000000bbbb\n")); two == one {
		t.Error("two machines share an id")
	}
	if serial := id(set("proc/device-tree/serial-number", "10000000abcdef01\x00")); serial == id(func(fstest.MapFS) {}) {
		t.Error("the serial number does not count")
	}
}

func TestIdentifyNothing(t *testing.T) {
	if d, err := Identify(Recorded(fstest.MapFS{})); err == nil {
		t.Errorf("an empty tree is a device: %+v", d)
	}
}

func TestCPUNames(t *testing.T) {
	x86 := func(vendor, family, model, name string) string {
		return "processor\t: 0\nvendor_id\t: " + vendor + "\ncpu family\t: " + family + "\nmodel\t\t: " + model + "\nmodel name\t: " + name + "\nflags\t\t: fpu avx2 fma hypervisor\ncpu MHz\t\t: 2445.430\n\n"
	}
	for _, c := range []struct{ text, name, slug string }{
		{x86("AuthenticAMD", "25", "1", "AMD EPYC"), "AMD EPYC Zen 3", "amd-epyc-zen-3"},
		{x86("AuthenticAMD", "25", "17", "AMD EPYC"), "AMD EPYC Zen 4", "amd-epyc-zen-4"},
		{x86("AuthenticAMD", "26", "2", "AMD EPYC"), "AMD EPYC Zen 5", "amd-epyc-zen-5"},
		{x86("AuthenticAMD", "23", "49", "AMD EPYC 7R32"), "AMD EPYC 7R32", "amd-epyc-7r32"},
		{x86("GenuineIntel", "6", "158", "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"), "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz", "intel-core-i7-8700"},
		{x86("AuthenticAMD", "25", "80", "AMD Ryzen 7 5700U 8-Core Processor with Radeon Graphics"), "AMD Ryzen 7 5700U 8-Core Processor with Radeon Graphics", "amd-ryzen-7-5700u"},
		{"processor: 0\nCPU implementer: 0x41\nCPU architecture: 8\nCPU part: 0xd05\n\nprocessor: 1\nCPU implementer: 0x41\nCPU architecture: 8\nCPU part: 0xd0b\n", "Cortex-A55 + Cortex-A76", "cortex-a55-cortex-a76"},
		{"processor: 0\nCPU implementer: 0x99\nCPU architecture: 8\nCPU part: 0x1\n", "ARM 0x99/0x1", "arm-0x99-0x1"},
		{"processor: 0\nhart: 0\nisa: rv64imafdc\nuarch: sifive,u74-mc\n", "sifive,u74-mc", "sifive-u74-mc"},
	} {
		got := readCPU(fstest.MapFS{"proc/cpuinfo": {Data: []byte(c.text)}})
		if got.name != c.name || slug(got.name) != c.slug {
			t.Errorf("name %q, slug %q; want %q, %q", got.name, slug(got.name), c.name, c.slug)
		}
	}
	one := readCPU(fstest.MapFS{"proc/cpuinfo": {Data: []byte(x86("GenuineIntel", "6", "1", "x") + strings.Replace(x86("GenuineIntel", "6", "1", "x"), "avx2", "", 1))}})
	if want := []string{"fma"}; !reflect.DeepEqual(one.features, want) || one.cores != 2 || !one.virtual || one.mhz != 2445.43 || one.arch != "amd64" {
		t.Errorf("two unequal CPUs: %+v, want only the features of both, %v", one, want)
	}
}

func TestObserve(t *testing.T) {
	for _, c := range []struct {
		fixture string
		want    Condition
	}{
		{"rpi4", Condition{CPUs: 4, Governor: "ondemand", Driver: "cpufreq-dt", MHz: 1800, MaxMHz: 1800, Throttled: -1, Firmware: 0x50005, FirmwareBy: "sysfs", Quota: -1, Celsius: map[string]float64{"cpu-thermal": 79.85}}},
		{"x86-intel-rapl", Condition{CPUs: 2, Governor: "powersave", Boost: "on", Driver: "intel_pstate", MHz: 3200, MaxMHz: 4600, Throttled: 3, Quota: -1, Celsius: map[string]float64{"x86_pkg_temp": 52}}},
		{"x86-amd", Condition{CPUs: 2, Governor: "schedutil", Boost: "on", Driver: "acpi-cpufreq", MHz: 3400, MaxMHz: 3400, Throttled: -1, Quota: -1, Celsius: map[string]float64{"k10temp Tctl": 61.25}}},
		{"jetson-orin-nx", Condition{CPUs: 4, Governor: "schedutil", Driver: "tegra194-cpufreq", MHz: 729.6, MaxMHz: 1984, Throttled: 0, PowerMode: "15W (mode 2)", OverPower: 2, Quota: -1, Celsius: map[string]float64{"cpu-thermal": 63.625, "gpu-thermal": 60.1, "soc0-thermal": 61, "tj-thermal": 63.781}}},
		{"cgroup", Condition{Throttled: -1, Quota: -1, Busy: 1111.53, Steal: 13.01}},
	} {
		got := Observe(Recorded(recorded(t, c.fixture, "")))
		if time.Since(got.At) > time.Minute {
			t.Errorf("%s: the time is not set", c.fixture)
		}
		got.At = time.Time{}
		c.want.Waited = -1 // none of the trees holds the pressure
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.fixture, got, c.want)
		}
	}
}

func TestQuota(t *testing.T) {
	for _, c := range []struct {
		prefix, own string
		want        int64
	}{
		{"v2/", "0::/bench\n", 37},
		{"v2/", "0::/bench/deeper/still\n", 37}, // the ancestor's quota binds us
		{"v2/", "0::/elsewhere\n", -1},
		{"v1/", "4:memory:/x\n2:cpu:/bench\n", 0},
		{"v1/", "2:cpu,cpuacct:/bench\n", 0}, // mounted as cpu here
		{"v1/", "nonsense\n1:\n", -1},
	} {
		root := recorded(t, "cgroup", c.prefix)
		root["proc/self/cgroup"] = &fstest.MapFile{Data: []byte(c.own)}
		if got := find(Recorded(root), nil).stopped(); got != c.want {
			t.Errorf("%s with %q: %d times throttled, want %d", c.prefix, c.own, got, c.want)
		}
	}
}

func TestRunningSystem(t *testing.T) {
	d, err := Identify(Here())
	if err != nil {
		t.Fatal(err)
	}
	if d.Arch != runtime.GOARCH || d.OS != runtime.GOOS || d.Cores < 1 || d.Memory < 1<<20 || d.Class == "" || len(d.ID) != 12 {
		t.Errorf("this device: %+v", d)
	}
	before := Observe(Here())
	for begun := time.Now(); time.Since(begun) < 100*time.Millisecond; {
	}
	after := Observe(Here())
	if after.CPUs < 1 || after.FreeMem < 1<<20 || after.Busy <= 0 {
		t.Errorf("this condition: %+v", after)
	}
	if used := after.Own - before.Own; runtime.GOOS != "windows" && (used < 0.01 || used > 60) {
		t.Errorf("this process used %v s while it span for 0.1 s", used)
	}
}

// FuzzReaders feeds anything to the readers of files whose form is not ours.
func FuzzReaders(f *testing.F) {
	for _, name := range []string{"rpi5", "cgroup", "jetson-orin-nx"} {
		root := recorded(f, name, "")
		f.Add(text(root, "proc/cpuinfo"), text(root, "proc/stat"), "0::/a/../b\n", text(root, "sys/devices/system/cpu/online"))
	}
	f.Add("processor", "cpu  1 2 3 4 5 6 7", "2:cpu:/\x00", "0-99999999999")
	f.Fuzz(func(t *testing.T, cpuinfo, stat, cgroup, online string) {
		root := fstest.MapFS{}
		for path, s := range map[string]string{
			"proc/cpuinfo": cpuinfo, "proc/stat": stat, "proc/self/cgroup": cgroup, "sys/devices/system/cpu/online": online,
			"proc/device-tree/compatible": cpuinfo, "etc/nv_tegra_release": stat, "sys/fs/cgroup/cpu.stat": cgroup,
			"sys/devices/platform/soc/soc:firmware/get_throttled": online, "sys/kernel/mm/transparent_hugepage/enabled": cgroup,
			"proc/pressure/cpu": stat, "proc/loadavg": stat, "proc/meminfo": cgroup, "proc/device-tree/system/linux,revision": online,
			"sys/fs/cgroup/cpu.max": online, "sys/fs/cgroup/memory.max": online, "sys/fs/cgroup/memory.current": cgroup, "sys/fs/cgroup/memory.stat": cgroup,
		} {
			root[path] = &fstest.MapFile{Data: []byte(s)}
		}
		c := Observe(Recorded(root))
		d, err := Identify(Recorded(root))
		if err == nil && (len(d.ID) != 12 || d.Cores < 0) {
			t.Errorf("%+v", d)
		}
		Compare(c, During{}, c)
		Checklist(d, c, During{})
		if c.FreeMem < 0 || c.Waited < 0 && c.Waited != -1 {
			t.Errorf("%+v", c)
		}
		if stolen([]byte(stat), []int{0}) < 0 {
			t.Errorf("negative time stolen of %q", stat)
		}
	})
}

func TestProbe(t *testing.T) {
	const text = "cpu  10 0 10 100 0 0 0 77 0 0\ncpu0 1 0 1 10 0 0 0 30 0 0\ncpu1 1 0 1 10 0 0 0 47 0 0\ncpu10 0 0 0 0 0 0 0 5\nintr 123 cpu1\n"
	for _, c := range []struct {
		cpus []int
		want int64
	}{{nil, 77}, {[]int{0}, 30}, {[]int{1}, 47}, {[]int{0, 1}, 77}, {[]int{10}, 5}, {[]int{2}, 0}} {
		if got := stolen([]byte(text), c.cpus); got != c.want {
			t.Errorf("CPUs %v: %d ticks stolen, want %d", c.cpus, got, c.want)
		}
	}
	for _, bad := range []string{"", "cpu", "cpu0 1 2 3", "cpu0 a b c d e f g h", "cpu0 99999999999999999999"} {
		if got := stolen([]byte(bad), []int{0}); got != 0 {
			t.Errorf("%q: %d ticks stolen", bad, got)
		}
	}

	clock := filepath.Join(t.TempDir(), "scaling_cur_freq")
	if err := os.WriteFile(clock, []byte("1800000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(clock)
	if err != nil {
		t.Fatal(err)
	}
	p := NewProbe([]int{0})
	p.clocks, p.files = append(p.clocks[:0], file), append(p.files, file)
	if steal, mhz := p.Read(); mhz != 1800 || steal < 0 {
		t.Errorf("read %v s, %v MHz, want 1800 MHz", steal, mhz)
	}
	if n := testing.AllocsPerRun(100, func() { p.Read() }); n != 0 {
		t.Errorf("a reading allocates %v times", n)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if steal, mhz := p.Read(); steal != 0 || mhz != 0 {
		t.Errorf("a closed probe reads %v, %v", steal, mhz)
	}
}
