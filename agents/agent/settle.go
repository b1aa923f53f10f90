package agent

import (
	"context"
	"fmt"
	"time"

	"assay/bench"
	"assay/bench/host"
)

// Limits of a device at rest. The hottest sensor of a board that was loaded
// falls several degrees in the first seconds, and fluctuates by less than one
// at rest; a tenth of the cores is what a system does beside nothing.
const (
	restBusy    = 0.1 // share of all cores that others may use
	restFalling = 1.0 // °C between two looks
)

// DefaultSettle is how long a job waits at most for a device at rest; the
// measurement itself then says what it was disturbed by.
const DefaultSettle = 2 * time.Minute

// settleLook is the time between two looks at the device: long enough for the
// kernel's counters of 10 ms, and for a sensor to fall.
const settleLook = 5 * time.Second

// settle waits until the device is cool and quiet, at most as long as the
// configuration says.
func (a *Agent) settle(ctx context.Context) {
	a.settleBy(ctx, time.Now, pause)
}

// settleBy is settle on a clock of the caller's own.
func (a *Agent) settleBy(ctx context.Context, now func() time.Time, wait func(context.Context, time.Duration)) {
	begun := now()
	last := a.cfg.Observe()
	for ctx.Err() == nil {
		left := a.cfg.Settle - now().Sub(begun)
		if left <= 0 {
			return
		}
		wait(ctx, min(left, settleLook))
		here := a.cfg.Observe()
		why := restless(last, here)
		if why == "" {
			return
		}
		a.progress(bench.Step{Phase: "waiting", Group: why})
		last = here
	}
}

// restless says why a device is not at rest between two looks, "" if it is.
func restless(a, b host.Condition) string {
	sec := b.At.Sub(a.At).Seconds()
	if busy := (b.Busy - a.Busy) - (b.Own - a.Own); sec > 0 && b.CPUs > 0 && busy > restBusy*sec*float64(b.CPUs) {
		return fmt.Sprintf("other processes use %.1f of %d cores", busy/sec, b.CPUs)
	}
	if fall := hottest(a) - hottest(b); fall > restFalling {
		return fmt.Sprintf("the device cools down, now %.0f °C", hottest(b))
	}
	return ""
}

func hottest(c host.Condition) float64 {
	t := 0.0
	for _, v := range c.Celsius {
		t = max(t, v)
	}
	return t
}
