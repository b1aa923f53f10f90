package watch

import (
	"math"
	"slices"

	"assay/bench/stat"
)

// leastPairs is how many controls make the persisting share known. With fewer
// it is taken as 1: a second measurement then confirms nothing.
const leastPairs = 40

// mostPairs is how many of the newest controls count.
const mostPairs = 2000

// A pair is a control: tonight's deviation from the level, the variance of
// that level, and what was measured again with its variance.
type pair struct {
	night, level, again, error float64

	series, at int // position of the series, and number of the night
}

// control measures a series that nobody need suspect. Series that are known
// to have changed say nothing about noise and are left out.
func (w *Watch) control(i int, again Again) {
	t := w.tracks[i]
	if !t.fresh || t.open {
		return
	}
	l, ok := t.look(windows[3])
	if !ok {
		return
	}
	r, ok := again(i)
	if !ok {
		return
	}
	w.count.Controls++
	r.Mid *= float64(t.sign)
	if w.excess(t, l.window, r).confirmed {
		w.count.Alarms++
	}
	se := medianLoss * l.at.se()
	all := append(w.pairs[t.group], pair{t.x[len(t.x)-1] - l.at.median, se * se, r.Mid, r.SE * r.SE, i, w.night})
	w.pairs[t.group] = all[max(0, len(all)-mostPairs):]
}

// forget drops the controls of a series that has changed, as far back as the
// change may have been there unseen: what they repeated was no noise.
func (w *Watch) forget(series int) {
	group := w.tracks[series].group
	w.pairs[group] = slices.DeleteFunc(w.pairs[group], func(p pair) bool {
		return p.series == series && p.at > w.night-windows[len(windows)-1]
	})
}

// Persisting is the share of a night's deviation that is there again when a
// series of the group is measured again the same night. Mid is the slope
// through the origin of the controls, corrected for the error of the levels,
// which would flatten it (Fuller 1987, "Measurement error models", section
// 1.2). Low and High hold the share of nearly any series: they add up the 99 %
// bound of the slope, whose standard error allows for any spread of the errors
// (White 1980, "A heteroskedasticity-consistent covariance matrix estimator",
// Econometrica 48:817–838), and the spread of the shares between series.
//
// A series that has been off its level ever since it was a control may have
// changed just then, and its pair, with by far the largest deviation, would say
// that what is repeated is noise: it counts once the series is back.
func (w *Watch) Persisting(group string) stat.Interval {
	var pairs []pair
	for _, p := range w.pairs[group] {
		if p.at <= w.tracks[p.series].home {
			pairs = append(pairs, p)
		}
	}
	unknown := stat.Interval{Low: 0, Mid: math.NaN(), High: 1}
	if len(pairs) < leastPairs {
		return unknown
	}
	var xx, xy, xr float64
	for _, p := range pairs {
		xx, xy = xx+p.night*p.night-p.level, xy+p.night*p.again
	}
	if xx <= 0 {
		return unknown
	}
	slope := xy / xx
	for _, p := range pairs {
		e := p.again - slope*p.night
		xr += p.night * p.night * e * e
	}
	h := 2.33*math.Sqrt(xr)/xx + mostSeries*spread(pairs, slope)
	return stat.Interval{Low: max(0, slope-h), Mid: slope, High: max(0, slope+h)}
}

// mostSeries is how many deviations from the mean share a series' own may be:
// for normal ones, all but one in 2,000.
const mostSeries = 3.3

// spread is the standard deviation of the share between series: what the
// squares of the residuals grow by with the square of the deviation, beyond
// the errors that the second measurements tell of themselves (Hildreth and
// Houck 1968, "Some estimators for a linear model with random coefficients",
// JASA 63:584–595).
func spread(pairs []pair, slope float64) float64 {
	var num, den float64
	for _, p := range pairs {
		x := p.night * p.night
		e := p.again - slope*p.night
		num, den = num+x*(e*e-p.error-slope*slope*p.level), den+x*x
	}
	return math.Sqrt(max(0, num/den))
}

// A Count is what the nights so far have cost, and what the controls say of
// the budget.
type Count struct {
	Nights   int
	Again    int // suspects that were measured again
	Controls int // series that were measured again although nobody suspected them
	Alarms   int // controls that would have been confirmed: all of them false
	Allowed  int // suspects that one night may measure again
}

// Count returns the counts so far.
func (w *Watch) Count() Count {
	c := w.count
	c.Nights = w.night
	c.Allowed, _ = w.plan.Allowed(len(w.tracks))
	return c
}
