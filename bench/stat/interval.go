package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// An Interval is a point and the range that holds the truth with the
// confidence it was made for.
type Interval struct {
	Low, Mid, High float64
}

// Exactly is the interval of a value without spread.
func Exactly(v float64) Interval { return Interval{v, v, v} }

// Exp maps an interval of logs to one of ratios. Mid becomes a geometric mean.
func (i Interval) Exp() Interval {
	return Interval{math.Exp(i.Low), math.Exp(i.Mid), math.Exp(i.High)}
}

// Scale multiplies an interval by k, which may be negative.
func (i Interval) Scale(k float64) Interval {
	return Interval{min(i.Low*k, i.High*k), i.Mid * k, max(i.Low*k, i.High*k)}
}

// Half is half the width.
func (i Interval) Half() float64 { return (i.High - i.Low) / 2 }

// Contains reports whether v lies in the interval, ends included.
func (i Interval) Contains(v float64) bool { return i.Low <= v && v <= i.High }

// Everything is what is known without evidence: the whole line, around mid.
func Everything(mid float64) Interval { return Interval{math.Inf(-1), mid, math.Inf(1)} }

// TQuantile returns the factor of a two-sided interval: the (1+level)/2
// quantile of Student's t with df degrees of freedom, for example 2.776 for
// level 0.95 and df 4. +Inf where there is no such factor (df < 1, level ≥ 1).
func TQuantile(level float64, df int) float64 {
	if df < 1 || !(level < 1) {
		return math.Inf(1)
	}
	if level <= 0 {
		return 0
	}
	// By symmetry from the lower tail, where 1−level keeps its digits.
	return -distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(df)}.Quantile((1 - level) / 2)
}

// ZQuantile is TQuantile for the normal distribution: 1.960 at 0.95.
func ZQuantile(level float64) float64 {
	if !(level < 1) {
		return math.Inf(1)
	}
	if level <= 0 {
		return 0
	}
	return -distuv.UnitNormal.Quantile((1 - level) / 2)
}

// TInterval returns Student's interval of the mean at the given confidence
// ("Student" 1908): x̄ ± t·s/√n. Of one value it is the whole line, of none
// NaN. It holds for a number of values that was fixed before they were seen;
// where the values decided how many to take, use SteinInterval.
func TInterval(x []float64, level float64) Interval {
	return SteinInterval(x, len(x), level)
}
