package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// end gives jobs their outcomes, unless they have some.
func (h *Hub) end(ctx context.Context, all []*agents.Outcome) error {
	h.ending.Lock()
	defer h.ending.Unlock()
	return h.endLocked(ctx, all)
}

// endLocked gives jobs outcomes, which are on the disk when it returns; h.ending
// is held. Jobs that have an outcome keep it.
func (h *Hub) endLocked(ctx context.Context, all []*agents.Outcome) error {
	open := make([]*agents.Outcome, 0, len(all))
	h.mu.Lock()
	for _, o := range all {
		_, known := h.targets[o.Job]
		if _, over := h.ended[o.Job]; known && !over {
			o.At = time.Now()
			open = append(open, o)
		}
	}
	h.mu.Unlock()
	for len(open) > 0 {
		n := min(len(open), most)
		if err := h.write(ctx, open[:n]); err != nil {
			return err
		}
		h.mu.Lock()
		for _, o := range open[:n] {
			h.note(*o)
		}
		h.mu.Unlock()
		for _, o := range open[:n] {
			h.log.Info("job ended", "job", o.Job, "agent", o.Agent, "state", o.State, "run", o.Run, "why", o.Reason)
			h.unqueue(ctx, o.Job)
			if o.Agent == "" { // who may have it in hand does not know
				h.mu.Lock()
				t := h.targets[o.Job].target
				h.mu.Unlock()
				if t.Missing == "" {
					h.wake(t)
				}
			}
		}
		open = open[n:]
	}
	return nil
}

// write keeps outcomes with one flush of the disk: all of them, or it says
// which is the first that it could not keep. Where a job has an outcome, since
// the answer to an earlier attempt was lost, it is put in the place of the new
// one.
func (h *Hub) write(ctx context.Context, all []*agents.Outcome) error {
	return steady(ctx, h.log, "write outcomes", func() error { return h.writeOnce(ctx, all) })
}

func (h *Hub) writeOnce(ctx context.Context, all []*agents.Outcome) error {
	if len(all) > 1 {
		msgs := make([]*nats.Msg, len(all))
		for i, o := range all {
			b, err := json.Marshal(o)
			if err != nil {
				return fmt.Errorf("outcome of job %s: %w", o.Job, err)
			}
			msgs[i] = nats.NewMsg("$KV." + agents.Outcomes + "." + o.Job)
			msgs[i].Data = b
			msgs[i].Header.Set(jetstream.ExpectedLastSubjSeqHeader, "0") // there is none yet
		}
		_, err := jetstreamext.PublishMsgBatch(ctx, h.js, msgs)
		if err == nil || passing(err) {
			return err
		}
		h.log.Debug("outcomes are written one by one", "outcomes", len(all), "why", err)
	}
	for _, o := range all {
		b, err := json.Marshal(o)
		if err == nil {
			_, err = h.outcomes.Create(ctx, o.Job, b)
		}
		if errors.Is(err, jetstream.ErrKeyExists) {
			var e jetstream.KeyValueEntry
			if e, err = h.outcomes.Get(ctx, o.Job); err == nil {
				err = json.Unmarshal(e.Value(), o)
			}
		}
		if err != nil {
			return fmt.Errorf("outcome of job %s: %w", o.Job, err)
		}
	}
	return nil
}

// unqueue takes a job that has ended out of its queue. It waits for no answer:
// a job that stays is found ended by who takes it, or by the next start.
func (h *Hub) unqueue(ctx context.Context, job string) {
	h.mu.Lock()
	p := h.targets[job]
	h.mu.Unlock()
	if p.target.Missing != "" { // it was never queued
		return
	}
	var err error
	if p.seq == 0 { // queued by an earlier hub
		var m *jetstream.RawStreamMsg
		m, err = h.jobs.GetLastMsgForSubject(ctx, p.target.Subject())
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return
		}
		if err == nil {
			p.seq = m.Sequence
		}
	}
	if err == nil {
		err = h.nc.PublishRequest(deleteJob, h.removed, fmt.Appendf(nil, `{"seq":%d,"no_erase":true}`, p.seq))
	}
	if err != nil {
		h.log.Debug("a job that has ended stays queued until somebody looks at it", "job", job, "why", err)
	}
}

// deleteJob is where JetStream deletes a message of the queue of jobs; answers
// come to Hub.removed.
const deleteJob = "$JS.API.STREAM.MSG.DELETE." + agents.Jobs

// hearRemoved notes which jobs could not be taken out of the queue.
func (h *Hub) hearRemoved(m *nats.Msg) {
	var r struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &r); err != nil || r.Error != nil {
		h.log.Debug("a job that has ended may stay queued until somebody looks at it", "why", r.Error, "answer", string(m.Data))
	}
}
