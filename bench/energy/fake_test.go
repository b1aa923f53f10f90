package energy

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A fake sensor shows what f says at a time of the test's own clock, held for
// the length of a period.
type fake struct {
	kind   Kind
	period time.Duration
	now    func() time.Duration
	f      func(at time.Duration) (float64, error)
	cost   time.Duration // that a reading takes
	closed bool
}

func (f *fake) Domain() Domain { return Domain{"fake", f.kind} }
func (f *fake) Close() error   { f.closed = true; return nil }

func (f *fake) Read(context.Context) (Reading, error) {
	time.Sleep(f.cost)
	at := f.now()
	shown := at
	if f.period > 0 {
		shown = at - at%f.period
	}
	v, err := f.f(shown)
	return Reading{At: at, Value: v}, err
}

func meterOf(f *fake) Meter {
	return Meter{Name: "fake", Scope: Board, Total: []Sensor{f}}
}

// clocked runs f in a bubble in which time passes only while all wait.
func clocked(t *testing.T, f func(t *testing.T, now func() time.Duration)) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		f(t, func() time.Duration { return time.Since(begun) })
	})
}

var errGone = errors.New("gone")

func rising(at time.Duration) (float64, error) { return 5 * at.Seconds(), nil }

func TestPeriod(t *testing.T) {
	for _, c := range []struct {
		name     string
		period   time.Duration
		stated   time.Duration
		f        func(time.Duration) (float64, error)
		want     time.Duration
		measured bool
		within   time.Duration // that it took at most
	}{
		{"fast", 2 * time.Millisecond, 0, rising, 2 * time.Millisecond, true, time.Second},
		{"slower than stated", 100 * time.Millisecond, time.Millisecond, rising, 100 * time.Millisecond, true, 3 * time.Second},
		{"a plug", time.Second, time.Second, rising, time.Second, true, 7 * time.Second},
		{"a plug that states nothing", time.Second, 0, rising, time.Second, true, 7 * time.Second},
		{"constant, stated", 0, 250 * time.Millisecond, func(time.Duration) (float64, error) { return 3, nil }, 250 * time.Millisecond, false, 7 * time.Second},
		{"constant, nothing stated", 0, 0, func(time.Duration) (float64, error) { return 3, nil }, time.Second, false, 7 * time.Second},
		{"every fifth value cannot be read", 100 * time.Millisecond, 0, func(at time.Duration) (float64, error) {
			if int(at/(100*time.Millisecond))%5 == 0 {
				return 0, errGone
			}
			return at.Seconds(), nil
		}, 100 * time.Millisecond, true, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			clocked(t, func(t *testing.T, now func() time.Duration) {
				m := meterOf(&fake{kind: Power, period: c.period, now: now, f: c.f})
				m.Interval = c.stated
				r, err := m.Period(context.Background(), now)
				if err != nil || r.Measured != c.measured || (r.Note == "") != c.measured {
					t.Errorf("%+v, %v", r, err)
				}
				if r.Period < c.want-c.want/5 || r.Period > c.want+c.want/5 {
					t.Errorf("period %v, want %v", r.Period, c.want)
				}
				if now() > c.within {
					t.Errorf("it took %v", now())
				}
			})
		})
	}
	clocked(t, func(t *testing.T, now func() time.Duration) {
		m := meterOf(&fake{kind: Power, now: now, f: func(time.Duration) (float64, error) { return 0, errGone }})
		if _, err := m.Period(context.Background(), now); !errors.Is(err, errGone) {
			t.Errorf("nothing can be read: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if _, err := m.Period(ctx, now); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
