package runner

import (
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"assay/bench/engine"
)

const (
	// maxLatencies bounds the buffer of one block to 32 MiB.
	maxLatencies = 1 << 22

	// A timer costs about 0.1 µs, so an inference of 20 µs is timed alone at an
	// error below 1 %; shorter ones are timed in batches of at least 50 µs.
	alone = 20 * time.Microsecond
	batch = 50 * time.Microsecond

	// garbage is how much a worker may leave, in B, before the collector runs. A
	// collection right before a block slows its begin (one of 40 ms by 1.5 % on
	// a Xeon, BenchmarkBareLoop), and what messages leave is some kB per block.
	garbage = 1 << 20
)

// A loop times inferences. Its buffer is kept from block to block, so that
// only the first block of a size allocates, and that before it starts.
type loop struct {
	per   int     // inferences per latency, chosen by warm
	next  int     // input set of the next inference
	buf   []int64 // ns
	taken []int64 // the latencies of the last block, in buf
	swept uint64  // B that had been allocated when the collector ran last; 0 if it has not
}

// block measures at least n inferences and at least d. It ends early only
// where maxLatencies are taken before d has passed.
//
// The collector runs before the block, where there is garbage, and is off
// inside it. What happens between the two clock readings is the engine's
// work, one reading of the monotonic clock per latency and the loop itself:
// latencies are differences of successive readings, so they add up to the
// elapsed time.
func (l *loop) block(s engine.Session, sets int, d time.Duration, n int) (blockFrame, error) {
	l.per = max(1, l.per)
	need := (max(n, 1) + l.per - 1) / l.per
	most := min(max(need, int(d/alone)+1024), maxLatencies)
	if cap(l.buf) < most {
		l.buf = make([]int64, most)
		for i := range l.buf {
			l.buf[i] = 0 // touch the pages now, not in the timed region
		}
	}
	l.buf = l.buf[:cap(l.buf)]

	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if l.swept == 0 || before.TotalAlloc-l.swept > garbage {
		runtime.GC()
		runtime.ReadMemStats(&before)
		l.swept = before.TotalAlloc
	}
	cpu := cpuTime()
	f := blockFrame{Per: l.per, StartNS: monotonic()}
	k, elapsed, err := l.timed(s, sets, l.buf[:most], need, d)
	f.EndNS = monotonic()
	f.CPUNS = -1
	if cpu >= 0 {
		f.CPUNS = int64(cpuTime() - cpu)
	}
	runtime.ReadMemStats(&after)
	l.taken = l.buf[:k]
	f.ElapsedNS, f.Inferences = int64(elapsed), k*l.per
	f.Allocs, f.GCs = after.Mallocs-before.Mallocs, after.NumGC-before.NumGC
	return f, err
}

// timed is the timed region: it allocates nothing, logs nothing, locks nothing
// and makes no system call but the engine's (the clock is read in user space).
// It fills at least need latencies of lat, in ns per inference, until d has
// passed, and returns how many and the time they took.
func (l *loop) timed(s engine.Session, sets int, lat []int64, need int, d time.Duration) (k int, elapsed time.Duration, err error) {
	i, per := l.next, l.per
	if i >= sets {
		i = 0
	}
	start := time.Now()
	for k < len(lat) && (k < need || elapsed < d) {
		for range per {
			if err := s.Run(i); err != nil {
				return k, elapsed, err
			}
			if i++; i == sets {
				i = 0
			}
		}
		now := time.Since(start)
		lat[k] = int64(now-elapsed) / int64(per)
		elapsed = now
		k++
	}
	l.next = i
	return k, elapsed, nil
}

// warm spends the first half of d and n with a timer per inference, chooses
// per from what it saw last, and spends the rest as a block. The frame spans
// both; the latencies are the block's.
func (l *loop) warm(s engine.Session, sets int, d time.Duration, n int) (blockFrame, error) {
	l.per = 1
	first, err := l.block(s, sets, d/2, max(n/2, 1))
	if err != nil {
		return first, err
	}
	l.per = choosePer(l.taken)
	f, err := l.block(s, sets, d-time.Duration(first.ElapsedNS), n-first.Inferences)
	if err != nil {
		return f, err
	}
	f.StartNS, f.ElapsedNS = first.StartNS, f.ElapsedNS+first.ElapsedNS
	f.Inferences += first.Inferences
	f.Allocs += first.Allocs
	f.GCs += first.GCs
	if f.CPUNS >= 0 && first.CPUNS >= 0 {
		f.CPUNS += first.CPUNS
	}
	return f, nil
}

// choosePer returns how many inferences to time together, from latencies that
// were taken one by one: the first ones are cold, so it looks at the median of
// the last 64.
func choosePer(taken []int64) int {
	last := slices.Clone(taken[max(0, len(taken)-64):])
	slices.Sort(last)
	m := time.Duration(last[len(last)/2])
	if m >= alone {
		return 1
	}
	m = max(m, 1) // an engine that takes no time at all
	return int((batch + m - 1) / m)
}
