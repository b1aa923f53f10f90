package pool

import "testing"

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
