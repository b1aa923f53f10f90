package main

import (
	"math/rand/v2"

	"assay/bench/stat"
)

// A Flips is a true pair of probabilities: that a sample is lost, and won.
type Flips struct {
	N         int // samples
	Lost, Won float64
}

// flips are around what compressed models do: 0.2 to 6 % of the answers
// change; the quick suite has 2,000 samples, the others 10,000.
var flips = []Flips{
	{2000, 0.001, 0.001},
	{2000, 0.005, 0.005},
	{2000, 0.012, 0.008},
	{2000, 0.03, 0.02},
	{2000, 0.03, 0.03},
	{10000, 0.001, 0.001},
	{10000, 0.012, 0.008},
	{10000, 0.03, 0.02},
}

// Accuracy is what replications of one pair of probabilities gave.
type Accuracy struct {
	Flips
	Reps    int
	Cover95 float64 // the interval holds the true difference
	Width   float64 // mean half-width, as a ratio
	Reject  float64 // McNemar's exact test at 5 % sees a difference
}

func simulateAccuracy(f Flips, reps int, seed uint64) Accuracy {
	rnd := rand.New(rand.NewPCG(seed, 0xacc))
	a := Accuracy{Flips: f, Reps: reps}
	each := 1 / float64(reps)
	for range reps {
		p := stat.Pairs{N: f.N}
		for range f.N {
			switch u := rnd.Float64(); {
			case u < f.Lost:
				p.Lost++
			case u < f.Lost+f.Won:
				p.Won++
			}
		}
		i := p.Interval(0.95)
		if i.Contains(f.Won - f.Lost) {
			a.Cover95 += each
		}
		a.Width += i.Half() * each
		if p.McNemar() < 0.05 {
			a.Reject += each
		}
	}
	return a
}
