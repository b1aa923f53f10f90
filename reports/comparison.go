package reports

import (
	"cmp"
	"math"
	"slices"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/stat"
)

// A Comparison is run B against run A, case by case.
type Comparison struct {
	A       Run      `json:"a"`
	B       Run      `json:"b"`
	Causes  []string `json:"causes,omitempty"` // what changed besides the numbers: builds, files, kernels
	Doubts  []string `json:"doubts,omitempty"`
	Changes []Change `json:"changes"`
	OnlyA   []string `json:"only_a,omitempty"` // keys of cases that B lacks
	OnlyB   []string `json:"only_b,omitempty"`
}

// A Change is one metric of one case: B against A.
type Change struct {
	Task     string          `json:"task,omitempty"`
	Model    string          `json:"model"`
	Variant  string          `json:"variant"`
	Engine   string          `json:"engine"`
	Provider string          `json:"provider"`
	Threads  int             `json:"threads"`
	Batch    int             `json:"batch"`
	Scenario string          `json:"scenario"`
	Metric   string          `json:"metric"`
	A        metric.Estimate `json:"a"`
	B        metric.Estimate `json:"b"`
	Ratio    metric.Estimate `json:"change"` // B ÷ A; for accuracy B − A in points

	// Relative is the same of the case's ratio to its own baseline. Both
	// ratios were measured interleaved, so drift between the runs is not in
	// it. It is nil for baselines and for metrics that are not timed.
	Relative *metric.Estimate `json:"relative,omitempty"`

	Word Direction `json:"word"`
}

// Direction says what a change means for the metric's user.
type Direction string

// The four directions.
const (
	Better    Direction = "better"    // the whole interval is on the good side
	Worse     Direction = "worse"     // the whole interval is on the bad side
	Same      Direction = "same"      // no change, or the interval lies within one percent of it
	Undecided Direction = "undecided" // none of these
)

// confidence of every interval of a comparison.
const confidence = 0.95

// sameWithin is how far the interval of an unchanged ratio may reach: the
// tolerance of the A/A control (docs/design.md, "Measuring", 5).
const sameWithin = 0.01

// shared pairs a case of run A with the same of run B.
type shared struct {
	ga, gb *bench.GroupResult
	a, b   *bench.CaseResult
}

// changes compares every metric that both results of a case have.
func (p shared) changes(sameSamples bool) []Change {
	var out []Change
	for _, ea := range p.a.Values {
		eb, ok := p.b.Value(ea.Metric)
		m := metric.Lookup(ea.Metric)
		if !ok || m == nil || ea.Unit != eb.Unit || ea.Source != eb.Source || m.Timing && (len(p.ga.Untrusted) > 0 || len(p.gb.Untrusted) > 0) {
			continue
		}
		c := Change{
			Task: p.a.Task, Model: p.a.Model, Variant: p.a.Variant, Engine: p.a.Engine, Provider: p.a.Provider,
			Threads: p.a.Threads, Batch: p.a.Batch, Scenario: p.a.Scenario, Metric: m.Name, A: ea, B: eb,
		}
		switch {
		case m == metric.Top1 || m == metric.Agreement:
			if !sameSamples {
				continue
			}
			c.Ratio = difference(m, ea, eb, p.a.Artifact.SHA256 != "" && p.a.Artifact.SHA256 == p.b.Artifact.SHA256)
		case ea.Value <= 0 || eb.Value <= 0:
			continue
		case m.Exact:
			c.Ratio = exactly(m, eb.Value/ea.Value, min(ea.N, eb.N))
		default:
			c.Ratio = p.across(m, ea, eb)
			c.Relative = p.relative(m)
		}
		c.Word = direction(m, c.Ratio)
		out = append(out, c)
	}
	return out
}

func exactly(m *metric.Metric, ratio float64, n int) metric.Estimate {
	return metric.Estimate{Metric: m.Name, Unit: "ratio", Value: ratio, Low: ratio, High: ratio, N: n}
}

