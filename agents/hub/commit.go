package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

// again is how long a result waits that could not be stored.
const again = 5 * time.Second

// What is taken from the queue of results at a time, and with it how many
// share the flushes of one commit.
const (
	most      = 512      // results
	mostBytes = 32 << 20 // B that they may take; a result has 8 MB at most
)

// collect takes results until ctx is done.
//
// The consumer is made anew, so that what a hub which was killed had taken
// comes first and in its order: of two results of a job, the one that may be in
// the store already must win. While this hub lives it takes them in order too,
// and holds on to what it has.
func (h *Hub) collect(ctx context.Context) error {
	var results jetstream.Consumer
	err := steady(ctx, h.log, "take results", func() error {
		err := h.js.DeleteConsumer(ctx, agents.Results, hubUser)
		if err == nil || errors.Is(err, jetstream.ErrConsumerNotFound) {
			results, err = h.js.CreateConsumer(ctx, agents.Results, jetstream.ConsumerConfig{
				Durable: hubUser, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 2 * most, AckWait: time.Minute,
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	queue, room := make(chan jetstream.Msg, most), semaphore.NewWeighted(mostBytes)
	taking, err := results.Consume(func(m jetstream.Msg) {
		if room.Acquire(ctx, int64(len(m.Data()))) != nil {
			return // the hub ends
		}
		select {
		case queue <- m:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(most, mostBytes), jetstream.PullExpiry(10*time.Second)) // a cluster's server may die with the request
	if err != nil {
		return err
	}
	h.done.Go(func() {
		defer taking.Stop()
		for {
			select {
			case m := <-queue:
				all := together(m, queue)
				h.receive(ctx, all)
				for _, m := range all {
					room.Release(int64(len(m.Data())))
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return nil
}

// together returns a message with those that wait behind it: while one commit
// is on its way to the disk, the next one fills.
func together(m jetstream.Msg, queue <-chan jetstream.Msg) []jetstream.Msg {
	all := []jetstream.Msg{m}
	for len(all) < most {
		select {
		case m := <-queue:
			all = append(all, m)
		default:
			return all
		}
	}
	return all
}

// said is what an agent says of a job, in a message of the results' queue.
type said struct {
	jetstream.Msg
	*agents.Outcome
	err error // why it cannot be kept now
}

// receive takes messages of the results' queue, and removes them from there
// once what they say is kept.
func (h *Hub) receive(ctx context.Context, all []jetstream.Msg) {
	h.ending.Lock()
	defer h.ending.Unlock()
	fresh, over := h.sift(all)
	h.store(ctx, fresh)
	var ends []*agents.Outcome
	for _, s := range fresh {
		if s.err == nil {
			ends = append(ends, s.Outcome)
		}
	}
	err := h.endLocked(ctx, ends)
	for _, s := range fresh {
		if s.err == nil {
			s.err = err
		}
		if s.err == nil {
			h.confirm(s.Agent, s.Job)
			over = append(over, s.Msg)
			continue
		}
		if ctx.Err() != nil { // it comes again to the next hub
			continue
		}
		h.log.Error("a result cannot be kept, it waits", "agent", s.Agent, "job", s.Job, "why", s.err)
		if err := s.NakWithDelay(again); err != nil {
			h.log.Debug("the result will come again", "job", s.Job, "why", err)
		}
	}
	for _, m := range over {
		if err := m.Ack(); err != nil {
			h.log.Debug("the result will come again", "subject", m.Subject(), "why", err)
		}
	}
}

// sift tells results that are news from those that can be let go: of jobs that
// have ended, of others' jobs, and the second one of a job. The queue forgets
// these when what is news is kept.
func (h *Hub) sift(all []jetstream.Msg) (fresh []*said, over []jetstream.Msg) {
	seen := map[string]bool{}
	for _, m := range all {
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
		if why := h.notFor(agent, job); why != "" {
			h.log.Warn("refused a result", "agent", agent, "job", job, "why", why)
			over = append(over, m)
			continue
		}
		h.mu.Lock()
		first, ended := h.ended[job]
		h.mu.Unlock()
		if ended {
			h.log.Debug("a result of a job that has ended", "agent", agent, "job", job, "outcome", first.State)
			h.confirm(agent, job)
		}
		if ended || seen[job] {
			over = append(over, m)
			continue
		}
		seen[job] = true
		o.Agent = agent
		fresh = append(fresh, &said{Msg: m, Outcome: o})
	}
	return fresh, over
}

// store gives the keeper what was measured.
func (h *Hub) store(ctx context.Context, all []*said) {
	var sent []Sent
	var of []*said
	for _, s := range all {
		if s.State == agents.Done {
			sent, of = append(sent, Sent{s.Agent, s.Result}), append(of, s)
		}
	}
	if len(sent) == 0 {
		return
	}
	for i, k := range h.cfg.Keeper.Keep(ctx, sent) {
		s := of[i]
		switch {
		case errors.Is(k.Err, ErrBad):
			s.State, s.Reason = agents.Failed, k.Err.Error()
		default:
			s.err = k.Err
		}
		s.Run = k.Run
	}
}

// confirm tells an agent that its job has ended. It asks for itself where this
// does not arrive.
func (h *Hub) confirm(agent, job string) {
	if err := h.nc.Publish(agents.Wake(agent), []byte(job)); err != nil {
		h.log.Debug("confirm a job", "agent", agent, "job", job, "why", err)
	}
}
