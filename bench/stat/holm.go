package stat

import (
	"math"
	"slices"
)

// Holm returns for every p-value the error level at which Holm's step-down
// procedure judges it (Holm 1979, "A simple sequentially rejective multiple
// test procedure"): the smallest p is held against alpha/m, the next against
// alpha/(m−1), and so on. rejected[i] says whether p[i] is decided; after the
// first that is not, none is, and all of them keep the level of that first
// one. The probability of any wrong decision among the m is at most alpha,
// whatever their dependence. NaN is never rejected and counts.
func Holm(p []float64, alpha float64) (levels []float64, rejected []bool) {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	key := func(i int) float64 {
		if math.IsNaN(p[i]) {
			return math.Inf(1)
		}
		return p[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch ka, kb := key(a), key(b); {
		case ka < kb:
			return -1
		case ka > kb:
			return 1
		}
		return 0
	})
	levels, rejected = make([]float64, len(p)), make([]bool, len(p))
	level, open := 0.0, true
	for k, i := range order {
		if open {
			level = alpha / float64(len(p)-k)
			open = key(i) <= level
		}
		levels[i], rejected[i] = level, open
	}
	return levels, rejected
}
