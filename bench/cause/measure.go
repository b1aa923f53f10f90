package cause

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"assay/bench/engine"
	"assay/bench/runner"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
)

// A Plan is how models are profiled.
type Plan struct {
	Options engine.Options
	Rounds  int           // visits to every model, in turns, so that drift meets all alike
	Each    time.Duration // length of a visit
	Inputs  func(a models.Artifact, in []engine.Desc) ([][]tensor.Tensor, error)
}

// Bounds of the inferences in one visit.
const (
	fewest = 10
	most   = 2000
)

// Deadlines of what a worker is asked for.
const (
	patience     = 5 * time.Minute
	warmDuration = 200 * time.Millisecond
)

// Measure profiles artifacts on one engine, whose workers start by the command
// c, and returns a side for each, in order, and what the engine is. All
// workers stay loaded while one of them runs.
func Measure(ctx context.Context, c runner.Command, artifacts []models.Artifact, p Plan) (engine.Info, []Side, error) {
	workers := make([]*profiled, len(artifacts))
	defer func() {
		for _, w := range workers {
			if w != nil {
				w.Kill()
			}
		}
	}()
	var info engine.Info
	for i, a := range artifacts {
		w, err := open(ctx, c, a, p)
		if err != nil {
			return info, nil, err
		}
		workers[i], info = w, w.Hello().Info
	}
	for range p.Rounds {
		for i, w := range workers {
			if err := w.visit(ctx); err != nil {
				return info, nil, fmt.Errorf("%s: %w", artifacts[i].Path, err)
			}
		}
	}
	sides := make([]Side, len(artifacts))
	for i, w := range workers {
		facts, err := factsOf(artifacts[i].Path)
		if err != nil {
			return info, nil, err
		}
		sides[i] = Side{Profile: merge(w.taken), Facts: facts}
		if err := w.Close(ctx); err != nil {
			return info, nil, err
		}
		workers[i] = nil
	}
	return info, sides, nil
}

// A profiled worker is one model that is profiled again and again.
type profiled struct {
	*runner.Worker
	runs  int
	taken []engine.Profile
}

func open(ctx context.Context, c runner.Command, a models.Artifact, p Plan) (*profiled, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := runner.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(w.Hello().Info.Capabilities, runner.CanProfile) {
		w.Kill()
		return nil, fmt.Errorf("%s %s does not profile: %w", w.Hello().Info.Name, w.Hello().Info.Build, errors.ErrUnsupported)
	}
	out := &profiled{Worker: w}
	if err := out.prepare(ctx, a, p); err != nil {
		w.Kill()
		return nil, fmt.Errorf("%s: %w", a.Path, err)
	}
	return out, nil
}

// prepare loads and warms the model, and chooses how many inferences a visit
// has: profiled ones and whole ones take turns.
func (w *profiled) prepare(ctx context.Context, a models.Artifact, p Plan) error {
	l, err := w.Load(ctx, a, p.Options)
	if err != nil {
		return err
	}
	sets, err := p.Inputs(a, l.In)
	if err != nil {
		return err
	}
	if err := w.Bind(ctx, sets); err != nil {
		return err
	}
	b, err := w.Warm(ctx, warmDuration, fewest)
	if err != nil {
		return err
	}
	each := b.Elapsed / time.Duration(b.Inferences)
	w.runs = min(max(int(p.Each/max(2*each, 1)), fewest), most)
	return nil
}

func (w *profiled) visit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := w.Profile(ctx, w.runs)
	if err != nil {
		return err
	}
	if len(w.taken) > 0 && len(p.Nodes) != len(w.taken[0].Nodes) {
		return fmt.Errorf("it ran %d nodes, and %d the time before", len(p.Nodes), len(w.taken[0].Nodes))
	}
	w.taken = append(w.taken, p)
	return nil
}

// merge returns the profile whose times are the medians over visits.
func merge(taken []engine.Profile) engine.Profile {
	out := taken[0]
	out.Nodes = slices.Clone(out.Nodes)
	times := make([]float64, len(taken))
	median := func(of func(p *engine.Profile) float64) float64 {
		for i := range taken {
			times[i] = of(&taken[i])
		}
		slices.Sort(times)
		return (times[len(times)/2] + times[(len(times)-1)/2]) / 2
	}
	out.NS = median(func(p *engine.Profile) float64 { return p.NS })
	for i := range out.Nodes {
		out.Nodes[i].NS = median(func(p *engine.Profile) float64 { return p.Nodes[i].NS })
	}
	if out.Roof != nil {
		out.Roof.Measure(out.Nodes)
	}
	return out
}

func factsOf(path string) (Facts, error) {
	m, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	f := Read(m)
	return f, m.Close()
}
