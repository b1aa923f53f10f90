// Package search finds which technique each layer of a model gets, so that as
// little as possible of one cost (time, bytes or energy) is left for each loss
// of accuracy.
//
// What a technique does to a layer is measured layer by layer: its cost by a
// profile of the model with the technique everywhere, its harm by the noise on
// the outputs with the technique there alone. Noise of layers adds up, and so
// do costs, roughly: the layers' trade-offs are joined by a greedy walk along
// their convex hulls (the linear relaxation of the multiple-choice knapsack
// problem; Sinha and Zoltners 1979). Plans on that walk are then made, run and
// measured whole, and only what was measured decides.
//
// The package knows no engine and no clock: what measures is passed in.
package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"assay/models/compress"
	"assay/models/onnx"
	"assay/models/tensor"
)

// Meters measure models. All of them get models that Options.Forward can run.
type Meters struct {
	// Profile returns what each layer of m costs, by its name in layers; of
	// layers that the cost cannot be told of there is no entry.
	Profile func(ctx context.Context, m *onnx.Model, layers []string) (map[string]float64, error)

	// Ratio returns the cost of m over the baseline's, by turns.
	Ratio func(ctx context.Context, m *onnx.Model) (float64, error)

	// Drop returns how much accuracy m loses against the baseline, as a share.
	Drop func(ctx context.Context, m *onnx.Model) (float64, error)
}

// Limits bound a search.
type Limits struct {
	Drop float64       // the largest loss of accuracy, as a share
	Time time.Duration // of the whole search; the one step that is under way is finished
	Now  func() time.Time
}

// A Layer is a node that multiplies by weights.
type Layer struct {
	Node, Op string
	Cost     float64  // in the baseline; 0 where the profile does not tell
	Options  []Option // one for each technique, in the order given
}

// An Option is a technique on one layer.
type Option struct {
	Technique string
	Cost      float64 // of the layer with it
	Noise     float64 // noise over signal of the model's outputs with it on this layer alone
	Refused   string  // why it is no choice here, "" if it is one
}

// A Found plan was made and measured whole.
type Found struct {
	Choice []int // for each layer a place in Options; −1 leaves it as it is
	Model  *onnx.Model
	Report *compress.Report
	Ratio  float64 // its cost over the baseline's
	Drop   float64 // of accuracy, as a share
	From   string  // how the search came to it
}

// A Result is what a search ends with.
type Result struct {
	Base   *onnx.Model // what the plans were made of: folded, all layers named
	Layers []Layer
	Tried  []Found // every plan that was measured, in the order of measuring
	Notes  []error // techniques that were left out, what the time did not allow
}

// most is how many plans are made and measured whole at most.
const most = 24

// Shares of the time: until when layers are tried alone, and plans whole.
const (
	noisesUntil = 0.7
	plansUntil  = 0.95
)

// fewSamples is how many samples a layer is tried alone on: its noise is a
// mean over all outputs, which so many settle well enough to rank layers.
const fewSamples = 64

// first returns opt with the first n samples, or a few more.
func first(opt compress.Options, n int) compress.Options {
	all := opt.Calibration
	opt.Calibration = func(yield func([]tensor.Tensor, error) bool) {
		seen := 0
		for set, err := range all {
			if seen >= n || !yield(set, err) {
				return
			}
			if len(set) > 0 && len(set[0].Shape) > 0 {
				seen += set[0].Shape[0]
			} else {
				seen++
			}
		}
	}
	return opt
}

// A searcher is a search under way.
type searcher struct {
	meters     Meters
	limits     Limits
	opt, few   compress.Options // few has the first samples only
	techniques []string
	seen       func(string)
	begun      time.Time
	done       map[string]bool // plans that were measured
	Result
}

// Run searches. opt's calibration data are what noise is measured on; say
// hears of every step.
func Run(ctx context.Context, m *onnx.Model, techniques []string, opt compress.Options, meters Meters, limits Limits, say func(string)) (*Result, error) {
	if opt.Calibration == nil {
		return nil, errors.New("search: no calibration data are given to compare outputs on")
	}
	if limits.Now == nil {
		limits.Now = time.Now
	}
	s := &searcher{meters: meters, limits: limits, opt: opt, few: first(opt, fewSamples), seen: say, done: map[string]bool{}}
	s.begun = limits.Now()
	named, names, err := compress.Named(m)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("search: no operator has weights to be changed")
	}
	s.Base = named
	if err := s.run(ctx, names, techniques); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return &s.Result, nil
}

func (s *searcher) run(ctx context.Context, names, techniques []string) error {
	costs, err := s.meters.Profile(ctx, s.Base, names)
	if err != nil {
		return fmt.Errorf("profile the baseline: %w", err)
	}
	ops := map[string]string{}
	for _, n := range s.Base.Graph.Nodes {
		ops[n.Name] = n.Op
	}
	for _, n := range names {
		s.Layers = append(s.Layers, Layer{Node: n, Op: ops[n], Cost: costs[n]})
	}
	for _, t := range techniques {
		if err := s.whole(ctx, t); err != nil {
			return err
		}
	}
	if len(s.techniques) == 0 {
		return fmt.Errorf("none of the techniques can be used: %w", errors.Join(s.Notes...))
	}
	if err := s.noises(ctx); err != nil {
		return err
	}
	return s.walk(ctx)
}

// left reports whether less than the share of the time is used.
func (s *searcher) left(share float64) bool {
	return s.limits.Now().Sub(s.begun) < time.Duration(share*float64(s.limits.Time))
}

// note says something that the user should know.
func (s *searcher) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Errorf(format, args...))
}

// choice is p as Assign wants it.
func (s *searcher) choice(p []int) map[string]string {
	out := map[string]string{}
	for i, k := range p {
		if k >= 0 {
			out[s.Layers[i].Node] = s.Layers[i].Options[k].Technique
		}
	}
	return out
}

// make applies p.
func (s *searcher) make(ctx context.Context, p []int, opt compress.Options) (*onnx.Model, *compress.Report, error) {
	t, err := compress.Assign("plan", s.choice(p))
	if err != nil {
		return nil, nil, err
	}
	return t.Apply(ctx, s.Base, opt)
}

// measure makes a plan, measures it whole, and keeps it; ok is false where it was
// measured before. Errors that wrap errors.ErrUnsupported cost the plan only.
func (s *searcher) measure(ctx context.Context, choice []int, from string) (f Found, ok bool, err error) {
	key := fmt.Sprint(choice)
	if s.done[key] {
		return f, false, nil
	}
	s.done[key] = true
	f = Found{Choice: slices.Clone(choice), From: from}
	if f.Model, f.Report, err = s.make(ctx, choice, s.opt); err == nil {
		f.Drop, err = s.meters.Drop(ctx, f.Model)
	}
	if err == nil {
		f.Ratio, err = s.meters.Ratio(ctx, f.Model)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		s.note("a plan (%s) cannot be run: %w", from, err)
		return f, false, nil
	}
	if err != nil {
		return f, false, fmt.Errorf("%s: %w", from, err)
	}
	s.seen(fmt.Sprintf("%s: %.2f× the cost, %+.2f pt of accuracy", from, f.Ratio, -100*f.Drop))
	s.Tried = append(s.Tried, f)
	return f, true, nil
}
