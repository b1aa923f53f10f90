package native

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

// A blocks finds the scale of every element of a tensor: one for all, one for
// each index of an axis, or one for each block of them (operator set 21).
type blocks struct {
	shape []int
	steps []int // of the scales, by dimension; 0 where they are repeated
	axis  int
	block int // elements along axis that share a scale
}

// blocked reports whether n has a scale for each block.
func blocked(n *node) bool { return n.attrs.Int("block_size", 0) != 0 }

// newBlocks reads n's scale input.
func newBlocks(n *node) (*blocks, error) {
	x, scale := n.in[0], n.in[1]
	if !blocked(n) {
		c, err := divide(n)
		return &blocks{shape: []int{c.outer, c.count, c.inner}, steps: []int{0, 1, 0}, axis: 1, block: 1}, err
	}
	axis, size := int(n.attrs.Int("axis", 1)), n.attrs.Int("block_size", 0)
	if axis < 0 {
		axis += len(x.shape)
	}
	if axis < 0 || axis >= len(x.shape) || size < 1 || len(scale.shape) != len(x.shape) {
		return nil, fmt.Errorf("blocks of %d along axis %d of %v with scales %v", size, axis, x.shape, scale.shape)
	}
	block := int(min(size, int64(max(x.shape[axis], 1))))
	for i, d := range x.shape {
		if i == axis {
			d = (d + block - 1) / block
		}
		if scale.shape[i] != d {
			return nil, fmt.Errorf("blocks of %d along axis %d of %v with scales %v", size, axis, x.shape, scale.shape)
		}
	}
	return &blocks{shape: x.shape, steps: ew.Contiguous(scale.shape), axis: axis, block: block}, nil
}

// each calls f with every element and the place of its scale. It allocates
// nothing: at, of the tensor's dimensions, is the walk's own.
func (k *blocks) each(at []int, f func(i, scale int)) {
	n, s := 1, 0
	for i, d := range k.shape {
		n *= d
		at[i] = 0
	}
	for i := range n {
		f(i, s)
		for d := len(at) - 1; d >= 0; d-- {
			if at[d]++; at[d] < k.shape[d] {
				if d != k.axis || at[d]%k.block == 0 {
					s += k.steps[d]
				}
				break
			}
			last := k.shape[d] - 1
			if d == k.axis {
				last /= k.block
			}
			s -= k.steps[d] * last
			at[d] = 0
		}
	}
}

// planBlocks plans QuantizeLinear and DequantizeLinear element by element: with
// blocks, and for integers of 16 bits.
func planBlocks(b *builder, n *node, zero *value) error {
	ints := n.in[0]
	if n.op == "QuantizeLinear" {
		ints = n.out[0]
	}
	switch ints.typ {
	case tensor.Int8:
		return planBlocksOf[int8](b, n, zero, math.MinInt8, math.MaxInt8)
	case tensor.Uint8:
		return planBlocksOf[uint8](b, n, zero, 0, math.MaxUint8)
	case tensor.Int16:
		return planBlocksOf[int16](b, n, zero, math.MinInt16, math.MaxInt16)
	case tensor.Uint16:
		return planBlocksOf[uint16](b, n, zero, 0, math.MaxUint16)
	}
	return fmt.Errorf("quantized type %v: %w (8 and 16 bits are)", ints.typ, errors.ErrUnsupported)
}

func planBlocksOf[T number](b *builder, n *node, zero *value, lo, hi float64) error {
	k, err := newBlocks(n)
	if err != nil {
		return err
	}
	at := make([]int, len(k.shape))
	e, x, y, s, z := b.env, b.slot(n.in[0]), b.slot(n.out[0]), b.slot(n.in[1]), b.slot(zero)
	if n.op == "QuantizeLinear" {
		b.step(func() {
			dst, src, scales, zeros := view[T](e, y), view[float32](e, x), view[float32](e, s), view[T](e, z)
			k.each(at, func(i, at int) {
				q := math.RoundToEven(float64(src[i]/scales[at])) + float64(zeros[at])
				if math.IsNaN(q) {
					q = lo // as the 8-bit kernels have it
				}
				dst[i] = T(min(max(q, lo), hi))
			})
		})
		return nil
	}
	b.step(func() {
		dst, src, scales, zeros := view[float32](e, y), view[T](e, x), view[float32](e, s), view[T](e, z)
		k.each(at, func(i, at int) { dst[i] = (float32(src[i]) - float32(zeros[at])) * scales[at] })
	})
	return nil
}

// nibbles returns t with a byte for each of its elements of 4 bits, of which
// ONNX packs the first into the lower half; other types as they are.
func nibbles(t tensor.Tensor) tensor.Tensor {
	if t.Type != tensor.Int4 && t.Type != tensor.Uint4 {
		return t
	}
	out := tensor.New(tensor.Uint8, t.Shape...)
	if t.Type == tensor.Int4 {
		out = tensor.New(tensor.Int8, t.Shape...)
	}
	for i := range out.Data {
		v := t.Data[i/2] >> (i % 2 * 4) & 15
		if t.Type == tensor.Int4 && v > 7 {
			v |= 0xf0
		}
		out.Data[i] = v
	}
	return out
}
