package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Pairs counts how two classifiers did on the same N samples. Only the
// discordant samples (the flips) tell them apart.
type Pairs struct {
	N    int
	Lost int // the baseline is right, the candidate wrong
	Won  int // the baseline is wrong, the candidate right
}

// Count builds Pairs from what was right per sample. The shorter slice decides.
func Count(baseline, candidate []bool) Pairs {
	p := Pairs{N: min(len(baseline), len(candidate))}
	for i := range p.N {
		switch {
		case baseline[i] && !candidate[i]:
			p.Lost++
		case !baseline[i] && candidate[i]:
			p.Won++
		}
	}
	return p
}

func (p Pairs) valid() bool {
	return p.N > 0 && p.Lost >= 0 && p.Won >= 0 && p.Lost <= p.N && p.Won <= p.N-p.Lost
}

// Difference returns candidate − baseline as a ratio (0.01 is one point).
func (p Pairs) Difference() float64 { return float64(p.Won-p.Lost) / float64(p.N) }

// McNemar returns the exact two-sided p-value of "both are equally often
// right": of Lost+Won flips each goes either way with probability ½ (McNemar
// 1947; exact form as in Fagerland, Lydersen and Laake 2013, "The McNemar test
// for binary matched-pairs data", BMC Medical Research Methodology 13:91). It
// is 1 without flips.
func (p Pairs) McNemar() float64 {
	n := p.Lost + p.Won
	if n <= 0 || p.Lost < 0 || p.Won < 0 {
		return 1
	}
	return min(1, 2*distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(p.Lost, p.Won))))
}

// Interval returns the score interval on the difference of the two paired
// proportions (Tango 1998, "Equivalence test and confidence interval for the
// difference in proportions for the paired-sample design", Statistics in
// Medicine 17:891–908): all differences that the score test does not reject.
// It keeps its coverage for few flips, where the Wald interval collapses: with
// no flip at all it is ±z²/(N+z²), not a point. As a ratio; −1..1 for N < 1 or
// impossible counts.
func (p Pairs) Interval(level float64) Interval {
	if !p.valid() {
		return Interval{-1, 0, 1}
	}
	return tango(float64(p.N), float64(p.Won), float64(p.Lost), ZQuantile(level))
}

// Needed returns how many samples in all would set the interval apart from
// limit (a ratio: −0.01 is one point lost) if flips keep coming at today's
// rates. It is at most MaxNeeded, which means that no affordable set decides.
func (p Pairs) Needed(limit, level float64) int {
	if !p.valid() {
		return MaxNeeded
	}
	z := ZQuantile(level)
	apart := func(n float64) bool {
		k := n / float64(p.N)
		return !tango(n, float64(p.Won)*k, float64(p.Lost)*k, z).Contains(limit)
	}
	hi := float64(p.N)
	if apart(hi) {
		return p.N
	}
	lo := hi
	for !apart(hi) {
		lo, hi = hi, hi*2
		if hi >= MaxNeeded {
			return MaxNeeded
		}
	}
	for hi-lo > 1 {
		if mid := math.Floor((lo + hi) / 2); apart(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return int(math.Ceil(hi))
}

// tango solves score(d) = ±z by bisection: the score falls in d.
func tango(n, won, lost, z float64) Interval {
	mid := (won - lost) / n
	solve := func(lo, hi, want float64) float64 {
		for range 100 { // halves 2 to below one ulp
			m := lo + (hi-lo)/2
			if tangoScore(n, won, lost, m) > want {
				lo = m
			} else {
				hi = m
			}
		}
		return lo + (hi-lo)/2
	}
	return Interval{solve(-1, mid, z), mid, solve(mid, 1, -z)}
}

// tangoScore is Tango's statistic for the hypothesis that the difference is d:
// (won − lost − n·d) / √(n(2q + d(1−d))), where q is the restricted maximum
// likelihood estimate of the probability of a loss (ibid., eq. 6 and 7).
func tangoScore(n, won, lost, d float64) float64 {
	a := 2 * n
	b := -won - lost + (2*n-won+lost)*d
	c := -lost * d * (1 - d)
	q := (math.Sqrt(max(0, b*b-4*a*c)) - b) / (2 * a)
	num, v := won-lost-n*d, n*(2*q+d*(1-d))
	if v <= 0 {
		return math.Inf(int(math.Copysign(1, num)))
	}
	return num / math.Sqrt(v)
}
