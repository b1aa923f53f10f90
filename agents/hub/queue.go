package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// flight is how many jobs are on their way to the queue at a time.
const flight = 256

// queue gives targets of a plan their jobs, but for those that have ended or
// are queued already; for those that are missing it is their end.
func (h *Hub) queue(ctx context.Context, p agents.Plan, targets []agents.Target) error {
	var missing []*agents.Outcome
	var sent []agents.Target
	var acks []jetstream.PubAckFuture
	for _, t := range targets {
		if t.Missing != "" {
			missing = append(missing, &agents.Outcome{Job: t.Job, State: agents.Missing, Reason: t.Missing})
			continue
		}
		h.mu.Lock()
		_, over := h.ended[t.Job]
		h.mu.Unlock()
		if over {
			continue
		}
		if len(acks)-flight >= 0 {
			if err := h.queued(ctx, sent[len(acks)-flight], acks[len(acks)-flight]); err != nil {
				return err
			}
		}
		ack, err := h.send(p, t)
		if err != nil {
			return fmt.Errorf("queue job %s: %w", t.Job, err)
		}
		sent, acks = append(sent, t), append(acks, ack)
	}
	for i := max(0, len(acks)-flight); i < len(acks); i++ {
		if err := h.queued(ctx, sent[i], acks[i]); err != nil {
			return err
		}
	}
	for _, t := range sent {
		h.wake(t)
	}
	return h.end(ctx, missing)
}

// send puts a job into its queue, where it is not there already.
func (h *Hub) send(p agents.Plan, t agents.Target) (jetstream.PubAckFuture, error) {
	job := p.Job
	job.ID, job.Dispatch = t.Job, p.ID
	b, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(t.Subject())
	m.Data = b
	return h.js.PublishMsgAsync(m, jetstream.WithExpectLastSequencePerSubject(0))
}

// queued waits until a job is in its queue.
func (h *Hub) queued(ctx context.Context, t agents.Target, ack jetstream.PubAckFuture) error {
	var err error
	select {
	case a := <-ack.Ok():
		h.mu.Lock()
		defer h.mu.Unlock()
		if p, ok := h.targets[t.Job]; ok {
			p.seq = a.Sequence
			h.targets[t.Job] = p
		}
		return nil
	case err = <-ack.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return nil // it was there already; replicated streams have a code of their own for it
	}
	return fmt.Errorf("queue job %s: %w", t.Job, err)
}

// requeue queues the jobs that are planned and not queued: a hub was killed
// before it had, or a machine before its disk had them. A job leaves the queue
// only when its outcome is kept, so one that is open and not there is owed. One
// that is there and has ended was about to leave.
func (h *Hub) requeue(ctx context.Context) error {
	info, err := h.jobs.Info(ctx, jetstream.WithSubjectFilter("jobs.>"))
	if err != nil {
		return fmt.Errorf("queue what was planned: %w", err)
	}
	for subject := range info.State.Subjects {
		job := subject[strings.LastIndexByte(subject, '.')+1:]
		if _, over := h.ended[job]; over { // nobody else is there yet
			h.unqueue(ctx, job)
		}
	}
	owed := map[string][]agents.Target{} // by dispatch
	for _, t := range h.openFor("") {
		if info.State.Subjects[t.Subject()] == 0 {
			d := h.targets[t.Job].dispatch // nobody else is there yet
			owed[d] = append(owed[d], t)
		}
	}
	for d, targets := range owed {
		if err := h.queue(ctx, h.plans[d], targets); err != nil {
			return fmt.Errorf("queue what was planned: %w", err)
		}
	}
	return nil
}

// openFor returns the targets that have not ended: those of a device, or all.
func (h *Hub) openFor(id string) []agents.Target {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []agents.Target
	for job, p := range h.targets {
		if _, over := h.ended[job]; !over && (id == "" || p.target.Device == id) {
			out = append(out, p.target)
		}
	}
	return out
}

// wake tells those who may take a target's job, or have it, to look.
func (h *Hub) wake(t agents.Target) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.Device != "" {
		h.wakeOne(t.Device)
		return
	}
	for id, e := range h.enrolled {
		if e.Device.Class == t.Class {
			h.wakeOne(id)
		}
	}
}

func (h *Hub) wakeOne(id string) {
	if err := h.nc.Publish(agents.Wake(id), nil); err != nil {
		h.log.Debug("wake", "agent", id, "why", err) // it looks by itself, later
	}
}
