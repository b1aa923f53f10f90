package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"assay/bench/stat"
)

// blockSize is how long a block lasts and how many inferences it has, at
// least: all blocks of a trial together keep the scenario's plan.
func (m *measured) blockSize(c *candidate) (time.Duration, int) {
	p, rounds := m.load(), max(1, m.s.Plan.Rounds)
	d := max(m.s.Plan.Block, p.Duration/time.Duration(rounds))
	n := max(minPerBlock, (p.Queries+rounds-1)/rounds)
	return d, n * m.perQuery(c)
}

// perQuery is how many inferences a query takes.
func (m *measured) perQuery(c *candidate) int { return max(1, m.load().Samples/max(1, c.batch())) }

// queries joins the latencies of k inferences each to those of queries: those
// that were timed alone are added up, and where per of them were timed
// together, k times their mean stands for a query.
func queries(latencies []float64, per, k int) []float64 {
	if k <= 1 {
		return latencies
	}
	if per > 1 {
		out := slices.Clone(latencies)
		for i := range out {
			out[i] *= float64(k)
		}
		return out
	}
	out := make([]float64, 0, len(latencies)/k)
	for ; len(latencies) >= k; latencies = latencies[k:] {
		sum := 0.0
		for _, l := range latencies[:k] {
			sum += l
		}
		out = append(out, sum)
	}
	return out
}

// heat warms a worker, and takes a first look at how long an inference is.
func (w *worker) heat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runDeadline)
	defer cancel()
	b, err := w.Warm(ctx, warmTime, warmRuns)
	if err == nil {
		// Of the warm-up's second part, so not of cold inferences; and no engine takes no time.
		w.each = max(time.Nanosecond, time.Duration(stat.Median(seconds(b.Latencies))*float64(time.Second)))
	}
	return err
}

// stolen drops a block of which the hypervisor took too much.
func (b *block) stolen(sec float64) {
	if sec > maxSteal*b.elapsed {
		b.dropped = fmt.Sprintf("the hypervisor stole %.0f %% of it", 100*sec/b.elapsed)
	}
}

func seconds(ds []time.Duration) []float64 {
	out := make([]float64, len(ds))
	for i, d := range ds {
		out[i] = d.Seconds()
	}
	return out
}