// across is B ÷ A from the trials of both runs: Welch's interval on the logs.
// Without trials it is the quotient of the two intervals, which is wider.
func (p shared) across(m *metric.Metric, ea, eb metric.Estimate) metric.Estimate {
	x, y := logs(p.b, m.Name), logs(p.a, m.Name)
	e := metric.Estimate{Metric: m.Name, Unit: "ratio", Value: eb.Value / ea.Value, N: min(len(x), len(y))}
	if e.N < 2 {
		e.N, e.Note = min(ea.N, eb.N), "no trials were kept: quotient of the two intervals"
		e.Low, e.High = eb.Low/ea.High, eb.High/max(ea.Low, math.SmallestNonzeroFloat64)
		return e
	}
	i := stat.Welch(x, y, confidence)
	e.Value, e.Low, e.High = math.Exp(i.Mid), math.Exp(i.Low), math.Exp(i.High)
	return e
}

// logs returns the log of each trial's median.
func logs(c *bench.CaseResult, name string) []float64 {
	var out []float64
	for _, s := range c.Samples {
		if s.Metric != name || len(s.Values) == 0 {
			continue
		}
		if v := stat.Median(slices.Clone(s.Values)); v > 0 && !math.IsInf(v, 0) {
			out = append(out, math.Log(v))
		}
	}
	return out
}

// relative compares the case's ratio to its baseline between the runs. Half
// widths of independent logs add in squares.
func (p shared) relative(m *metric.Metric) *metric.Estimate {
	a, ok1 := p.a.Ratio(m.Name)
	b, ok2 := p.b.Ratio(m.Name)
	if !ok1 || !ok2 || !m.Timing || a.Low <= 0 || b.Low <= 0 || a.Value <= 0 || b.Value <= 0 {
		return nil
	}
	half := math.Hypot(math.Log(a.High/a.Low)/2, math.Log(b.High/b.Low)/2)
	v := b.Value / a.Value
	return &metric.Estimate{Metric: m.Name, Unit: "ratio", Value: v, Low: v * math.Exp(-half), High: v * math.Exp(half), N: min(a.N, b.N)}
}

// difference is B − A in points. The answers to each sample were not kept, so
// the runs are taken as independent (Newcombe 1998, Statistics in Medicine
// 17:873, method 10, from the two Wilson intervals): wider than a paired
// interval. Equal counts from one and the same file are no difference at all.
func difference(m *metric.Metric, a, b metric.Estimate, sameFile bool) metric.Estimate {
	d := b.Value - a.Value
	e := metric.Estimate{Metric: m.Name, Unit: "pt", Value: 100 * d, Low: 100 * d, High: 100 * d, N: min(a.N, b.N)}
	if sameFile && d == 0 {
		return e
	}
	e.Low = 100 * (d - math.Hypot(b.Value-b.Low, a.High-a.Value))
	e.High = 100 * (d + math.Hypot(b.High-b.Value, a.Value-a.Low))
	e.Note = "not paired: the answers of the earlier run were not kept"
	return e
}

// direction reads a change as the metric's user does.
func direction(m *metric.Metric, e metric.Estimate) Direction {
	none, low, high := 1.0, 1/(1+sameWithin), 1+sameWithin
	if e.Unit == "pt" {
		none, low, high = 0, 0, 0
	}
	up, down := e.Low > none, e.High < none
	switch {
	case e.Low == none && e.High == none || e.Low >= low && e.High <= high:
		return Same
	case up && m.Better > 0 || down && m.Better < 0:
		return Better
	case up && m.Better < 0 || down && m.Better > 0:
		return Worse
	}
	return Undecided
}

// order sorts changes as a table shows them: by model, engine and case, with
// the main metric of its scenario first.
func order(changes []Change) {
	order := map[string]int{"top1": -3, "memory.peak": -2, "size": -1}
	rank := func(c *Change) int {
		if c.Metric == bench.MainMetric(c.Scenario).Name {
			return -4
		}
		return order[c.Metric]
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		same := a.Model == b.Model && a.Engine == b.Engine && a.Variant == b.Variant && a.Threads == b.Threads && a.Batch == b.Batch && a.Provider == b.Provider && a.Scenario == b.Scenario
		if !same {
			return 0 // cases come in run A's order already
		}
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Metric, b.Metric))
	})
}
