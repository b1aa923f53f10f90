package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Welch returns the interval of mean(x) − mean(y) for two independent samples
// of unequal variance (Welch 1947, Biometrika 34:28–35; degrees of freedom
// after Satterthwaite 1946). It is the whole line where a sample has fewer
// than two values.
func Welch(x, y []float64, level float64) Interval {
	d := Mean(x) - Mean(y)
	if len(x) < 2 || len(y) < 2 {
		return Everything(d)
	}
	vx := SD(x) * SD(x) / float64(len(x))
	vy := SD(y) * SD(y) / float64(len(y))
	if vx+vy == 0 {
		return Exactly(d)
	}
	df := (vx + vy) * (vx + vy) / (vx*vx/float64(len(x)-1) + vy*vy/float64(len(y)-1))
	h := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile((1+level)/2) * math.Sqrt(vx+vy)
	return Interval{d - h, d, d + h}
}
