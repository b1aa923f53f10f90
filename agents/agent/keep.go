package agent

import (
	"context"
	"encoding/json"
	"time"

	"assay/agents"
	"assay/bench"

	"github.com/nats-io/nats.go/jetstream"
)

// tick is how often the job in hand is looked at: lines of progress are at
// most that fresh.
const tick = time.Second

// checkEvery is how often the agent asks whether the job in hand is wanted; a
// message of the hub makes it ask at once, if it arrives.
const checkEvery = 10 * time.Second

// ackWait notes how long the queue that gave a job out waits for word of it.
func (a *Agent) ackWait(c jetstream.Consumer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wait = c.CachedInfo().Config.AckWait
}

// keep speaks for the job in hand until stop is called: it keeps the queue
// from giving the job to another, sends progress and heartbeats, and cancels
// the returned context when the hub has ended the job.
func (a *Agent) keep(ctx context.Context, m jetstream.Msg, id string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	a.mu.Lock()
	a.job, a.step, a.said = id, bench.Step{Phase: "preparing"}, nil
	every := a.wait / 3
	a.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		k := keeper{a: a, m: m, id: id, every: every}
		for ctx.Err() == nil {
			if k.once(ctx) {
				cancel(errClosed)
			}
			select {
			case <-ctx.Done():
			case <-a.woken:
				k.checked = time.Time{}
			case <-time.After(min(tick, every)):
			}
		}
		k.news() // the last of it
	}()
	return ctx, func() {
		cancel(nil)
		<-done
		a.mu.Lock()
		a.job, a.step, a.said = "", bench.Step{}, nil
		a.mu.Unlock()
	}
}

// A keeper remembers what was last said of a job, and when.
type keeper struct {
	a     *Agent
	m     jetstream.Msg
	id    string
	every time.Duration

	alive   time.Time
	checked time.Time
	beaten  time.Time
}

// once says what is due; true if the hub has ended the job. Times are those of
// the monotonic clock.
func (k *keeper) once(ctx context.Context) bool {
	if time.Since(k.alive) >= k.every {
		k.alive = time.Now()
		if err := k.m.InProgress(); err != nil {
			k.a.log.Debug("keep a job", "job", k.id, "why", err)
		}
	}
	k.news()
	if time.Since(k.beaten) >= k.a.cfg.Every {
		k.beaten = time.Now()
		k.a.beat()
	}
	if time.Since(k.checked) < checkEvery {
		return false
	}
	k.checked = time.Now()
	r, err := k.a.check(ctx, k.id)
	return err == nil && !r.Open
}

// news sends the lines and steps that are new.
func (k *keeper) news() {
	k.a.mu.Lock()
	said := k.a.said
	k.a.said = nil
	k.a.mu.Unlock()
	for _, e := range said {
		k.tell(e)
	}
}

func (k *keeper) tell(e agents.Event) {
	b, err := json.Marshal(e)
	if err == nil {
		err = k.a.nc.Publish(agents.Progress(k.a.self.ID, k.id), b)
	}
	if err != nil {
		k.a.log.Debug("progress", "why", err)
	}
}
