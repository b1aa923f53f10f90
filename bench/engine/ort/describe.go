package ort

import (
	"errors"
	"fmt"

	"assay/bench/engine"
	"assay/models/onnx"
	"assay/models/tensor"

	ort "github.com/yalue/onnxruntime_go"
)

// describe reads the inputs and outputs of the model in file path and binds
// the batch. The binding could say them too, but only by loading the model a
// second time. What is wrong with the file, external data outside its folder
// included, is said by package onnx, more clearly than the library would.
func describe(path string, batch int) (in, out []engine.Desc, err error) {
	m, err := onnx.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if m.Graph == nil {
		return nil, nil, fmt.Errorf("%s: the model has no graph", path)
	}
	params := map[string]bool{}
	for _, v := range m.Graph.Inputs {
		if m.Graph.Initializer(v.Name) != nil {
			continue
		}
		if len(v.Shape) > 0 {
			if d := v.Shape[0]; d.Param != "" {
				params[d.Param] = true
			} else if d.Value >= 0 && batch > 1 && d.Value != int64(batch) {
				return nil, nil, fmt.Errorf("input %q has a fixed batch of %d, not %d: %w", v.Name, d.Value, batch, errors.ErrUnsupported)
			}
		}
		in = append(in, bindBatch(v, batch, params))
	}
	for _, v := range m.Graph.Outputs {
		out = append(out, bindBatch(v, batch, params))
	}
	if len(in) == 0 || len(out) == 0 {
		return nil, nil, fmt.Errorf("%s has %d inputs and %d outputs", path, len(in), len(out))
	}
	return in, out, nil
}

// bindBatch gives v's batch its size: every dimension that bears the name of
// an input's first dimension, and a first dimension without a name. The other
// open dimensions are −1.
func bindBatch(v onnx.ValueInfo, batch int, params map[string]bool) engine.Desc {
	d := engine.Desc{Name: v.Name, Type: v.Type, Shape: make([]int, len(v.Shape))}
	for i, s := range v.Shape {
		switch {
		case s.Param != "" && params[s.Param], s.Param == "" && s.Value < 0 && i == 0:
			d.Shape[i] = batch
		case s.Param != "" || s.Value < 0:
			d.Shape[i] = -1
		default:
			d.Shape[i] = int(s.Value)
		}
	}
	return d
}

// settle finds the output shapes that the file leaves open, or does not give
// at all, by one run on zeros. It is needed for few models and makes their
// first timed inference a warm one, which Settings then says.
func (s *session) settle() error {
	if !s.open() {
		return nil
	}
	ins := make([]ort.Value, len(s.in))
	for i, d := range s.in {
		for _, n := range d.Shape {
			if n < 0 {
				return fmt.Errorf("input %q has shape %v, of which only the batch can be chosen: %w", d.Name, d.Shape, errors.ErrUnsupported)
			}
		}
		if d.Type.Bits() == 0 {
			return fmt.Errorf("input %q is of type %v: %w", d.Name, d.Type, errors.ErrUnsupported)
		}
		if _, err := tensor.Elements(d.Shape); err != nil {
			return fmt.Errorf("input %q: %w", d.Name, err)
		}
		v, err := value(tensor.New(d.Type, d.Shape...))
		if err != nil {
			return fmt.Errorf("input %q: %w", d.Name, err)
		}
		defer v.Destroy()
		ins[i] = v
	}
	outs := make([]ort.Value, len(s.out))
	if err := s.s.Run(ins, outs); err != nil {
		return fmt.Errorf("find the shapes of the outputs by a run on zeros: %w", clean(err))
	}
	s.settings["shapes"] = "outputs found by a run"
	for i, v := range outs {
		defer v.Destroy()
		shape := v.GetShape()
		s.out[i].Type, s.out[i].Shape = tensor.Type(v.DataType()), make([]int, len(shape))
		for j, n := range shape {
			s.out[i].Shape[j] = int(n)
		}
	}
	return nil
}

// open reports whether an output's type or shape is not known yet.
func (s *session) open() bool {
	for _, d := range s.out {
		if d.Type == tensor.Undefined || len(d.Shape) == 0 {
			return true
		}
		for _, n := range d.Shape {
			if n < 0 {
				return true
			}
		}
	}
	return false
}

func names(ds []engine.Desc) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = d.Name
	}
	return out
}
