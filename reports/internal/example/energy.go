package example

import (
	"math"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
)

// watts that inferences draw above idle, in the examples with energy.
const watts = 14.2

// WithEnergy adds the energy of a run with this meter to the first two groups
// of r: of the first one case is below detection and one invalid.
func WithEnergy(r *bench.Result, source string) *bench.Result {
	r.Plan.Energy = &bench.EnergyPlan{Rounds: 5}
	for i := range r.Groups[:2] {
		g := &r.Groups[i]
		g.Energy = &bench.EnergyInfo{
			Meter: source + ": package-0 + package-1", Scope: "package", Kind: "counter", Error: 0.05, Period: 1.02e-3, Every: 0.1,
			Idle: 11.3, Rounds: 5, Window: 10, IdleTime: 30, Cost: 0.0009, Discarded: i, Seconds: 700,
			AA: &bench.Control{Deviation: 0.004, Tolerance: 0.02, Ratio: metric.Estimate{Metric: "energy.net", Unit: "ratio", Value: 1.003, Low: 0.996, High: 1.010, N: 5, Source: source}},
		}
		for j := range g.Cases {
			energyOf(&g.Cases[j], &g.Cases[0], source)
		}
	}
	lack(&r.Groups[0].Cases[3], "below detection in 5 of 5 windows: less than 420 µJ per inference is not seen here")
	lack(&r.Groups[0].Cases[4], "invalid: 3 of 5 windows, the first: idle window after it: package-0: no reading for 2.1s, at most 500ms are tolerated")
	for i := range r.Groups[2].Cases {
		lack(&r.Groups[2].Cases[i], "the meter was lost: package-0 fell silent (40 readings failed, the last: no such device)")
	}
	r.Groups[0].Energy.Notes = []string{"the power had not come to rest after 30s before 1 of 6 idle windows"}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			r.Groups[i].Cases[j].Verdicts = nil
		}
		judge(&r.Groups[i])
	}
	return r
}

func energyOf(c, base *bench.CaseResult, source string) {
	p50, _ := c.Value("latency.p50")
	b50, _ := base.Value("latency.p50")
	for _, x := range []struct {
		name string
		v, b float64
	}{
		{"energy.net", watts * p50.Value, watts * b50.Value},
		{"energy.gross", (watts + 11.3) * p50.Value, (watts + 11.3) * b50.Value},
		{"energy.delay", watts * p50.Value * p50.Value, watts * b50.Value * b50.Value},
		{"energy.efficiency", 1 / watts / p50.Value, 1 / watts / b50.Value},
		{"power", watts + 11.3, watts + 11.3},
	} {
		m := metric.Lookup(x.name)
		c.Values = append(c.Values, metric.Estimate{Metric: x.name, Unit: m.Unit, Value: x.v, Low: 0.985 * x.v, High: 1.015 * x.v, N: 5, Source: source})
		if c.Variant != bench.Baseline {
			ratio := x.v / x.b
			c.Against = append(c.Against, metric.Estimate{Metric: x.name, Unit: "ratio", Value: ratio, Low: 0.98 * ratio, High: 1.02 * ratio, N: 5, Source: source})
		}
		for i := range 5 {
			c.Samples = append(c.Samples, metric.Sample{Metric: x.name, Unit: m.Unit, Trial: i, Values: []float64{x.v * math.Exp(0.002*float64(i-2))}})
		}
	}
}

// lack takes the energy of a case away.
func lack(c *bench.CaseResult, reason string) {
	gone := func(es []metric.Estimate) (kept []metric.Estimate) {
		for _, e := range es {
			if e.Source == "" {
				kept = append(kept, e)
			}
		}
		return kept
	}
	c.Values, c.Against = gone(c.Values), gone(c.Against)
	c.Missing = map[string]string{"energy.net": reason, "energy.gross": reason}
}

// missingEvidence is what bench tells a gate whose metric is missing.
func missingEvidence(c *bench.CaseResult, name string) verdict.Evidence {
	if why := c.Missing[name]; why != "" {
		return verdict.Evidence{Word: verdict.Inconclusive, Reason: why}
	}
	return verdict.Evidence{}
}
