package outbox

import (
	"context"
	"time"
)

// Fake gives the outbox a clock of the test's own, which sleeping moves on.
// The jitter is in the middle of its range.
func (o *Outbox) Fake(now *time.Time) {
	o.now = func() time.Time { return *now }
	o.sleep = func(_ context.Context, d time.Duration) error { *now = now.Add(d); return nil }
	o.jitter = func() float64 { return 0.5 }
}
