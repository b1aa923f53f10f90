package energy

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"
)

// traced records a fake at 20 Hz for a minute of a clock of its own.
func traced(kind Kind, f func(at time.Duration) (float64, error)) Trace {
	var now time.Duration
	m := meterOf(&fake{kind: kind, now: func() time.Duration { return now }, f: f})
	m.Interval = 50 * time.Millisecond
	r := NewRecorder(m, 50*time.Millisecond)
	for ; now < time.Minute; now += 50 * time.Millisecond {
		r.Look(context.Background())
	}
	return r.End(context.Background())
}

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func TestTraceEnergy(t *testing.T) {
	ramp := func(at time.Duration) (float64, error) { return 2 + at.Seconds()/10, nil }
	for _, c := range []struct {
		name     string
		kind     Kind
		f        func(time.Duration) (float64, error)
		from, to float64
		want     float64
		err      string
	}{
		{"counter", Counter, rising, 10, 20, 50, ""},
		{"counter, edges between readings", Counter, rising, 10.03, 20.01, 49.9, ""},
		{"ramp, trapezoids are exact", Power, ramp, 10, 20, 35, ""},
		{"ramp, interpolated edges", Power, ramp, 10.03, 10.04, 0.0300350, ""},
		{"too early", Power, ramp, -1, 5, 0, "do not span the window"},
		{"too late", Power, ramp, 50, 70, 0, "do not span the window"},
		{"too late, counter", Counter, rising, 50, 70, 0, "no reading for 10s at its edge, at most 500ms"},
		{"no time", Power, ramp, 5, 5, 0, "is no time"},
		{"between two readings of a counter", Counter, rising, 10.01, 10.02, 0, "0 readings"},
		{"the counter goes back", Counter, func(at time.Duration) (float64, error) { return 60 - at.Seconds(), nil }, 10, 20, 0, "the counter went back from 50 to 49.95 J"},
		{"the counter stands", Counter, func(at time.Duration) (float64, error) { return 5, nil }, 10, 20, 0, "the counter stood still for 5"},
	} {
		j, edge, err := traced(c.kind, c.f).Energy(sec(c.from), sec(c.to))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
		if err == nil && (math.Abs(j-c.want) > 1e-6*c.want || edge < 0 || edge > 0.2) {
			t.Errorf("%s: %v J, edge %v, want %v J", c.name, j, edge, c.want)
		}
	}
}

// TestEvaluateSense: windows that make no sense are an error, not a figure.
func TestEvaluateSense(t *testing.T) {
	tr := traced(Counter, rising)
	a, l, b := Window{From: sec(0), To: sec(10)}, Window{From: sec(11), To: sec(20), Inferences: 9}, Window{From: sec(21), To: sec(30)}
	if j, err := Evaluate(tr, a, l, b); err != nil || j.Invalid != "" || !j.Below || math.Abs(j.Gross-5) > 1e-6 || math.Abs(j.Idle-5) > 1e-6 || math.Abs(j.Each-1) > 1e-9 {
		t.Errorf("5 W always: %+v, %v", j, err)
	}
	for _, c := range []struct {
		name    string
		a, l, b Window
		want    string
	}{
		{"no inferences", a, Window{From: l.From, To: l.To}, b, "0 inferences"},
		{"no length", a, Window{From: l.From, To: l.From, Inferences: 1}, b, "no length"},
		{"wrong order", b, l, a, "not in this order"},
	} {
		if _, err := Evaluate(tr, c.a, c.l, c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	short := Window{From: sec(11), To: sec(11.3), Inferences: 1}
	if j, err := Evaluate(tr, a, short, b); err != nil || !strings.Contains(j.Invalid, "a longer window is needed") {
		t.Errorf("six readings: %+v, %v", j, err)
	}
}

func TestNewSchedule(t *testing.T) {
	counter := Meter{Total: []Sensor{&fake{kind: Counter}}}
	power := Meter{Total: []Sensor{&fake{kind: Power}}}
	wall := Meter{Scope: Wall, Total: []Sensor{&fake{kind: Power}}}
	for _, c := range []struct {
		name                 string
		m                    Meter
		r                    Rate
		settle, idle, window time.Duration
		want                 Schedule
		notes                int
	}{
		{"counter, 1 kHz", counter, Rate{Period: time.Millisecond}, 0, 0, 0, Schedule{30 * time.Second, 30 * time.Second, time.Second, 10 * time.Second, 100 * time.Millisecond, nil}, 0},
		{"power, 10 Hz", power, Rate{Period: 100 * time.Millisecond}, 0, 0, 0, Schedule{30 * time.Second, 30 * time.Second, time.Second, 10 * time.Second, 50 * time.Millisecond, nil}, 0},
		{"power, 2 s", power, Rate{Period: 2 * time.Second}, 0, 0, 0, Schedule{30 * time.Second, 100 * time.Second, 6 * time.Second, 200 * time.Second, time.Second, nil}, 0},
		{"plug, 1 Hz", wall, Rate{Period: time.Second}, 0, 0, 0, Schedule{30 * time.Second, 50 * time.Second, 3 * time.Second, 120 * time.Second, 500 * time.Millisecond, nil}, 0},
		{"a reading takes 20 ms of CPU", power, Rate{Period: 100 * time.Millisecond, CPU: 20 * time.Millisecond}, 0, 0, 0, Schedule{30 * time.Second, 30 * time.Second, time.Second, 10 * time.Second, 400 * time.Millisecond, nil}, 0},
		{"the user's", power, Rate{Period: 100 * time.Millisecond}, time.Second, 2 * time.Second, time.Second, Schedule{time.Second, 2 * time.Second, 500 * time.Millisecond, time.Second, 50 * time.Millisecond, nil}, 2},
		{"longer than needed", power, Rate{Period: 100 * time.Millisecond}, 0, time.Minute, time.Minute, Schedule{30 * time.Second, time.Minute, time.Second, time.Minute, 50 * time.Millisecond, nil}, 0},
	} {
		got := NewSchedule(c.m, c.r, c.settle, c.idle, c.window)
		notes := got.Notes
		got.Notes = nil
		if got.Settle != c.want.Settle || got.Idle != c.want.Idle || got.Guard != c.want.Guard || got.Window != c.want.Window || got.Every != c.want.Every || len(notes) != c.notes {
			t.Errorf("%s: %+v, notes %q, want %+v", c.name, got, notes, c.want)
		}
	}
	s := Schedule{Settle: 30 * time.Second, Idle: 30 * time.Second, Guard: time.Second, Window: 10 * time.Second}
	if got, want := s.Total(6, 20), 6*61*time.Second+20*11*time.Second; got != want {
		t.Errorf("total %v, want %v", got, want)
	}
}
