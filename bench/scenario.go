package bench

import (
	"context"
	"math"
	"time"

	"assay/bench/loadgen"
	"assay/bench/metric"
)

// ScenarioPlan is the load of one scenario; which fields count depends on it.
type ScenarioPlan struct {
	Samples    int           `json:"samples,omitempty"`    // multi-stream: in a query
	Queries    int           `json:"queries,omitempty"`    // multi-stream: in a trial, at least
	MaxBatch   int           `json:"max_batch,omitempty"`  // offline: largest batch that is tried
	Latency    time.Duration `json:"latency,omitempty"`    // server: the bound
	Percentile float64       `json:"percentile,omitempty"` // server: share of the queries that must keep the bound
	Duration   time.Duration `json:"duration,omitempty"`   // least time: multi-stream and offline of a trial, server of one rate that is tried
}

// DefaultScenario is the plan of a scenario where the user does not say:
// LoadGen's queries, samples, percentile and bound, and seconds instead of its
// ten minutes, since every trial, and every rate that is tried, takes as long.
func DefaultScenario(name string) ScenarioPlan {
	r, _ := loadgen.RuleOf(name)
	switch name {
	case loadgen.MultiStream:
		return ScenarioPlan{Samples: r.Samples, Queries: r.Queries}
	case loadgen.Offline:
		return ScenarioPlan{MaxBatch: 64, Duration: 2 * time.Second}
	case loadgen.Server:
		return ScenarioPlan{Latency: r.Latency, Percentile: r.Percentile, Duration: 2 * time.Second}
	}
	return ScenarioPlan{}
}

// A scenario is how load is put on the workers of a group. All of them keep
// the method: fresh workers in every trial, side by side, the baseline twice,
// and one number per trial and case.
type scenario struct {
	name       string
	reductions []reduction                                   // what its trials tell, the main one first
	prepare    func(m *measured, ctx context.Context)        // finds the samples of an inference before the first trial; nil where they are the case's batch
	load       func(m *measured, ctx context.Context, l lot) // measures one set of workers
	finish     func(m *measured)                             // after the last trial, nil for nothing
	fixed      bool                                          // no trials are added for precision: one takes minutes
}

var scenarios = map[string]*scenario{
	loadgen.SingleStream: {name: loadgen.SingleStream, reductions: reductions, load: (*measured).inRounds},
	loadgen.MultiStream:  {name: loadgen.MultiStream, reductions: []reduction{q99Of, q50Of, q90Of, throughputOf}, prepare: (*measured).sizeQueries, load: (*measured).inRounds},
	loadgen.Offline:      {name: loadgen.Offline, reductions: []reduction{throughputOf}, prepare: (*measured).findBatches, load: (*measured).inRounds},
	loadgen.Server:       {name: loadgen.Server, reductions: []reduction{rateOf, q50Of, q90Of, q99Of}, load: (*measured).findRates, finish: (*measured).judgeRates, fixed: true},
}

// The timing metrics of queries.
var (
	q50Of  = reduction{metric: metric.QueryP50, block: func(b *block) float64 { return b.p50 }}
	q90Of  = reduction{metric: metric.QueryP90, tail: 0.90, stop: true}
	q99Of  = reduction{metric: metric.QueryP99, tail: 0.99, stop: true}
	rateOf = reduction{metric: metric.MaxRate, block: func(b *block) float64 { return b.rate }}
)

// scenarioOf returns a scenario by name; what is no name of one is
// single-stream, as a case without a scenario is.
func scenarioOf(name string) *scenario {
	if s := scenarios[name]; s != nil {
		return s
	}
	return scenarios[loadgen.SingleStream]
}

// MainMetric is the metric by which the cases of a scenario are ranked.
func MainMetric(scenario string) *metric.Metric { return scenarioOf(scenario).reductions[0].metric }

// Tells reports whether groups of a scenario have a metric: what no scenario
// calls its own, such as size or accuracy, all of them have.
func Tells(scenario, name string) bool {
	own := false
	for _, s := range scenarios {
		for _, mt := range s.metrics() {
			if mt.Name == name && s == scenarioOf(scenario) {
				return true
			}
			own = own || mt.Name == name
		}
	}
	return !own
}

// metrics are what only some scenarios tell, this one among them.
func (s *scenario) metrics() []*metric.Metric {
	var out []*metric.Metric
	for _, r := range s.reductions {
		out = append(out, r.metric)
	}
	if s.name == loadgen.Offline {
		out = append(out, metric.Batch)
	}
	return out
}

// Speedup is how much faster a case is than its baseline by its scenario's
// main metric: above 1 is faster, be that a latency or a rate.
func (c *CaseResult) Speedup() (metric.Estimate, bool) {
	mt := MainMetric(c.Scenario)
	e, ok := c.Ratio(mt.Name)
	if !ok || !(e.Value > 0) {
		return e, false
	}
	if mt.Better > 0 {
		return e, true
	}
	low, high := e.Low, e.High
	e.Value = 1 / e.Value
	e.Low, e.High = e.Value, e.Value
	if low > 0 && high > 0 {
		e.Low, e.High = 1/high, 1/low
	}
	return e, true
}

// load returns the plan of the group's scenario.
func (m *measured) load() ScenarioPlan {
	if p, ok := m.s.Plan.Scenarios[m.sc.name]; ok {
		return p
	}
	return DefaultScenario(m.sc.name)
}

// batch is the samples of an inference: the case's own, or those that the
// scenario has put in their place.
func (c *candidate) batch() int {
	if c.samples > 0 {
		return c.samples
	}
	return c.Batch
}

// sets is how many sets of inputs a worker rotates through: as many samples
// in all for a batch that a scenario has chosen as for a batch of 1.
func (c *candidate) sets() int {
	if c.samples > 0 {
		return max(2, rotated/c.samples)
	}
	return rotated
}

// sized puts the samples that the scenario has found for each case in force
// until the function that it returns is called.
func sized(set []*candidate) func() {
	for _, c := range set {
		c.samples = c.found
	}
	return func() {
		for _, c := range set {
			c.samples = 0
		}
	}
}

// note is what must be said beside a metric of the trials: of the tails of
// single-stream how many queries they lack, of the other scenarios what their
// shortest trial lacks to LoadGen's rule.
func (m *measured) note(r reduction, c *candidate) string {
	if m.sc.name == loadgen.SingleStream {
		return r.tailNote(c)
	}
	least, fewest := math.Inf(1), math.MaxInt
	for i := range c.trials {
		d, n := 0.0, 0
		for _, b := range c.trials[i].blocks {
			if b != nil && b.dropped == "" {
				d += b.elapsed
				n += b.queries(m.sc.name)
			}
		}
		least, fewest = min(least, d), min(fewest, n)
	}
	if len(c.trials) == 0 {
		return ""
	}
	return loadgen.Shorter(m.sc.name, time.Duration(least*float64(time.Second)), fewest)
}

// queries is what LoadGen counts of a block: samples offline, else queries.
func (b *block) queries(scenario string) int {
	if scenario == loadgen.Offline {
		return int(math.Round(b.elapsed / b.mean * float64(b.samples)))
	}
	return len(b.latencies)
}
