package main

import (
	"math"
	"slices"

	"assay/bench/stat/watch"
)

// Cell is what years of one world gave.
type Cell struct {
	World
	Nights float64 // on which something could have been told
	False  float64 // alarms of series that had not changed, per night, whole set
	Better float64 // the same, told to be better
	Again  float64 // suspects measured again per night, as a share of the series
	Most   float64 // the same on the 95th of 100 nights
	Trials float64 // of one second measurement
	Share  float64 // upper bound of the persisting share, at the end of the year
	Alarms float64 // share of A/A controls that would have been confirmed
	Found  []int   // nights from each change until it was told, 1 for its first night; 0 for never
	Words  map[watch.Word]int
}

// simulate runs the whole procedure over years.
func simulate(w World, plan watch.Plan, years int, seed uint64) Cell {
	c := Cell{World: w, Words: map[watch.Word]int{}}
	var again []float64
	measured, trials, controls, alarms := 0, 0, 0, 0
	for k := range years {
		y := newYear(w, seed+uint64(k))
		wt := watch.New(plan, slices.Repeat([]watch.Series{{}}, seriesN))
		found := make([]int, seriesN)
		was := 0
		for n := range nightsN {
			values := make([]float64, seriesN)
			for i := range values {
				values[i] = y.x[i][n]
			}
			fs := wt.Night(values, wt.Schedule(), func(i int) (watch.Ratio, bool) {
				r, t := y.again(i, n, plan.Least, wt.Confidence())
				measured, trials = measured+1, trials+t
				return r, true
			})
			c.Nights++
			again = append(again, float64(wt.Count().Again-was)/seriesN)
			was = wt.Count().Again
			for _, f := range fs {
				c.note(y, wt, f, n, found)
			}
		}
		for i, at := range y.begun {
			if at >= 0 {
				c.Found = append(c.Found, found[i])
			}
		}
		c.Share += wt.Persisting("").High / float64(years)
		controls, alarms = controls+wt.Count().Controls, alarms+wt.Count().Alarms
	}
	c.False, c.Better = c.False/c.Nights, c.Better/c.Nights
	for _, a := range again {
		c.Again += a / float64(len(again))
	}
	slices.Sort(again)
	c.Most = again[len(again)*95/100]
	c.Trials = float64(trials) / float64(max(measured, 1))
	c.Alarms = float64(alarms) / float64(max(controls, 1))
	return c
}

// note counts a finding. A change that was told is acknowledged, as a person
// does: the new level begins with it.
func (c *Cell) note(y *year, w *watch.Watch, f watch.Finding, n int, found []int) {
	at := y.begun[f.Series]
	switch {
	case f.Word == watch.Better:
		c.Better++
	case !f.Word.Told():
	case at < 0 || n < at:
		c.False++
	case found[f.Series] == 0:
		found[f.Series] = n - at + 1
		c.Words[f.Word]++
		w.Restart(f.Series, n-at+1)
		y.built[f.Series] = y.truth[f.Series][n]
	}
}

// within is the share of changes that were told in so many nights.
func (c *Cell) within(nights int) float64 {
	k := 0
	for _, d := range c.Found {
		if d > 0 && d <= nights {
			k++
		}
	}
	return float64(k) / float64(max(len(c.Found), 1))
}

// delay is the median of nights until a change was told, +Inf where more than
// half never were.
func (c *Cell) delay() float64 {
	var d []float64
	for _, n := range c.Found {
		if n == 0 {
			d = append(d, math.Inf(1))
		} else {
			d = append(d, float64(n))
		}
	}
	if len(d) == 0 {
		return math.NaN()
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// mean is the mean of nights until a change was told; a change that never was
// counts with the nights that were left.
func (c *Cell) mean() float64 {
	sum := 0.0
	for _, d := range c.Found {
		if d == 0 {
			d = nightsN - (first+last)/2
		}
		sum += float64(d)
	}
	return sum / float64(max(len(c.Found), 1))
}

// rival asks another program's rule about the same years. A series that is
// told is told once until the rule has been silent for a night; a change that
// was told is acknowledged.
func rival(w World, r Rule, years int, seed uint64) Cell {
	c := Cell{World: w}
	for k := range years {
		y := newYear(w, seed+uint64(k))
		c.Nights += nightsN
		for i := range seriesN {
			c.Found = append(c.Found, c.follow(y.x[i], y.begun[i], r)...)
		}
	}
	c.False /= c.Nights
	return c
}

// follow asks a rule about one series, night by night; it returns the delay
// of a change, if there is one.
func (c *Cell) follow(logs []float64, at int, r Rule) []int {
	x := make([]float64, len(logs))
	for i, v := range logs {
		x[i] = math.Exp(v)
	}
	told, found, was := r.new(), 0, false
	for n := 1; n <= len(x); n++ {
		now := told(x[:n])
		switch {
		case !now || was:
		case at < 0 || n <= at:
			c.False++
		case found == 0:
			found = n - at
		}
		was = now
	}
	if at < 0 {
		return nil
	}
	return []int{found}
}
