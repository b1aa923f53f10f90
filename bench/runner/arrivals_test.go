//go:build unix

package runner

import (
	"errors"
	"slices"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/loadgen"
	"assay/models/tensor"
)

// A still is a clock that moves only when it is waited for or worked under.
type still struct{ at time.Duration }

func (s *still) now() time.Duration { return s.at }

func (s *still) wait(at time.Duration) { s.at = max(s.at, at) }

// A worked session takes exactly one duration per inference by its clock.
type worked struct {
	engine.Session
	clock *still
	each  time.Duration
	ran   []int
}

func (w *worked) Run(i int) error {
	w.clock.at += w.each
	w.ran = append(w.ran, i)
	return nil
}

const ms = int64(time.Millisecond)

// served runs a queue in virtual time.
func served(arrivals []int64, each time.Duration, bound int64, most int) (q queue, k int, w *worked) {
	c := &still{}
	w = &worked{clock: c, each: each}
	q = queue{arrivals: arrivals, latency: make([]int64, len(arrivals)), late: make([]int64, len(arrivals)), bound: bound, most: most}
	k, _, _ = q.timed(w, 2, 0, c)
	return q, k, w
}

func TestQueue(t *testing.T) {
	for _, c := range []struct {
		name     string
		arrivals []int64
		bound    int64
		most     int
		want     []int64 // latencies
	}{
		{"one after the other", []int64{0, 1 * ms, 1 * ms, 10 * ms}, 100 * ms, 0, []int64{2 * ms, 3 * ms, 5 * ms, 2 * ms}},
		{"all at once", []int64{5 * ms, 5 * ms, 5 * ms}, 100 * ms, 0, []int64{2 * ms, 4 * ms, 6 * ms}},
		{"given up", []int64{0, 0, 0, 0, 0}, 3 * ms, 1, []int64{2 * ms, 4 * ms, 6 * ms}},
		{"on the bound", []int64{0, 0}, 4 * ms, 0, []int64{2 * ms, 4 * ms}},
		{"never given up", []int64{0, 0, 0, 0}, 3 * ms, -1, []int64{2 * ms, 4 * ms, 6 * ms, 8 * ms}},
	} {
		q, k, w := served(c.arrivals, 2*time.Millisecond, c.bound, c.most)
		if !slices.Equal(q.latency[:k], c.want) {
			t.Errorf("%s: latencies %v, want %v", c.name, q.latency[:k], c.want)
		}
		for i, late := range q.late[:k] {
			if late != 0 {
				t.Errorf("%s: query %d began %d ns late by a perfect clock", c.name, i, late)
			}
		}
		for i, set := range w.ran {
			if set != i%2 {
				t.Errorf("%s: sets %v do not rotate", c.name, w.ran)
				break
			}
		}
	}
}

// TestQueueDoesNotAllocate: nor does the real clock, sleeping and spinning.
func TestQueueDoesNotAllocate(t *testing.T) {
	s := bound("quick", 3)
	q := queue{arrivals: []int64{0, ms / 10, 3 * ms}, latency: make([]int64, 3), late: make([]int64, 3), bound: 1000 * ms}
	time.Sleep(time.Nanosecond)
	if n := testing.AllocsPerRun(5, func() {
		c := &wall{time.Now()}
		if k, _, err := q.timed(s, 3, 0, c); k != 3 || err != nil {
			t.Fatal(k, err)
		}
	}); n > 1 { // the clock itself, outside of the region
		t.Errorf("%v allocations in the timed region", n)
	}
}

// TestWait: no inference begins before its query arrived.
func TestWait(t *testing.T) {
	c := &wall{time.Now()}
	for _, at := range []time.Duration{0, 100 * time.Microsecond, spin, 2 * spin, 2 * spin} {
		if c.wait(at); c.now() < at {
			t.Errorf("waited until %v, it is %v", at, c.now())
		}
	}
}

func TestScheduled(t *testing.T) {
	for _, bad := range [][]int64{nil, {-1}, {2, 1}, {int64(maxServe) + 1}, make([]int64, maxLatencies+1)} {
		if scheduled(bad) == nil {
			t.Errorf("%d arrivals are accepted: %v…", len(bad), bad[:min(len(bad), 2)])
		}
	}
	if err := scheduled([]int64{0, 0, 5, int64(maxServe)}); err != nil {
		t.Error(err)
	}
}

