package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assay/agents"
	"assay/bench"
	"assay/bench/lock"

	"github.com/nats-io/nats.go/jetstream"
)

// maxTries is how often an agent begins a job that it does not survive.
const maxTries = 5

// errClosed ends the measurement of a job that is not wanted any more.
var errClosed = errors.New("the hub has ended the job")

// handle runs a job to its confirmed outcome, or gives it back when ctx is done.
func (a *Agent) handle(ctx context.Context, m jetstream.Msg) {
	id := m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]
	r, err := a.check(ctx, id)
	if err != nil {
		a.log.Debug("ask about a job", "job", id, "why", err)
		pause(ctx, time.Second) // the hub may be starting
		a.giveBack(m)
		return
	}
	if !r.Open {
		a.log.Info("a job that has ended", "job", id, "outcome", r.Outcome)
		a.close(ctx, m, id)
		return
	}
	if r.Drained {
		a.log.Info("drained: takes no more jobs")
		a.idle = true
		a.giveBack(m)
		return
	}
	tries, err := a.out.hold(id, m.Reply())
	if err != nil {
		a.log.Error("a job cannot be noted down", "job", id, "why", err) // it will come again by itself if this agent dies
	}
	working, stop := a.keep(ctx, m, id)
	o := a.outcome(working, m, id, tries)
	if o != nil && !errors.Is(context.Cause(working), errClosed) {
		if err := a.out.put(o); err != nil {
			a.log.Error("an outcome cannot be kept here, only sent", "job", id, "why", err)
		}
	}
	ended := o != nil && context.Cause(working) == nil && a.deliver(working, o)
	cause := context.Cause(working)
	stop()
	if ended || errors.Is(cause, errClosed) {
		a.forget(id) // the hub has taken it out of the queue
		return
	}
	a.giveBack(m)
	if err := a.out.release(); err != nil {
		a.log.Error("a job that was given back is noted down as in hand", "job", id, "why", err)
	}
}

// giveBack lets a job come again at once.
func (a *Agent) giveBack(m jetstream.Msg) {
	if err := m.Nak(); err != nil {
		a.log.Debug("give a job back: it comes again by itself", "why", err)
	}
	_ = a.nc.FlushTimeout(time.Second) // this may be the last thing that the agent says
}

// close takes a job that has ended out of the queue and forgets it.
func (a *Agent) close(ctx context.Context, m jetstream.Msg, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	if err := m.DoubleAck(ctx); err != nil {
		a.log.Debug("acknowledge a job: it comes again, and is found ended", "job", id, "why", err)
	}
	a.forget(id)
}

// forget removes what is kept of a job that has ended.
func (a *Agent) forget(id string) {
	if err := a.out.done(id); err != nil {
		a.log.Error("a job cannot be forgotten", "job", id, "why", err)
	}
}

// check asks the hub whether a job is wanted.
func (a *Agent) check(ctx context.Context, id string) (agents.CheckReply, error) {
	var r agents.CheckReply
	b, err := a.ask(ctx, agents.Check, agents.JobQuery{Job: id})
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

// outcome returns what an earlier life of this agent found, or runs the job;
// nil when ctx is done first.
func (a *Agent) outcome(ctx context.Context, m jetstream.Msg, id string, tries int) *agents.Outcome {
	fail := func(s agents.State, format string, args ...any) *agents.Outcome {
		return &agents.Outcome{Job: id, Agent: a.self.ID, State: s, Reason: clip(fmt.Sprintf(format, args...))}
	}
	old, err := a.out.get(id)
	if err != nil {
		a.log.Error("an outcome was damaged, the job runs again", "job", id, "why", err)
	} else if old != nil {
		return old
	}
	if tries > maxTries {
		return fail(agents.Failed, "it was begun %d times, and the agent never survived it", maxTries)
	}
	var job agents.Job
	if err := json.Unmarshal(m.Data(), &job); err != nil || job.ID != id {
		return fail(agents.Refused, "the job cannot be read (%v): is this agent older than its hub?", err)
	}
	a.log.Info("begin a job", "job", id, "suite", job.Suite)
	run, packed, err := a.measure(ctx, job)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		return fail(agents.Refused, "%s", strings.TrimSuffix(err.Error(), ": "+errors.ErrUnsupported.Error()))
	case err != nil:
		return fail(agents.Failed, "%v", err)
	case len(packed) > agents.MaxMessage:
		return fail(agents.Failed, "run %s takes %d bytes, a message holds %d: it is in the store of the device", run, len(packed), agents.MaxMessage)
	}
	return &agents.Outcome{Job: id, Agent: a.self.ID, State: agents.Done, Run: run, Result: packed}
}

