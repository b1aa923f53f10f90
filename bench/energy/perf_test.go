package energy

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// fakePerf stands for the kernel's unit "power", which virtual machines do not
// have: counts by event.
type fakePerf struct {
	counts map[uint64]uint64
	err    error
	opened *[]string
	closed *int
}

func (f fakePerf) open(unit uint32, config uint64, cpu int) (perfEvent, error) {
	if f.opened != nil {
		*f.opened = append(*f.opened, fmt.Sprintf("%d/%d on %d", unit, config, cpu))
	}
	if f.err != nil {
		return nil, f.err
	}
	n, ok := f.counts[config]
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return fakeEvent{n, f.closed}, nil
}

type fakeEvent struct {
	n      uint64
	closed *int
}

func (e fakeEvent) Count() (uint64, error) { return e.n, nil }

func (e fakeEvent) Close() error {
	if e.closed != nil {
		*e.closed++
	}
	return nil
}

// serverPerf is a machine of two sockets of which powercap shows nothing. The
// strings are those of arch/x86/events/rapl.c.
func serverPerf() *altering {
	a := treeOf(perfDir+"/type", "20", perfDir+"/cpumask", "0,18")
	for event, config := range map[string]string{"energy-pkg": "0x02", "energy-ram": "0x03", "energy-cores": "0x01", "energy-psys": "0x05"} {
		f := perfDir + "/events/" + event
		a.set(f, "event="+config)
		a.set(f+".scale", "2.3283064365386962890625e-10")
		a.set(f+".unit", "Joules")
	}
	for cpu, pkg := range map[string]string{"0": "0", "18": "1"} {
		a.set("sys/devices/system/cpu/cpu"+cpu+"/topology/physical_package_id", pkg)
		a.set("sys/devices/system/cpu/cpu"+cpu+"/topology/die_id", "0")
	}
	return a
}

func TestPerf(t *testing.T) {
	var opened []string
	closed := 0
	k := fakePerf{map[uint64]uint64{2: 3 << 32, 3: 1 << 31, 5: 9 << 32}, nil, &opened, &closed}
	ms, err := raplProbe(k.open)(t.Context(), serverPerf().env())
	if err != nil {
		t.Fatal(err)
	}
	got := describe(t, []Finding{{Kind: "rapl", Meters: ms}}) // closes them
	// 3 << 32 units of 2⁻³² J are 3 J
	const want = `rapl
  rapl (package): package-0 + package-1 + package-0/dram + package-1/dram
    package-0: counter at 3 J
    package-1: counter at 3 J
    package-0/dram: counter at 0.5 J
    package-1/dram: counter at 0.5 J
    part: core (counter)
    part: psys (counter)
    every 1ms
    note: read through perf events
    note: memory (dram) is added: it is not part of the package
  rapl/psys (board): psys
    psys: counter at 9 J
    part: package-0 (counter)
    part: package-1 (counter)
    part: package-0/dram (counter)
    part: package-1/dram (counter)
    every 1ms
    note: psys meters the platform as far as the maker of the board has wired it: compare it with a meter at the plug once
    note: read through perf events
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s := strings.Join(opened, ", "); s != "20/2 on 0, 20/2 on 18, 20/3 on 0, 20/3 on 18, 20/5 on 0" {
		t.Errorf("opened %s", s)
	}
	if closed != 5 {
		t.Errorf("closed %d of 5", closed)
	}
}

// TestPerfNames has dies with counters of their own, and a CPU whose place is
// not told.
func TestPerfNames(t *testing.T) {
	a := serverPerf()
	a.set(perfDir+"/cpumask", "0,18,24")
	a.set("sys/devices/system/cpu/cpu18/topology/physical_package_id", "0")
	a.set("sys/devices/system/cpu/cpu18/topology/die_id", "1")
	for _, e := range []string{"energy-ram", "energy-psys"} {
		a.remove(perfDir + "/events/" + e)
	}
	m := probes(t, raplProbe(fakePerf{counts: map[uint64]uint64{2: 1}}.open), a.env())
	if got, want := m.String(), "rapl (package): package-0 + package-0-die-1 + package of CPU 24"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestPerfPartly closes what it has opened when a later event is refused.
func TestPerfPartly(t *testing.T) {
	closed := 0
	k := fakePerf{counts: map[uint64]uint64{2: 1}, closed: &closed}
	ms, err := raplProbe(k.open)(t.Context(), serverPerf().env())
	if len(ms) != 0 || err == nil || !strings.Contains(err.Error(), "perf event energy-ram on CPU 0") || closed != 2 {
		t.Errorf("%v, %v, closed %d of 2", ms, err, closed)
	}
}

func TestPerfBroken(t *testing.T) {
	ev := perfDir + "/events/energy-pkg"
	for _, c := range []struct{ file, text, want string }{
		{perfDir + "/type", "many", `/type: "many" is not a count`},
		{perfDir + "/type", "18446744073709551615", "is no type of a unit"},
		{perfDir + "/cpumask", "0-", `/cpumask: "0-" is not a list of CPUs`},
		{perfDir + "/cpumask", "", "is not a list of CPUs"},
		{ev, "umask=0x02", `"umask=0x02" is not an event of 8 bits`},
		{ev, "event=0x200", "is not an event of 8 bits"},
		{ev + ".scale", "0", "0 is no scale"},
		{ev + ".scale", "-1", "-1 is no scale"},
		{ev + ".scale", "NaN", "is not a number"},
		{ev + ".unit", "Calories", `"Calories" is not Joules`},
	} {
		a := serverPerf()
		a.set(c.file, c.text)
		ms, err := raplProbe(fakePerf{counts: map[uint64]uint64{2: 1, 3: 1, 5: 1}}.open)(t.Context(), a.env())
		if len(ms) != 0 || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, %v; want %s", c.file, c.text, ms, err, c.want)
		}
	}
	a := serverPerf()
	a.fail(perfDir+"/cpumask", fs.ErrPermission)
	if _, err := raplProbe(noPerf)(t.Context(), a.env()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a mask that may not be read: %v", err)
	}
}

func FuzzPerfLists(f *testing.F) {
	for _, s := range []string{"0", "0,18", "0-3,8", "3-1", "event=0x02", "event=2", "event=0x02,umask=1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseEvent(s); err == nil && n > 255 {
			t.Errorf("event %d", n)
		}
		cpus, err := parseCPUs(s)
		if err == nil && len(cpus) == 0 {
			t.Error("no CPU and no error")
		}
		for _, c := range cpus {
			if c < 0 || c >= 1<<16 || len(cpus) > mostCPUs {
				t.Errorf("CPU %d", c)
			}
		}
	})
}
