package bench

import (
	"cmp"
	"fmt"
	"math"

	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/task"
)

// result turns what was measured into a GroupResult: estimates with
// intervals, the control, doubts and the causes of distrust. Verdicts come
// later, over all groups at once.
func (m *measured) result() *GroupResult {
	b := m.baseline()
	m.markClock()
	g := &GroupResult{
		Task: b.Task, Model: b.Model, Engine: b.Engine, Build: m.s.infos[b.Engine].Build, Provider: b.Provider,
		Threads: b.Threads, Batch: b.Batch, Scenario: b.Scenario,
		Trials: m.trials, Rounds: m.rounds, Doubts: m.doubts, Untrusted: m.bad, Seconds: m.took.Seconds(), Energy: m.energy, During: m.during,
	}
	if m.pairs {
		g.Interleave = "pairs"
		g.Doubts = append(g.Doubts, "memory does not hold all workers of the group: candidates were interleaved with the baseline one at a time")
	}
	m.countBlocks(g)
	m.controlOf(g)
	for _, c := range m.cases {
		if !c.control {
			g.Cases = append(g.Cases, m.caseResult(g, c))
		}
	}
	return g
}

// countBlocks counts blocks and those dropped; too many make the group
// untrusted.
func (m *measured) countBlocks(g *GroupResult) {
	why := map[string]int{}
	m.eachBlock(func(b *block) {
		g.Blocks++
		if b.dropped != "" {
			g.Dropped++
			why[b.dropped]++
		}
	})
	if g.Dropped == 0 {
		return
	}
	most, n := "", 0
	for w, k := range why {
		if k > n || k == n && w < most {
			most, n = w, k
		}
	}
	text := fmt.Sprintf("%d of %d blocks dropped, most often because %s", g.Dropped, g.Blocks, most)
	if float64(g.Dropped) > maxDropped*float64(g.Blocks) {
		g.Untrusted = append(g.Untrusted, text+": let the machine come to rest, or measure on a host that does not share its cores")
	} else {
		g.Doubts = append(g.Doubts, text)
	}
}

// controlOf compares the baseline with itself. Its tolerance is the group's
// wanted precision: 1 %, native references 3 %.
func (m *measured) controlOf(g *GroupResult) {
	control := m.cases[controlShift]
	main := m.sc.reductions[0]
	if _, lacks := m.baseline().missing[main.metric.Name]; lacks {
		return
	}
	logs := m.logRatios(control, main)
	e, ok := m.ratioOf(main.metric, logs, confidence)
	if !ok {
		if m.baseline().status == OK && len(m.baseline().trials) > 1 {
			g.Untrusted = append(g.Untrusted, "the A/A control could not be measured: "+cmp.Or(control.reason, "it shares no good round with the baseline"))
		}
		return
	}
	g.AA = &Control{Ratio: e, Deviation: stat.SD(logs), Tolerance: m.precision()}
	if e.Low > 1+g.AA.Tolerance || e.High < 1-g.AA.Tolerance {
		g.Untrusted = append(g.Untrusted, fmt.Sprintf("the A/A control says %.3fx for the baseline against itself (%.3f to %.3f): something but the model makes the difference", e.Value, e.Low, e.High))
	}
}

func (m *measured) caseResult(g *GroupResult, c *candidate) CaseResult {
	r := CaseResult{Case: c.Case, Status: c.status, Reason: c.reason, Settings: c.settings, Soak: c.soaked}
	r.Build = g.Build
	for _, red := range m.sc.reductions {
		if _, lacks := c.missing[red.metric.Name]; lacks {
			continue
		}
		per := perTrial(c, red.value)
		if e, ok := absolute(red.metric, per, m.s.Plan.Trials); ok {
			e.Note = m.note(red, c)
			r.Values = append(r.Values, e)
		}
		if e, ok := m.ratio(c, red, confidence); ok && c != m.baseline() {
			r.Against = append(r.Against, e)
		}
	}
	m.fixed(&r, c)
	m.scores(&r, c)
	r.Samples = m.samplesOf(c)
	m.phases(&r, c)
	if c.status == OK && c != m.baseline() && m.s.Explain != nil {
		r.Notes = m.s.Explain(g, &r)
	}
	r.Notes = append(r.Notes, c.notes...)
	return r
}

// A processMetric is what each fresh process tells once.
type processMetric struct {
	metric *metric.Metric
	of     func(*candidate) []float64
}

// processMetrics are cold starts, from processes of their own, and memory, from
// the trials' processes.
var processMetrics = append([]processMetric{
	{metric.Start, coldOf(func(d coldData) float64 { return d.start.Seconds() })},
	{metric.Load, coldOf(func(d coldData) float64 { return d.load.Seconds() })},
	{metric.First, coldOf(func(d coldData) float64 { return d.first.Seconds() })},
}, memoryMetrics()...)

func coldOf(f func(coldData) float64) func(*candidate) []float64 {
	return func(c *candidate) []float64 {
		var v []float64
		for _, d := range c.cold {
			v = append(v, f(d))
		}
		return v
	}
}

// exactMetrics are known from the file or the engine; 0 or less is unknown.
var exactMetrics = []struct {
	metric *metric.Metric
	of     func(*candidate) int64
}{
	{metric.Size, func(c *candidate) int64 { return c.Artifact.Size }},
	{metric.PackedSize, func(c *candidate) int64 { return c.packed }},
	{metric.Params, func(c *candidate) int64 { return c.Artifact.Params }},
}

func exactValue(name string, c *candidate) (float64, bool) {
	for _, x := range exactMetrics {
		if v := x.of(c); x.metric.Name == name && v > 0 {
			return float64(v), true
		}
	}
	return 0, false
}

