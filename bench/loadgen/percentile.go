package loadgen

import (
	"math"

	"assay/bench/stat"
)

// Holds reports whether n queries, over of which took longer than the bound,
// prove that the p-th percentile is within it: LoadGen's early-stopping rule
// at 99 % confidence.
func Holds(p float64, n, over int) bool { return n >= stat.EarlyStopQueries(p, over) }

// Allowed returns how many of n queries may take longer than the bound for
// Holds to be true; −1 where n are too few, whatever they do.
func Allowed(p float64, n int) int {
	if !Holds(p, n, 0) {
		return -1
	}
	lo, hi := 0, n // lo is allowed, hi is not
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; Holds(p, n, mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Queries returns how many queries one probe of a rate sends: enough for the
// percentile by early stopping with one query over the bound, and enough to
// last for d seconds.
func Queries(p, rate, seconds float64) int {
	n := math.Ceil(rate * seconds)
	if !(n < MaxQueries) {
		n = MaxQueries
	}
	return min(max(int(n), stat.EarlyStopQueries(p, 1)), MaxQueries)
}

// MaxQueries bounds a schedule: 8 bytes each, 4 million of them.
const MaxQueries = 1 << 22

// ProbeSeconds returns how long a probe must last at least to see that a rate
// is too high: 100 times the bound. In a queue that gets 1 % more work than it
// can do, the backlog grows by 1 % of the time that passes, and reaches the
// bound at the end of it; in a shorter probe it would stay below and an
// impossible rate would pass.
func ProbeSeconds(bound, wanted float64) float64 { return max(wanted, 100*bound) }
