package outbox

import (
	"context"
	"errors"
	"slices"
	"time"
)

// maxLines is how many lines one request holds at most: what the vendor
// recommends for a batch. leastLines is what a slow link has to carry in the
// time of one request: about 30 kB.
const (
	maxLines   = 5000
	leastLines = 100
)

// Options say how a queue is drained.
type Options struct {
	// Patience is how long to wait in all, for a server that does not
	// answer or a measurement that runs; 0 is one attempt.
	Patience time.Duration

	// Hand tells that a person asked: what failed before is tried at once,
	// unless the server said when.
	Hand bool

	// Waiting, if set, is told of every wait.
	Waiting func(d time.Duration, why string)
}

// A Report is what draining came to.
type Report struct {
	Points int    // confirmed by the other side
	Dead   int    // refused for good and kept as dead letters
	Left   int    // still queued
	Why    string // why some are left
	Paused bool   // somebody has to mend it

	// Next is when the queue is looked at again, where an earlier failure
	// kept this pass from trying at all.
	Next time.Time
}

// Drain delivers the queue, the oldest run first, until it is empty, somebody
// has to mend something, or patience ends. What could not be delivered is in
// the report; an error is one of the store or of ctx. It may be stopped at any
// point, by whatever means: what was not confirmed is sent again.
func (o *Outbox) Drain(ctx context.Context, sink Sink, opt Options) (Report, error) {
	d := &drain{o: o, sink: sink, opt: opt, most: maxLines}
	err := d.run(ctx)
	left, lerr := o.points(context.WithoutCancel(ctx))
	d.report.Left = left
	return d.report, o.wrap(errors.Join(err, lerr))
}

// drain is one pass over the queue.
type drain struct {
	o      *Outbox
	sink   Sink
	opt    Options
	most   int // lines per request that the server takes: less after a 413
	size   int // lines per request now
	waited time.Duration
	report Report
}

func (d *drain) run(ctx context.Context) error {
	st, err := d.o.state(ctx)
	if err != nil {
		return err
	}
	for {
		b, err := d.o.next(ctx)
		if err != nil || len(b.rows) == 0 {
			return err
		}
		if wait := st.putOff(d.o.now(), d.opt.Hand); wait > 0 {
			if ok, err := d.wait(ctx, wait, st.why); !ok {
				d.report.Why, d.report.Paused, d.report.Next = st.why, st.cause == paused, st.next
				return err
			}
		}
		// What was being halved when it failed begins as small again, or a
		// server that takes few requests at a time would never see the end.
		if d.size = d.most; st.size > 0 {
			d.size = min(d.size, st.size)
		}
		rest, dead, failed := d.send(ctx, b.lines)
		now := d.o.now()
		switch {
		case failed == nil:
			st = state{done: now, tried: now, size: d.larger()}
		case ctx.Err() == nil && !errors.Is(failed, errBusy):
			st = st.failed(failed, now, d.o.jitter())
			st.size = d.smaller(failed)
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			st.size = d.smaller(failed)
		}
		if err := d.o.settle(context.WithoutCancel(ctx), b, rest, dead, st); err != nil {
			return err
		}
		d.report.Points += len(b.lines) - len(rest) - len(dead)
		d.report.Dead += len(dead) + len(b.damaged)
		if stop, err := d.stop(ctx, failed, st); stop {
			return err
		}
	}
}

// larger is the size of the next request after a success: back to the most in
// steps of two. 0 is the most.
func (d *drain) larger() int {
	if 2*d.size >= maxLines {
		return 0
	}
	return 2 * d.size
}

// smaller is the size of the next request after a failure: half where time ran
// out, since a slow link would else never carry it.
func (d *drain) smaller(failed error) int {
	var t interface{ Timeout() bool }
	if errors.As(failed, &t) && t.Timeout() && d.size > leastLines {
		return max(leastLines, d.size/2)
	}
	return d.size
}

// stop tells whether this pass ends after a batch that failed, and if not
// waits for the next attempt.
func (d *drain) stop(ctx context.Context, failed error, st state) (bool, error) {
	switch {
	case failed == nil:
		d.report.Why = ""
		return ctx.Err() != nil, ctx.Err()
	case ctx.Err() != nil:
		return true, ctx.Err()
	}
	d.report.Why, d.report.Paused = failed.Error(), st.cause == paused
	if errors.Is(failed, errBusy) || st.cause == paused {
		return true, nil
	}
	ok, err := d.wait(ctx, st.next.Sub(d.o.now()), st.why)
	return !ok, err
}

// wait waits, if patience allows it.
func (d *drain) wait(ctx context.Context, t time.Duration, why string) (bool, error) {
	if d.waited+t > d.opt.Patience {
		return false, nil
	}
	if d.opt.Waiting != nil {
		d.opt.Waiting(t, why)
	}
	d.waited += t
	err := d.o.sleep(ctx, t)
	return err == nil, err
}

// send sends lines, in parts where the server wants less at a time or some
// are bad. It returns what is still to be sent, what was refused for good, and
// the error that ended it. A part may be sent twice: that changes nothing.
func (d *drain) send(ctx context.Context, lines []line) (rest []line, dead []Letter, err error) {
	todo := [][]line{lines} // the next last
	for len(todo) > 0 {
		part := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if len(part) == 0 {
			continue
		}
		if len(part) > d.size {
			todo = append(todo, part[d.size:])
			part = part[:d.size]
		}
		err := d.write(ctx, part)
		var a *Answer
		switch {
		case err == nil:
			continue
		case !errors.As(err, &a) || a.Do == Retry || a.Do == Pause:
			d.size = len(part)
			rest = slices.Clone(part)
			for _, t := range slices.Backward(todo) {
				rest = append(rest, t...)
			}
			return rest, dead, err
		case len(part) == 1:
			dead = append(dead, Letter{Run: part[0].row.run, Status: a.Status, Why: a.Text, Line: part[0].text})
			continue
		case a.Do == Split:
			d.most = min(d.most, len(part)/2)
			d.size = min(d.size, d.most)
		}
		todo = append(todo, part[len(part)/2:], part[:len(part)/2])
	}
	return nil, dead, nil
}

// write sends one request, while nobody measures.
func (d *drain) write(ctx context.Context, part []line) error {
	unlock, err := d.hold(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	texts := make([]string, len(part))
	for i, l := range part {
		texts[i] = l.text
	}
	return d.sink.Write(ctx, texts)
}