// fixed adds what rounds do not measure: cold starts, memory, sizes.
func (m *measured) fixed(r *CaseResult, c *candidate) {
	base := m.baseline()
	for _, p := range processMetrics {
		values := p.of(c)
		e, ok := absolute(p.metric, values, len(values))
		if !ok {
			m.unmeasured(c, p.metric)
			continue
		}
		e.Source = m.sources[p.metric.Name]
		r.Values = append(r.Values, e)
		if own, b, ok := m.processes(p.metric.Name, c, base); ok && c != base {
			against := unpaired(p.metric, own, b)
			against.Source = e.Source
			r.Against = append(r.Against, against)
		}
	}
	if c.found > 0 && m.sc.name == loadgen.Offline && len(c.trials) > 0 {
		r.Values = append(r.Values, estimateExact(metric.Batch, float64(c.found), 1))
	}
	for _, x := range exactMetrics {
		own, ok := exactValue(x.metric.Name, c)
		if !ok {
			continue
		}
		r.Values = append(r.Values, estimateExact(x.metric, own, 1))
		if b, ok := exactValue(x.metric.Name, base); ok && c != base {
			e := estimateExact(x.metric, own/b, 1)
			e.Unit = "ratio"
			r.Against = append(r.Against, e)
		}
	}
}

// unpaired compares two sets of fresh processes that were interleaved but not
// paired: Welch's interval on the logs.
func unpaired(mt *metric.Metric, own, base []float64) metric.Estimate {
	iv := stat.Welch(stat.Logs(own), stat.Logs(base), confidence).Exp()
	return metric.Estimate{Metric: mt.Name, Unit: "ratio", Value: iv.Mid, Low: iv.Low, High: iv.High, N: min(len(own), len(base))}
}

// scores adds accuracy: the case's own with Wilson's interval, and paired with
// the baseline's answers to the same samples.
func (m *measured) scores(r *CaseResult, c *candidate) {
	if c.out == nil {
		return
	}
	n := len(c.out.answers)
	r.Answers = c.out.kept()
	if c.out.labelled() {
		k := c.out.correct()
		iv := stat.Wilson(k, n, confidence)
		r.Values = append(r.Values, metric.Estimate{Metric: metric.Top1.Name, Unit: metric.Top1.Unit, Value: iv.Mid, Low: iv.Low, High: iv.High, N: n})
	}
	base := m.baseline().out
	if base == nil || c == m.baseline() || len(base.answers) != n {
		return
	}
	agree, p := pairOf(c.out, base)
	iv := stat.Wilson(agree, n, confidence)
	r.Values = append(r.Values, metric.Estimate{Metric: metric.Agreement.Name, Unit: metric.Agreement.Unit, Value: iv.Mid, Low: iv.Low, High: iv.High, N: n})
	if q := task.SQNR(base.values, c.out.values); !math.IsNaN(q) && !math.IsInf(q, 0) {
		r.Values = append(r.Values, estimateExact(metric.SQNR, q, n))
	}
	if c.out.labelled() {
		r.Against = append(r.Against, difference(p, confidence))
	}
}

// pairOf counts on how many samples two cases give the same answer, and on
// how many only one of them is right.
func pairOf(c, b *outputs) (agree int, p stat.Pairs) {
	p.N = len(c.answers)
	for i, label := range c.labels {
		if c.answers[i] == b.answers[i] {
			agree++
		}
		switch right, was := c.answers[i] == label, b.answers[i] == label; {
		case right && !was:
			p.Won++
		case was && !right:
			p.Lost++
		}
	}
	return agree, p
}

// difference is top-1 of the candidate minus the baseline's, in points, with
// the paired interval and the exact McNemar test.
func difference(p stat.Pairs, level float64) metric.Estimate {
	iv := p.Interval(level).Scale(100)
	return metric.Estimate{
		Metric: metric.Top1.Name, Unit: "pt", Value: iv.Mid, Low: iv.Low, High: iv.High, N: p.N,
		Note: fmt.Sprintf("%d gained, %d lost, McNemar p = %.2g", p.Won, p.Lost, p.McNemar()),
	}
}

// samplesOf keeps the evidence in the order taken: one sample per trial and
// metric.
func (m *measured) samplesOf(c *candidate) []metric.Sample {
	var out []metric.Sample
	for i := range c.trials {
		t := &c.trials[i]
		add := func(mt *metric.Metric, v ...float64) {
			out = append(out, metric.Sample{Metric: mt.Name, Unit: mt.Unit, Trial: t.trial, Values: v})
		}
		for _, r := range m.sc.reductions {
			if r.tail > 0 {
				continue
			}
			var v []float64
			for _, b := range t.blocks {
				if b != nil && b.dropped == "" {
					v = append(v, r.block(b))
				}
			}
			add(r.metric, v...)
		}
		for _, f := range footprints {
			if v := f.of(&t.memory); v > 0 {
				add(f.metric, float64(v))
			}
		}
		for _, r := range m.sc.reductions {
			if v := r.value(t); r.tail > 0 && !math.IsNaN(v) {
				add(r.metric, v)
			}
		}
	}
	for i, d := range c.cold {
		out = append(out,
			metric.Sample{Metric: metric.Start.Name, Unit: "sec", Trial: i, Values: []float64{d.start.Seconds()}},
			metric.Sample{Metric: metric.Load.Name, Unit: "sec", Trial: i, Values: []float64{d.load.Seconds()}},
			metric.Sample{Metric: metric.First.Name, Unit: "sec", Trial: i, Values: []float64{d.first.Seconds()}})
	}
	return out
}
