package bench

import (
	"context"
	"fmt"
	"slices"
)

const (
	// tryBlocks is how many blocks long a batch is tried: the choice is no
	// evidence, since the trials measure what it gives once more.
	tryBlocks = 4

	// A larger batch costs memory and latency, so it must gain minGain; after
	// maxFutile doublings that do not, none is tried any more.
	minGain   = 1.01
	maxFutile = 2
)

// A batchSearch is the search for one case's best batch.
type batchSearch struct {
	c      *candidate
	rate   float64 // of the best batch so far
	futile int
	done   bool
}

// findBatches finds the batch with the highest throughput for each case, by
// doubling, all cases side by side: every batch in a fresh process. It ends at
// the plan's largest batch, where memory would not hold all workers of the
// group at the next one, where a model has a fixed batch, and where two
// doublings in a row have gained nothing. The control takes the baseline's.
func (m *measured) findBatches(ctx context.Context) {
	var all []*batchSearch
	for _, c := range m.live() {
		if !c.control {
			all = append(all, &batchSearch{c: c})
		}
	}
	most := m.load().MaxBatch
	for n := 1; n <= most && ctx.Err() == nil; n *= 2 {
		m.s.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, b := range all {
			if !b.done && ctx.Err() == nil {
				m.s.step("timing", m.name(), 0, "%s at a batch of %d", b.c.Variant, n)
				b.try(ctx, m, n)
			}
		}
		if !slices.ContainsFunc(all, func(b *batchSearch) bool { return !b.done }) {
			break
		}
	}
	m.cases[controlShift].found = m.baseline().found
}

// try tries one batch and says why it was the last where it was.
func (b *batchSearch) try(ctx context.Context, m *measured, n int) {
	got, err := m.try(ctx, b.c, n, tryBlocks*m.s.Plan.Block)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && n == 1:
		b.done = true // it fails in its first trial too, which says why
		return
	case err != nil:
		b.done = true
		b.c.notes = append(b.c.notes, fmt.Sprintf("%s on %s: no batch above %d was tried, since %d fails: %s", b.c.Variant, b.c.Engine, n/2, n, oneLine(err.Error())))
		return
	}
	if b.told(n, got.rate); b.done || 2*n > m.load().MaxBatch {
		return
	}
	if need := 2 * got.peak * int64(len(m.together()[0])); m.s.MemAvailable != nil && float64(need) > memoryShare*float64(m.s.MemAvailable()) {
		b.done = true
		b.c.notes = append(b.c.notes, fmt.Sprintf("%s on %s: no batch above %d was tried, since memory might not hold the group's workers at %d", b.c.Variant, b.c.Engine, n, 2*n))
	}
}

// told takes the throughput at a batch into the search.
func (b *batchSearch) told(n int, rate float64) {
	b.futile++
	if rate > minGain*b.rate {
		b.rate, b.c.found, b.futile = rate, n, 0
	}
	b.done = b.futile >= maxFutile
}
