package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"assay/bench/engine"
	"assay/models/tensor"
)

// spin is for how long before an arrival a worker stops sleeping and reads the
// clock instead. Sleeping overshoots: on Linux by the timer slack of 50 µs
// (prctl(2), PR_SET_TIMERSLACK) and the wake-up from an idle state, a few
// hundred µs at most; elsewhere by up to 1 ms. So a worker spins for at most
// this long per query, and what still came late is reported (Served.Late).
const spin = time.Millisecond

// maxServe bounds a schedule.
const maxServe = time.Hour

// A clock is time since an origin. Tests have one of their own, in which an
// inference takes exactly what they say.
type clock interface {
	now() time.Duration
	// wait returns not before the time at.
	wait(at time.Duration)
}

// wall is the real clock.
type wall struct{ start time.Time }

func (w *wall) now() time.Duration { return time.Since(w.start) }

func (w *wall) wait(at time.Duration) {
	if d := at - w.now(); d > spin {
		time.Sleep(d - spin) // after its first call it allocates nothing
	}
	for w.now() < at {
	}
}

// A queue is what is served and where the times go.
type queue struct {
	arrivals []int64 // ns since the start, in order
	latency  []int64 // ns, as long as arrivals
	late     []int64
	bound    int64 // ns; a latency above it is over
	most     int   // queries over the bound after which the stretch is given up; below 0 it never is
}

// timed serves the queue, one query after the other: each inference begins
// when its query has arrived and the last one has ended. It is the timed
// region: two readings of the clock per query, no allocation, no system call
// but sleep. It returns how many queries were served.
func (q *queue) timed(s engine.Session, sets, first int, c clock) (k, next int, err error) {
	i, free, over := first, time.Duration(0), 0
	if i >= sets {
		i = 0
	}
	for k < len(q.arrivals) {
		due := time.Duration(q.arrivals[k])
		if due > free {
			c.wait(due)
		}
		q.late[k] = int64(c.now() - max(due, free))
		if err := s.Run(i); err != nil {
			return k, i, err
		}
		free = c.now()
		q.latency[k] = int64(free - due)
		if i++; i == sets {
			i = 0
		}
		k++
		if q.latency[k-1] > q.bound {
			if over++; q.most >= 0 && over > q.most {
				break
			}
		}
	}
	return k, i, nil
}

// serve answers a request to serve: ts holds the arrivals.
func (s *server) serve(q *request, ts []tensor.Tensor) (*answer, []tensor.Tensor, error) {
	switch {
	case s.ses == nil:
		return nil, nil, errNotLoaded
	case len(s.timed.sets) == 0:
		return nil, nil, errors.New("no inputs are bound")
	case len(ts) != 1 || ts[0].Type != tensor.Int64 || len(ts[0].Shape) != 1:
		return nil, nil, errors.New("arrivals come as one int64 tensor of one dimension")
	case q.BoundNS < 0 || q.MostOver < -1:
		return nil, nil, fmt.Errorf("a bound of %d ns, given up after %d queries", q.BoundNS, q.MostOver)
	}
	arrivals := tensor.Of[int64](ts[0])
	if err := scheduled(arrivals); err != nil {
		return nil, nil, err
	}
	if err := s.use(&s.timed); err != nil {
		return nil, nil, err
	}
	f, latency, late, err := s.loop.serve(s.ses, len(s.timed.sets), queue{arrivals: arrivals, bound: q.BoundNS, most: int(q.MostOver)})
	if err != nil {
		return nil, nil, err
	}
	return &answer{Block: &f}, []tensor.Tensor{
		tensor.From(tensor.Int64, latency, len(latency)), tensor.From(tensor.Int64, late, len(late)),
	}, nil
}

