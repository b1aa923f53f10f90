package bench

import (
	"cmp"
	"math"
	"slices"

	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// told is a value that a phase outside the rounds tells of a case: one per
// trial of its own. Values of one set were taken side by side, and are
// compared with each other: energy of one energy round, rates of one search.
type told struct {
	metric *metric.Metric
	set    int
	value  float64 // above 0, in the metric's unit
}

// missing says why a metric that was asked for has no value. Word is what a
// gate on it gets: skipped where support is absent, inconclusive where more or
// better measuring would tell.
type missing struct {
	word   verdict.Word
	reason string
}

// tell records a value; what is not above 0 or not finite cannot be compared
// on a scale of ratios and is refused: say lack instead.
func (c *candidate) tell(mt *metric.Metric, set int, v float64) {
	if v > 0 && !math.IsInf(v, 0) {
		c.told = append(c.told, told{mt, set, v})
	}
}

// lack records why c has no value of a metric; the first reason stays. Fail is
// for what is measured to be impossible: no rate holds a bound.
func (c *candidate) lack(mt *metric.Metric, word verdict.Word, reason string) {
	if c.missing == nil {
		c.missing = map[string]missing{}
	}
	if _, ok := c.missing[mt.Name]; !ok {
		c.missing[mt.Name] = missing{word, reason}
	}
}

// tolds returns the values of a metric in the order of their sets, without
// those of cases that lack it.
func (c *candidate) tolds(name string) []float64 {
	if _, lacks := c.missing[name]; lacks {
		return nil
	}
	var of []told
	for _, t := range c.told {
		if t.metric.Name == name {
			of = append(of, t)
		}
	}
	slices.SortStableFunc(of, func(a, b told) int { return cmp.Compare(a.set, b.set) })
	out := make([]float64, len(of))
	for i, t := range of {
		out[i] = t.value
	}
	return out
}

// toldRatios returns one log ratio per set that c shares with the baseline.
func (m *measured) toldRatios(c *candidate, name string) []float64 {
	base := m.baseline()
	if c.tolds(name) == nil || base.tolds(name) == nil {
		return nil
	}
	var out []float64
	for _, t := range c.told {
		for _, b := range base.told {
			if t.metric.Name == name && b.metric.Name == name && t.set == b.set {
				out = append(out, math.Log(t.value/b.value))
			}
		}
	}
	return out
}

// toldMetrics lists what phases told of a case, in the order told.
func (c *candidate) toldMetrics() []*metric.Metric {
	var out []*metric.Metric
	for _, t := range c.told {
		if !slices.Contains(out, t.metric) {
			out = append(out, t.metric)
		}
	}
	return out
}

// phases adds what was told to a case's result: absolute values, ratios to the
// baseline over the shared sets, samples, and what is missing and why. The
// number of sets is fixed before the first, so the intervals are Student's.
func (m *measured) phases(r *CaseResult, c *candidate) {
	for _, mt := range c.toldMetrics() {
		values := c.tolds(mt.Name)
		if e, ok := absolute(mt, values, len(values)); ok {
			e.Source = m.sources[mt.Name]
			r.Values = append(r.Values, e)
		}
		if logs := m.toldRatios(c, mt.Name); c != m.baseline() && len(logs) > 1 {
			iv := stat.SteinInterval(logs, len(logs), confidence).Exp()
			r.Against = append(r.Against, metric.Estimate{
				Metric: mt.Name, Unit: "ratio", Value: iv.Mid, Low: iv.Low, High: iv.High, N: len(logs), Source: m.sources[mt.Name],
			})
		}
		for i, v := range values {
			r.Samples = append(r.Samples, metric.Sample{Metric: mt.Name, Unit: mt.Unit, Trial: i, Values: []float64{v}})
		}
	}
	for name, why := range c.missing {
		if r.Missing == nil {
			r.Missing = map[string]string{}
		}
		r.Missing[name] = why.reason
	}
}

// lacking reports whether a metric that a gate names has no value, and why: of
// the case itself, or of the baseline that it is compared with.
func (m *measured) lacking(e *verdict.Evidence, name string, c *candidate, relative bool) bool {
	if why, ok := c.missing[name]; ok {
		e.Word, e.Reason = why.word, why.reason
		return true
	}
	if why, ok := m.baseline().missing[name]; ok && relative {
		e.Word, e.Reason = why.word, "the baseline: "+why.reason
		if why.word == verdict.Fail { // the baseline's, not the candidate's
			e.Word = verdict.Inconclusive
		}
		return true
	}
	return false
}

// toldEvidence judges a gate on a metric that phases tell; false where none
// told it.
func (m *measured) toldEvidence(e *verdict.Evidence, name string, c *candidate, relative bool) bool {
	logs := stat.Logs(c.tolds(name))
	if relative {
		logs = m.toldRatios(c, name)
	}
	switch len(logs) {
	case 0:
		return false
	case 1:
		e.Word, e.Reason = verdict.Inconclusive, "measured once: how well it repeats is not known"
		return true
	}
	e.At = func(level float64) stat.Interval { return stat.SteinInterval(logs, len(logs), level).Exp() }
	e.Needed = func(limit, level float64) int { return stat.SteinToDecide(logs, len(logs), math.Log(limit), level) }
	e.N, e.Of = len(logs), "rounds"
	return true
}
