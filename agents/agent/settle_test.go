package agent

import (
	"context"
	"math"
	"testing"
	"time"

	"assay/bench/host"
)

// TestSettle: a job waits until others are quiet and the heat is gone, and no
// longer than it may.
func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		busy  float64 // cores that others use for the first minute
		own   float64 // cores that this process uses all the time
		hot   float64 // °C above rest, gone by half every 10 s
		cpus  int
		limit time.Duration
		want  time.Duration // waited
		told  string        // the last reason
	}{
		"at rest":           {cpus: 4, limit: 2 * time.Minute, want: settleLook},
		"busy for a minute": {busy: 1, cpus: 4, limit: 2 * time.Minute, want: 65 * time.Second, told: "waiting: other processes use 1.0 of 4 cores"},
		"itself busy":       {own: 1, cpus: 4, limit: 2 * time.Minute, want: settleLook},
		"a little busy":     {busy: 0.3, cpus: 4, limit: 2 * time.Minute, want: settleLook},
		"hot":               {hot: 24, cpus: 4, limit: 2 * time.Minute, want: 35 * time.Second, told: "waiting: the device cools down, now 43 °C"},
		"no patience":       {busy: 1, cpus: 4, limit: 12 * time.Second, want: 12 * time.Second, told: "waiting: other processes use 1.0 of 4 cores"},
		"not asked for":     {busy: 1, cpus: 4},
		"cores not known":   {busy: 1, limit: 2 * time.Minute, want: settleLook},
	} {
		begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		now := begun
		a := &Agent{cfg: Config{Settle: c.limit, Observe: func() host.Condition {
			sec := now.Sub(begun).Seconds()
			heat := c.hot * math.Exp2(-sec/10)
			return host.Condition{At: now, CPUs: c.cpus, Busy: c.busy*min(sec, 60) + c.own*sec, Own: c.own * sec, Celsius: map[string]float64{"cpu": 40 + heat, "nvme": 30}}
		}}}
		a.settleBy(t.Context(), func() time.Time { return now }, func(_ context.Context, d time.Duration) { now = now.Add(d) })
		if got := now.Sub(begun); got != c.want || stepText(a.step) != c.told {
			t.Errorf("%s: waited %v, %q; want %v, %q", name, got, stepText(a.step), c.want, c.told)
		}
	}
}

// TestSettleStops when the job is cancelled.
func TestSettleStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	a := &Agent{cfg: Config{Settle: time.Hour, Observe: func() host.Condition {
		looks++
		return host.Condition{At: time.Unix(int64(5*looks), 0), CPUs: 1, Busy: float64(5 * looks)}
	}}}
	a.settleBy(ctx, time.Now, func(context.Context, time.Duration) {
		if looks == 3 {
			cancel()
		}
	})
	if looks > 4 {
		t.Errorf("%d looks, 3 before it was cancelled", looks)
	}
}
