package host

import (
	"fmt"
	"io/fs"
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
	info, src := readCPU(root), find(sys, nil)
	c := Condition{
		At:        time.Now(),
		CPUs:      cpuList(text(root, cpus+"online")),
		Governor:  distinct(root, src.governors),
		Driver:    each(root, cpus+"cpu[0-9]*/cpufreq/scaling_driver"),
		MHz:       meanKHz(root, src.clocks),
		MaxMHz:    meanKHz(root, src.limits),
		Celsius:   src.celsius(),
		Throttled: src.throttled(),
		OverPower: src.sum(src.oc3),
		Quota:     src.stopped(),
	}
	var err error
	if c.Firmware, c.FirmwareBy, err = src.flags(); err != nil {
		c.Notes = append(c.Notes, fmt.Sprintf("whether the firmware throttles is unknown: %v", err))
	}
	if c.PowerMode, err = powerMode(sys); err != nil {
		c.Notes = append(c.Notes, fmt.Sprintf("the power mode is unknown: %v", err))
	}
	if c.CPUs == 0 {
		c.CPUs = info.cores
	}
	if c.MHz == 0 {
		c.MHz = info.mhz
	}
	c.Busy, c.Steal = cpuTimes(root)
	c.Boost, c.Waited = boost(root), waited(root)
	if f := strings.Fields(text(root, "proc/loadavg")); len(f) > 3 {
		c.Load1, _ = float(f[0])
		running, _, _ := strings.Cut(f[3], "/")
		c.Running, _ = strconv.Atoi(running)
	}
	if sys.live() {
		c.ask()
	}
	if limit, free := memoryLimit(root); limit > 0 && (c.FreeMem == 0 || free < c.FreeMem) {
		c.FreeMem = free // the cgroup allows no more
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
func meanKHz(root fs.FS, files []string) float64 {
	sum, n := 0.0, 0
	for _, p := range files {
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

// waited returns the seconds since boot in which at least one task waited for
// a CPU: the total of "some avg10=0.00 … total=109244082", in µs (Linux,
// Documentation/accounting/psi.rst). −1 where the kernel does not say.
func waited(root fs.FS) float64 {
	for line := range strings.Lines(text(root, "proc/pressure/cpu")) {
		if !strings.HasPrefix(line, "some ") {
			continue
		}
		_, total, _ := strings.Cut(line, "total=")
		if v, ok := float(total); ok && v >= 0 {
			return v / 1e6
		}
	}
	return -1
}

// quotaFiles lists the cpu.stat of our cgroup and its ancestors, whose quotas
// bind us too; both versions of cgroups.
func quotaFiles(root fs.FS) []string {
	var out []string
	for _, dir := range groups(root, "cpu") {
		if _, ok := fields(root, dir+"/cpu.stat")["nr_throttled"]; ok {
			out = append(out, dir+"/cpu.stat")
		}
	}
	return out
}
