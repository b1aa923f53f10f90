package compress

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHistogram compares quantiles with those of all values sorted, on data
// whose magnitude grows while they arrive.
func TestHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	h := &histogram{}
	all := []float32{}
	h.add(make([]float32, 10)) // zeros before any width is known
	all = append(all, make([]float32, 10)...)
	for i := range 200 {
		v := make([]float32, 500)
		for j := range v {
			v[j] = float32(r.NormFloat64()) * float32(i+1) * 0.01
		}
		h.add(v)
		all = append(all, v...)
	}
	slices.Sort(all)
	var n int64
	for _, c := range h.counts {
		n += c
	}
	if n != int64(len(all)) {
		t.Fatalf("%d values counted, %d added", n, len(all))
	}
	top := max(all[len(all)-1], -all[0])
	if h.width > float64(top)/2048*1.0001 {
		t.Errorf("bins are %g wide for a largest magnitude of %g: more than 1/2048", h.width, top)
	}
	for _, cut := range []int64{0, 1, 100, 5000, 40000} {
		low, high := h.within(cut)
		exactLow, exactHigh := float64(all[cut]), float64(all[int64(len(all))-1-cut])
		if low > exactLow || low < exactLow-h.width || high < exactHigh || high > exactHigh+h.width {
			t.Errorf("cut %d: [%g, %g], sorted values give [%g, %g], bins of %g", cut, low, high, exactLow, exactHigh, h.width)
		}
		if out := h.outside(low, high); out > 2*cut {
			t.Errorf("cut %d: %d values outside [%g, %g]", cut, out, low, high)
		}
	}
}

func TestHistogramOfZeros(t *testing.T) {
	h := &histogram{}
	h.add(make([]float32, 5))
	if low, high := h.within(0); low != 0 || high != 0 {
		t.Errorf("zeros lie within [%g, %g]", low, high)
	}
}

// TestPercentile checks that a single outlier widens min-max, is cut by a
// percentile, and is then reported as clipped.
func TestPercentile(t *testing.T) {
	v := make([]float32, 100000)
	for i := range v {
		v[i] = float32(i%1000) / 1000
	}
	v[77] = 50
	for _, p := range []float64{0, 99.99} {
		s := &span{low: 0, high: 50, count: int64(len(v))}
		if p > 0 {
			s.bins = &histogram{}
			s.bins.add(v)
		}
		low, high := s.bounds(&Settings{Percentile: p})
		clipped := s.clipped(low, high)
		if p == 0 && (high != 50 || clipped != 0) || p > 0 && (high > 1.05 || clipped != 1e-5) || low != 0 {
			t.Errorf("percentile %v: range [%g, %g], clipped %g", p, low, high, clipped)
		}
	}
}
