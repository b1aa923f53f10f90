// Package stat holds the arithmetic of evidence: summaries, intervals, tests
// and the rules that say how much more must be measured. It is a pure leaf:
// numbers in, numbers out, no allocation that outlives a call, no panic on
// any input; what cannot be computed is NaN. docs/method.md explains in plain
// words how the parts are put together.
package stat

import (
	"math"
	"slices"
)

// Mean returns the arithmetic mean, NaN of nothing.
func Mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	m := sum / float64(len(x))
	// One step of refinement removes the rounding of a long sum (Chan, Golub
	// and LeVeque 1983, "Algorithms for computing the sample variance").
	r := 0.0
	for _, v := range x {
		r += v - m
	}
	return m + r/float64(len(x))
}

// SD returns the sample standard deviation (divisor n−1), NaN of fewer than
// two values.
func SD(x []float64) float64 {
	if len(x) < 2 {
		return math.NaN()
	}
	m, ss := Mean(x), 0.0
	for _, v := range x {
		ss += (v - m) * (v - m)
	}
	return math.Sqrt(ss / float64(len(x)-1))
}

// Median returns the middle value, or the mean of the two middle ones; NaN of
// nothing. x is left as it is.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := sorted(x)
	h := len(s) / 2
	if len(s)%2 == 1 {
		return s[h]
	}
	return s[h-1] + (s[h]-s[h-1])/2
}

// Quantile returns the q-th quantile by linear interpolation between order
// statistics at (n−1)·q: definition 7 of Hyndman and Fan (1996, "Sample
// quantiles in statistical packages"), the default of R and NumPy. q is
// clamped to 0..1; NaN of nothing or for a NaN q. x is left as it is.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	s := sorted(x)
	at := min(max(q, 0), 1) * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// Geomean returns the geometric mean; NaN of nothing or where a value is not
// positive.
func Geomean(x []float64) float64 { return math.Exp(Mean(Logs(x))) }

// Logs returns the natural logarithms of x; NaN where a value is not
// positive. Ratios are worked on as logs, so that a speed-up and the
// slow-down that undoes it weigh the same.
func Logs(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		if out[i] = math.Log(v); v <= 0 {
			out[i] = math.NaN()
		}
	}
	return out
}

// Autocorrelation returns the lag-1 autocorrelation r₁ = Σ(xᵢ−x̄)(xᵢ₊₁−x̄) /
// Σ(xᵢ−x̄)² (Box, Jenkins and Reinsel 2008, eq. 2.1.13). Independent values
// give about −1/n ± 2/√n. NaN of fewer than three values or of constant ones.
func Autocorrelation(x []float64) float64 {
	if len(x) < 3 {
		return math.NaN()
	}
	m, num, den := Mean(x), 0.0, 0.0
	for i, v := range x {
		den += (v - m) * (v - m)
		if i > 0 {
			num += (x[i-1] - m) * (v - m)
		}
	}
	if den == 0 {
		return math.NaN()
	}
	return num / den
}

func sorted(x []float64) []float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	return s
}
