package stat

import (
	"slices"

	"golang.org/x/perf/benchmath"
)

// MannWhitney returns the two-sided p-value of "a value of x is as likely to
// be above one of y as below it" (Mann and Whitney 1947, Annals of
// Mathematical Statistics 18:50–60): exact for small samples, normal for large
// ones, as benchstat computes it. It is 1 where a sample is empty.
func MannWhitney(x, y []float64) float64 {
	if len(x) == 0 || len(y) == 0 {
		return 1
	}
	// NewSample sorts what it is given.
	a := benchmath.NewSample(slices.Clone(x), &benchmath.DefaultThresholds)
	b := benchmath.NewSample(slices.Clone(y), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Compare(a, b).P
}
