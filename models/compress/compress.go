// Package compress rewrites ONNX models into smaller or faster ones. A
// technique is one file whose init calls Register; it never changes the model
// it is given, and the same model, options and calibration data give the same
// bytes.
//
// A graph is run through a function that the caller passes in (Options.Forward),
// so that this package knows no engine. Scales and zero points are those of
// ONNX's QuantizeLinear; what is emitted follows ONNX Runtime's quantizer
// (onnxruntime/python/tools/quantization), so that its optimiser fuses it.
package compress

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A Forward computes the values it was made for from the model's inputs, in
// graph order. What it returns is valid until the next call.
type Forward func(in []tensor.Tensor) (map[string]tensor.Tensor, error)

// Options say how a technique is applied. The zero value serves techniques
// that need no data, apart from Forward.
type Options struct {
	// Forward makes the function that runs m and captures the values in want,
	// which may be inputs, inner values or outputs of the graph.
	Forward func(m *onnx.Model, want []string) (Forward, error)

	// Calibration yields sets of model inputs in graph order, any batch size,
	// one set at a time. It may be ranged over more than once and then yields
	// the same sets. Techniques that need no data read only its first set, to
	// try their result.
	Calibration iter.Seq2[[]tensor.Tensor, error]

	// Trial is a set of inputs to try the result on where there is no
	// Calibration; its numbers need not be sensible.
	Trial []tensor.Tensor

	Settings

	amount float64 // N of a technique called NAME-N, as a share
}

// A Technique is one way to compress a model.
type Technique struct {
	Name  string // as in suites and cards, for example "int8-qdq"; "sparse-N" stands for all of sparse-1 to sparse-99
	Doc   string // one sentence
	Data  bool   // whether it cannot do without calibration data
	Final bool   // whether no other technique can read the weights that it leaves
	Whole bool   // whether it changes more than the nodes that it is let to, so that it cannot be chosen for one
	Apply func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error)
}

var registry []Technique

// Register adds a technique; it panics on a second one of the same name.
func Register(t Technique) {
	if slices.ContainsFunc(registry, func(r Technique) bool { return r.Name == t.Name }) {
		panic(fmt.Sprintf("technique %q registered twice", t.Name))
	}
	registry = append(registry, t)
	slices.SortFunc(registry, func(a, b Technique) int { return strings.Compare(a.Name, b.Name) })
}

// Techniques returns every technique, sorted by name.
func Techniques() []Technique { return slices.Clone(registry) }

// Lookup returns the technique called name: a registered one, one with a
// number for its N (sparse-90), or several joined by +, applied in order.
func Lookup(name string) (Technique, error) {
	if strings.Contains(name, "+") {
		return combine(name)
	}
	name = strings.TrimSpace(name)
	var have []string
	for _, t := range registry {
		stem, ok := strings.CutSuffix(t.Name, "-N")
		if !ok && t.Name == name {
			return t, nil
		}
		if n, found := strings.CutPrefix(name, stem+"-"); ok && found {
			return t.with(name, n)
		}
		have = append(have, t.Name)
	}
	return Technique{}, fmt.Errorf("unknown technique %q (have %s)", name, strings.Join(have, ", "))
}

// with returns t with the number n for its N.
func (t Technique) with(name, n string) (Technique, error) {
	v, err := strconv.ParseFloat(n, 64)
	if err != nil || !(v > 0 && v < 100) || strings.ContainsAny(n, "eExX_+") {
		return Technique{}, fmt.Errorf("technique %q: N of %s is a percentage, more than 0 and less than 100", name, t.Name)
	}
	apply := t.Apply
	t.Name = name
	t.Apply = func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
		opt.amount = v / 100
		return apply(ctx, m, opt)
	}
	return t, nil
}

// check reports options that no technique can follow.
func (o *Options) check() error {
	if err := o.Settings.Check(); err != nil {
		return err
	}
	if o.Forward == nil {
		return errors.New("no forward function is given")
	}
	return nil
}

// rewriting runs f on a draft of m and finishes what it made: the frame of the
// techniques that rewrite weights in place.
func rewriting(ctx context.Context, name string, m *onnx.Model, opt Options, f func(*draft, *Report) error) (*onnx.Model, *Report, error) {
	fail := func(err error) (*onnx.Model, *Report, error) { return nil, nil, fmt.Errorf("%s: %w", name, err) }
	if err := opt.check(); err != nil {
		return fail(err)
	}
	d, err := newDraft(m)
	if err != nil {
		return fail(err)
	}
	if err := d.fold(); err != nil {
		return fail(err)
	}
	r := &Report{Technique: name}
	place := map[string]int{}
	for i, n := range d.g.Nodes {
		place[label(n)] = i
	}
	if err := f(d, r); err != nil {
		return fail(err)
	}
	slices.SortStableFunc(r.Nodes, func(a, b NodeReport) int { return place[a.Name] - place[b.Name] })
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	set, err := opt.first(d.g)
	if err != nil {
		return fail(err)
	}
	out, err := finish(m, d.Model, opt, set, r)
	if err != nil {
		return fail(err)
	}
	return out, r, nil
}

// first returns a set of inputs to try a result on, nil where there is none.
func (o *Options) first(g *onnx.Graph) ([]tensor.Tensor, error) {
	if o.Calibration == nil {
		return o.Trial, nil
	}
	for set, err := range o.Calibration {
		if err == nil {
			err = fits(g, set)
		}
		if err != nil {
			return nil, fmt.Errorf("calibration set 0: %w", err)
		}
		return set, nil
	}
	return o.Trial, nil
}

// finish removes what after no longer needs, checks it, runs it once on set
// (nil: not run), completes the report, and returns a copy that shares no
// memory with before.
func finish(before, after *onnx.Model, opt Options, set []tensor.Tensor, r *Report) (*onnx.Model, error) {
	after.Graph.RemoveUnused()
	was, err := onnx.Encode(before)
	if err != nil {
		return nil, err
	}
	b, err := onnx.Encode(after)
	if err != nil {
		return nil, err
	}
	r.Before, r.After = int64(len(was)), int64(len(b))
	out, err := onnx.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("check the result: %w", err)
	}
	if err := onnx.Check(out); err != nil {
		return nil, fmt.Errorf("check the result: %w", err)
	}
	if set == nil {
		r.warn("there were no data to try the result on")
		return out, nil
	}
	err = try(out, opt, set)
	if errors.Is(err, errors.ErrUnsupported) {
		r.warn("the result was not tried: %w", err)
		return out, nil
	}
	return out, err
}

// try runs m once.
func try(m *onnx.Model, opt Options, set []tensor.Tensor) error {
	var want []string
	for _, v := range m.Graph.Outputs {
		want = append(want, v.Name)
	}
	run, err := opt.Forward(m, want)
	if err != nil {
		return fmt.Errorf("open the result: %w", err)
	}
	out, err := run(set)
	if err != nil {
		return fmt.Errorf("run the result: %w", err)
	}
	for _, name := range want {
		t, ok := out[name]
		if !ok {
			return fmt.Errorf("run the result: output %q is missing", name)
		}
		if err := finite(t); err != nil {
			return fmt.Errorf("run the result: output %q: %w", name, err)
		}
	}
	return nil
}
