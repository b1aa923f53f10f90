package stat

import "math"

// Wilson returns the score interval of a proportion of k in n (Wilson 1927,
// JASA 22:209–212): inside [0, 1] and near its level for small n too. It is
// [0, 1] for n = 0.
func Wilson(k, n int, level float64) Interval {
	if n <= 0 {
		return Interval{0, 0, 1}
	}
	z := ZQuantile(level)
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	h := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{math.Max(0, mid-h), p, math.Min(1, mid+h)}
}
