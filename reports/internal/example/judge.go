package example

import (
	"math"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// gates of the example's suite; the last is optional.
var gates = []struct {
	text     string
	optional bool
}{{"top1 >= -1pt", false}, {"latency.p50 <= 0.8x", false}, {"energy.net <= 0.7x", true}}

// judge writes the verdicts of the gates into the candidates.
func judge(g *bench.GroupResult) {
	for i := range g.Cases {
		c := &g.Cases[i]
		if c.Variant == bench.Baseline {
			continue
		}
		for _, text := range gates {
			gate, err := verdict.Parse(text.text)
			if err != nil {
				panic(err) // the gates above are part of this file
			}
			v := verdict.Decide(gate, evidence(g, c, gate), 0.95)
			v.Optional = text.optional
			c.Verdicts = append(c.Verdicts, v)
		}
	}
}

func evidence(g *bench.GroupResult, c *bench.CaseResult, gate verdict.Gate) verdict.Evidence {
	switch c.Status {
	case bench.Errored:
		return verdict.Evidence{Word: verdict.Error, Reason: c.Reason}
	case bench.Skipped:
		return verdict.Evidence{Word: verdict.Skipped, Reason: c.Reason}
	}
	e, ok := c.Ratio(gate.Metric)
	if !ok {
		return missingEvidence(c, gate.Metric)
	}
	ev := verdict.Evidence{
		N: e.N, Of: "trials",
		At:     func(float64) stat.Interval { return stat.Interval{Low: e.Low, Mid: e.Value, High: e.High} },
		Needed: func(limit, _ float64) int { return needed(e, limit) },
	}
	if gate.Metric == "top1" {
		ev.Of = "samples"
	}
	if len(g.Untrusted) > 0 {
		ev.Untrusted = g.Untrusted[0]
	}
	return ev
}

// needed is how many units narrow the interval to its distance from the limit.
func needed(e metric.Estimate, limit float64) int {
	half, room := (e.High-e.Low)/2, math.Abs(e.Value-limit)
	return int(math.Ceil(float64(e.N) * math.Pow(half/room, 2)))
}
