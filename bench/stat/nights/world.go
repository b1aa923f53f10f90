package main

import (
	"math"
	"math/rand/v2"

	"assay/bench/stat"
	"assay/bench/stat/watch"
)

// A World is how series behave. All amounts are relative and act on logs.
type World struct {
	Name    string
	SD      float64 // of a night, of one series
	Rho     float64 // correlation of a night with the next
	Spikes  float64 // share of runs that spike
	By      float64 // height of a spike
	Common  float64 // standard deviation of a night's shift that all series share
	Persist float64 // share of a night's deviation that is there again in a second measurement

	Step  float64 // height of the step of the series that change
	Drift float64 // and of their drift, per night
	Grow  float64 // their noise grows so many times
	Mixed bool    // all of the noise of every second series persists, none of the others'
	Kept  bool    // the change is not in the build (kernel, firmware): a second measurement does not show it
}

const (
	seriesN = 200
	nightsN = 365
	changed = 40 // series that change where World says so
	first   = 100
	last    = 280 // nights between which changes begin
)

// trialSD and the hits are what the A/A groups of docs/method.md show on a
// real machine: between trials 0.3 % as a rule, and single trials that a
// neighbour hits by some percent.
const (
	trialSD = 0.003
	hitRate = 0.02
	hitBy   = 0.03
)

// year is 365 nights of 200 series.
type year struct {
	World
	x     [][]float64 // by series and night, logs
	noise [][]float64 // the part of x that is noise
	truth [][]float64 // the part that is not
	begun []int       // night of the change, −1 for none
	built []float64   // truth of the accepted build, by series
	rnd   *rand.Rand
}

func newYear(w World, seed uint64) *year {
	y := &year{World: w, built: make([]float64, seriesN), rnd: rand.New(rand.NewPCG(seed, 0x9197))}
	common := make([]float64, nightsN)
	for n := range common {
		common[n] = w.Common * y.rnd.NormFloat64()
	}
	for i := range seriesN {
		at := -1
		if i < changed && (w.Step != 0 || w.Drift != 0 || w.Grow != 0) {
			at = first + y.rnd.IntN(last-first)
		}
		x, noise, truth := make([]float64, nightsN), make([]float64, nightsN), make([]float64, nightsN)
		z := y.rnd.NormFloat64()
		for n := range x {
			noise[n] = w.SD*z + common[n]
			if w.Spikes > 0 && y.rnd.Float64() < w.Spikes {
				noise[n] += math.Log1p(w.By)
			}
			if at >= 0 && n >= at {
				truth[n] = math.Log1p(w.Step) + float64(n-at+1)*math.Log1p(w.Drift)
			}
			if at >= 0 && n >= at && w.Grow > 0 {
				noise[n] *= w.Grow
			}
			x[n] = noise[n] + truth[n]
			z = w.Rho*z + math.Sqrt(1-w.Rho*w.Rho)*y.rnd.NormFloat64()
		}
		y.x, y.noise, y.truth, y.begun = append(y.x, x), append(y.noise, noise), append(y.truth, truth), append(y.begun, at)
	}
	return y
}

// again measures a series a second time: Stein's rule over trials of tonight's
// build interleaved with the accepted one.
func (y *year) again(i, night int, halfWidth, level float64) (watch.Ratio, int) {
	mid := y.Persist * y.noise[i][night]
	if y.Mixed {
		mid = float64(i%2) * y.noise[i][night]
	}
	if !y.Kept {
		mid += y.truth[i][night] - y.built[i]
	}
	trial := func() float64 {
		v := mid + trialSD*y.rnd.NormFloat64()
		if y.rnd.Float64() < hitRate {
			v += hitBy * math.Exp(y.rnd.NormFloat64()) * float64(1-2*y.rnd.IntN(2)) // either side of the ratio
		}
		return v
	}
	var logs []float64
	for len(logs) < watch.Pilot {
		logs = append(logs, trial())
	}
	n := min(stat.SteinTrials(logs, halfWidth, level), watch.MaxTrials)
	for len(logs) < n {
		logs = append(logs, trial())
	}
	return watch.Of(logs), len(logs)
}
