// Package pool runs one kernel on several threads. Workers block between
// tasks (they never spin, so idle sessions cost nothing) and a task costs no
// allocation, about 5 µs of wake-up.
package pool

import "sync"

// A Pool is a fixed set of worker goroutines and the caller. It runs one task
// at a time; it is not safe for concurrent use. A nil *Pool has one thread.
type Pool struct {
	wake []chan int // one per worker; carries the index of its part
	wg   sync.WaitGroup
	f    func(part, parts int)
	n    int // parts of the running task
}

// New returns a pool of n threads, the caller included; nil for n ≤ 1.
func New(n int) *Pool {
	if n <= 1 {
		return nil
	}
	p := &Pool{wake: make([]chan int, n-1)}
	for i := range p.wake {
		c := make(chan int, 1)
		p.wake[i] = c
		go func() {
			for part := range c {
				p.f(part, p.n)
				p.wg.Done()
			}
		}()
	}
	return p
}

// Threads returns how many parts run at once.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return len(p.wake) + 1
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
	p.wg.Add(parts - 1)
	for i := range parts - 1 {
		p.wake[i] <- i + 1
	}
	f(0, parts)
	p.wg.Wait()
}

// Close ends the workers. A closed pool must not be used.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	for _, c := range p.wake {
		close(c)
	}
	p.wake = nil
}

// Split returns the bounds of part among n items in parts contiguous ranges,
// each but the last a multiple of grain long.
func Split(n, grain, part, parts int) (from, to int) {
	blocks := (n + grain - 1) / grain
	return min(n, blocks*part/parts*grain), min(n, blocks*(part+1)/parts*grain)
}
