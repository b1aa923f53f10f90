package energy

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Rate is how often a meter really shows something new, and what a reading
// costs.
type Rate struct {
	Period   time.Duration // between new values, all sensors read; 0 if neither seen nor stated
	Measured bool          // false: the value never changed, and Period is what the source states
	Changes  int           // new values seen
	Reads    int           // readings of the whole meter
	CPU      time.Duration // per reading, in this process and its children; 0 if not known
	Wall     time.Duration // per reading
	Note     string        // what to tell the user about it, "" for nothing
}

// How long a meter is watched. Twelve changes are enough: the period sets the
// length of windows, for which a few per cent do not matter.
const (
	watchFast  = 2 * time.Second
	watchSlow  = 6 * time.Second // for a period of 0.5 s or more, as stated or as it turns out
	watchFor   = 12              // changes
	pauseLeast = 500 * time.Microsecond
)

// Period measures how often the meter shows new values, by reading it as fast
// as it can for at most 2 s (fast meters) or 6 s (slow ones). Other readers of
// the meter, and other work in this process, disturb what it finds. A constant
// reading leaves the period that the source states. Its error means that
// the meter could not be read at all.
func (m Meter) Period(ctx context.Context, now func() time.Duration) (Rate, error) {
	var r Rate
	var lastErr error
	last := make([]float64, len(m.Total))
	var changed []time.Duration
	from, cpu := now(), processTime()
	limit := watchFast
	if m.Interval >= 500*time.Millisecond {
		limit = watchSlow
	}
	pause := max(pauseLeast, m.Interval/20)
	ok := 0
	for {
		fresh := false
		for i, s := range m.Total {
			x, err := s.Read(ctx)
			if err == nil && !finite(x.Value) {
				err = fmt.Errorf("%s showed %v", s.Domain().Name, x.Value)
			}
			if err != nil {
				lastErr = err
				continue
			}
			fresh = fresh || ok > 0 && x.Value != last[i]
			last[i] = x.Value
			ok++
		}
		r.Reads++
		passed := now() - from
		if fresh {
			changed = append(changed, passed)
		}
		if passed >= watchFast && len(changed) < 4 {
			limit = watchSlow // slower than stated
		}
		if passed >= limit || len(changed) >= watchFor && passed >= watchFast/4 {
			break
		}
		if err := sleep(ctx, pause); err != nil {
			return r, err
		}
	}
	if ok == 0 {
		return r, fmt.Errorf("%s cannot be read: %w", m.Name, lastErr)
	}
	r.Wall = (now() - from - time.Duration(r.Reads-1)*pause) / time.Duration(r.Reads)
	if cpu >= 0 {
		r.CPU = (processTime() - cpu) / time.Duration(r.Reads)
	}
	r.Changes = len(changed)
	r.settle(m, changed)
	return r, nil
}

// settle derives the period from the times of changes. The median ignores the
// pauses that a busy machine makes, and updates with an equal value.
func (r *Rate) settle(m Meter, changed []time.Duration) {
	if len(changed) < 2 {
		r.Period = m.Interval
		switch {
		case r.Period > 0:
			r.Note = fmt.Sprintf("the reading did not change while it was watched: its stated period of %v is believed", m.Interval)
		default:
			r.Period = time.Second
			r.Note = "the reading did not change while it was watched, and no period is stated: 1 s is assumed"
		}
		return
	}
	var d []time.Duration
	for i := range changed[1:] {
		d = append(d, changed[i+1]-changed[i])
	}
	slices.Sort(d)
	r.Period = d[len(d)/2]
	r.Measured = true
}

// sleep waits on the real clock.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
