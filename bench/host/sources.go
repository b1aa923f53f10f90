package host

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sources are the files of a device's changing state, found once: a look at
// them is then cheap enough to be had between blocks.
type sources struct {
	sys       System
	clocks    []string // scaling_cur_freq of the CPUs looked at
	limits    []string // scaling_max_freq of the same
	governors []string
	zones     []zone
	throttles []counter
	oc3       []string
	firmware  string // get_throttled in sysfs, "" where there is none
	alarm     string // rpi_volt's under-voltage alarm, "" where there is none
	pi        bool   // vcgencmd may know what sysfs does not tell
	quotas    []string

	asked time.Duration // wall time that commands took
}

// A zone is one temperature sensor.
type zone struct{ name, file string }

// A counter counts throttle events. Those of one group are the same events,
// counted by each CPU of a package: the highest stands for all.
type counter struct{ group, file string }

// find finds the sources of the given CPUs, of all if there are none.
func find(sys System, cpus []int) *sources {
	root := sys.FS
	s := &sources{sys: sys, quotas: quotaFiles(root)}
	dirs := Glob(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq")
	for _, dir := range dirs {
		n, err := strconv.Atoi(strings.TrimPrefix(path.Base(path.Dir(dir)), "cpu"))
		if len(cpus) > 0 && (err != nil || !slices.Contains(cpus, n)) {
			continue
		}
		s.clocks = append(s.clocks, dir+"/scaling_cur_freq")
		s.limits = append(s.limits, dir+"/scaling_max_freq")
		s.governors = append(s.governors, dir+"/scaling_governor")
	}
	s.thermal(root)
	s.throttling(root)
	for _, p := range Glob(root, "sys/devices/platform/soc*/soc*:firmware/get_throttled") {
		s.firmware = p
	}
	s.pi = strings.HasPrefix(text(root, "proc/device-tree/compatible"), "raspberrypi,")
	return s
}

// thermal finds every thermal zone and every hwmon temperature. Both: a board
// may show some sensors here only and some there only.
func (s *sources) thermal(root fs.FS) {
	add := func(name, file string) {
		if name == "" {
			return
		}
		if slices.ContainsFunc(s.zones, func(z zone) bool { return z.name == name }) {
			name += " " + path.Base(path.Dir(file))
		}
		s.zones = append(s.zones, zone{name, file})
	}
	for _, dir := range Glob(root, "sys/class/thermal/thermal_zone*") {
		add(text(root, dir+"/type"), dir+"/temp")
	}
	for _, file := range Glob(root, "sys/class/hwmon/hwmon*/temp*_input") {
		name := text(root, path.Dir(file)+"/name")
		if label := text(root, strings.TrimSuffix(file, "_input")+"_label"); label != "" {
			name += " " + label
		}
		add(name, file)
	}
}

// throttling finds what counts throttle events: x86 cores and packages (Linux,
// arch/x86/kernel/cpu/mce/therm_throt.c) and Jetson's over-current events. oc1
// and oc2 are the supply's; oc3 is the average power of the module and climbs
// in normal use at full power, so that it is kept apart.
func (s *sources) throttling(root fs.FS) {
	for _, dir := range Glob(root, "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle") {
		cpu := path.Dir(dir)
		s.throttles = append(s.throttles,
			counter{cpu, dir + "/core_throttle_count"},
			counter{"package " + text(root, cpu+"/topology/physical_package_id"), dir + "/package_throttle_count"})
	}
	for _, name := range Glob(root, "sys/class/hwmon/hwmon*/name") {
		dir := path.Dir(name)
		switch text(root, name) {
		case "soctherm_oc":
			s.throttles = append(s.throttles, counter{dir + " oc1", dir + "/oc1_event_cnt"}, counter{dir + " oc2", dir + "/oc2_event_cnt"})
			s.oc3 = append(s.oc3, dir+"/oc3_event_cnt")
		case "rpi_volt":
			s.alarm = dir + "/in0_lcrit_alarm"
		}
	}
}

// reachable is the highest clock that the CPUs may reach, in MHz; 0 if unknown.
// That is scaling_max_freq, except where intel_pstate's turbo is off: older
// kernels leave turbo's clock there, and base_frequency says what is left of it
// (Linux, Documentation/admin-guide/pm/intel_pstate.rst).
func (s *sources) reachable() float64 {
	if v := text(s.sys.FS, "sys/devices/system/cpu/intel_pstate/no_turbo"); v != "1" {
		return meanKHz(s.sys.FS, s.limits)
	}
	var base []string
	for _, f := range s.limits {
		base = append(base, path.Dir(f)+"/base_frequency")
	}
	b := meanKHz(s.sys.FS, base)
	return min(b, meanKHz(s.sys.FS, s.limits))
}

// celsius reads the sensors. Some answer EAGAIN while their part of the chip
// is asleep (Jetson's cv*): they are left out.
func (s *sources) celsius() map[string]float64 {
	out := map[string]float64{}
	for _, z := range s.zones {
		if v, ok := number(s.sys.FS, z.file); ok {
			out[z.name] = v / 1000
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// throttled sums what the hardware counted since boot, −1 where nothing counts.
func (s *sources) throttled() int64 {
	highest := map[string]float64{}
	for _, c := range s.throttles {
		if v, ok := number(s.sys.FS, c.file); ok {
			highest[c.group] = max(highest[c.group], v)
		}
	}
	if len(highest) == 0 {
		return -1
	}
	n := 0.0
	for _, v := range highest {
		n += v
	}
	return int64(n)
}

// sum adds up the files that hold a number.
func (s *sources) sum(files []string) int64 {
	n := 0.0
	for _, f := range files {
		if v, ok := number(s.sys.FS, f); ok {
			n += v
		}
	}
	return int64(n)
}

// flags reads Raspberry Pi's get_throttled, and who told it; "" if nobody did.
// Bits 0–3 are now, 16–19 since boot (Raspberry Pi documentation, "vcgencmd").
// The file in sysfs holds hexadecimal without 0x and is deprecated; where it is
// gone, vcgencmd says the same as "throttled=0x50005". rpi_volt's alarm is
// added: its driver asks every 2 s and clears the bits since boot as it does
// (Linux, drivers/hwmon/raspberrypi-hwmon.c), so that it alone may have seen
// an under-voltage of the last 2 s.
func (s *sources) flags() (bits uint32, by string, err error) {
	if v, e := strconv.ParseUint(text(s.sys.FS, s.firmware), 16, 32); s.firmware != "" && e == nil {
		bits, by = uint32(v), "sysfs"
	}
	if by == "" && s.pi {
		begun := time.Now()
		var out []byte
		if out, err = s.sys.Run(context.Background(), "vcgencmd", "get_throttled"); err == nil {
			if bits, err = parseThrottled(string(out)); err == nil {
				by = "vcgencmd"
			}
		}
		s.asked += time.Since(begun)
	}
	if v, ok := number(s.sys.FS, s.alarm); s.alarm != "" && ok {
		if v != 0 {
			bits |= 1
		}
		if by == "" {
			by = "rpi_volt"
		}
	}
	return bits, by, err
}

// parseThrottled reads "throttled=0x50005".
func parseThrottled(s string) (uint32, error) {
	hex, ok := strings.CutPrefix(strings.TrimSpace(s), "throttled=0x")
	v, err := strconv.ParseUint(hex, 16, 32)
	if !ok || err != nil {
		return 0, fmt.Errorf("vcgencmd get_throttled: %.40q is not of the form throttled=0x0", s)
	}
	return uint32(v), nil
}

// stopped sums nr_throttled over our cgroup and its ancestors, −1 where none
// is found.
func (s *sources) stopped() int64 {
	n, known := 0.0, false
	for _, f := range s.quotas {
		if v, ok := fields(s.sys.FS, f)["nr_throttled"]; ok {
			n, known = n+v, true
		}
	}
	if !known {
		return -1
	}
	return int64(n)
}
