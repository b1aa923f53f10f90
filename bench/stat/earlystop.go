package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// earlyStopConfidence is LoadGen's c (mlcommons/inference, loadgen/results.cc).
const earlyStopConfidence = 0.99

// EarlyStopQueries returns how many queries MLPerf's early-stopping rule wants
// before the p-th percentile may be bounded when t of them are over it: n =
// h + t with the smallest h for which I(p; h, t+1) ≤ 1−c, where I is the
// regularized incomplete beta function and c = 0.99 (mlcommons/inference,
// loadgen/early_stopping.cc, tolerance d = 0). p90 with t = 1 wants 64, p99
// wants 662. The rule holds for independent queries only. It returns
// MaxNeeded for a p outside 0..1 and treats t < 0 as 0.
func EarlyStopQueries(p float64, t int) int {
	t = max(t, 0)
	if !(p > 0 && p < 1) {
		return MaxNeeded
	}
	enough := func(h int) bool {
		return mathext.RegIncBeta(float64(h), float64(t+1), p) <= 1-earlyStopConfidence
	}
	hi := 1
	for !enough(hi) {
		if hi *= 2; hi >= MaxNeeded {
			return MaxNeeded
		}
	}
	lo := hi / 2 // not enough, or 0
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi + t
}

// EarlyStopRank returns the rank (1 is the fastest) of the latency that bounds
// the p-th percentile from above with 99 % confidence: of n queries the t-th
// slowest, with the largest t that the rule allows. 1024 queries give rank 945
// for p90 and 1022 for p99. ok is false where n queries bound nothing.
func EarlyStopRank(p float64, n int) (rank int, ok bool) {
	if n < 1 || EarlyStopQueries(p, 1) > n {
		return 0, false
	}
	lo, hi := 1, n // lo is allowed, hi is not: it would leave no query under the percentile
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; EarlyStopQueries(p, mid) <= n {
			lo = mid
		} else {
			hi = mid
		}
	}
	return n - lo + 1, true
}

// EarlyStop returns that latency: an upper bound of the p-th percentile of x
// that holds with 99 % confidence for independent queries; NaN and false where
// there are too few.
func EarlyStop(x []float64, p float64) (bound float64, ok bool) {
	rank, ok := EarlyStopRank(p, len(x))
	if !ok {
		return math.NaN(), false
	}
	return sorted(x)[rank-1], true
}
