package host

import (
	"io/fs"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
)

// userHZ is the unit of /proc/stat: ticks per second, 100 on every
// architecture that Go runs on (proc(5); sysconf(_SC_CLK_TCK)).
const userHZ = 100

// Observe reads the condition of the device sys. What cannot be read is left
// unknown: it never fails.
func Observe(sys System) Condition {
	root := sys.FS
	const cpus = "sys/devices/system/cpu/"
	info := readCPU(root)
	c := Condition{
		At:        time.Now(),
		CPUs:      cpuList(text(root, cpus+"online")),
		Governor:  each(root, cpus+"cpu[0-9]*/cpufreq/scaling_governor"),
		Driver:    each(root, cpus+"cpu[0-9]*/cpufreq/scaling_driver"),
		MHz:       meanKHz(root, cpus+"cpu[0-9]*/cpufreq/scaling_cur_freq"),
		MaxMHz:    meanKHz(root, cpus+"cpu[0-9]*/cpufreq/scaling_max_freq"),
		Celsius:   celsius(root),
		Throttled: throttled(root),
		Firmware:  firmware(root),
		Quota:     quota(root),
	}
	if c.CPUs == 0 {
		c.CPUs = info.cores
	}
	if c.MHz == 0 {
		c.MHz = info.mhz
	}
	c.Busy, c.Steal = cpuTimes(root)
	if f := strings.Fields(text(root, "proc/loadavg")); len(f) > 0 {
		c.Load1, _ = float(f[0])
	}
	if sys.live() {
		c.ask()
	}
	return c
}

// ask adds what gopsutil reads on every system.
func (c *Condition) ask() {
	c.Own = ownTime()
	if c.CPUs == 0 {
		c.CPUs = runtime.NumCPU()
	}
	if m, err := mem.VirtualMemory(); err == nil {
		c.FreeMem = int64(m.Available)
	}
	if s, err := mem.SwapMemory(); err == nil {
		c.SwapUsed = int64(s.Used)
	}
	if c.Busy > 0 {
		return // Linux: all the rest is read
	}
	if t, err := cpu.Times(false); err == nil && len(t) > 0 {
		c.Busy = t[0].User + t[0].Nice + t[0].System + t[0].Irq + t[0].Softirq
	}
	if l, err := load.Avg(); err == nil {
		c.Load1 = l.Load1
	}
}

// meanKHz is the mean of cpufreq files (kHz) in MHz, 0 if there are none.
func meanKHz(root fs.FS, pattern string) float64 {
	sum, n := 0.0, 0
	for _, p := range glob(root, pattern) {
		if v, ok := number(root, p); ok && v > 0 {
			sum += v / 1000
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// celsius reads every thermal zone and every hwmon temperature. Both are read:
// a board may show some sensors here only and some there only.
func celsius(root fs.FS) map[string]float64 {
	out := map[string]float64{}
	add := func(name, file string) {
		v, ok := number(root, file)
		if !ok || name == "" {
			return
		}
		if _, twice := out[name]; twice {
			name += " " + path.Base(path.Dir(file))
		}
		out[name] = v / 1000
	}
	for _, dir := range glob(root, "sys/class/thermal/thermal_zone*") {
		add(text(root, dir+"/type"), dir+"/temp")
	}
	for _, file := range glob(root, "sys/class/hwmon/hwmon*/temp*_input") {
		name := text(root, path.Dir(file)+"/name")
		if label := text(root, strings.TrimSuffix(file, "_input")+"_label"); label != "" {
			name += " " + label
		}
		add(name, file)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// throttled sums what the hardware counted since boot: x86 core and package
// throttling (Linux, arch/x86/kernel/cpu/mce/therm_throt.c; a package counts
// once, although each of its CPUs shows it) and Jetson's over-current events
// oc1 and oc2 (oc3 climbs in normal use at full power). −1 where nothing counts.
func throttled(root fs.FS) int64 {
	n, known := 0.0, false
	packages := map[string]float64{}
	for _, dir := range glob(root, "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle") {
		if v, ok := number(root, dir+"/core_throttle_count"); ok {
			n, known = n+v, true
		}
		if v, ok := number(root, dir+"/package_throttle_count"); ok {
			id := text(root, path.Dir(dir)+"/topology/physical_package_id")
			packages[id], known = max(packages[id], v), true
		}
	}
	for _, v := range packages {
		n += v
	}
	for _, name := range glob(root, "sys/class/hwmon/hwmon*/name") {
		if text(root, name) != "soctherm_oc" {
			continue
		}
		for _, oc := range []string{"/oc1_event_cnt", "/oc2_event_cnt"} {
			if v, ok := number(root, path.Dir(name)+oc); ok {
				n, known = n+v, true
			}
		}
	}
	if !known {
		return -1
	}
	return int64(n)
}

// firmware reads Raspberry Pi's get_throttled: hexadecimal without 0x (Linux,
// drivers/firmware/raspberrypi.c). 0 where there is none.
func firmware(root fs.FS) uint32 {
	for _, p := range glob(root, "sys/devices/platform/soc*/soc*:firmware/get_throttled") {
		if v, err := strconv.ParseUint(text(root, p), 16, 32); err == nil {
			return uint32(v)
		}
	}
	return 0
}

// cpuTimes returns the CPU seconds used and stolen since boot: fields 1–3, 6,
// 7 and 8 of the first line of /proc/stat (proc(5)).
func cpuTimes(root fs.FS) (busy, steal float64) {
	line, _, _ := strings.Cut(text(root, "proc/stat"), "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, 0
	}
	for i, s := range f[1:9] {
		v, ok := float(s)
		switch {
		case !ok:
			return 0, 0
		case i == 7:
			steal = v / userHZ
		case i != 3 && i != 4: // idle and iowait
			busy += v / userHZ
		}
	}
	return busy, steal
}

// quota sums nr_throttled over our cgroup and its ancestors, whose quotas
// bind us too; both versions of cgroups. −1 where none is found.
func quota(root fs.FS) int64 {
	n, known := 0.0, false
	for line := range strings.Lines(text(root, "proc/self/cgroup")) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		var mounts []string
		switch controllers := "," + f[1] + ","; {
		case f[1] == "":
			mounts = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}
		case strings.Contains(controllers, ",cpu,"):
			mounts = []string{"sys/fs/cgroup/" + f[1], "sys/fs/cgroup/cpu"}
		}
		for _, m := range mounts {
			v, ok := throttledIn(root, m, f[2])
			if ok {
				n, known = n+v, true
				break
			}
		}
	}
	if !known {
		return -1
	}
	return int64(n)
}

// throttledIn sums over a group and its ancestors under one mount. In a
// container the group's path may be that of the host: only what exists counts.
func throttledIn(root fs.FS, mount, group string) (n float64, known bool) {
	if group = path.Clean("/" + group); len(group) > 4096 { // PATH_MAX: no group has such a name
		return 0, false
	}
	for {
		if v, ok := fields(root, mount+strings.TrimSuffix(group, "/")+"/cpu.stat")["nr_throttled"]; ok {
			n, known = n+v, true
		}
		if group == "/" {
			return n, known
		}
		group = path.Dir(group)
	}
}
