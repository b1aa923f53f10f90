package pool

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestRunCoversEveryPart(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 5} {
		p := New(threads)
		for limit := 1; limit < 7; limit++ {
			want := min(limit, max(threads, 1))
			seen := make([]int, want) // a write outside the range would panic
			p.Run(limit, func(part, parts int) {
				if parts == want {
					seen[part]++
				}
			})
			for i, n := range seen {
				if n != 1 {
					t.Errorf("threads %d, limit %d: part %d ran %d times", threads, limit, i, n)
				}
			}
		}
		p.Close()
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	p := New(3)
	defer p.Close()
	sum := make([]int, 3)
	f := func(part, parts int) { sum[part] += parts }
	if n := testing.AllocsPerRun(100, func() { p.Run(3, f) }); n != 0 {
		t.Errorf("Run allocates %v times", n)
	}
}

func TestSplit(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 5, 63, 64, 65} {
		for _, grain := range []int{1, 4} {
			for parts := 1; parts < 6; parts++ {
				next := 0
				for part := range parts {
					from, to := Split(n, grain, part, parts)
					if from != next || to < from || to != n && to%grain != 0 {
						t.Fatalf("Split(%d, %d, %d, %d) = %d, %d after %d", n, grain, part, parts, from, to, next)
					}
					next = to
				}
				if next != n {
					t.Fatalf("Split(%d, %d, …, %d) ends at %d", n, grain, parts, next)
				}
			}
		}
	}
}

// TestSleep: tasks reach workers that are awake, that fall asleep just then and
// that sleep, with as many processors as threads or fewer; under the race
// detector what each part wrote is seen after Run.
func TestSleep(t *testing.T) {
	for _, look := range []time.Duration{0, awake, time.Millisecond} {
		p := start(3, look)
		defer p.Close()
		var parts [3]int
		f := func(part, _ int) { parts[part]++ }
		const rounds = 500
		for i := range rounds {
			if i%100 == 0 {
				time.Sleep(2 * look) // now they sleep
			}
			for end := time.Now().Add(time.Duration(i%64) * time.Microsecond); time.Now().Before(end); {
			}
			p.Run(3, f)
		}
		if parts != [3]int{rounds, rounds, rounds} {
			t.Errorf("looking for %v: parts ran %v times", look, parts)
		}
	}
}

// TestIdle: soon after a task every worker blocks.
func TestIdle(t *testing.T) {
	p := start(4, awake)
	defer p.Close()
	var n atomic.Int64
	p.Run(4, func(int, int) { n.Add(1) })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		asleep := 0
		for _, w := range p.workers {
			if w.asleep.Load() {
				asleep++
			}
		}
		if asleep == 3 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of 3 workers block", asleep)
		}
	}
}

// BenchmarkRun is what a task costs of which nothing is to be done, while the
// workers are awake.
func BenchmarkRun(b *testing.B) {
	p := New(2)
	defer p.Close()
	f := func(int, int) {}
	for b.Loop() {
		p.Run(2, f)
	}
}
