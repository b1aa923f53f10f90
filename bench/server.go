package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// How a search for the highest rate begins: in the first trial below the rate
// of a worker without a pause, later where the last one ended. A factor within
// guessSpread keeps searches from rounding alike.
const (
	firstGuess  = 0.8
	firstStep   = 1.1
	laterStep   = 1.03
	guessSpread = 0.01
	floorShare  = 0.01 // of the rate without a pause: a bound that this does not hold, none holds
	maxLate     = 0.1  // of the bound: when inferences begin later than this, waiting is measured too
)

// serverMetrics are what a search tells.
var serverMetrics = []*metric.Metric{metric.MaxRate, metric.QueryP50, metric.QueryP90, metric.QueryP99}

// A rateSearch is the search for one worker's highest rate.
type rateSearch struct {
	c      *candidate
	search *loadgen.Search
	asked  float64 // the rate that is to be tried, 0 where the search is to be asked
	held   *block  // of the highest rate that held so far
	spoilt int     // tries repeated since the hypervisor took time
	done   bool
}

// findRates finds the highest rate of Poisson arrivals at which the plan's
// share of the queries keeps the bound, for all workers side by side: in every
// turn each tries its next rate, in a fresh random order. All workers of a
// trial are given the same gaps between arrivals, stretched to the rate that
// they try, so that they differ by themselves alone; every trial has its own.
func (m *measured) findRates(ctx context.Context, l lot) {
	s := &schedule{stream: uint64(l.trial)}
	all := map[*candidate]*rateSearch{}
	for _, c := range l.set {
		if w := l.workers[c]; w != nil {
			all[c] = m.newSearch(c, w)
		}
	}
	m.rounds = 1
	for going := true; going && ctx.Err() == nil; {
		going = false
		for _, c := range m.shuffled(l.set) {
			r, w := all[c], l.workers[c]
			if r == nil || r.done || w == nil || c.status != OK || ctx.Err() != nil {
				continue
			}
			going = true
			m.watch.Look() // all workers wait: no timed region runs
			if err := m.tryRate(ctx, r, w, s); err != nil && ctx.Err() == nil {
				m.replace(ctx, l, c, err)
			}
		}
	}
	for c, r := range all {
		if r.held != nil {
			l.data[c].blocks = []*block{r.held}
			c.rate = r.search.Rate()
		}
	}
}

func (m *measured) newSearch(c *candidate, w *worker) *rateSearch {
	bound := m.load().Latency
	if w.each > bound {
		c.rateless = append(c.rateless, fmt.Sprintf("none: an inference alone takes %v, the bound is %v", w.each.Round(time.Microsecond), bound))
		return &rateSearch{c: c, done: true}
	}
	full := 1 / w.each.Seconds()
	guess, step := firstGuess*full, firstStep
	if c.rate > 0 {
		guess, step = c.rate, laterStep
	}
	guess *= 1 + guessSpread*(2*m.s.rnd.Float64()-1)
	return &rateSearch{c: c, search: loadgen.NewSearch(guess, step, floorShare*full)}
}

// tryRate lets a worker serve at the next rate of its search.
func (m *measured) tryRate(ctx context.Context, r *rateSearch, w *worker, s *schedule) error {
	p := m.load()
	if r.asked == 0 {
		var ok bool
		if r.asked, ok = r.search.Next(); !ok {
			r.end(p)
			return nil
		}
	}
	rate := r.asked
	n := loadgen.Queries(p.Percentile, rate, loadgen.ProbeSeconds(p.Latency.Seconds(), p.Duration.Seconds()))
	arrivals := loadgen.Arrivals(s.take(n), rate)
	limit := time.Duration(arrivals[n-1]) + runDeadline + slowest*time.Duration(n)*w.each
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	steal0, _ := m.probe.Read()
	got, err := w.Serve(ctx, arrivals, p.Latency, max(0, loadgen.Allowed(p.Percentile, n)))
	if err != nil {
		return err
	}
	steal1, mhz := m.probe.Read()
	b := &block{per: 1, samples: r.c.batch(), mhz: mhz, elapsed: got.Elapsed.Seconds(), cpu: -1, latencies: seconds(got.Latencies), rate: rate, mean: 1 / rate}
	b.p50 = stat.Median(b.latencies)
	if b.stolen(steal1 - steal0); b.dropped != "" && r.spoilt < m.s.Plan.Rounds {
		r.spoilt++ // what was stolen proves nothing: this rate is tried again
		return nil
	}
	over := 0
	for _, x := range got.Latencies {
		if x > p.Latency {
			over++
		}
	}
	holds := len(got.Latencies) == n && loadgen.Holds(p.Percentile, n, over)
	r.asked = 0
	if r.search.Tell(holds); holds && (r.held == nil || rate > r.held.rate) {
		r.held = b
		m.late(stat.Quantile(seconds(got.Late), p.Percentile), p.Latency)
	}
	return nil
}

// end closes a search that has no further rate.
func (r *rateSearch) end(p ScenarioPlan) {
	r.done = true
	switch {
	case r.held == nil:
		r.c.rateless = append(r.c.rateless, fmt.Sprintf("none: no rate from %.3g /s on kept p%.4g within %v", r.search.Floor, 100*p.Percentile, p.Latency))
	case !r.search.Closed():
		r.c.remark(fmt.Sprintf("%s on %s: the search ended after %d rates and before one failed near the highest, which is therefore a lower bound", r.c.Variant, r.c.Engine, r.search.Probes()))
	}
}

// judgeRates says of a case for which no trial found a rate that it has none,
// and of one for which some did that they disagree.
func (m *measured) judgeRates() {
	for _, c := range m.cases {
		switch n := len(c.rateless); {
		case n == 0:
		case n >= len(c.trials):
			c.lackEach(serverMetrics, verdict.Fail, c.rateless[0])
		default:
			c.lackEach(serverMetrics, verdict.Inconclusive, fmt.Sprintf("in %d of %d trials %s", n, len(c.trials), c.rateless[0]))
		}
	}
}

// late doubts a group whose workers began inferences late by themselves.
func (m *measured) late(sec float64, bound time.Duration) {
	if sec <= maxLate*bound.Seconds() || math.IsNaN(sec) {
		return
	}
	const text = "inferences began late by more than a tenth of the bound: the device wakes too slowly for this bound, and the rate is too low"
	if !slices.Contains(m.doubts, text) {
		m.doubts = append(m.doubts, text)
	}
}

// remark notes something of a case for its result, once.
func (c *candidate) remark(note string) {
	if !slices.Contains(c.notes, note) {
		c.notes = append(c.notes, note)
	}
}

// A schedule is the gaps between arrivals that all workers of a trial share.
type schedule struct {
	stream uint64
	gaps   []float64
}

// take returns the first n gaps.
func (s *schedule) take(n int) []float64 {
	if len(s.gaps) < n {
		s.gaps = loadgen.Gaps(loadgen.ScheduleSeed, s.stream, max(n, 2*len(s.gaps)))
	}
	return s.gaps[:n]
}
