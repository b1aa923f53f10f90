package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"assay/bench/stat"
	"assay/bench/verdict"
)

// Plan is what is simulated of bench.Plan.
type Plan struct {
	Pilot, Rounds, MaxTrials int
	Precision                float64
	AllPower                 bool // power is promised under every noise model, not only where the cap suffices
	Budget                   bool // the time budget ends some measurements anywhere between pilot and plan
}

// Cell is what a number of replications of one noise model gave, as shares.
type Cell struct {
	Noise    Noise
	Plan     Plan
	Reps     int
	Deviance float64 // median over replications of the between-trial standard deviation
	Trials   float64 // mean number of trials
	Capped   float64 // wanted more trials than the cap
	Cover95  float64 // the 95 % interval holds the truth
	Cover99  float64 // the 99 % interval, as Holm asks for among five gates
	Peeking  float64 // for comparison: a t interval, stopped when it looks narrow enough
	Power    float64 // a 3 % gate fails a 5 % slow-down
	False    float64 // a 5 % gate fails equal cases
	FalseAny float64 // a 3 % gate fails equal cases
}

var (
	gate3 = gate("latency.p50 <= 1.03x")
	gate5 = gate("latency.p50 <= 1.05x")
)

func gate(text string) verdict.Gate {
	g, err := verdict.Parse(text)
	if err != nil {
		panic(err) // a constant of this program
	}
	return g
}

// simulate measures equal cases and a candidate that is 5 % slower, reps times
// each, by the whole procedure: pilot, Stein's number of trials, cap, interval,
// verdict.
func simulate(n Noise, p Plan, reps int, seed uint64) Cell {
	rnd := rand.New(rand.NewPCG(seed, 0x5e1ec7ed))
	c := Cell{Noise: n, Plan: p, Reps: reps}
	count := func(share *float64, yes bool) {
		if yes {
			*share += 1 / float64(reps)
		}
	}
	var sds []float64
	for range reps {
		equal, wanted := measure(newDevice(n, rnd), p, 0)
		count(&c.Capped, wanted > p.MaxTrials)
		c.Trials += float64(len(equal)) / float64(reps)
		sds = append(sds, stat.SD(equal))
		count(&c.Cover95, stat.SteinInterval(equal, p.Pilot, 0.95).Contains(0))
		count(&c.Cover99, stat.SteinInterval(equal, p.Pilot, 0.99).Contains(0))
		count(&c.False, decide(gate5, equal, p) == verdict.Fail)
		count(&c.FalseAny, decide(gate3, equal, p) == verdict.Fail)

		slow, _ := measure(newDevice(n, rnd), p, math.Log(1.05))
		count(&c.Power, decide(gate3, slow, p) == verdict.Fail)

		count(&c.Peeking, peek(newDevice(n, rnd), p).Contains(0))
	}
	c.Deviance = median(sds)
	return c
}

// measure returns the log ratios of one measurement, and the number of trials
// that Stein's rule wanted.
func measure(d *device, p Plan, truth float64) (logs []float64, wanted int) {
	scratch := make([]float64, 0, p.Rounds)
	for len(logs) < p.Pilot {
		logs = append(logs, d.trial(truth, p.Rounds, scratch))
	}
	wanted = stat.SteinTrials(logs, p.Precision, 0.95)
	n := min(wanted, p.MaxTrials)
	if p.Budget && n > p.Pilot {
		n = p.Pilot + d.rnd.IntN(n-p.Pilot+1)
	}
	for len(logs) < n {
		logs = append(logs, d.trial(truth, p.Rounds, scratch))
	}
	return logs, wanted
}

// peek is what docs/design.md forbids: go on until a t interval over all
// trials so far is narrow enough, and believe it.
func peek(d *device, p Plan) stat.Interval {
	var logs []float64
	scratch := make([]float64, 0, p.Rounds)
	for {
		logs = append(logs, d.trial(0, p.Rounds, scratch))
		if len(logs) < 3 {
			continue
		}
		if i := stat.TInterval(logs, 0.95); i.Half() <= math.Log1p(p.Precision) || len(logs) == p.MaxTrials {
			return i
		}
	}
}

func decide(g verdict.Gate, logs []float64, p Plan) verdict.Word {
	return verdict.Decide(g, verdict.Evidence{
		At: func(level float64) stat.Interval { return stat.SteinInterval(logs, p.Pilot, level).Exp() },
	}, 0.95).Word
}

// median sorts x in place: stat.Median would copy it.
func median(x []float64) float64 {
	slices.Sort(x)
	h := len(x) / 2
	if len(x)%2 == 1 {
		return x[h]
	}
	return (x[h-1] + x[h]) / 2
}
