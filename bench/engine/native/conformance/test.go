package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"assay/bench/engine"
	"assay/bench/engine/native"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
)

// A word is what became of a test.
type word string

const (
	passed      word = "passed"
	failed      word = "failed"
	unsupported word = "unsupported"
	excluded    word = "excluded"
)

// A result is one test.
type result struct {
	test, op string
	word     word
	why      string
	fixed    bool // an input was made a constant
}

// leftOut are the operators whose tests are not asked of an engine for
// inference on tensors. They were named before the first run.
var leftOut = []string{
	// strings
	"StringNormalizer", "TfIdfVectorizer", "LabelEncoder",
	// sequences
	"ConcatFromSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength",
	"SequenceMap", "SplitToSequence",
	// optional
	"Optional", "OptionalGetElement", "OptionalHasElement",
	// training
	"Adagrad", "Adam", "Gradient", "Momentum",
}

// try runs the test in folder dir.
func try(dir string) (r result) {
	r.test = filepath.Base(dir)
	b, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		r.word, r.why = failed, err.Error()
		return r
	}
	m, err := onnx.Decode(b)
	if err != nil {
		r.op, r.word, r.why = "(not read)", unsupported, err.Error()
		return r
	}
	r.op = operator(m.Graph, r.test)
	if slices.ContainsFunc(operators(m.Graph), func(op string) bool { return slices.Contains(leftOut, op) }) {
		r.word = excluded
		return r
	}
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		r.word, r.why = failed, "there are no data"
		return r
	}
	r.word = passed
	for _, s := range sets {
		fixed, err := runSet(m, b, s)
		r.fixed = r.fixed || fixed
		switch {
		case err == nil:
		case errors.Is(err, errors.ErrUnsupported):
			r.word, r.why = unsupported, err.Error()
			return r
		default:
			r.word, r.why = failed, err.Error()
			return r
		}
	}
	return r
}

// operator names what a test is about: its only operator, or for a function
// that is written out in others the name of the test's operator.
func operator(g *onnx.Graph, test string) string {
	if len(g.Nodes) == 1 {
		return g.Nodes[0].Op
	}
	if strings.Contains(test, "_expanded") {
		return "(functions written out)"
	}
	if len(g.Nodes) == 0 {
		return "(no operator)"
	}
	return g.Nodes[len(g.Nodes)-1].Op
}

// operators lists the operators of g and of its subgraphs.
func operators(g *onnx.Graph) []string {
	var out []string
	for _, n := range g.Nodes {
		out = append(out, n.Op)
		for _, a := range n.Attrs {
			if a.G != nil {
				out = append(out, operators(a.G)...)
			}
			for _, s := range a.Graphs {
				out = append(out, operators(s)...)
			}
		}
	}
	return out
}

// runSet runs the model on one set of data and compares. Where the engine
// cannot fix the shapes, small inputs are made constants and it is asked
// once more.
func runSet(m *onnx.Model, file []byte, set string) (fixed bool, err error) {
	in, err := tensors(set, "input")
	if err != nil {
		return false, err
	}
	want, err := tensors(set, "output")
	if err != nil {
		return false, err
	}
	batch := 1
	if g := m.Graph; len(in) > 0 && len(in[0].Shape) > 0 && len(g.Inputs) > 0 && len(g.Inputs[0].Shape) > 0 && g.Inputs[0].Shape[0].Value < 0 {
		batch = in[0].Shape[0] // the file leaves it open
	}
	got, err := infer(file, batch, in)
	if err != nil && errors.Is(err, errors.ErrUnsupported) {
		constant, rest, changed := fix(m, in)
		if !changed {
			return false, err
		}
		b, encodeErr := onnx.Encode(constant)
		if encodeErr != nil {
			return false, encodeErr
		}
		again, second := infer(b, batch, rest)
		if second != nil {
			return false, second
		}
		got, fixed, err = again, true, nil
	}
	if err != nil {
		return false, err
	}
	if len(got) != len(want) {
		return fixed, fmt.Errorf("%d outputs, want %d", len(got), len(want))
	}
	for i := range want {
		if err := equal(got[i], want[i]); err != nil {
			return fixed, fmt.Errorf("output %d: %w", i, err)
		}
	}
	return fixed, nil
}

// fix returns m with its inputs of at most one dimension as constants, but
// not a first input that holds data: shapes, axes, scales, bounds, parameters.
func fix(m *onnx.Model, in []tensor.Tensor) (*onnx.Model, []tensor.Tensor, bool) {
	out, g := *m, *m.Graph
	out.Graph = &g
	g.Inputs, g.Initializers = nil, slices.Clone(m.Graph.Initializers)
	var rest []tensor.Tensor
	changed := false
	for i, v := range m.Graph.Inputs {
		if i >= len(in) {
			return m, in, false
		}
		t := in[i]
		if i == 0 && t.Type != tensor.Int64 || len(t.Shape) > 1 || v.Name == "" {
			g.Inputs, rest = append(g.Inputs, v), append(rest, t)
			continue
		}
		changed = true
		g.Initializers = append(g.Initializers, &onnx.Initializer{Name: v.Name, Tensor: t})
	}
	return &out, rest, changed
}

// infer opens the model in b and runs it once. A panic is a failure.
func infer(b []byte, batch int, in []tensor.Tensor) (out []tensor.Tensor, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	f, err := os.CreateTemp("", "conformance-*.onnx")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	s, err := native.Engine{}.Open(context.Background(), models.Artifact{Path: f.Name()}, engine.Options{Batch: batch})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, descs := s.IO()
	for _, d := range descs {
		out = append(out, tensor.New(d.Type, d.Shape...))
	}
	if err := s.Bind([][]tensor.Tensor{in}, out); err != nil {
		return nil, err
	}
	return out, s.Run(0)
}
