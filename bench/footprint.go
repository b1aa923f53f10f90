package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"assay/bench/memory"
	"assay/bench/metric"
	"assay/bench/runner"
	"assay/bench/verdict"
)

// A footprint is what one worker took of the memory, in bytes; 0 or less is
// unknown. Nothing of it is read while inferences are timed.
type footprint struct {
	peak, steady, load, run, arena, shared, cgroup int64

	watch  *memory.Watch
	gpu    *memory.Shared
	group  *memory.Cgroup
	source string           // of shared
	why    map[string]error // by metric: why it cannot be known
}

// footprints are the metrics that a footprint tells.
var footprints = []struct {
	metric *metric.Metric
	of     func(*footprint) int64
}{
	{metric.PeakMemory, func(f *footprint) int64 { return f.peak }},
	{metric.Steady, func(f *footprint) int64 { return f.steady }},
	{metric.LoadMemory, func(f *footprint) int64 { return f.load }},
	{metric.RunMemory, func(f *footprint) int64 { return f.run }},
	{metric.ArenaMemory, func(f *footprint) int64 { return f.arena }},
	{metric.SharedMemory, func(f *footprint) int64 { return f.shared }},
	{metric.CgroupMemory, func(f *footprint) int64 { return f.cgroup }},
}

func memoryMetrics() []processMetric {
	var out []processMetric
	for _, f := range footprints {
		out = append(out, processMetric{f.metric, func(c *candidate) []float64 {
			return perTrial(c, func(t *trialData) float64 { return float64(f.of(&t.memory)) })
		}})
	}
	return out
}

func (f *footprint) lack(mt *metric.Metric, err error) {
	if err != nil {
		f.why[mt.Name] = err
	}
}

// follow begins the footprint of a worker that has said hello: from here on it
// takes memory for its model.
func (m *measured) follow(w *worker) {
	f := &footprint{why: map[string]error{}}
	w.memory = f
	var err error
	if f.watch, err = memory.Follow(w.Pid()); err != nil {
		f.watch = nil
		f.lack(metric.PeakMemory, err)
	}
	err = fmt.Errorf("memory shared with a GPU: %w", errors.ErrUnsupported)
	if m.s.Shared != nil {
		f.gpu, err = m.s.Shared(w.Pid())
	}
	f.lack(metric.SharedMemory, err)
	if f.group, err = memory.NewCgroup(); err == nil {
		if err = f.group.Add(w.Pid()); err != nil {
			w.leave()
		}
	}
	f.lack(metric.CgroupMemory, err)
}

// look ends a phase of the worker and returns what it took. A worker that has
// died is found by the next request to it.
func (f *footprint) look(mt *metric.Metric) int64 {
	if f.watch == nil {
		f.lack(mt, f.why[metric.PeakMemory.Name])
		return -1
	}
	took, err := f.watch.Look()
	if err == nil && took < 0 {
		err = fmt.Errorf("the peak memory of a phase: %w", errors.ErrUnsupported)
	}
	f.lack(mt, err)
	return took
}

// loaded ends the phase of loading.
func (f *footprint) loaded() {
	if f != nil {
		f.load = f.look(metric.LoadMemory)
	}
}

// bound ends a phase that is no metric: inputs are the harness's, not the
// model's.
func (f *footprint) bound() {
	if f != nil {
		f.look(metric.RunMemory)
	}
}

// warmed reads what is shared with a GPU, before another worker is started: it
// may be known by how much less memory the device has.
func (f *footprint) warmed() {
	if f.gpu != nil {
		f.shared, f.source = f.gpu.Took()
	}
}

// remember ends the footprint of a worker after its rounds. All of it is read
// from outside but the arena, which the worker is asked for last.
func (w *worker) remember(ctx context.Context) *footprint {
	f := w.memory
	f.run = f.look(metric.RunMemory)
	if f.watch != nil {
		if f.peak = f.watch.Peak(); f.peak < 0 {
			f.lack(metric.PeakMemory, fmt.Errorf("the peak memory of a process: %w", errors.ErrUnsupported))
		}
	}
	var err error
	f.steady, err = memory.Share(w.Pid())
	f.lack(metric.Steady, err)
	if f.group != nil {
		f.cgroup, err = f.group.Peak()
		f.lack(metric.CgroupMemory, err)
	}
	err = fmt.Errorf("the arena of this engine: %w", errors.ErrUnsupported)
	if slices.Contains(w.Hello().Info.Capabilities, runner.CanStats) {
		ctx, cancel := context.WithTimeout(ctx, runDeadline)
		defer cancel()
		if st, e := w.Stats(ctx); e != nil {
			err = e
		} else if f.arena = st.Arena; f.arena > 0 {
			err = nil
		}
	}
	f.lack(metric.ArenaMemory, err)
	return f
}

// remember ends the footprints of workers that were interleaved. The control
// is ended first: it maps the same file as the baseline, whose proportional
// share would be the smaller for it.
func (m *measured) remember(ctx context.Context, workers map[*candidate]*worker, data map[*candidate]*trialData) {
	for c, w := range workers {
		if c.control {
			w.end(ctx)
			delete(workers, c)
		}
	}
	for c, w := range workers {
		if ctx.Err() == nil {
			data[c].memory = *w.remember(ctx)
			if w.memory.source != "" {
				m.sources[metric.SharedMemory.Name] = w.memory.source
			}
		}
	}
}

// leave ends the worker's cgroup once the worker has ended. What cannot be
// removed now is removed by a later run (memory.NewCgroup).
func (w *worker) leave() {
	if w.memory != nil && w.memory.group != nil {
		_ = w.memory.group.Remove()
		w.memory.group = nil
	}
}

// Kill ends the worker at once, and its cgroup.
func (w *worker) Kill() {
	w.Worker.Kill()
	w.leave()
}

// unmeasured says why a metric that a gate of the group names has no value.
func (m *measured) unmeasured(c *candidate, mt *metric.Metric) {
	named := slices.ContainsFunc(m.group.Gates, func(g Gate) bool { return g.Metric == mt.Name })
	for i := range c.trials {
		why, ok := c.trials[i].memory.why[mt.Name]
		if !ok || !named {
			continue
		}
		word := verdict.Inconclusive
		if errors.Is(why, errors.ErrUnsupported) || errors.Is(why, fs.ErrPermission) {
			word = verdict.Skipped
		}
		c.lack(mt, word, oneLine(why.Error()))
	}
}