// maxReason bounds why a job was not done: a person reads it in a table.
const maxReason = 2000

// clip puts a reason on one line and shortens it.
func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxReason {
		return string(r[:maxReason]) + "…"
	}
	return s
}

// measure fetches the files of a job and runs it, while nobody else measures
// on this machine.
func (a *Agent) measure(ctx context.Context, job agents.Job) (string, []byte, error) {
	if err := a.cache.fetch(ctx, job.Files); err != nil {
		return "", nil, err
	}
	path := filepath.Join(a.cache.dir, job.ID+".yaml")
	if err := agents.WriteFile(path, []byte(job.Document)); err != nil {
		return "", nil, err
	}
	defer os.Remove(path) // it is small, and the cache forgets it sooner or later
	free, err := lock.Take(ctx, func() {
		a.progress(bench.Step{Phase: "waiting", Group: "another program measures on this machine"})
	})
	if err != nil {
		return "", nil, err
	}
	defer free()
	a.settle(ctx)
	return a.cfg.Bench.Run(ctx, Task{Job: job, Path: path, Quiet: &a.gate, Progress: a.progress, Say: a.say})
}

// maxSaid bounds the lines that wait for the hub; later ones are in this
// device's log alone.
const maxSaid = 100

// progress notes how far the job in hand is; keep sends it.
func (a *Agent) progress(s bench.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text, old := stepText(s), stepText(a.step)
	a.step = s
	if text != old {
		a.line(text)
	}
}

// say logs a line about the job in hand; keep sends it.
func (a *Agent) say(line string) {
	a.log.Info(line)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.line(clip(line))
}

// line adds a line to those that keep sends; a.mu is held.
func (a *Agent) line(text string) {
	if len(a.said) < maxSaid {
		a.said = append(a.said, agents.Event{Job: a.job, Agent: a.self.ID, Name: a.cfg.Device.Name, Text: text, Done: a.step.Done})
	}
}

// resume takes up what an earlier life of this agent left: the job in hand is
// given back, outcomes are delivered.
func (a *Agent) resume(ctx context.Context) {
	jobs, err := a.out.jobs()
	if err != nil {
		a.log.Error("read the outbox", "why", err)
	}
	hand := a.out.held()
	for _, id := range jobs {
		o, err := a.out.get(id)
		if err != nil {
			a.log.Error("an outcome was damaged", "job", id, "why", err)
			continue
		}
		if !a.deliver(ctx, o) {
			return
		}
		if hand.Job == id {
			a.answer(ctx, hand.Reply, "+ACK")
			hand = inHand{}
		}
		if err := a.out.done(id); err != nil {
			a.log.Error("a job cannot be forgotten", "job", id, "why", err)
		}
	}
	if hand.Job != "" {
		a.log.Info("a job was interrupted, it comes again", "job", hand.Job)
		a.answer(ctx, hand.Reply, "-NAK")
	}
}

// answer tells the queue about a job of an earlier life, as soon as there is a
// connection. The queue itself gives the job out again if this does not arrive.
func (a *Agent) answer(ctx context.Context, reply, word string) {
	for !a.nc.IsConnected() && ctx.Err() == nil {
		pause(ctx, 100*time.Millisecond)
	}
	if err := a.nc.Publish(reply, []byte(word)); err != nil {
		a.log.Debug("answer the queue", "why", err)
	}
}
