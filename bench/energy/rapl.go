package energy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

func init() { Register("rapl", RankCounter, raplProbe(openPerf)) }

// raplInterval is how often the processor renews its counters (Intel SDM vol.
// 3B, "RAPL Interfaces": about 1 ms).
const raplInterval = time.Millisecond

// raplProbe finds the processor's own energy counters (RAPL): through powercap,
// where that may not be read through perf events, and else through the
// amd_energy driver of older kernels. All three show the same registers.
func raplProbe(open perfOpener) Probe {
	return func(_ context.Context, env Env) ([]Meter, error) {
		t := tree{env.System.FS}
		zones, err := powercapZones(t)
		if err == nil && len(zones) > 0 {
			var ms []Meter
			if ms, err = powercapMeters(t, env, zones); err == nil {
				return noteAMD(t, ms), nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		ms, perfErr := perfMeters(t, env, open)
		if len(ms) > 0 {
			return ms, nil
		}
		ms, amdErr := amdMeters(t, env)
		if len(ms) > 0 {
			return ms, nil
		}
		return nil, notReadable(err, cmp.Or(perfErr, amdErr))
	}
}

// notReadable joins why neither powercap nor a substitute can be read. The
// remedy is powercap's, which needs no right beyond reading its files.
func notReadable(powercap, others error) error {
	if powercap == nil {
		return others
	}
	remedy := cmp.Or(RemedyOf(powercap), powercapRemedy)
	if others != nil {
		powercap = fmt.Errorf("%w; %w", powercap, others)
	}
	return denied{powercap, remedy}
}

// powercapRemedy lets a group read the counters. They are for root alone since
// Linux 5.10, because whoever reads them fast learns about the work of others
// (CVE-2020-8694): hence a group and not everybody. The class has no device
// nodes, so that udev's GROUP and MODE do not reach it (udev(7)); RUN does.
const powercapRemedy = `sudo groupadd -f energy && sudo usermod -aG energy "$USER" && ` +
	`echo 'ACTION=="add|change", SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", ` +
	`RUN+="/bin/chgrp energy /sys%p/energy_uj", RUN+="/bin/chmod 0440 /sys%p/energy_uj"' | ` +
	`sudo tee /etc/udev/rules.d/70-assay-rapl.rules && ` +
	`sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=powercap # then log in again`

// hiddenRemedy is for containers: their engines put an empty folder over
// /sys/devices/virtual/powercap, to which the zones of the class are links.
const hiddenRemedy = "outside of the container all is there; or: docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=/sys/devices/virtual/powercap"

// A zone is a power zone of powercap (Documentation/power/powercap).
type zone struct {
	dir  string // "sys/class/powercap/intel-rapl:0:1"
	name string // "dram"
	of   string // name of the zone that it lies in, "" at the top
}

// title is the name of the zone's domain: "package-0", "package-0/dram".
func (z zone) title() string {
	if z.of == "" {
		return z.name
	}
	return z.of + "/" + z.name
}

// powercapZones lists the zones of RAPL, each once. intel-rapl-mmio shows by
// memory-mapped registers the packages that intel-rapl shows by MSRs; it
// counts only where it is alone.
func powercapZones(t tree) ([]zone, error) {
	var zones []zone
	seen := map[string]bool{}
	for _, driver := range []string{"intel-rapl", "intel-rapl-mmio"} {
		names := map[string]string{} // by number: "0" is "package-0"
		for _, dir := range t.glob("sys/class/powercap/" + driver + ":*") {
			if !t.has(dir) { // a link to what is not there
				return nil, denied{fmt.Errorf("/%s is hidden: %w", dir, fs.ErrPermission), hiddenRemedy}
			}
			name, err := t.text(dir + "/name")
			if err != nil {
				return nil, err
			}
			number := strings.TrimPrefix(path.Base(dir), driver+":")
			z := zone{dir: dir, name: name}
			if i := strings.LastIndexByte(number, ':'); i >= 0 {
				z.of = names[number[:i]]
				if z.of == "" {
					continue // its parent has been seen by the other driver
				}
			} else if seen[name] {
				continue
			}
			names[number] = z.title()
			seen[z.title()] = true
			zones = append(zones, z)
		}
	}
	return zones, nil
}

// powercapMeters makes the meters: packages with their memory, and psys.
// Core and uncore lie in their package, so they are named and not added;
// memory does not (Intel SDM vol. 3B, "RAPL Interfaces": the package is the
// die, the memory domain is the memory attached to it).
func powercapMeters(t tree, env Env, zones []zone) ([]Meter, error) {
	m := Meter{Name: "rapl", Scope: Package, Interval: raplInterval}
	psys := Meter{Name: "rapl/psys", Scope: Board, Interval: raplInterval, Notes: []string{psysNote}}
	var dram bool
	for _, z := range zones {
		total := &m
		switch {
		case z.name == "psys": // psys-1 of a second socket is no more of the platform
			total = &psys
		case z.name == "dram":
			dram = true
		case z.of != "" || !strings.HasPrefix(z.name, "package"):
			m.Parts = append(m.Parts, Domain{z.title(), Counter})
			continue
		}
		s, err := newPowercap(t, env, z)
		if err != nil {
			return nil, err
		}
		total.Total = append(total.Total, s)
	}
	if dram {
		m.Notes = append(m.Notes, dramNote)
	}
	return both(m, psys), nil
}

const (
	dramNote = "memory (dram) is added: it is not part of the package"
	psysNote = "psys meters the platform as far as the maker of the board has wired it: compare it with a meter at the plug once"
)

// both returns the two meters of RAPL, or that which there is. Each names the
// other's domains: psys holds the packages.
func both(m, psys Meter) (out []Meter) {
	m.Parts, psys.Parts = append(m.Parts, domains(psys.Total)...), domains(m.Total)
	for _, m := range []Meter{m, psys} {
		if len(m.Total) > 0 {
			out = append(out, m)
		}
	}
	return out
}

func domains(sensors []Sensor) (out []Domain) {
	for _, s := range sensors {
		out = append(out, s.Domain())
	}
	return out
}

// newPowercap opens the counter of one zone and reads it once.
func newPowercap(t tree, env Env, z zone) (Sensor, error) {
	span, err := t.count(z.dir + "/max_energy_range_uj")
	if err != nil {
		return nil, err
	}
	first, err := t.count(z.dir + "/energy_uj")
	if err != nil {
		return nil, err
	}
	c := wrapping{span: span, last: first, total: first, at: env.Now()}
	return &gauge{domain: Domain{z.title(), Counter}, now: env.Now, value: func(context.Context) (float64, error) {
		now, err := t.count(z.dir + "/energy_uj")
		if err != nil {
			return 0, err
		}
		if err := c.add(now, env.Now()); err != nil {
			return 0, fmt.Errorf("/%s/energy_uj: %w", z.dir, err)
		}
		return float64(c.total) * 1e-6, nil
	}}, nil
}

// A wrapping hides the wrap-around of a counter of µJ. It must be fed more
// often than the counter wraps: 262 kJ last 22 minutes at 200 W, AMD's 65 kJ 5.
type wrapping struct {
	span  uint64 // the highest value, max_energy_range_uj
	last  uint64
	total uint64
	at    time.Duration // of last
	lost  error         // once a counter has been set back, its total is wrong for ever
}

// Bounds on what a processor can have used between two readings: no socket
// draws 10 kW; 100 J allow for a counter that renews late.
const (
	mostMicrowatts  = 10e9
	slackMicrojoule = 100e6
)

// add takes the next value. A value below the last one is a wrap (ABI:
// max_energy_range_uj), unless that would mean an impossible power: then the
// counter was set back, as suspend does, and what was used is not known.
func (c *wrapping) add(now uint64, at time.Duration) error {
	if c.lost != nil {
		return c.lost
	}
	used := now - c.last
	if now < c.last {
		used += c.span // modulo 2⁶⁴
		if most := mostMicrowatts*max(0, at-c.at).Seconds() + slackMicrojoule; c.last > c.span || float64(used) > most {
			c.lost = fmt.Errorf("the counter fell from %d to %d µJ and did not wrap (at %d): it was set back", c.last, now, c.span)
			return c.lost
		}
	}
	c.last, c.total, c.at = now, c.total+used, at
	return nil
}
