package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// tensors reads input_0.pb, input_1.pb and so on of a data set.
func tensors(set, kind string) ([]tensor.Tensor, error) {
	var out []tensor.Tensor
	for i := 0; ; i++ {
		b, err := os.ReadFile(filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, i)))
		if errors.Is(err, os.ErrNotExist) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		_, t, err := onnx.DecodeTensor(b)
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w: %w", kind, i, err, errors.ErrUnsupported) // a sequence, or a type without a size
		}
		if t.Type.Bits() == 0 {
			return nil, fmt.Errorf("%s %d is of type %v: %w", kind, i, t.Type, errors.ErrUnsupported)
		}
		out = append(out, t.Clone()) // aligned
	}
}

// Tolerances of ONNX's own runner (onnx/backend/test/case/test_case.py).
const (
	relative = 1e-3
	absolute = 1e-7
)

// equal compares what came out with what is wanted: floats within the
// tolerances, all else exactly.
func equal(got, want tensor.Tensor) error {
	if got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("%v%v, want %v%v", got.Type, got.Shape, want.Type, want.Shape)
	}
	switch want.Type {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
	default:
		if !slices.Equal(got.Data, want.Data) {
			return fmt.Errorf("elements differ")
		}
		return nil
	}
	g, err := got.Floats()
	if err != nil {
		return err
	}
	w, err := want.Floats()
	if err != nil {
		return err
	}
	for i := range w {
		same := g[i] == w[i] || math.IsNaN(g[i]) && math.IsNaN(w[i])
		if !same && !(math.Abs(g[i]-w[i]) <= absolute+relative*math.Abs(w[i])) {
			return fmt.Errorf("element %d is %v, want %v", i, g[i], w[i])
		}
	}
	return nil
}
