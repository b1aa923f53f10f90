package native

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"assay/bench/kernel/quant"
	"assay/models/tensor"
)

// A grid is the constant scale and zero point of a quantized value, one for
// all or one per channel.
type grid struct {
	typ   tensor.Type
	scale []float32
	zero  []int32
}

// gridOf reads a quantized value's scale and zero point (nil: 0) for elements
// of type typ. Both must be constant.
func gridOf(typ tensor.Type, scale, zero *value) (grid, error) {
	g := grid{typ: typ, scale: scale.floats()}
	if len(g.scale) == 0 {
		return g, fmt.Errorf("scales that the model computes: %w (constant float32 ones are)", errors.ErrUnsupported)
	}
	for _, s := range g.scale {
		if !(s > 0) || math.IsInf(float64(s), 0) {
			return g, fmt.Errorf("scale %v of %q: scales must be positive", s, scale.name)
		}
	}
	g.zero = make([]int32, len(g.scale))
	if zero == nil {
		return g, nil
	}
	if !zero.konst || zero.typ != typ || zero.len() != len(g.scale) {
		return g, fmt.Errorf("zero point %v%v for %d scales of %v: %w (constant ones of the same number and type are)",
			zero.typ, zero.shape, len(g.scale), typ, errors.ErrUnsupported)
	}
	f, err := zero.tensor().Floats()
	if err != nil {
		return g, err
	}
	for i, v := range f {
		g.zero[i] = int32(v)
	}
	return g, nil
}

// tensorGrid is gridOf for a value that has one scale.
func tensorGrid(typ tensor.Type, scale, zero *value) (grid, error) {
	g, err := gridOf(typ, scale, zero)
	if err == nil && len(g.scale) != 1 {
		err = fmt.Errorf("%d scales of activations: %w (one is)", len(g.scale), errors.ErrUnsupported)
	}
	if err == nil && typ != tensor.Int8 && typ != tensor.Uint8 {
		err = fmt.Errorf("activations of type %v: %w (int8 and uint8 are)", typ, errors.ErrUnsupported)
	}
	return g, err
}

// same reports whether two values lie on one grid.
func (g grid) same(o grid) bool {
	return g.typ == o.typ && slices.Equal(g.scale, o.scale) && slices.Equal(g.zero, o.zero)
}

// limits returns the range of an 8-bit type.
func limits(typ tensor.Type) (lo, hi int32) {
	if typ == tensor.Int8 {
		return quant.Range[int8]()
	}
	return quant.Range[uint8]()
}

// bounds returns [lo, hi] in steps of g, inside the range of its type.
func (g grid) bounds(lo, hi float32) (int32, int32) {
	least, most := limits(g.typ)
	step := func(v float32) int32 {
		q := math.RoundToEven(float64(v/g.scale[0])) + float64(g.zero[0])
		return int32(min(max(q, float64(least)), float64(most)))
	}
	return step(lo), step(hi)
}

// signed returns constant 8-bit weights as int8, with a zero point for each
// of n channels; nil where all are 0. Unsigned ones are shifted by 128.
func signed(w, zero *value, n int) ([]int8, []int32, error) {
	if w.typ != tensor.Int8 && w.typ != tensor.Uint8 {
		return nil, nil, fmt.Errorf("weights of type %v: %w (int8 and uint8 are)", w.typ, errors.ErrUnsupported)
	}
	if !w.konst || zero != nil && !zero.konst {
		return nil, nil, fmt.Errorf("weights %q are computed by the model: %w (constant ones are)", w.name, errors.ErrUnsupported)
	}
	out, shift := make([]int8, len(w.data)), byte(0)
	if w.typ == tensor.Uint8 {
		shift = 128
	}
	for i, v := range w.data {
		out[i] = int8(v - shift)
	}
	zeros := make([]int32, n)
	for i := range zeros {
		if zero != nil {
			if zero.typ != w.typ || len(zero.data) != 1 && len(zero.data) != n {
				return nil, nil, fmt.Errorf("zero point %v%v of weights %v for %d channels", zero.typ, zero.shape, w.typ, n)
			}
			zeros[i] = int32(int8(zero.data[i%len(zero.data)] - shift))
		} else {
			zeros[i] = -int32(shift)
		}
	}
	if !slices.ContainsFunc(zeros, func(z int32) bool { return z != 0 }) {
		zeros = nil
	}
	return out, zeros, nil
}

// A finish turns rows of int32 sums into the output of an operator.
type finish struct {
	typ          tensor.Type // int8, uint8 or float32
	out          int         // slot
	bias         []int32     // per channel
	scale, shift []float32   // per channel; shift of a float32 output
	zero, lo, hi int32
	flo, fhi     float32 // bounds of a float32 output
}

// newFinish describes y = (sum + bias)·x.scale·w.scale on the grid y, or in
// float32 where out has no grid. lo and hi are the bounds of a fused activation.
func (b *builder) newFinish(n *node, x, w grid, y *grid, bias *value, channels int) (*finish, error) {
	f := &finish{typ: n.out[0].typ, out: b.slot(n.out[0]), flo: n.lo, fhi: n.hi}
	if len(w.scale) != 1 && len(w.scale) != channels {
		return nil, fmt.Errorf("%d scales of weights for %d channels", len(w.scale), channels)
	}
	for i := range channels {
		k := x.scale[0] * w.scale[i%len(w.scale)]
		if y != nil {
			k /= y.scale[0] // in this order, as ONNX Runtime does
		}
		f.scale = append(f.scale, k)
	}
	if y != nil {
		f.zero = y.zero[0]
		f.lo, f.hi = y.bounds(n.lo, n.hi)
		if y.typ != f.typ {
			return nil, fmt.Errorf("output of type %v on a grid of %v", f.typ, y.typ)
		}
	} else if f.typ != tensor.Float32 {
		return nil, fmt.Errorf("output of type %v without a scale", f.typ)
	}
	f.bias, f.shift = make([]int32, channels), make([]float32, channels)
	if bias != nil {
		if bias.typ != tensor.Int32 || !bias.konst || bias.len() != channels {
			return nil, fmt.Errorf("bias %v%v: %w (a constant int32 one per channel is)", bias.typ, bias.shape, errors.ErrUnsupported)
		}
		f.bias = tensor.Of[int32](bias.tensor())
	}
	b.packed += 8 * channels
	return f, nil
}

// rows finishes sums, whole rows that start at row first of the output.
func (f *finish) rows(e *env, sums []int32, first int) {
	from, n := first*len(f.scale), len(sums)
	switch f.typ {
	case tensor.Int8:
		quant.Requantize(view[int8](e, f.out)[from:from+n], sums, f.bias, f.scale, f.zero, f.lo, f.hi)
	case tensor.Uint8:
		quant.Requantize(view[uint8](e, f.out)[from:from+n], sums, f.bias, f.scale, f.zero, f.lo, f.hi)
	case tensor.Float32:
		quant.Scale(view[float32](e, f.out)[from:from+n], sums, f.bias, f.scale, f.shift, f.flo, f.fhi)
	}
}
