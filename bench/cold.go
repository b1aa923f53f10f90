package bench

import (
	"context"
	"time"
)

// phases follow the rounds of a group, each outside of them, in this order.
var phases = []func(*measured, context.Context){(*measured).coldStarts, (*measured).energyPhase, (*measured).soak}

// coldData is what one short process told of its start.
type coldData struct {
	start, load, first time.Duration
}

// coldStarts measures process start, loading and the first inference in fresh
// processes of their own, interleaved over the cases like everything else.
func (m *measured) coldStarts(ctx context.Context) {
	for i := range m.s.Plan.Cold {
		m.s.step("cold", m.name(), float64(i)/float64(m.s.Plan.Cold), "start %d of %d", i+1, m.s.Plan.Cold)
		for _, c := range m.shuffled(m.live()) {
			if c.control || ctx.Err() != nil {
				continue
			}
			if d, ok := m.coldStart(ctx, c); ok {
				c.cold = append(c.cold, d)
			}
		}
	}
}

func (m *measured) coldStart(ctx context.Context, c *candidate) (coldData, bool) {
	w := m.s.open(ctx, c, m.cpus, c.Threads)
	if w == nil {
		return coldData{}, false
	}
	defer w.end(ctx)
	err := m.s.bind(ctx, c, w, 1)
	if err == nil {
		runCtx, cancel := context.WithTimeout(ctx, runDeadline)
		defer cancel()
		var d coldData
		d.start, d.load = w.start, w.load.Took
		b, e := w.Run(runCtx, 0, 1)
		if err = e; err == nil && b.Inferences > 0 {
			d.first = b.Elapsed / time.Duration(b.Inferences)
			return d, true
		}
	}
	if ctx.Err() == nil && err != nil && !c.again(err) {
		c.fail(err, w.LastWords())
	}
	return coldData{}, false
}
