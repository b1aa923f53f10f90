package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"assay/bench/memory"
	"assay/bench/runner"
)

// sizeQueries makes a query of multi-stream one inference of its samples. A
// model with a fixed batch takes them one after the other instead.
func (m *measured) sizeQueries(ctx context.Context) {
	n := m.load().Samples
	for _, c := range m.live() {
		if c.control || n <= m.baseline().Batch || ctx.Err() != nil {
			continue
		}
		c.found = n
		if _, err := m.try(ctx, c, n, 0); said(err) && ctx.Err() == nil {
			c.found = 0
			c.notes = append(c.notes, fmt.Sprintf("%s on %s takes no %d samples at once (%v): a query is %d inferences, one after the other", c.Variant, c.Engine, n, err, n))
		}
	}
	m.cases[controlShift].found = m.baseline().found
}

// A trying is what a short-lived worker told of a batch.
type trying struct {
	rate float64 // samples per second
	peak int64   // B, 0 where it cannot be read
}

// try runs c with n samples in an inference for at least d, in a process of
// its own: an error says why this batch cannot be, and costs nothing else.
func (m *measured) try(ctx context.Context, c *candidate, n int, d time.Duration) (trying, error) {
	c.samples = n
	defer func() { c.samples = 0 }()
	w, err := m.s.openOnce(ctx, c, m.cpus, c.Threads)
	if err != nil {
		if w != nil {
			w.Kill()
		}
		return trying{}, err
	}
	defer w.end(ctx)
	if err := m.s.bind(ctx, c, w, c.sets()); err != nil {
		return trying{}, err
	}
	if err := w.heat(ctx); err != nil {
		return trying{}, err
	}
	peak := int64(0)
	if u, err := memory.Read(w.Pid()); err == nil {
		peak = u.PeakRSS
	}
	runCtx, cancel := context.WithTimeout(ctx, runDeadline+d+slowest*minPerBlock*w.each)
	defer cancel()
	b, err := w.Run(runCtx, d, minPerBlock)
	if err != nil {
		return trying{}, err
	}
	return trying{float64(n*b.Inferences) / b.Elapsed.Seconds(), peak}, nil
}

// said reports whether err is what a worker that lives says itself: of a
// batch, that the model has a fixed one.
func said(err error) bool {
	var r *runner.RemoteError
	return errors.As(err, &r)
}
