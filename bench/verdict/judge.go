package verdict

import (
	"math"

	"assay/bench/stat"
)

// ErrorLevel is the probability of any wrong verdict among all gates of one
// release, shared out by Holm's procedure.
const ErrorLevel = 0.05

// A Claim is one gate of one case, with its evidence.
type Claim struct {
	Gate     Gate
	Optional bool // a skip of this gate decides nothing
	Evidence Evidence
}

// Judge decides all gates of one release together, in the order given: by
// Holm's procedure at ErrorLevel, so that many gates do not make a false alarm
// likely. The p-value of a claim is the smallest error level at which its
// interval is still wholly on one side of the limit; every verdict then holds
// the interval at the level at which it was judged. Claims without uncertainty
// (exact metrics) or without evidence (errors, skips, untrusted timing) spend
// none of the level.
func Judge(claims []Claim) []Verdict {
	out := make([]Verdict, len(claims))
	var at []int
	var p []float64
	for i, c := range claims {
		out[i] = Decide(c.Gate, c.Evidence, 1-ErrorLevel)
		if w := out[i].Word; (w == Pass || w == Fail || w == Inconclusive) && spread(c.Evidence) {
			at = append(at, i)
			p = append(p, errorLevel(c))
		}
	}
	levels, _ := stat.Holm(p, ErrorLevel)
	for k, i := range at {
		out[i] = Decide(claims[i].Gate, claims[i].Evidence, 1-levels[k])
	}
	for i, c := range claims {
		out[i].Optional = c.Optional
	}
	return out
}

// spread reports whether there is evidence with any uncertainty.
func spread(e Evidence) bool {
	if e.At == nil {
		return false // its word was given
	}
	i := e.At(1 - ErrorLevel)
	return i.Low != i.High
}

// least is the smallest error level that is looked at: below it p counts as 0.
const least = 1e-12

// errorLevel returns the claim's p-value by bisection on a logarithmic scale,
// rounded up, so that an interval at the returned level does decide; NaN where
// there is no interval.
func errorLevel(c Claim) float64 {
	decided := func(p float64) bool { return word(c.Gate, c.Evidence.At(1-p)) != Inconclusive }
	if i := c.Evidence.At(1 - ErrorLevel); math.IsNaN(i.Low) || math.IsNaN(i.High) {
		return math.NaN()
	}
	if decided(least) {
		return 0
	}
	lo, hi := math.Log(least), 0.0
	for range 40 { // to 27.6/2⁴⁰ of the logarithm
		if mid := (lo + hi) / 2; decided(math.Exp(mid)) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return math.Exp(hi)
}
