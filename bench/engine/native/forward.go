package native

import (
	"errors"
	"fmt"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Forward returns a function that runs m and returns its outputs and the
// values called want: what quantization calibrates on. Nothing is fused that
// would hide a wanted value. The batch is that of the first call's inputs; a
// call with another batch plans anew. The tensors returned belong to the
// caller. m must stay open, and the function is not safe for concurrent use.
func Forward(m *onnx.Model, want []string) (func(in []tensor.Tensor) (map[string]tensor.Tensor, error), error) {
	f := &forward{m: m, want: slices.Clone(want)}
	if err := onnx.Check(m); err != nil {
		return nil, err
	}
	if err := known(m); err != nil {
		return nil, err
	}
	inf, err := onnx.InferShapes(m, nil)
	if err != nil {
		return nil, err
	}
	for _, name := range want {
		if _, ok := inf[name]; !ok {
			return nil, fmt.Errorf("the model has no value %q", name)
		}
	}
	return f.run, nil
}

type forward struct {
	m     *onnx.Model
	want  []string
	batch int
	s     *session
}

func (f *forward) run(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
	if len(in) == 0 {
		return nil, errors.New("forward: no inputs")
	}
	batch := 1
	if len(in[0].Shape) > 0 {
		batch = in[0].Shape[0]
	}
	if f.s == nil || f.batch != batch {
		s, err := newSession(f.m, batch, 1, f.want...)
		if err != nil {
			return nil, fmt.Errorf("forward: %w", err)
		}
		f.s, f.batch = s, batch
	}
	out := map[string]tensor.Tensor{}
	var bound []tensor.Tensor
	for _, d := range f.s.out {
		t := tensor.New(d.Type, d.Shape...)
		bound = append(bound, t)
		out[d.Name] = t
	}
	if err := f.s.Bind([][]tensor.Tensor{in}, bound); err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	return out, f.s.Run(0)
}
