package main

import (
	"math"
	"math/rand/v2"

	"assay/bench/stat"
	"assay/bench/verdict"
)

// Release is what replications of a release of several 3 % gates gave: one
// candidate is 5 % slower, the others are equal to their baselines.
type Release struct {
	Noise  Noise
	Plan   Plan
	Gates  int
	Trials float64 // mean number of trials
	Wrong  float64 // any wrong verdict: a fail of an equal case, or a pass of the slow one
	Edge   float64 // any verdict at all where every case is exactly on its limit: the worst case for wrong ones
	Power  float64 // the slow case fails
	Passed float64 // mean share of equal cases that pass
}

// simulateRelease judges gates cases together, as assay gate does.
func simulateRelease(n Noise, p Plan, gates, reps int, seed uint64) Release {
	rnd := rand.New(rand.NewPCG(seed, 0x4013))
	r := Release{Noise: n, Plan: p, Gates: gates}
	each := 1 / float64(reps)
	for range reps {
		claims := make([]verdict.Claim, gates)
		edge := make([]verdict.Claim, gates)
		for i := range claims {
			truth := 0.0
			if i == 0 {
				truth = math.Log(1.05)
			}
			logs, _ := measure(newDevice(n, rnd), p, truth)
			r.Trials += float64(len(logs)) * each / float64(gates)
			claims[i] = claim(gate3, logs, p)
			limit, _ := measure(newDevice(n, rnd), p, math.Log(1.03))
			edge[i] = claim(gate3, limit, p)
		}
		wrong := false
		for i, v := range verdict.Judge(claims) {
			switch {
			case i == 0 && v.Word == verdict.Fail:
				r.Power += each
			case i > 0 && v.Word == verdict.Pass:
				r.Passed += each / float64(gates-1)
			case v.Word != verdict.Inconclusive:
				wrong = true
			}
		}
		if wrong {
			r.Wrong += each
		}
		for _, v := range verdict.Judge(edge) {
			if v.Word != verdict.Inconclusive {
				r.Edge += each
				break
			}
		}
	}
	return r
}

func claim(g verdict.Gate, logs []float64, p Plan) verdict.Claim {
	return verdict.Claim{Gate: g, Evidence: verdict.Evidence{
		At: func(level float64) stat.Interval { return stat.SteinInterval(logs, p.Pilot, level).Exp() },
	}}
}
