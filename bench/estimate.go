package bench

import (
	"fmt"
	"math"
	"slices"

	"assay/bench/metric"
	"assay/bench/stat"
)

// A reduction turns the blocks of a trial into one number per trial, and the
// blocks of two workers into one log ratio per trial.
type reduction struct {
	metric *metric.Metric
	block  func(b *block) float64
	tail   float64 // a quantile over the trial's pooled latencies instead of a median over its rounds
	stop   bool    // the tail is LoadGen's bound by early stopping, which few queries do not have
}

// The timing metrics of single-stream.
var (
	p50Of        = reduction{metric: metric.P50, block: func(b *block) float64 { return b.p50 }}
	p90Of        = reduction{metric: metric.P90, tail: 0.90}
	p99Of        = reduction{metric: metric.P99, tail: 0.99}
	throughputOf = reduction{metric: metric.Throughput, block: func(b *block) float64 { return float64(b.samples) / b.mean }}
	reductions   = []reduction{p50Of, p90Of, p99Of, throughputOf}
)

// value is the trial's number: the median over its good blocks, or the tail
// of their pooled latencies; NaN where no block counts.
func (r reduction) value(t *trialData) float64 {
	var v []float64
	for _, b := range t.blocks {
		if b == nil || b.dropped != "" {
			continue
		}
		if r.tail > 0 {
			v = append(v, b.latencies...)
		} else {
			v = append(v, r.block(b))
		}
	}
	if len(v) == 0 {
		return math.NaN()
	}
	if r.stop {
		bound, _ := stat.EarlyStop(v, r.tail) // NaN of too few
		return bound
	}
	if r.tail > 0 {
		return stat.Quantile(v, r.tail)
	}
	return stat.Median(v)
}

// logRatio compares a candidate's trial with the baseline's: the median over
// the rounds that both have of log(candidate ÷ baseline of the same round), so
// that drift hits both alike; NaN where they share no good round. Tails are
// compared as they are, since one round holds too few queries for them.
func (r reduction) logRatio(cand, base *trialData) float64 {
	if r.tail > 0 {
		return math.Log(r.value(cand) / r.value(base))
	}
	var v []float64
	for i := range min(len(cand.blocks), len(base.blocks)) {
		c, b := cand.blocks[i], base.blocks[i]
		if c != nil && b != nil && c.dropped == "" && b.dropped == "" {
			v = append(v, math.Log(r.block(c)/r.block(b)))
		}
	}
	if len(v) == 0 {
		return math.NaN()
	}
	return stat.Median(v)
}

// logRatios returns one log ratio per set of workers that c shares with the
// baseline: one per trial.
func (m *measured) logRatios(c *candidate, r reduction) []float64 {
	var out []float64
	for i := range c.trials {
		for j := range m.baseline().trials {
			if c.trials[i].set != m.baseline().trials[j].set {
				continue
			}
			if l := r.logRatio(&c.trials[i], &m.baseline().trials[j]); !math.IsNaN(l) && !math.IsInf(l, 0) {
				out = append(out, l)
			}
		}
	}
	return out
}

// ratio is the estimate of candidate ÷ baseline with Stein's interval at the
// given confidence; N is the number of trials, Needed what precision wants.
func (m *measured) ratio(c *candidate, r reduction, level float64) (metric.Estimate, bool) {
	return m.ratioOf(r.metric, m.logRatios(c, r), level)
}

func (m *measured) ratioOf(mt *metric.Metric, logs []float64, level float64) (metric.Estimate, bool) {
	if len(logs) < 2 {
		return metric.Estimate{}, false
	}
	pilot := min(len(logs), m.s.Plan.Trials)
	iv := stat.SteinInterval(logs, pilot, level).Exp()
	e := metric.Estimate{Metric: mt.Name, Unit: "ratio", Value: iv.Mid, Low: iv.Low, High: iv.High, N: len(logs)}
	if n := stat.SteinTrials(logs[:pilot], m.precision(), level); n > len(logs) {
		e.Needed = n
	}
	return e, true
}

// absolute is a case's own number: the geometric mean over trials or
// processes.
func absolute(mt *metric.Metric, values []float64, pilot int) (metric.Estimate, bool) {
	values = positive(values)
	if len(values) == 0 {
		return metric.Estimate{}, false
	}
	iv := interval(values, pilot, confidence)
	return metric.Estimate{Metric: mt.Name, Unit: mt.Unit, Value: iv.Mid, Low: iv.Low, High: iv.High, N: len(values)}, true
}

// interval is that of a case's own numbers, on their logs: Stein's where the
// data chose the number of trials after the pilot, and Student's where pilot is
// all of them. Numbers that are all the same, as the bytes of an arena are,
// stay what they are: their logarithm comes back rounded, and would miss a limit
// that they just meet.
func interval(values []float64, pilot int, level float64) stat.Interval {
	if slices.Min(values) == slices.Max(values) {
		return stat.Exactly(values[0])
	}
	return stat.SteinInterval(stat.Logs(values), pilot, level).Exp()
}

// tailNote says where a percentile rests on too few queries: MLPerf's early
// stopping wants a least number for each (mlcommons/inference,
// loadgen/results.cc), and its bound holds for independent queries only.
func (r reduction) tailNote(c *candidate) string {
	if r.tail == 0 {
		return ""
	}
	var n int
	for i := range c.trials {
		for _, b := range c.trials[i].blocks {
			if b != nil && b.dropped == "" {
				n += len(b.latencies)
			}
		}
	}
	if least := stat.EarlyStopQueries(r.tail, 1); n < least {
		return fmt.Sprintf("%d queries, early stopping wants %d", n, least)
	}
	return ""
}

// perTrial maps a reduction over a case's trials.
func perTrial(c *candidate, f func(*trialData) float64) []float64 {
	out := make([]float64, len(c.trials))
	for i := range c.trials {
		out[i] = f(&c.trials[i])
	}
	return out
}

// markClock drops the blocks during which the clock was below minClock of the
// group's median; clocks that cannot be read mark nothing.
func (m *measured) markClock() {
	typical := m.clock()
	m.eachBlock(func(b *block) {
		if b.dropped == "" && b.mhz > 0 && b.mhz < minClock*typical {
			b.dropped = fmt.Sprintf("the clock fell to %.0f of %.0f MHz", b.mhz, typical)
		}
	})
}

func (m *measured) eachBlock(f func(*block)) {
	for _, c := range m.cases {
		for i := range c.trials {
			for _, b := range c.trials[i].blocks {
				if b != nil {
					f(b)
				}
			}
		}
	}
}
