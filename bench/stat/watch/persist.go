package watch

import (
	"math"

	"assay/bench/stat"
)

// leastPairs is how many controls make the persisting share known. With fewer
// it is taken as 1: a second measurement then confirms nothing.
const leastPairs = 40

// mostPairs is how many of the newest controls count.
const mostPairs = 2000

// A pair is a control: tonight's deviation from the level, the variance of
// that level, and what was measured again.
type pair struct{ night, level, again float64 }

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
	all := append(w.pairs[t.group], pair{t.x[len(t.x)-1] - l.at.median, se * se, r.Mid})
	w.pairs[t.group] = all[max(0, len(all)-mostPairs):]
}

// Persisting is the share of a night's deviation that is there again when a
// series of the group is measured again the same night, with a one-sided bound of 99 % as
// High: the slope through the origin of the controls, corrected for the error
// of the levels, which would flatten it (Fuller 1987, "Measurement error
// models", section 1.2), with a standard error that allows for any spread of
// the errors (White 1980, "A heteroskedasticity-consistent covariance matrix
// estimator", Econometrica 48:817–838).
func (w *Watch) Persisting(group string) stat.Interval {
	pairs := w.pairs[group]
	if len(pairs) < leastPairs {
		return stat.Interval{Low: 0, Mid: math.NaN(), High: 1}
	}
	var xx, xy, xr float64
	for _, p := range pairs {
		xx, xy = xx+p.night*p.night-p.level, xy+p.night*p.again
	}
	if xx <= 0 {
		return stat.Interval{Low: 0, Mid: math.NaN(), High: 1}
	}
	slope := xy / xx
	for _, p := range pairs {
		e := p.again - slope*p.night
		xr += p.night * p.night * e * e
	}
	h := 2.33 * math.Sqrt(xr) / xx
	return stat.Interval{Low: max(0, slope-h), Mid: slope, High: max(0, slope+h)}
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
