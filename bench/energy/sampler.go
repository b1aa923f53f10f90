package energy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// Limits on how often meters are read. Reading a counter more often than this
// costs more than it tells (arXiv 2604.26815: 0.25 to 47 % of the time at
// 1 kHz); 100 Hz are what a register read of an INA3221 stands (about 0.55 ms
// each for 4 rails).
const (
	leastEveryCounter = 50 * time.Millisecond
	leastEveryPower   = 10 * time.Millisecond
)

// A Recorder keeps what a meter shows each time it is told to look. It is the
// part of a Sampler that needs no clock of its own. One goroutine at a time.
type Recorder struct {
	meter Meter
	trace Trace
}

// NewRecorder returns a recorder with room for 10 minutes of readings.
// m.Interval tells new values from repeated ones: it should be the period that
// Meter.Period has measured.
func NewRecorder(m Meter, every time.Duration) *Recorder {
	least := leastEveryPower
	if m.Kind() == Counter {
		least = leastEveryCounter
	}
	every = max(every, least)
	r := &Recorder{meter: m, trace: Trace{Period: m.Interval, Every: every, CPU: -1}}
	room := int(10*time.Minute/every) + 2
	for _, s := range m.Total {
		r.trace.Series = append(r.trace.Series, Series{
			Domain: s.Domain(), At: make([]time.Duration, 0, room), Value: make([]float64, 0, room),
		})
	}
	return r
}

// Look reads every sensor once. What cannot be read is counted.
func (r *Recorder) Look(ctx context.Context) {
	r.trace.Reads++
	for i, s := range r.meter.Total {
		x, err := s.Read(ctx)
		if err == nil && !finite(x.Value) {
			err = fmt.Errorf("%s showed %v", s.Domain().Name, x.Value)
		}
		if err != nil {
			r.trace.Errors++
			r.trace.Err = err
			continue
		}
		r.trace.Series[i].add(x, r.trace.Period)
	}
}

// End looks once more, keeps also what is repeated, so that a window that ends
// now is spanned by readings, and returns all that was seen.
func (r *Recorder) End(ctx context.Context) Trace {
	period := r.trace.Period
	r.trace.Period = 0
	r.Look(ctx)
	r.trace.Period = period
	return r.trace
}

// A Sampler reads a meter in the background.
type Sampler struct {
	mu   sync.Mutex // guards rec's trace
	rec  *Recorder
	now  func() time.Duration
	stop context.CancelFunc
	done chan struct{}
}

// Start begins to read m, once in every stretch of length every at a random
// moment: a load that repeats in step with the readings would otherwise be
// seen in one phase only. Rates beyond 20 Hz (counters) and 100 Hz (powers)
// are cut down to these. Set m.Interval to the period that Meter.Period has
// measured. Nobody else may read m before Stop has returned.
func Start(ctx context.Context, m Meter, every time.Duration, now func() time.Duration) *Sampler {
	ctx, stop := context.WithCancel(ctx)
	s := &Sampler{rec: NewRecorder(m, every), now: now, stop: stop, done: make(chan struct{})}
	s.rec.trace.From = now()
	go s.loop(ctx, s.rec.trace.Every)
	return s
}

// loop runs on a thread of its own, so that its CPU time can be told.
func (s *Sampler) loop(ctx context.Context, every time.Duration) {
	defer close(s.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	rnd := rand.New(rand.NewPCG(0xa55a, 0x5eed)) // any seed: only the moments of reading depend on it
	timer := time.NewTimer(0)
	defer timer.Stop()
	begin := s.now()
	for k := 1; ; k++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		s.look(ctx, before)
		passed := s.now() - begin
		k = max(k, int(passed/every)) // what was missed is not caught up
		at := time.Duration((float64(k) + rnd.Float64()) * float64(every))
		timer.Reset(max(at-passed, 0))
	}
}

func (s *Sampler) look(ctx context.Context, before time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rec.Look(ctx)
	s.rec.trace.To = s.now()
	if before >= 0 {
		s.rec.trace.CPU = threadTime() - before
	}
}

// Trace returns what was seen so far; the sampler goes on.
func (s *Sampler) Trace() Trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.rec.trace
	t.Series = append([]Series(nil), t.Series...) // readings are only ever added behind these
	return t
}

// Stop ends the sampler after a last look, and returns all that it has seen.
func (s *Sampler) Stop() Trace {
	s.stop()
	<-s.done
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	t := s.rec.End(ctx)
	t.To = s.now()
	return t
}
