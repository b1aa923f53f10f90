package runner

import (
	"testing"
	"time"

	"assay/models/tensor"
)

func bound(mode string, sets int) *fakeSession {
	s := &fakeSession{mode: mode, batch: 1}
	if d, err := time.ParseDuration(mode); err == nil {
		s.sleep = d
	}
	var in [][]tensor.Tensor
	for range sets {
		in = append(in, pair(1, 2))
	}
	s.Bind(in, []tensor.Tensor{tensor.New(tensor.Float32, 1, 2)})
	return s
}

func TestTimedDoesNotAllocate(t *testing.T) {
	s, l := bound("1us", 3), loop{per: 4}
	lat := make([]int64, 100)
	if n := testing.AllocsPerRun(20, func() {
		if k, _, err := l.timed(s, 3, lat, 50, 0); k != 50 || err != nil {
			t.Fatal(k, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in the timed region", n)
	}
}

// TestAllocsAreSeen: a block of a session that allocates nothing counts next
// to nothing (the runtime and other tests are counted too, a few objects), and
// every allocation of one that does is counted.
func TestAllocsAreSeen(t *testing.T) {
	var l loop
	for range 2 {
		if f, err := l.block(bound("quick", 1), 1, 0, 100); err != nil || f.Allocs > 20 {
			t.Errorf("quiet: %d allocations, %v", f.Allocs, err)
		}
	}
	f, err := l.block(bound("allocates", 1), 1, 0, 100)
	if err != nil || f.Allocs < 100 || f.GCs != 0 {
		t.Errorf("allocating: %d allocations, %d collections, %v", f.Allocs, f.GCs, err)
	}
}

func TestSetsRotate(t *testing.T) {
	s := bound("quick", 3)
	var l loop
	for range 4 { // 4 blocks of 4 over 3 sets: the rotation goes on over blocks
		if _, err := l.block(s, 3, 0, 4); err != nil {
			t.Fatal(err)
		}
	}
	if s.seen[0] != 6 || s.seen[1] != 5 || s.seen[2] != 5 {
		t.Errorf("sets were run %v times", s.seen)
	}
}

func TestWarmCountsEverything(t *testing.T) {
	s := bound("30us", 1)
	var l loop
	f, err := l.warm(s, 1, 4*time.Millisecond, 30)
	if err != nil {
		t.Fatal(err)
	}
	if f.Inferences != s.seen[0] || f.Inferences < 30 || f.ElapsedNS < int64(4*time.Millisecond) || f.Per != 1 {
		t.Errorf("warm = %+v, %d inferences seen", f, s.seen[0])
	}
	if _, err := l.warm(bound("fails", 1), 1, 0, 1); err == nil {
		t.Error("a failing session was warmed")
	}
}

func TestChoosePer(t *testing.T) {
	for _, c := range []struct {
		ns   int64
		want int
	}{{0, 50000}, {1, 50000}, {1000, 50}, {19999, 3}, {20000, 1}, {1e9, 1}} {
		taken := []int64{1e9} // the first inference is cold
		for range 64 {
			taken = append(taken, c.ns)
		}
		if got := choosePer(taken); got != c.want {
			t.Errorf("choosePer(%d ns) = %d, want %d", c.ns, got, c.want)
		}
	}
}
