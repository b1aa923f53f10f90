package stat

import "math"

// PELT cuts x into stretches of constant mean: the cut that minimises the sum
// over stretches of Σ(x−mean)²/sd² + penalty, found exactly in about linear
// time by pruned dynamic programming (Killick, Fearnhead and Eckley 2012,
// "Optimal detection of changepoints with a linear computational cost", JASA
// 107:1590–1598). Every stretch has at least least values. The result holds
// the first index of every stretch but the first. A usual penalty is
// 2·ln(len(x)) times Noise.Inflation; x should be free of spikes (Winsorise),
// which are stretches of their own to a squared loss.
func PELT(x []float64, sd, penalty float64, least int) []int {
	n := len(x)
	least = max(least, 1)
	if n < 2*least || !(sd > 0) || !(penalty > 0) {
		return nil
	}
	sum, sq := make([]float64, n+1), make([]float64, n+1)
	for i, v := range x {
		if v -= x[0]; math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		sum[i+1], sq[i+1] = sum[i]+v, sq[i]+v*v
	}
	cost := func(a, b int) float64 { // of x[a:b]
		s := sum[b] - sum[a]
		return max(0, sq[b]-sq[a]-s*s/float64(b-a)) / (sd * sd)
	}
	best, last := make([]float64, n+1), make([]int, n+1)
	best[0] = -penalty
	for t := 1; t < least; t++ {
		best[t] = math.Inf(1)
	}
	open := []int{0}
	beaten := make([]int, n+1) // when a start was first beaten, 0 while it was not
	for t := least; t <= n; t++ {
		best[t] = math.Inf(1)
		for _, a := range open {
			if c := best[a] + cost(a, t) + penalty; c < best[t] {
				best[t], last[t] = c, a
			}
		}
		// A start that is beaten at t stays so (ibid., theorem 3.1 with K = 0)
		// once a stretch that begins at t may end: least values later.
		kept := open[:0]
		for _, a := range open {
			if beaten[a] == 0 && best[a]+cost(a, t) > best[t] {
				beaten[a] = t
			}
			if beaten[a] == 0 || t < beaten[a]+least {
				kept = append(kept, a)
			}
		}
		if open = kept; t+1 >= 2*least {
			open = append(open, t+1-least)
		}
	}
	var cuts []int
	for t := last[n]; t > 0; t = last[t] {
		cuts = append(cuts, t)
	}
	for i, j := 0, len(cuts)-1; i < j; i, j = i+1, j-1 {
		cuts[i], cuts[j] = cuts[j], cuts[i]
	}
	return cuts
}

// Winsorise returns x with every value cut at c·sd around the median of the
// five values around it: spikes lose their weight, steps keep theirs (a bound
// on the loss as in Fearnhead and Rigaill 2019, "Changepoint detection in the
// presence of outliers", JASA 114:169–183).
func Winsorise(x []float64, sd, c float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		m := Median(x[max(0, min(i-2, len(x)-5)):min(len(x), max(i+3, 5))])
		if out[i] = v; sd > 0 {
			out[i] = m + sd*Clip((v-m)/sd, c)
		}
	}
	return out
}
