package render

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/regress"
)

func init() {
	Register(Format{
		Name: "json", Doc: "everything that was measured, and a flat list of rows; docs/results.md describes it",
		Result:  writeJSON,
		History: func(w io.Writer, h *reports.History, _ Options) error { return encode(w, h) },
		Compare: func(w io.Writer, c *reports.Comparison, _ Options) error { return encode(w, c) },

		Regressions: func(w io.Writer, r *regress.Report, _ Options) error { return encode(w, r) },
	})
}

// A Row is one case × metric. Its keys are fixed: a program may rely on every
// row having exactly these eleven.
type Row struct {
	Engine   string       `json:"engine"`
	Provider string       `json:"provider"`
	Model    string       `json:"model"`
	Variant  string       `json:"variant"`
	Metric   string       `json:"metric"`
	Unit     string       `json:"unit"`
	Value    *float64     `json:"value"` // null where the case was not measured
	Low      *float64     `json:"low"`
	High     *float64     `json:"high"`
	N        int          `json:"n"`
	Verdict  verdict.Word `json:"verdict"` // the worst on this metric, "" where no gate names it
}

// document is the JSON form: the result with its rows.
type document struct {
	*bench.Result
	Rows []Row `json:"rows"`
}

// Rows returns one row per case and metric. A case that was not measured has
// a row for every metric that a gate names, with null for its value, or one
// for the main metric of its scenario where there are no gates.
func Rows(r *bench.Result) []Row {
	rows := []Row{}
	for i := range r.Groups {
		g := &r.Groups[i]
		for j := range g.Cases {
			rows = append(rows, caseRows(&g.Cases[j])...)
		}
	}
	return rows
}

func caseRows(c *bench.CaseResult) []Row {
	row := func(name, unit string) Row {
		return Row{Engine: c.Engine, Provider: c.Provider, Model: c.Model, Variant: c.Variant, Metric: name, Unit: unit, Verdict: onMetric(c, name)}
	}
	var rows []Row
	seen := map[string]bool{}
	for _, e := range c.Values {
		if seen[e.Metric] || !finite(e.Value, e.Low, e.High) {
			continue
		}
		seen[e.Metric] = true
		x := row(e.Metric, e.Unit)
		x.Value, x.Low, x.High, x.N = &e.Value, &e.Low, &e.High, e.N
		rows = append(rows, x)
	}
	for _, v := range c.Verdicts {
		if !seen[v.Metric] {
			seen[v.Metric] = true
			rows = append(rows, row(v.Metric, unitOf(v.Metric)))
		}
	}
	if len(rows) == 0 {
		main := bench.MainMetric(c.Scenario)
		x := row(main.Name, main.Unit)
		x.Verdict = reports.Worst(c).Word
		rows = append(rows, x)
	}
	return rows
}

func unitOf(name string) string {
	if m := metric.Lookup(name); m != nil {
		return m.Unit
	}
	return ""
}

// onMetric is the worst word of the gates on one metric.
func onMetric(c *bench.CaseResult, name string) verdict.Word {
	one := bench.CaseResult{Status: bench.OK}
	for _, v := range c.Verdicts {
		if v.Metric == name {
			one.Verdicts = append(one.Verdicts, v)
		}
	}
	if len(one.Verdicts) == 1 {
		return one.Verdicts[0].Word
	}
	return reports.Worst(&one).Word
}

func writeJSON(w io.Writer, r *bench.Result, _ Options) error {
	clean := finiteResult(r)
	return encode(w, document{clean, Rows(clean)})
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// Marshal returns the compact JSON form of a result without its rows, as a
// store keeps it. Numbers that JSON cannot hold are left out.
func Marshal(r *bench.Result) ([]byte, error) { return json.Marshal(finiteResult(r)) }

func finite(v ...float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// finiteResult returns r without the estimates, verdict numbers and sample
// values that are not finite. It copies what it changes and shares the rest.
func finiteResult(r *bench.Result) *bench.Result {
	out := *r
	out.Schema = bench.Schema
	out.Groups = make([]bench.GroupResult, len(r.Groups))
	for i, g := range r.Groups {
		if g.AA != nil && !finite(g.AA.Ratio.Value, g.AA.Ratio.Low, g.AA.Ratio.High, g.AA.Deviation, g.AA.Tolerance) {
			g.AA = nil
		}
		if e := g.Energy; e != nil && e.AA != nil && !finite(e.AA.Ratio.Value, e.AA.Ratio.Low, e.AA.Ratio.High, e.AA.Deviation) {
			bare := *e
			bare.AA = nil
			g.Energy = &bare
		}
		cases := make([]bench.CaseResult, len(g.Cases))
		for j, c := range g.Cases {
			c.Values, c.Against = finiteEstimates(c.Values), finiteEstimates(c.Against)
			c.Samples, c.Verdicts = finiteSamples(c.Samples), finiteVerdicts(c.Verdicts)
			cases[j] = c
		}
		g.Cases = cases
		out.Groups[i] = g
	}
	return &out
}

func finiteEstimates(in []metric.Estimate) []metric.Estimate {
	out := make([]metric.Estimate, 0, len(in))
	for _, e := range in {
		if finite(e.Value, e.Low, e.High) {
			out = append(out, e)
		}
	}
	return out
}

func finiteSamples(in []metric.Sample) []metric.Sample {
	var out []metric.Sample
	for _, s := range in {
		v := make([]float64, 0, len(s.Values))
		for _, x := range s.Values {
			if finite(x) {
				v = append(v, x)
			}
		}
		s.Values = v
		out = append(out, s)
	}
	return out
}

func finiteVerdicts(in []verdict.Verdict) []verdict.Verdict {
	var out []verdict.Verdict
	for _, v := range in {
		if !finite(v.Value, v.Low, v.High, v.Limit) {
			v.Value, v.Low, v.High = 0, 0, 0
			if !finite(v.Limit) {
				v.Limit = 0
			}
		}
		out = append(out, v)
	}
	return out
}
