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

	// Calibration yields sets of model inputs in graph order, any batch size.
	// It is read once, one set at a time. int8-qdq needs it; int8-dynamic
	// reads only the first set, to try its result.
	Calibration iter.Seq2[[]tensor.Tensor, error]

	// Activations of int8-qdq are tensor.Uint8 (the default) or tensor.Int8.
	// ONNX Runtime 1.30 on x86 turns int8 into uint8 before it fuses, but not
	// where two operators read one value: residual networks then stay largely
	// float. Prefer int8 only for devices known to want it.
	Activations tensor.Type

	// Percentile p in (50, 100) cuts (100−p)/2 % of the values at each end of
	// an activation's range; 0 keeps the whole range (min-max).
	Percentile float64

	// FullRange lets int8 weights use all 8 bits. Without it they keep within
	// −64…64, at the price of 6 dB: x86 with AVX2 or AVX-512 but without VNNI
	// multiplies uint8 by int8 by VPMADDUBSW, whose 16-bit sums of two products
	// saturate above that.
	FullRange bool

	// Exclude names nodes to be left float, by name or by their first output.
	Exclude []string
}

// A Technique is one way to compress a model.
type Technique struct {
	Name  string // as in suites and cards, for example "int8-qdq"
	Doc   string // one sentence
	Apply func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error)
}

var registry []Technique

// Register adds a technique; it panics on a second one of the same name.
func Register(t Technique) {
	if _, err := Lookup(t.Name); err == nil {
		panic(fmt.Sprintf("technique %q registered twice", t.Name))
	}
	registry = append(registry, t)
	slices.SortFunc(registry, func(a, b Technique) int { return strings.Compare(a.Name, b.Name) })
}

// Techniques returns every technique, sorted by name.
func Techniques() []Technique { return slices.Clone(registry) }

// Lookup returns the technique called name.
func Lookup(name string) (Technique, error) {
	var have []string
	for _, t := range registry {
		if t.Name == name {
			return t, nil
		}
		have = append(have, t.Name)
	}
	return Technique{}, fmt.Errorf("unknown technique %q (have %s)", name, strings.Join(have, ", "))
}

// check reports options that no technique can follow, and fills in defaults.
func (o *Options) check() error {
	switch o.Activations {
	case tensor.Undefined:
		o.Activations = tensor.Uint8
	case tensor.Int8, tensor.Uint8:
	default:
		return fmt.Errorf("activations of type %v: choose int8 or uint8", o.Activations)
	}
	if p := o.Percentile; p != 0 && !(p > 50 && p < 100) {
		return fmt.Errorf("percentile %v: choose one between 50 and 100, or 0 for the whole range", p)
	}
	if o.Forward == nil {
		return errors.New("no forward function is given")
	}
	return nil
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
