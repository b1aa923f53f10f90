package energy

import (
	"errors"
	"io/fs"
	"testing"
)

// TestOpenPerf opens a real event: PERF_COUNT_SW_CPU_CLOCK of the unit of
// software events, which counts the nanoseconds of CPU 0 as long as it is open.
func TestOpenPerf(t *testing.T) {
	a := serverPerf()
	a.set(perfDir+"/type", "1")
	a.set(perfDir+"/cpumask", "0")
	for _, e := range []string{"energy-ram", "energy-psys", "energy-cores"} {
		a.remove(perfDir + "/events/" + e)
	}
	a.set(perfDir+"/events/energy-pkg", "event=0x00")
	a.set(perfDir+"/events/energy-pkg.scale", "1e-9")
	ms, err := raplProbe(openPerf)(t.Context(), a.env())
	switch {
	case errors.Is(err, fs.ErrPermission):
		if RemedyOf(err) != perfRemedy {
			t.Errorf("denied without the remedy: %v", err)
		}
		t.Skip("this system does not let us: " + err.Error())
	case err != nil:
		t.Skip("this system has no perf events: " + err.Error())
	}
	s := ms[0].Total[0]
	first := reads(t, s)
	last := first
	for i := 0; i < 1000 && last == first; i++ {
		last = reads(t, s)
	}
	if last <= first {
		t.Errorf("the counter stands at %v", last)
	}
	if err := ms[0].Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(t.Context()); err == nil {
		t.Error("read after Close")
	}
}

// TestOpenPerfNone asks for a unit that no kernel has.
func TestOpenPerfNone(t *testing.T) {
	if _, err := openPerf(1<<30, 2, 0); err == nil {
		t.Error("opened")
	}
}