// TestServe: a schedule through the pipe and back.
func TestServe(t *testing.T) {
	w := start(t, command("serve"))
	ctx := patience(t)
	if _, err := w.Serve(ctx, []int64{0}, time.Second, 0); err == nil {
		t.Error("a worker without a model serves")
	}
	load(t, w, "100us", 1)
	if _, err := w.Serve(ctx, []int64{0}, time.Second, 0); err == nil {
		t.Error("a worker without inputs serves")
	}
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2), pair(3, 4)}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]int64{{2, 1}, {-5}} {
		var remote *RemoteError
		if _, err := w.Serve(ctx, bad, time.Second, 0); !errors.As(err, &remote) {
			t.Errorf("schedule %v: %v, want an error frame", bad, err)
		}
	}
	s, err := w.Serve(ctx, []int64{0, 0, 0, 4 * ms}, time.Minute, -1)
	if err != nil || len(s.Latencies) != 4 || len(s.Late) != 4 || s.End <= s.Start || s.Elapsed < 4*time.Millisecond {
		t.Fatalf("served %+v, %v", s, err)
	}
	for i, l := range s.Latencies { // the first three arrive together: each waits for those before it
		if least := time.Duration(min(i, 2)+1) * 100 * time.Microsecond; i < 3 && l < least {
			t.Errorf("query %d took %v, want at least %v", i, l, least)
		}
	}
	s, err = w.Serve(ctx, make([]int64, 50), time.Nanosecond, 2)
	if err != nil || len(s.Latencies) != 3 {
		t.Errorf("given up after %d queries, %v: want 3", len(s.Latencies), err)
	}
	old := start(t, command("garbage"))
	if _, err := old.Serve(ctx, []int64{0}, time.Second, 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a worker without the capability: %v", err)
	}
}

func TestServedNonsense(t *testing.T) {
	two := func(a ...int64) tensor.Tensor { return tensor.From(tensor.Int64, a, len(a)) }
	f := blockFrame{Per: 1, Inferences: 2, EndNS: 9, ElapsedNS: 9}
	for name, out := range map[string][]tensor.Tensor{
		"none": nil, "one": {two(1, 2)}, "negative": {two(1, -2), two(0, 0)}, "short": {two(1, 2), two(0)}, "long": {two(1, 2, 3), two(0, 0, 0)},
	} {
		if s, err := f.served(out, 2); err == nil {
			t.Errorf("%s: accepted %+v", name, s)
		}
	}
	if _, err := f.served([]tensor.Tensor{two(1, 2), two(0, 0)}, 1); err == nil {
		t.Error("more queries than were scheduled are accepted")
	}
	if s, err := f.served([]tensor.Tensor{two(1, 2), two(0, 0)}, 3); err != nil || len(s.Latencies) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestQueueMeetsTheory lets LoadGen's search loose on the worker's own queue,
// in virtual time: with a constant service time D it is an M/D/1 queue, whose
// utilisation at which 99 % of the queries take at most k·D is known (Erlang
// 1909; computed in bench/loadgen's tests, which hold the formula to its mean
// and its probability of no wait).
func TestQueueMeetsTheory(t *testing.T) {
	const d, runs = 200 * time.Microsecond, 4
	for _, c := range []struct{ k, utilisation float64 }{{3, 0.3195}, {6, 0.6295}, {10, 0.7735}} {
		bound, sum := c.k*d.Seconds(), 0.0
		for stream := range uint64(runs) {
			gaps := loadgen.Gaps(loadgen.ScheduleSeed, stream, 400_000)
			s := loadgen.NewSearch(0.5/d.Seconds(), 1.3, 0.01/d.Seconds())
			for {
				rate, ok := s.Next()
				if !ok {
					break
				}
				n := min(loadgen.Queries(0.99, rate, 60), len(gaps))
				most := loadgen.Allowed(0.99, n)
				q, k, _ := served(loadgen.Arrivals(gaps[:n], rate), d, int64(bound*1e9), most)
				over := 0
				for _, l := range q.latency[:k] {
					if l > q.bound {
						over++
					}
				}
				if (k < n) != (over > most) {
					t.Fatalf("given up after %d of %d queries with %d over the bound, %d are allowed", k, n, over, most)
				}
				s.Tell(k == n && loadgen.Holds(0.99, n, over))
			}
			sum += s.Rate() * d.Seconds()
		}
		if got := sum / runs; got > 1.005*c.utilisation || got < 0.96*c.utilisation { // early stopping allows a little less than 1 % over the bound
			t.Errorf("within %v service times: a utilisation of %.4f was found, theory says %.4f", c.k, got, c.utilisation)
		}
	}
}
