// Package pool runs one kernel on several threads. It pins nothing. Workers
// wait for their next task by looking for it again and again, but only for as
// long as it takes to wake one that sleeps a few times over; then they block,
// so that idle sessions cost nothing. A task costs no allocation, about 5 µs
// where the workers sleep and less where they are awake.
package pool

import (
	"runtime"
	"sync/atomic"
	"time"
)

// awake is how long a worker, or the caller of Run, looks before it blocks. It
// covers what lies between two kernels of a network, and is short beside the
// block of 50 ms after which another process is measured.
const awake = 50 * time.Microsecond

// A Pool is a fixed set of worker goroutines and the caller. It runs one task
// at a time; it is not safe for concurrent use. A nil *Pool has one thread.
type Pool struct {
	workers []*worker
	f       func(part, parts int)
	n       int          // parts of the running task
	left    atomic.Int64 // parts that workers have not finished
	done    func() bool  // whether there are none
	caller  sleeper
	awake   time.Duration
}

// A worker is told of a task by its number, which then differs from the last
// one's; a negative one ends it.
type worker struct {
	task atomic.Int64
	sleeper
}

// A sleeper blocks until it is woken, where it has not seen what it waits for.
type sleeper struct {
	asleep atomic.Bool
	bell   chan struct{} // of one place
}

func newSleeper() sleeper { return sleeper{bell: make(chan struct{}, 1)} }

// wait returns when ready holds, of which wake tells. It looks for d first.
func (s *sleeper) wait(d time.Duration, ready func() bool) {
	if ready() {
		return
	}
	if d > 0 {
		for end := time.Now().Add(d); ; {
			for range 64 {
				if ready() {
					return
				}
			}
			if time.Now().After(end) {
				break
			}
		}
	}
	s.asleep.Store(true)
	if ready() && s.asleep.CompareAndSwap(true, false) {
		return // nobody has seen that it would sleep
	}
	<-s.bell
}

// wake ends a wait that has blocked, or is about to.
func (s *sleeper) wake() {
	if s.asleep.CompareAndSwap(true, false) {
		s.bell <- struct{}{}
	}
}

// New returns a pool of n threads, the caller included; nil for n ≤ 1. Where
// there are fewer processors than threads, nobody looks, which would keep another
// from running.
func New(n int) *Pool {
	if runtime.GOMAXPROCS(0) >= n {
		return start(n, awake)
	}
	return start(n, 0)
}

// start returns a pool whose threads look for so long.
func start(n int, awake time.Duration) *Pool {
	if n <= 1 {
		return nil
	}
	p := &Pool{caller: newSleeper(), awake: awake}
	p.done = func() bool { return p.left.Load() == 0 }
	for i := range n - 1 {
		w := &worker{sleeper: newSleeper()}
		p.workers = append(p.workers, w)
		go p.work(w, i+1)
	}
	return p
}

// work runs part of every task that w is told of.
func (p *Pool) work(w *worker, part int) {
	last := int64(0)
	ready := func() bool { return w.task.Load() != last }
	for {
		w.wait(p.awake, ready)
		if last = w.task.Load(); last < 0 {
			return
		}
		p.f(part, p.n)
		if p.left.Add(-1) == 0 {
			p.caller.wake()
		}
	}
}

// Threads returns how many parts run at once.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return len(p.workers) + 1
}

// Run calls f(part, parts) for every part in [0, parts), at once where there
// are threads, and returns when all have returned. parts is Threads() or
// limit, whichever is less. f must not call Run.
func (p *Pool) Run(limit int, f func(part, parts int)) {
	parts := min(limit, p.Threads())
	if parts <= 1 {
		f(0, 1)
		return
	}
	p.f, p.n = f, parts
	p.left.Store(int64(parts - 1))
	for _, w := range p.workers[:parts-1] {
		w.task.Add(1)
		w.wake()
	}
	f(0, parts)
	p.caller.wait(p.awake, p.done)
}

// Close ends the workers. A closed pool must not be used.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	for _, w := range p.workers {
		w.task.Store(-1)
		w.wake()
	}
	p.workers = nil
}

// Split returns the bounds of part among n items in parts contiguous ranges,
// each but the last a multiple of grain long.
func Split(n, grain, part, parts int) (from, to int) {
	blocks := (n + grain - 1) / grain
	return min(n, blocks*part/parts*grain), min(n, blocks*(part+1)/parts*grain)
}
