package compress

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"assay/models/tensor"
)

// filled returns the span of sets of values that draw makes.
func filled(sets, n int, draw func(*rand.Rand) float64) *span {
	r := rand.New(rand.NewPCG(5, 6))
	s := &span{low: math.Inf(1), high: math.Inf(-1), bins: &histogram{}}
	for range sets {
		v := make([]float32, n)
		low, high := math.Inf(1), math.Inf(-1)
		for i := range v {
			v[i] = float32(draw(r))
			low, high = min(low, float64(v[i])), max(high, float64(v[i]))
		}
		s.bins.add(v)
		s.low, s.high, s.count = min(s.low, low), max(s.high, high), s.count+int64(n)
		s.sumLow, s.sumHigh, s.sets = s.sumLow+low, s.sumHigh+high, s.sets+1
	}
	return s
}

// TestRanges wants each method's range of known distributions between bounds.
// The best threshold for 256 steps in the mean square is 3.92 σ for a Gaussian
// and 9.89 b for a Laplacian at 8 bits (Banner et al., 2019, "Post training
// 4-bit quantization", table of optimal clipping; theirs is 4.0 and 9.9 to two
// digits); what is drawn is finite, so the bounds are wide.
func TestRanges(t *testing.T) {
	gauss := func(r *rand.Rand) float64 { return r.NormFloat64() }
	laplace := func(r *rand.Rand) float64 {
		x := r.ExpFloat64()
		if r.IntN(2) == 0 {
			return -x
		}
		return x
	}
	uniform := func(r *rand.Rand) float64 { return 2*r.Float64() - 1 }
	outlier := func(r *rand.Rand) float64 { // one value in 100,000 is 50
		if r.IntN(100000) == 0 {
			return 50
		}
		return r.NormFloat64()
	}
	for _, c := range []struct {
		name, method string
		draw         func(*rand.Rand) float64
		low, high    float64 // what the upper end is between
	}{
		{"gauss", "mse", gauss, 3.5, 4.6},
		{"laplace", "mse", laplace, 8, 11.5},
		{"uniform", "mse", uniform, 0.98, 1.02},
		{"outlier", "mse", outlier, 3.5, 50.5},
		{"uniform", "entropy", uniform, 0.95, 1.02},
		{"gauss", "entropy", gauss, 2.5, 5.5},
		{"gauss", "average", gauss, 3.0, 3.6}, // E[max of 1000] = 3.24
		{"gauss", "minmax", gauss, 4.0, 6.0},
		{"gauss", "percentile", gauss, 3.6, 4.2}, // Φ⁻¹(0.99995) = 3.89
		{"outlier", "percentile", outlier, 3.6, 4.6},
	} {
		s := filled(200, 1000, c.draw)
		low, high := s.bounds(&Settings{Range: c.method})
		if !(high >= c.low && high <= c.high) || low >= 0 {
			t.Errorf("%s of %s: [%g, %g], want an upper end in [%g, %g]", c.method, c.name, low, high, c.low, c.high)
		}
	}
}

// TestRangeOfZeros wants every method to survive values that are all zero.
func TestRangeOfZeros(t *testing.T) {
	for _, method := range Ranges {
		s := filled(2, 10, func(*rand.Rand) float64 { return 0 })
		if low, high := s.bounds(&Settings{Range: method}); low != 0 || high != 0 {
			t.Errorf("%s: [%g, %g]", method, low, high)
		}
	}
}

// TestCalibrationMemory shows that what calibration holds does not grow with
// the samples: the live heap at the last of 64 and of 4096 sets.
func TestCalibrationMemory(t *testing.T) {
	live := func(n int) int64 {
		var stats runtime.MemStats
		opt := options()
		opt.Range = "entropy"
		opt.Calibration = func(yield func([]tensor.Tensor, error) bool) {
			i := 0
			for set, err := range sets(n, 1, 2, 6, 6) {
				if i++; i == n {
					runtime.GC()
					runtime.ReadMemStats(&stats)
				}
				if !yield(set, err) {
					return
				}
			}
		}
		apply(t, "int8-qdq", tiny(), opt)
		return int64(stats.HeapAlloc)
	}
	live(64) // what is allocated once
	small, large := live(64), live(4096)
	if large > small+64<<10 { // 4096 inputs of 288 bytes would be 1.2 MB
		t.Errorf("%d bytes are live after 4096 sets, %d after 64", large, small)
	}
}
