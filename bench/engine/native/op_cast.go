package native

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 1, attrs: []string{"to", "saturate", "round_mode"}, plan: planCast}, "Cast")
	register(opDef{min: 2, max: 2, attrs: []string{"saturate"}, plan: planCast}, "CastLike")
}

func planCast(b *builder, n *node) error {
	switch n.in[0].typ {
	case tensor.Float32:
		return castFrom[float32](b, n)
	case tensor.Float64:
		return castFrom[float64](b, n)
	case tensor.Int64:
		return castFrom[int64](b, n)
	case tensor.Int32:
		return castFrom[int32](b, n)
	case tensor.Int16:
		return castFrom[int16](b, n)
	case tensor.Uint64:
		return castFrom[uint64](b, n)
	case tensor.Uint32:
		return castFrom[uint32](b, n)
	case tensor.Uint16:
		return castFrom[uint16](b, n)
	case tensor.Uint8, tensor.Bool:
		return castFrom[uint8](b, n)
	case tensor.Int8:
		return castFrom[int8](b, n)
	case tensor.Float16:
		return castHalf(b, n, tensor.Half)
	case tensor.BFloat16:
		return castHalf(b, n, func(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) })
	}
	return fmt.Errorf("from %v: %w", n.in[0].typ, errors.ErrUnsupported)
}

func castFrom[X number](b *builder, n *node) error {
	switch n.out[0].typ {
	case tensor.Float32:
		return castTo[float32, X](b, n)
	case tensor.Float64:
		return castTo[float64, X](b, n)
	case tensor.Int64:
		return castTo[int64, X](b, n)
	case tensor.Int32:
		return castTo[int32, X](b, n)
	case tensor.Int16:
		return castTo[int16, X](b, n)
	case tensor.Uint64:
		return castTo[uint64, X](b, n)
	case tensor.Uint32:
		return castTo[uint32, X](b, n)
	case tensor.Uint16:
		return castTo[uint16, X](b, n)
	case tensor.Uint8:
		return castTo[uint8, X](b, n)
	case tensor.Int8:
		return castTo[int8, X](b, n)
	case tensor.Bool:
		return mapped1(b, n, func(v X) uint8 { return truth(v != 0) })
	case tensor.Float16:
		return mapped1(b, n, func(v X) uint16 { return halfOf(float64(v)) })
	case tensor.BFloat16:
		return mapped1(b, n, func(v X) uint16 { return brainOf(float32(v)) })
	}
	return fmt.Errorf("to %v: %w", n.out[0].typ, errors.ErrUnsupported)
}

func castTo[Y, X number](b *builder, n *node) error {
	return mapped1(b, n, func(v X) Y { return Y(v) })
}

// castHalf plans a cast from 16-bit floats.
func castHalf(b *builder, n *node, value func(uint16) float32) error {
	switch n.out[0].typ {
	case tensor.Float32:
		return mapped1(b, n, value)
	case tensor.Float64:
		return mapped1(b, n, func(h uint16) float64 { return float64(value(h)) })
	}
	return fmt.Errorf("from %v to %v: %w", n.in[0].typ, n.out[0].typ, errors.ErrUnsupported)
}

// halfOf rounds v to a float16, to the even neighbour where it lies between
// two (IEEE 754-2019, §4.3.1). From float64, so that nothing is rounded twice.
func halfOf(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	switch {
	case math.IsNaN(v):
		return sign | 0x7e00
	case v >= 65520: // half of the way from the greatest, 65504, to the next
		return sign | 0x7c00
	case v < 0x1p-14: // subnormal: multiples of 2⁻²⁴
		return sign | uint16(math.RoundToEven(v*0x1p24))
	}
	frac, exp := math.Frexp(v) // v = frac·2^exp, frac in [½, 1)
	m := uint16(math.RoundToEven(frac * 0x1p11))
	return sign | uint16(exp+13)<<10 + m // the leading 1 of m carries into the exponent
}

// brainOf rounds v to a bfloat16, to the even neighbour where it lies between
// two.
func brainOf(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40 // stays no number when it is cut
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
