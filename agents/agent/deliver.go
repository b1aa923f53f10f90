package agent

import (
	"context"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
)

// resend is how long an outcome that was sent stays unconfirmed before it is
// sent again: the queue that it went to may have lost it with its machine. One
// that is still there is not queued twice.
const resend = 15 * time.Second

// deliver sends an outcome until the hub says that it is kept; false when ctx
// is done first. The hub says so by itself; where that does not arrive, it is
// asked, ever more rarely.
func (a *Agent) deliver(ctx context.Context, o *agents.Outcome) bool {
	b, err := o.Encode()
	if err != nil {
		a.log.Error("an outcome cannot be sent", "job", o.Job, "why", err)
		return false
	}
	var sent time.Time
	for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		if time.Since(sent) > resend {
			try, cancel := context.WithTimeout(ctx, askTime)
			_, err := a.js.Publish(try, agents.Result(a.self.ID, o.Job), b, jetstream.WithMsgID(o.Job+"."+a.self.ID))
			cancel()
			if err == nil {
				sent = time.Now()
			} else {
				a.log.Debug("send an outcome", "job", o.Job, "why", err)
			}
		}
		if a.heard(ctx, o.Job, wait) {
			a.log.Info("ended a job", "job", o.Job, "state", o.State, "run", o.Run, "why", o.Reason)
			return true
		}
		if r, err := a.check(ctx, o.Job); err == nil && !r.Open {
			a.log.Info("ended a job", "job", o.Job, "state", o.State, "run", o.Run, "why", o.Reason, "hub says", r.Outcome)
			return true
		}
	}
	return false
}

// heard waits for the hub's word that the outcome of a job is kept.
func (a *Agent) heard(ctx context.Context, job string, wait time.Duration) bool {
	end := time.After(wait)
	for {
		select {
		case kept := <-a.kept:
			if kept == job {
				return true
			}
		case <-end:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
