package stat

import "math"

// Stein's two-stage rule (Stein 1945, "A two-sample test for a linear
// hypothesis whose power is independent of the variance", Annals of
// Mathematical Statistics 16:243–258). A pilot of n₀ trials gives s₀; it alone
// decides how many trials there are in all; and the interval keeps the pilot's
// s₀ and its n₀−1 degrees of freedom, however many trials follow. For normal
// data the mean of all trials is independent of s₀, so the interval's
// confidence is exact although the number of trials depends on the data.
// Stopping when a t interval is narrow enough has no such property.
//
// The same argument covers two cases of ours: several metrics that share one
// number of trials (it depends only on the pilot's deviations), and a time
// budget or a cap that cuts the trials short (for a reason outside the data).

// MaxNeeded is the largest number of trials or samples that is named as
// needed: beyond it the honest answer is that no affordable number decides.
const MaxNeeded = 1_000_000_000

// SteinTrials returns n = max(n₀, ⌈(t·s₀ / h)²⌉): how many trials in all give
// an interval of half-width h at the given confidence, after a pilot of log
// ratios. halfWidth is relative (0.01 is 1 %); on logs it is ln(1+halfWidth).
// The result is at most MaxNeeded, also where it cannot be told (a pilot of
// fewer than two trials, a half-width that is not positive). The caller caps
// it at what it can afford and keeps the difference as "trials still needed".
func SteinTrials(pilot []float64, halfWidth, level float64) int {
	return steinTrials(pilot, math.Log1p(halfWidth), level)
}

// SteinToDecide returns how many trials in all would set the interval apart
// from limit (a log ratio), if the mean stays where it is: SteinTrials with
// the distance between mean and limit as the half-width.
func SteinToDecide(logs []float64, pilot int, limit, level float64) int {
	pilot = min(max(pilot, 0), len(logs))
	return steinTrials(logs[:pilot], math.Abs(Mean(logs)-limit), level)
}

func steinTrials(pilot []float64, h, level float64) int {
	w := TQuantile(level, len(pilot)-1) * SD(pilot) / h
	if n := math.Ceil(w * w); n <= MaxNeeded && h > 0 {
		return max(len(pilot), int(n))
	}
	return MaxNeeded // also when w is NaN
}

// SteinInterval returns mean(logs) ± t·s₀/√n at the given confidence, with s₀
// and the degrees of freedom from the first pilot trials only; pilot is
// clamped to the trials that there are. Of fewer than two it is the whole
// line (NaN of none). The result is on logs: Exp makes it a ratio.
func SteinInterval(logs []float64, pilot int, level float64) Interval {
	mean := Mean(logs)
	pilot = min(pilot, len(logs))
	if pilot < 2 {
		if len(logs) == 0 {
			return Interval{mean, mean, mean}
		}
		return Everything(mean)
	}
	h := TQuantile(level, pilot-1) * SD(logs[:pilot]) / math.Sqrt(float64(len(logs)))
	return Interval{mean - h, mean, mean + h}
}
