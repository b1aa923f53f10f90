package native

import (
	"errors"
	"fmt"

	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 1, attrs: []string{"value"}, plan: planConstantOfShape}, "ConstantOfShape")
	register(opDef{min: 1, max: 1, plan: planSize}, "Size")
	register(opDef{min: 3, max: 3, plan: byFirst(typed{f32: planRange[float32], f64: planRange[float64], i64: planRange[int64], i32: planRange[int32], i16: planRange[int16]})}, "Range")
	register(opDef{min: 1, max: 1, attrs: []string{"dtype", "k"}, plan: planEyeLike}, "EyeLike")
}

// planConstantOfShape plans a constant in every element.
func planConstantOfShape(b *builder, n *node) error {
	y := n.out[0]
	size := y.typ.Bits() / 8
	fill := make([]byte, size)
	if a := n.attrs.Attr("value"); a != nil && a.T != nil {
		if a.T.Type != y.typ || a.T.Len() != 1 {
			return fmt.Errorf("value %v%v for output of %v", a.T.Type, a.T.Shape, y.typ)
		}
		copy(fill, a.T.Data)
	}
	e, out := b.env, b.slot(y)
	b.step(func() {
		for at := 0; at+size <= len(e.buf[out]); at += size {
			copy(e.buf[out][at:], fill)
		}
	})
	return nil
}

func planSize(b *builder, n *node) error {
	if err := want(tensor.Int64, n.out[0]); err != nil {
		return err
	}
	e, out, count := b.env, b.slot(n.out[0]), int64(n.in[0].len())
	b.step(func() { view[int64](e, out)[0] = count })
	return nil
}

// planRange plans start, start + delta, …; how many is known from the output.
func planRange[T number](b *builder, n *node) error {
	start, delta, y := n.in[0], n.in[2], n.out[0]
	if start.typ != y.typ || delta.typ != y.typ || start.len() != 1 || delta.len() != 1 {
		return errors.New("start, limit and delta are no numbers of one type")
	}
	e, from, step, out := b.env, b.slot(start), b.slot(delta), b.slot(y)
	b.step(func() {
		first, d := view[T](e, from)[0], view[T](e, step)[0]
		for i := range view[T](e, out) {
			view[T](e, out)[i] = first + T(i)*d
		}
	})
	return nil
}

// planEyeLike plans ones on diagonal k of a matrix like the input.
func planEyeLike(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	one := make([]byte, y.typ.Bits()/8)
	switch y.typ {
	case tensor.Float32:
		copy(one, tensor.From(y.typ, []float32{1}).Data)
	case tensor.Float64:
		copy(one, tensor.From(y.typ, []float64{1}).Data)
	case tensor.Float16, tensor.BFloat16:
		return want(tensor.Float32, y)
	default:
		one[0] = 1 // integers are little-endian
	}
	if len(x.shape) != 2 || len(y.shape) != 2 {
		return fmt.Errorf("input %v is no matrix", x.shape)
	}
	rows, cols, k := y.shape[0], y.shape[1], int(min(max(n.attrs.Int("k", 0), -maxSpatial), maxSpatial))
	e, out := b.env, b.slot(y)
	b.step(func() {
		clear(e.buf[out])
		for i := range rows {
			if j := i + k; j >= 0 && j < cols {
				copy(e.buf[out][(i*cols+j)*len(one):], one)
			}
		}
	})
	return nil
}
