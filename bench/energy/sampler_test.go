package energy

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestSampler(t *testing.T) {
	clocked(t, func(t *testing.T, now func() time.Duration) {
		m := meterOf(&fake{kind: Power, period: 100 * time.Millisecond, now: now, cost: time.Millisecond, f: func(at time.Duration) (float64, error) {
			if at > 20*time.Second && at < 22*time.Second {
				return math.NaN(), nil
			}
			return 3 + 0.001*float64(at/(100*time.Millisecond)%7), nil
		}})
		m.Interval = 100 * time.Millisecond
		s := Start(context.Background(), m, 50*time.Millisecond, now)
		time.Sleep(15 * time.Second)
		if why := s.Trace().Silent(now() - time.Second); why != "" {
			t.Errorf("silent: %s", why)
		}
		time.Sleep(6900 * time.Millisecond)
		if why := s.Trace().Silent(now() - time.Second); !strings.Contains(why, "fake fell silent (") || !strings.Contains(why, "showed NaN") {
			t.Errorf("silent: %q", why)
		}
		time.Sleep(8100 * time.Millisecond)
		tr := s.Stop()
		if n := len(tr.Series[0].At); n < 270 || n > 290 { // 10 Hz in 28 s
			t.Errorf("%d values kept", n)
		}
		if tr.Reads < 560 || tr.Reads > 620 || tr.Errors < 35 || tr.Errors > 45 { // 20 Hz in 30 s, 2 s of them NaN
			t.Errorf("%d reads, %d errors", tr.Reads, tr.Errors)
		}
		if end := tr.Series[0].At[len(tr.Series[0].At)-1]; end < 30*time.Second {
			t.Errorf("the last reading is of %v", end)
		}
		if _, _, err := tr.Energy(time.Second, 10*time.Second); err != nil {
			t.Error(err)
		}
		if _, _, err := tr.Energy(time.Second, 25*time.Second); err == nil || !strings.Contains(err.Error(), "no reading for ") {
			t.Errorf("over the gap: %v", err)
		}
		if share := tr.Share(Rate{CPU: 5 * time.Millisecond}); share < 0.09 || share > 0.11 { // 20 Hz × 5 ms
			t.Errorf("share %v", share)
		}
	})
}

// TestSettle: the wait ends when power and temperature are at rest, and at its
// limit at the latest.
func TestSettle(t *testing.T) {
	check := func(name string, power func(at time.Duration) float64, celsius func(at time.Duration) float64, settled bool, least, most time.Duration) {
		t.Helper()
		clocked(t, func(t *testing.T, now func() time.Duration) {
			rnd := rand.New(rand.NewPCG(5, 6))
			m := meterOf(&fake{kind: Power, now: now, f: func(at time.Duration) (float64, error) { return power(at) + 0.01*rnd.NormFloat64(), nil }})
			m.Interval = 100 * time.Millisecond
			s := Start(context.Background(), m, 50*time.Millisecond, now)
			defer s.Stop()
			r, err := s.Settle(context.Background(), 60*time.Second, func() (float64, bool) { return celsius(now()), true })
			if err != nil || r.Settled != settled || r.Took < least || r.Took > most {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		})
	}
	flat := func(time.Duration) float64 { return 5 }
	decay := func(tau float64) func(time.Duration) float64 {
		return func(at time.Duration) float64 { return 5 + 5*math.Exp(-at.Seconds()/tau) }
	}
	check("at rest", flat, flat, true, 10*time.Second, 13*time.Second)
	check("power falls", decay(5), flat, true, 15*time.Second, 50*time.Second)
	check("power falls slowly", decay(60), flat, false, 60*time.Second, 61*time.Second)
	check("it cools", flat, decay(20), true, 20*time.Second, 60*time.Second)
	clocked(t, func(t *testing.T, now func() time.Duration) {
		s := Start(context.Background(), meterOf(&fake{kind: Power, now: now, f: rising}), 50*time.Millisecond, now)
		defer s.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := s.Settle(ctx, time.Minute, nil); err == nil || now() > 6*time.Second {
			t.Errorf("cancelled: %v after %v", err, now())
		}
	})
}
