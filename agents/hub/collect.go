package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
)

// again is how long a result waits that could not be stored.
const again = 5 * time.Second

// listen takes results and answers requests until stop.
func (h *Hub) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = cancel
	// One at a time: of two results of a job that come at once, the second
	// must see the outcome of the first, also if the hub dies in between.
	results, err := h.js.CreateOrUpdateConsumer(ctx, agents.Results, jetstream.ConsumerConfig{
		Durable: hubUser, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1, AckWait: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("take results: %w", err)
	}
	taking, err := results.Consume(func(m jetstream.Msg) { h.receive(ctx, m) })
	if err != nil {
		return fmt.Errorf("take results: %w", err)
	}
	h.stop = func() { taking.Stop(); <-taking.Closed(); cancel() }
	h.done.Go(func() { h.reap(ctx) })
	for subject, f := range h.services() {
		if _, err := h.nc.Subscribe(subject, f); err != nil {
			return fmt.Errorf("listen to %s: %w", subject, err)
		}
	}
	return h.nc.Flush()
}

// receive takes one message of the results' queue, and removes it from there
// once what it says is kept.
func (h *Hub) receive(ctx context.Context, m jetstream.Msg) {
	_, rest, _ := strings.Cut(m.Subject(), ".")
	agent, job, _ := strings.Cut(rest, ".")
	o, err := agents.DecodeOutcome(m.Data())
	if err == nil && o.Job != job {
		err = fmt.Errorf("it names job %s", o.Job)
	}
	if err != nil {
		h.log.Warn("refused a result", "agent", agent, "job", job, "why", err)
		o = &agents.Outcome{Job: job, State: agents.Failed, Reason: "what the agent sent is no outcome: " + err.Error()}
	}
	if err = h.take(ctx, agent, o); err != nil {
		h.log.Error("a result cannot be kept, it waits", "agent", agent, "job", job, "why", err)
		err = m.NakWithDelay(again)
	} else {
		err = m.Ack()
	}
	if err != nil {
		h.log.Debug("the result will come again", "job", job, "why", err)
	}
}

// take keeps what an agent says of a job: the result in the store, then the
// outcome. The second outcome of a job is let go.
func (h *Hub) take(ctx context.Context, agent string, o *agents.Outcome) error {
	h.ending.Lock()
	defer h.ending.Unlock()
	if why := h.notFor(agent, o.Job); why != "" {
		h.log.Warn("refused a result", "agent", agent, "job", o.Job, "why", why)
		return nil
	}
	h.mu.Lock()
	first, over := h.ended[o.Job]
	h.mu.Unlock()
	if over {
		h.log.Debug("a result of a job that has ended", "agent", agent, "job", o.Job, "outcome", first.State)
		return nil
	}
	o.Agent = agent
	if o.State == agents.Done {
		run, err := h.cfg.Keeper.Keep(ctx, agent, o.Result)
		switch {
		case errors.Is(err, ErrBad):
			o.State, o.Reason = agents.Failed, err.Error()
		case err != nil:
			return err
		}
		o.Run = run
	}
	return h.endLocked(ctx, o)
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

// end gives a job its outcome, unless it has one.
func (h *Hub) end(ctx context.Context, o *agents.Outcome) error {
	h.ending.Lock()
	defer h.ending.Unlock()
	return h.endLocked(ctx, o)
}

func (h *Hub) endLocked(ctx context.Context, o *agents.Outcome) error {
	h.mu.Lock()
	at, known := h.targets[o.Job]
	_, over := h.ended[o.Job]
	h.mu.Unlock()
	if over || !known {
		return nil
	}
	o.At = time.Now()
	b, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("outcome of job %s: %w", o.Job, err)
	}
	_, err = h.outcomes.Create(ctx, o.Job, b)
	if errors.Is(err, jetstream.ErrKeyExists) { // the answer to an earlier attempt was lost
		var e jetstream.KeyValueEntry
		if e, err = h.outcomes.Get(ctx, o.Job); err == nil {
			err = json.Unmarshal(e.Value(), o)
		}
	}
	if err != nil {
		return fmt.Errorf("outcome of job %s: %w", o.Job, err)
	}
	h.mu.Lock()
	h.ended[o.Job] = *o
	h.mu.Unlock()
	h.log.Info("job ended", "job", o.Job, "agent", o.Agent, "state", o.State, "run", o.Run, "why", o.Reason)
	if o.Agent != "" { // who takes the job out of the queue when told
		return nil
	}
	if err := h.jobs.Purge(ctx, jetstream.WithPurgeSubject(at.target.Subject())); err != nil {
		h.log.Debug("a job that has ended stays queued until somebody looks at it", "job", o.Job, "why", err)
	}
	return nil
}

// reap ends jobs whose time is over, and begins what is due.
func (h *Hub) reap(ctx context.Context) {
	t := time.NewTicker(reapEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := h.expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			h.log.Error("end jobs whose time is over", "why", err)
		}
		if err := h.fire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			h.log.Error("dispatch what is scheduled", "why", err)
		}
	}
}

// reapEvery is how often the hub looks at the time: schedules are in minutes,
// jobs last for hours.
const reapEvery = 30 * time.Second

func (h *Hub) expire(ctx context.Context, now time.Time) error {
	for _, t := range h.openFor("") {
		h.mu.Lock()
		p := h.plans[h.targets[t.Job].dispatch]
		h.mu.Unlock()
		if now.Before(p.Expires) {
			continue
		}
		why := fmt.Sprintf("it did not end within %v", p.Expires.Sub(p.At).Round(time.Second))
		if err := h.end(ctx, &agents.Outcome{Job: t.Job, State: agents.Lost, Reason: why}); err != nil {
			return err
		}
		h.wake(t)
	}
	return nil
}
