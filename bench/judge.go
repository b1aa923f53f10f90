package bench

import (
	"math"
	"slices"

	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// judge decides every gate of the run together, since they share one error
// level (verdict.Judge), and files the verdicts with their cases.
func (s *session) judge(all []*measured) {
	var claims []verdict.Claim
	var owner []*CaseResult
	for i, m := range all {
		g := &s.res.Groups[i]
		for j := range g.Cases {
			r := &g.Cases[j]
			for _, gate := range m.group.Gates {
				if !m.judges(gate, r, len(g.Cases)) {
					continue
				}
				claims = append(claims, verdict.Claim{Gate: gate.Gate, Optional: gate.Optional, Evidence: m.evidence(gate.Gate, g, r)})
				owner = append(owner, r)
			}
		}
	}
	for i, v := range verdict.Judge(claims) {
		owner[i].Verdicts = append(owner[i].Verdicts, v)
	}
}

// judges reports whether a gate applies to a case: candidates only, except
// that an absolute gate judges a baseline that stands alone.
func (m *measured) judges(g Gate, r *CaseResult, cases int) bool {
	if r.Variant == Baseline {
		return g.Kind == verdict.Absolute && cases == 1
	}
	return len(g.Variants) == 0 || slices.Contains(g.Variants, r.Variant)
}

// evidence is what was measured for one gate of one case.
func (m *measured) evidence(g verdict.Gate, gr *GroupResult, r *CaseResult) verdict.Evidence {
	c, base := m.find(r.Variant), m.baseline()
	switch {
	case r.Status == Errored:
		return verdict.Evidence{Word: verdict.Error, Reason: r.Reason}
	case r.Status == Skipped:
		return verdict.Evidence{Word: verdict.Skipped, Reason: r.Reason}
	case g.Kind != verdict.Absolute && base.status == Errored:
		return verdict.Evidence{Word: verdict.Error, Reason: "the baseline could not be run: " + base.reason}
	case g.Kind != verdict.Absolute && base.status == Skipped:
		return verdict.Evidence{Word: verdict.Skipped, Reason: "the baseline was skipped: " + base.reason}
	}
	var e verdict.Evidence
	if len(gr.Untrusted) > 0 {
		e.Untrusted = gr.Untrusted[0]
	}
	switch g.Kind {
	case verdict.Points:
		m.points(&e, c, base)
	case verdict.Relative:
		m.relative(&e, g, c, base)
	default:
		m.absolute(&e, g, c, r)
	}
	if mt := metric.Lookup(g.Metric); e.At == nil && e.Word == "" && e.Untrusted != "" && mt != nil && mt.Timing {
		e.Word, e.Reason = verdict.Untrusted, e.Untrusted // so bad that no block is left
	}
	return e
}

func (m *measured) find(variant string) *candidate {
	for _, c := range m.cases {
		if c.Variant == variant && !c.control {
			return c
		}
	}
	return nil
}

// points judges accuracy against the baseline's, paired over the samples.
func (m *measured) points(e *verdict.Evidence, c, base *candidate) {
	if c.out == nil || base.out == nil || !c.out.labelled() || len(c.out.answers) != len(base.out.answers) {
		return
	}
	_, p := pairOf(c.out, base.out)
	e.At = func(level float64) stat.Interval { return p.Interval(level).Scale(100) }
	e.Needed = func(limit, level float64) int { return p.Needed(limit/100, level) }
	e.N, e.Of = p.N, "samples"
}

// relative judges a ratio to the baseline.
func (m *measured) relative(e *verdict.Evidence, g verdict.Gate, c, base *candidate) {
	if m.lacking(e, g.Metric, c, true) {
		return
	}
	for _, red := range m.sc.reductions {
		if red.metric.Name != g.Metric {
			continue
		}
		logs := m.logRatios(c, red)
		if len(logs) < 2 {
			return
		}
		pilot := min(len(logs), m.s.Plan.Trials)
		e.At = func(level float64) stat.Interval { return stat.SteinInterval(logs, pilot, level).Exp() }
		e.Needed = func(limit, level float64) int { return stat.SteinToDecide(logs, pilot, math.Log(limit), level) }
		e.N, e.Of = len(logs), "trials"
		return
	}
	if own, b, ok := m.processes(g.Metric, c, base); ok {
		x, y := stat.Logs(own), stat.Logs(b)
		e.At = func(level float64) stat.Interval { return stat.Welch(x, y, level).Exp() }
		e.N, e.Of = min(len(own), len(b)), "processes"
		return
	}
	if m.toldEvidence(e, g.Metric, c, true) {
		return
	}
	if own, ok := exactValue(g.Metric, c); ok {
		if b, ok := exactValue(g.Metric, base); ok {
			e.At = func(float64) stat.Interval { return stat.Exactly(own / b) }
		}
	}
}

// absolute judges a case's own value.
func (m *measured) absolute(e *verdict.Evidence, g verdict.Gate, c *candidate, r *CaseResult) {
	if m.lacking(e, g.Metric, c, false) || m.toldEvidence(e, g.Metric, c, false) {
		return
	}
	var values []float64
	pilot, of := m.s.Plan.Trials, "trials"
	for _, red := range m.sc.reductions {
		if red.metric.Name == g.Metric {
			values = perTrial(c, red.value)
		}
	}
	if own, _, ok := m.processes(g.Metric, c, c); ok {
		values, pilot, of = own, len(own), "processes"
	}
	if values = positive(values); len(values) > 1 {
		e.At = func(level float64) stat.Interval { return interval(values, pilot, level) }
		e.N, e.Of = len(values), of
		return
	}
	v, ok := r.Value(g.Metric)
	if !ok {
		return
	}
	if g.Metric == metric.Top1.Name || g.Metric == metric.Agreement.Name {
		k := int(math.Round(v.Value * float64(v.N)))
		e.At = func(level float64) stat.Interval { return stat.Wilson(k, v.N, level) }
		e.N, e.Of = v.N, "samples"
		return
	}
	e.At = func(float64) stat.Interval { return stat.Exactly(v.Value) }
}

// processes returns what fresh processes told of a metric that rounds do not
// measure: cold starts and memory; ok if both sides have two of them.
func (m *measured) processes(name string, c, base *candidate) (own, b []float64, ok bool) {
	for _, p := range processMetrics {
		if p.metric.Name == name {
			own, b = positive(p.of(c)), positive(p.of(base))
			return own, b, len(own) > 1 && len(b) > 1
		}
	}
	return nil, nil, false
}

func positive(v []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return !(x > 0) || math.IsInf(x, 0) })
}
