package energy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// A perfOpener opens one event of a performance monitoring unit, for all
// processes on one CPU. Its errors wrap fs.ErrPermission where only the right
// is missing, and errors.ErrUnsupported on other systems than Linux.
type perfOpener func(unit uint32, config uint64, cpu int) (perfEvent, error)

// A perfEvent is an open counter.
type perfEvent interface {
	Count() (uint64, error)
	io.Closer
}

const perfDir = "sys/bus/event_source/devices/power"

// perfRemedy lifts what keeps users from events of a whole CPU
// (Documentation/admin-guide/perf-security.rst and sysctl/kernel.rst:
// perf_event_paranoid from 1 on asks for CAP_PERFMON, Linux 5.8).
const perfRemedy = `sudo setcap cap_perfmon=ep "$(readlink -f "$(command -v assay)")" # or, for all users until the next start: sudo sysctl kernel.perf_event_paranoid=0`

// perfMeters finds RAPL's perf events: for every CPU that the unit names, of
// which there is one per package, an energy of the package and one of its
// memory. The kernel extends them to 64 bits, so they do not wrap.
func perfMeters(t tree, env Env, open perfOpener) ([]Meter, error) {
	if !t.has(perfDir + "/type") {
		return nil, nil
	}
	u, err := readPerfUnit(t)
	if err != nil {
		return nil, err
	}
	m := Meter{Name: "rapl", Scope: Package, Interval: raplInterval, Notes: []string{"read through perf events"}}
	psys := Meter{Name: "rapl/psys", Scope: Board, Interval: raplInterval, Notes: []string{psysNote, m.Notes[0]}}
	for _, e := range perfEvents {
		if !t.has(perfDir + "/events/" + e.name) {
			continue
		}
		if e.total == "" {
			m.Parts = append(m.Parts, Domain{e.domain, Counter})
			continue
		}
		sensors, err := u.sensors(t, env, open, e)
		if err != nil {
			Meter{Total: append(m.Total, psys.Total...)}.Close() // counters: nothing is lost with them
			return nil, err
		}
		if e.total == psys.Name {
			psys.Total = append(psys.Total, sensors...)
			continue
		}
		m.Total = append(m.Total, sensors...)
		if e.domain == "dram" {
			m.Notes = append(m.Notes, dramNote)
		}
	}
	return both(m, psys), nil
}

// perfEvents are the events of arch/x86/events/rapl.c, and the meter that adds
// each; "" for what lies in the package.
var perfEvents = []struct{ name, domain, total string }{
	{"energy-pkg", "package", "rapl"},
	{"energy-ram", "dram", "rapl"},
	{"energy-cores", "core", ""},
	{"energy-gpu", "uncore", ""},
	{"energy-psys", "psys", "rapl/psys"},
}

// A perfUnit is the unit "power" of the kernel.
type perfUnit struct {
	unit uint32
	cpus []int
}

func readPerfUnit(t tree) (u perfUnit, err error) {
	n, err := t.count(perfDir + "/type")
	if err != nil {
		return u, err
	}
	if n > 1<<31 {
		return u, fmt.Errorf("/%s/type: %d is no type of a unit", perfDir, n)
	}
	mask, err := t.text(perfDir + "/cpumask")
	if err != nil {
		return u, err
	}
	u.unit = uint32(n)
	if u.cpus, err = parseCPUs(mask); err != nil {
		return u, fmt.Errorf("/%s/cpumask: %w", perfDir, err)
	}
	return u, nil
}

// sensors opens an event on every CPU of the unit. psys is of the platform, so
// the first CPU is enough.
func (u perfUnit) sensors(t tree, env Env, open perfOpener, e struct{ name, domain, total string }) (out []Sensor, err error) {
	file := perfDir + "/events/" + e.name
	spec, err := t.text(file)
	if err != nil {
		return nil, err
	}
	config, err := parseEvent(spec)
	if err != nil {
		return nil, fmt.Errorf("/%s: %w", file, err)
	}
	unit, err := t.text(file + ".unit")
	if err == nil && unit != "Joules" {
		err = fmt.Errorf("/%s.unit: %q is not Joules", file, unit)
	}
	if err != nil {
		return nil, err
	}
	scale, err := t.number(file + ".scale")
	if err == nil && scale <= 0 {
		err = fmt.Errorf("/%s.scale: %v is no scale", file, scale)
	}
	if err != nil {
		return nil, err
	}
	cpus := u.cpus
	if e.domain == "psys" {
		cpus = cpus[:1]
	}
	for _, cpu := range cpus {
		ev, err := open(u.unit, config, cpu)
		if errors.Is(err, fs.ErrPermission) {
			err = denied{err, perfRemedy}
		}
		if err != nil {
			Meter{Total: out}.Close()
			return nil, fmt.Errorf("perf event %s on CPU %d: %w", e.name, cpu, err)
		}
		out = append(out, &gauge{
			domain: Domain{perfDomain(t, e.domain, cpu), Counter}, now: env.Now, close: ev.Close,
			value: func(context.Context) (float64, error) {
				n, err := ev.Count()
				return float64(n) * scale, err
			},
		})
	}
	return out, nil
}

// perfDomain names the domain of an event as powercap does: "package-0",
// "package-0/dram".
func perfDomain(t tree, domain string, cpu int) string {
	if domain == "psys" {
		return domain
	}
	name := fmt.Sprintf("package of CPU %d", cpu)
	dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology", cpu)
	if p, err := t.count(dir + "/physical_package_id"); err == nil {
		name = fmt.Sprintf("package-%d", p)
		if d, err := t.count(dir + "/die_id"); err == nil && d > 0 {
			name += fmt.Sprintf("-die-%d", d) // each die has counters of its own
		}
	}
	if domain == "package" {
		return name
	}
	return name + "/" + domain
}

// parseEvent reads "event=0x02", the only form that RAPL's events have
// (format/event: config:0-7).
func parseEvent(s string) (uint64, error) {
	value, ok := strings.CutPrefix(s, "event=")
	n, err := strconv.ParseUint(value, 0, 8)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is not an event of 8 bits", s)
	}
	return n, nil
}

// mostCPUs is the most that Linux can be built for (CONFIG_NR_CPUS).
const mostCPUs = 8192

// parseCPUs reads a list such as "0,18" or "0-1".
func parseCPUs(s string) (cpus []int, err error) {
	for part := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(part, "-")
		if !span {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 16)
		b, err2 := strconv.ParseUint(last, 10, 16)
		if err != nil || err2 != nil || b < a || len(cpus)+int(b-a) >= mostCPUs {
			return nil, fmt.Errorf("%q is not a list of CPUs", s)
		}
		for ; a <= b; a++ {
			cpus = append(cpus, int(a))
		}
	}
	return cpus, nil
}
