package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/unit"
	"assay/reports"
	"assay/reports/chart"
)

// anchors are the ids of cases within a page.
type anchors map[*bench.CaseResult]string

// newAnchors names every case of r after what identifies it, so that a link
// to a case holds from report to report.
func newAnchors(r *bench.Result) anchors {
	out, taken := anchors{}, map[string]bool{}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			c := &r.Groups[i].Cases[j]
			out[c] = unique(taken, anchor(c.Task, c.Model, c.Variant, c.Engine, c.Provider, c.Threads, c.Batch, c.Scenario))
		}
	}
	return out
}

// unique adds a number to an id that was used already.
func unique(taken map[string]bool, id string) string {
	name := id
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", id, n)
	}
	taken[name] = true
	return name
}

// anchor is "fashion-mnist.resnet8.int8-qdq.native", with what is not usual
// behind it: "….cuda.t4.b8".
func anchor(task, model, variant, eng, provider string, threads, batch int, scenario string) string {
	parts := []string{task, model, variant, eng}
	if provider != "cpu" {
		parts = append(parts, provider)
	}
	if threads != 1 {
		parts = append(parts, fmt.Sprintf("t%d", threads))
	}
	if batch != 1 {
		parts = append(parts, fmt.Sprintf("b%d", batch))
	}
	if scenario != "single-stream" {
		parts = append(parts, scenario)
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	id := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, strings.Join(parts, "."))
	return "case-" + id[:min(len(id), 200)]
}

// A caseHTML is everything that is known of a case.
type caseHTML struct {
	Name    string
	ID      string
	Verdict *word
	Lines   []string
	Metrics []metricHTML
	Gates   []gateHTML
	Charts  []chartHTML
}

type metricHTML struct{ Name, Doc, Value, Interval, Against, N, Note string }

type gateHTML struct {
	Gate string
	Word *word
	Why  string
}

func casesOf(r *bench.Result, ids anchors) []caseHTML {
	var out []caseHTML
	for i := range r.Groups {
		g := &r.Groups[i]
		for j := range g.Cases {
			c := &g.Cases[j]
			x := caseHTML{
				Name: join([]string{plain(c.Model) + " " + plain(c.Variant) + " on " + plain(c.Engine) + providerText(c.Provider), sizeText(c)}),
				ID:   ids[c], Verdict: wordOf(reports.Worst(c).Word), Lines: caseLines(c), Metrics: metricsOf(c),
			}
			for _, v := range c.Verdicts {
				why := plain(v.Reason)
				if v.Optional {
					why = join([]string{"optional", why})
				}
				x.Gates = append(x.Gates, gateHTML{plain(v.Gate), wordOf(v.Word), why})
			}
			x.Charts = drawn(courseChart(g, c))
			out = append(out, x)
		}
	}
	return out
}

func sizeText(c *bench.CaseResult) string {
	if c.Threads == 1 && c.Batch == 1 {
		return ""
	}
	return fmt.Sprintf("%d %s, batch %d", c.Threads, plural(c.Threads, "thread"), c.Batch)
}

// caseLines say what was run, and why something is missing.
func caseLines(c *bench.CaseResult) []string {
	var out []string
	if c.Status != bench.OK {
		out = append(out, plain(c.Reason))
	}
	a := &c.Artifact
	file := []string{plain(a.Path)}
	if a.Size > 0 {
		file = append(file, unit.Format(float64(a.Size), "B"))
	}
	if a.Params > 0 {
		file = append(file, unit.Number(float64(a.Params))+" parameters")
	}
	if a.SHA256 != "" {
		file = append(file, "sha256 "+plain(shortSHA(a.SHA256)))
	}
	if text := join(file); text != "" {
		out = append(out, "file: "+text)
	}
	if text := labelText(c.Settings); text != "" {
		out = append(out, "engine: "+text)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Missing)) {
		out = append(out, plain(name)+" "+notMeasured+": "+plain(c.Missing[name]))
	}
	for _, n := range c.Notes {
		out = append(out, plain(n))
	}
	return out
}

func shortSHA(sha string) string { return sha[:min(len(sha), 12)] }

// metricsOf lists the estimates of a case, the table's columns first.
func metricsOf(c *bench.CaseResult) []metricHTML {
	var out []metricHTML
	values := slices.Clone(c.Values)
	first := []string{"top1", bench.MainMetric(c.Scenario).Name, "memory.peak", "size", "energy.net"}
	rank := func(name string) int {
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(values, func(a, b metric.Estimate) int { return cmp.Compare(rank(a.Metric), rank(b.Metric)) })
	for _, e := range values {
		if !finite(e.Value) {
			continue
		}
		m := metricHTML{Name: plain(e.Metric), Value: unit.Format(e.Value, e.Unit), N: unit.Count(e.N), Note: join([]string{plain(e.Source), plain(e.Note)})}
		if known := metric.Lookup(e.Metric); known != nil {
			m.Doc = known.Doc
		}
		if finite(e.Low, e.High) && e.High > e.Low {
			m.Interval = unit.Format(e.Low, e.Unit) + " to " + unit.Format(e.High, e.Unit)
		}
		if a, ok := c.Ratio(e.Metric); ok && finite(a.Value) {
			m.Against = changeText(a)
		}
		out = append(out, m)
	}
	return out
}

// courseChart draws the medians of the rounds in the order taken.
func courseChart(g *bench.GroupResult, c *bench.CaseResult) chartHTML {
	var trials [][]float64
	for _, s := range c.Samples {
		if s.Metric == metric.P50.Name {
			trials = append(trials, s.Values)
		}
	}
	title := "Latency in the order taken"
	text := fmt.Sprintf("%s of %s %s on %s: median of every round, trial by trial", title, plain(c.Model), plain(c.Variant), plain(c.Engine))
	plot := chart.Course(text, chart.Axis{Unit: metric.P50.Unit}, chart.Series(0), trials)
	return chartHTML{Title: title, Note: fmt.Sprintf("median of every round; a line is a trial, of %s", span(g.Rounds, g.Rounds, "round")), Plot: plot}
}
