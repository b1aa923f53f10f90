package roof

import (
	"testing"

	"assay/bench/kernel/pool"
)

// TestMeasure: every figure is there, on one thread and on two, also where no
// time is given: three repetitions are made in any case.
func TestMeasure(t *testing.T) {
	for _, threads := range []int{1, 2} {
		p := pool.New(threads)
		r := Measure(p, 0)
		p.Close()
		if r.Float <= 0 || r.Int8 <= 0 || len(r.Copy) != len(sets) {
			t.Errorf("%d threads: %+v", threads, r)
		}
		for i, c := range r.Copy {
			if c.Set != sets[i] || c.Rate <= 0 {
				t.Errorf("%d threads: copying in %d bytes at %v B/s", threads, c.Set, c.Rate)
			}
		}
	}
}
