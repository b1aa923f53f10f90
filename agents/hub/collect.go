package hub

import (
	"context"
	"fmt"
	"iter"
	"time"

	"assay/agents"
)

// listen takes results and answers requests until stop.
func (h *Hub) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = cancel
	if err := h.follow(ctx); err != nil {
		return err
	}
	if err := h.collect(ctx); err != nil {
		return fmt.Errorf("take results: %w", err)
	}
	h.done.Go(func() { h.reap(ctx) })
	if h.owner != nil {
		h.done.Go(func() { h.hold(ctx) })
	}
	for subject, f := range h.services() {
		if _, err := h.nc.Subscribe(subject, f); err != nil {
			return fmt.Errorf("listen to %s: %w", subject, err)
		}
	}
	return h.nc.Flush()
}

// notFor says why a job is none of an agent's business, "" if it is.
func (h *Hub) notFor(agent, job string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.targets[job]
	e, enrolled := h.enrolled[agent]
	switch {
	case !enrolled:
		return "the agent is not enrolled"
	case !ok:
		return "there is no such job"
	case p.target.Device != "" && p.target.Device != agent, p.target.Device == "" && p.target.Class != e.Device.Class:
		return "the job is another device's"
	}
	return ""
}

// reap ends jobs whose time is over, and begins what is due.
func (h *Hub) reap(ctx context.Context) {
	for range ticks(ctx, reapEvery) {
		if err := h.expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			h.log.Error("end jobs whose time is over", "why", err)
		}
		if err := h.fire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			h.log.Error("dispatch what is scheduled", "why", err)
		}
	}
}

// ticks yields every period until ctx ends.
func ticks(ctx context.Context, period time.Duration) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		t := time.NewTicker(period)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if !yield(struct{}{}) {
					return
				}
			}
		}
	}
}

// reapEvery is how often the hub looks at the time: schedules are in minutes,
// jobs last for hours.
const reapEvery = 30 * time.Second

func (h *Hub) expire(ctx context.Context, now time.Time) error {
	var lost []*agents.Outcome
	for _, t := range h.openFor("") {
		h.mu.Lock()
		p := h.plans[h.targets[t.Job].dispatch]
		h.mu.Unlock()
		if now.Before(p.Expires) {
			continue
		}
		why := fmt.Sprintf("it did not end within %v", p.Expires.Sub(p.At).Round(time.Second))
		lost = append(lost, &agents.Outcome{Job: t.Job, State: agents.Lost, Reason: why})
	}
	return h.end(ctx, lost)
}