// scheduled checks a schedule.
func scheduled(arrivals []int64) error {
	if len(arrivals) == 0 || len(arrivals) > maxLatencies {
		return fmt.Errorf("%d arrivals, want 1 to %d", len(arrivals), maxLatencies)
	}
	last := int64(0)
	for i, a := range arrivals {
		if a < last || a > int64(maxServe) {
			return fmt.Errorf("arrival %d is at %d ns, after one at %d ns: want them in order, within %v", i, a, last, maxServe)
		}
		last = a
	}
	return nil
}

// serve measures a stretch of queries; like block, it collects garbage before
// and keeps the collector off inside.
func (l *loop) serve(s engine.Session, sets int, q queue) (f blockFrame, latency, late []int64, err error) {
	n := len(q.arrivals)
	if cap(l.buf) < 2*n {
		l.buf = make([]int64, 2*n)
	}
	l.buf = l.buf[:cap(l.buf)]
	clear(l.buf[:2*n]) // touch the pages now, not in the timed region
	q.latency, q.late = l.buf[:n:n], l.buf[n:2*n]
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	time.Sleep(time.Nanosecond) // the first sleep of a goroutine makes its timer
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	f = blockFrame{Per: 1, StartNS: monotonic()}
	c := &wall{time.Now()}
	f.Inferences, l.next, err = q.timed(s, sets, l.next, c)
	f.ElapsedNS = int64(c.now())
	f.EndNS = monotonic()
	f.CPUNS = -1
	if cpu >= 0 {
		f.CPUNS = int64(cpuTime() - cpu)
	}
	runtime.ReadMemStats(&after)
	f.Allocs, f.GCs = after.Mallocs-before.Mallocs, after.NumGC-before.NumGC
	return f, q.latency[:f.Inferences], q.late[:f.Inferences], err
}

// Serve sends queries that arrive at the given offsets (in ns, in order, within
// an hour). It is given up when more than most of them took longer than bound;
// most below 0 never gives up. A worker without the capability "serve" is an
// error that wraps errors.ErrUnsupported.
func (w *Worker) Serve(ctx context.Context, arrivals []int64, bound time.Duration, most int) (Served, error) {
	if !w.Can(CanServe) {
		return Served{}, fmt.Errorf("this worker of %s does not serve queries by a schedule: %w", w.hello.Info.Name, errors.ErrUnsupported)
	}
	in := tensor.From(tensor.Int64, arrivals, len(arrivals))
	a, out, err := w.call(ctx, &request{Op: opServe, BoundNS: int64(bound), MostOver: int64(max(most, -1))}, []tensor.Tensor{in})
	if err != nil {
		return Served{}, err
	}
	if a.Block == nil {
		return Served{}, w.nonsense(opServe, errors.New(`no "block" in the answer`))
	}
	s, err := a.Block.served(out, len(arrivals))
	if err != nil {
		return Served{}, w.nonsense(opServe, err)
	}
	return s, nil
}

// Can reports whether the worker has a capability.
func (w *Worker) Can(capability string) bool {
	return slices.Contains(w.hello.Info.Capabilities, capability)
}

// served checks what a worker says of a stretch of n scheduled queries.
func (f *blockFrame) served(out []tensor.Tensor, n int) (Served, error) {
	if len(out) != 2 {
		return Served{}, fmt.Errorf("%d tensors, want latencies and lateness", len(out))
	}
	b, err := f.block(out[:1])
	if err != nil {
		return Served{}, err
	}
	late, err := f.block(out[1:])
	if err != nil {
		return Served{}, fmt.Errorf("lateness: %w", err)
	}
	if len(b.Latencies) != f.Inferences || len(late.Latencies) != f.Inferences || f.Inferences > n {
		return Served{}, fmt.Errorf("%d latencies and %d times of lateness of %d queries, of %d scheduled", len(b.Latencies), len(late.Latencies), f.Inferences, n)
	}
	return Served{Latencies: b.Latencies, Late: late.Latencies, Start: b.Start, End: b.End, Elapsed: b.Elapsed, CPU: b.CPU}, nil
}
