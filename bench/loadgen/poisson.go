package loadgen

import (
	"math"
	"math/rand/v2"
)

// Gaps returns n exponential gaps of mean 1: the times between the arrivals of
// a Poisson process of rate 1. Equal seeds and streams give equal gaps, and
// more of them begin with the same ones.
func Gaps(seed, stream uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, stream))
	out := make([]float64, max(n, 0))
	for i := range out {
		out[i] = -math.Log1p(-r.Float64()) // Float64 is below 1, so this is finite
	}
	return out
}

// Arrivals turns gaps of mean 1 into the offsets in ns at which queries arrive
// at a rate per second, the first after its own gap as in LoadGen. The same
// gaps at a higher rate are the same arrivals, closer together: in one queue
// every query then waits at least as long, so that a search over rates on one
// set of gaps meets one limit, and cases that are given the same gaps differ
// by themselves alone.
func Arrivals(gaps []float64, rate float64) []int64 {
	out := make([]int64, len(gaps))
	sum := 0.0
	for i, g := range gaps {
		sum += g
		out[i] = int64(min(sum/rate*1e9, math.MaxInt64/2))
	}
	return out
}
