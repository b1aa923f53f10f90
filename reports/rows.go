package reports

import (
	"math"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
)

// A Row is one summary of a run: what was found of one metric of one case.
// Every store keeps the same rows.
type Row struct {
	Series  string // SeriesOf
	Case    *bench.Case
	Build   string // of the engine that ran
	Value   metric.Estimate
	Verdict verdict.Word // that decides the gates on this metric; "" where none names it
	Trusted bool
}

// Rows returns the summaries of a result, one per series. A result that holds
// a case twice keeps the first: both have one series. Values that are not
// finite are left out, as they are of the result's JSON form: no database
// holds them. Negative ones are kept, and are no evidence where the metric
// cannot be negative.
func Rows(r *bench.Result) []Row {
	var out []Row
	seen := map[string]bool{}
	for i := range r.Groups {
		g := &r.Groups[i]
		for j := range g.Cases {
			c := &g.Cases[j]
			for _, e := range c.Values {
				key := SeriesOf(&c.Case, e, r.Device.ID)
				if seen[key] || !Finite(e.Value, e.Low, e.High) {
					continue
				}
				seen[key] = true
				out = append(out, Row{key, &c.Case, g.Build, e, wordOn(c, e.Metric), trusted(g, e.Metric) && Possible(e.Metric, e.Value)})
			}
		}
	}
	return out
}

// Possible tells whether a metric can have this value: below 0 are only
// decibels, and energy, from which idle is subtracted.
func Possible(name string, v float64) bool {
	m := metric.Lookup(name)
	return v >= 0 || m == nil || m.Unit == "dB" || strings.HasPrefix(name, "energy.")
}

// Finite reports whether all values can be kept: no database and no JSON holds
// others.
func Finite(v ...float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// wordOn is the verdict that decides the gates on one metric.
func wordOn(c *bench.CaseResult, name string) verdict.Word {
	var vs []verdict.Verdict
	for _, v := range c.Verdicts {
		if v.Metric == name {
			vs = append(vs, v)
		}
	}
	v, _ := verdict.Deciding(vs)
	return v.Word
}

// trusted tells whether a value counts as evidence: timing of an untrusted
// group does not.
func trusted(g *bench.GroupResult, name string) bool {
	m := metric.Lookup(name)
	return len(g.Untrusted) == 0 || m != nil && !m.Timing
}
