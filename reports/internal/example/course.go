package example

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
)

// Nights returns the example as n nightly runs of one device, oldest first: on
// night 12 the runtime changes, on night 18 the governor, and from night 22 on
// one case is 9 % slower and fails its gate. seed tells devices apart.
func Nights(n int, seed uint64) []*bench.Result {
	rnd := rand.New(rand.NewPCG(seed, 365))
	var out []*bench.Result
	for i := range n {
		r := Result()
		r.Run = fmt.Sprintf("%02d%014x", i, seed)
		r.Started, r.Ended = r.Started.AddDate(0, 0, i-n), r.Ended.AddDate(0, 0, i-n)
		r.Device.ID = fmt.Sprintf("%016x", seed)
		if seed > 1 {
			r.Device.Name, r.Device.Class = fmt.Sprintf("board-%d", seed), "rpi5"
		}
		if i < 12 {
			r.Engines[0].Build = "1.29.0"
		}
		if i >= 18 {
			r.Before.Governor = "schedutil"
		}
		for g := range r.Groups {
			for c := range r.Groups[g].Cases {
				night(&r.Groups[g].Cases[c], math.Exp(0.01*rnd.NormFloat64()))
			}
		}
		if i >= 22 {
			slow := &r.Groups[1].Cases[1]
			night(slow, 1.09)
			for v := range slow.Verdicts {
				if slow.Verdicts[v].Metric == "latency.p50" {
					slow.Verdicts[v].Word = verdict.Fail
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// night scales what a case measured in time.
func night(c *bench.CaseResult, by float64) {
	for i := range c.Values {
		if e := &c.Values[i]; e.Unit == "sec" {
			e.Value, e.Low, e.High = by*e.Value, by*e.Low, by*e.High
		}
	}
}

// Course is the history of two devices of two classes, with a mark of a
// detector beside those of the gates.
func Course() *reports.Course {
	c := &reports.Course{}
	for seed := range uint64(2) {
		for _, r := range Nights(30, seed+1) {
			c.Add(r, r.Ended.Add(time.Minute))
		}
	}
	c.Mark(reports.Failing{Course: c}, slower{c})
	return c
}

// slower says what a detector would of the case that became slower.
type slower struct{ course *reports.Course }

func (s slower) Marks() []reports.Mark {
	r := Nights(30, 1)[22]
	key := reports.SeriesKey(&r.Groups[1].Cases[1].Case, "latency.p50", r.Device.ID)
	return []reports.Mark{{Series: key, Word: "worse", Text: "9 % slower (7 to 11 %), measured again: 8.8 % ±1 %", Begin: r.Run, Causes: []string{"assay: 0.1.0 → 0.2.0"}}}
}
