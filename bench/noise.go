package bench

import (
	"fmt"
	"math/rand/v2"

	"assay/bench/engine"
	"assay/models/tensor"
)

// noise is a data set without labels for models that come without data:
// seeded, so that every case of a group and every run sees the same samples.
type noise struct {
	in []engine.Desc
	n  int
}

// Noise returns n unlabelled samples for the inputs in: floats are normal with
// mean 0 and deviation 1, bytes uniform, wider integers 0 or 1 (a token, a
// mask or an index that no vocabulary refuses). The first dimension is 1.
func Noise(in []engine.Desc, n int) (Dataset, error) {
	for _, d := range in {
		switch d.Type {
		case tensor.Float32, tensor.Float64, tensor.Uint8, tensor.Int8, tensor.Int32, tensor.Int64, tensor.Bool:
		default:
			return nil, fmt.Errorf("input %q has type %v, for which no samples can be made up: give --data", d.Name, d.Type)
		}
	}
	return noise{in, n}, nil
}

func (s noise) Len() int      { return s.n }
func (s noise) Label(int) int { return -1 }

// Input returns sample i; the same i gives the same values on every machine.
func (s noise) Input(i int) ([]tensor.Tensor, error) {
	out := make([]tensor.Tensor, len(s.in))
	for k, d := range s.in {
		shape := append([]int{}, d.Shape...)
		for j := range shape {
			if j == 0 || shape[j] < 1 {
				shape[j] = 1
			}
		}
		if _, err := tensor.Elements(shape); err != nil {
			return nil, fmt.Errorf("input %q: %w", d.Name, err)
		}
		t := tensor.New(d.Type, shape...)
		fill(t, rand.New(rand.NewPCG(uint64(i), uint64(k))))
		out[k] = t
	}
	return out, nil
}

func fill(t tensor.Tensor, r *rand.Rand) {
	switch t.Type {
	case tensor.Float32:
		v := tensor.Of[float32](t)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
	case tensor.Float64:
		v := tensor.Of[float64](t)
		for i := range v {
			v[i] = r.NormFloat64()
		}
	case tensor.Int32:
		v := tensor.Of[int32](t)
		for i := range v {
			v[i] = int32(r.IntN(2))
		}
	case tensor.Int64:
		v := tensor.Of[int64](t)
		for i := range v {
			v[i] = int64(r.IntN(2))
		}
	case tensor.Bool:
		for i := range t.Data {
			t.Data[i] = byte(r.IntN(2))
		}
	default:
		for i := range t.Data {
			t.Data[i] = byte(r.IntN(256))
		}
	}
}
