package native

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	all := typed{
		f32: planVariadic[float32], f64: planVariadic[float64], i64: planVariadic[int64], i32: planVariadic[int32], i16: planVariadic[int16],
		i8: planVariadic[int8], u64: planVariadic[uint64], u32: planVariadic[uint32], u16: planVariadic[uint16], u8: planVariadic[uint8],
	}
	register(opDef{min: 1, max: 1 << 16, plan: byFirst(all)}, "Min", "Max", "Sum", "Mean")
	register(opDef{min: 2, max: 2, attrs: []string{"fmod"}, plan: byFirst(typed{
		f32: planFmod[float32], f64: planFmod[float64], i64: planMod[int64], i32: planMod[int32], i16: planMod[int16], i8: planMod[int8],
		u64: planMod[uint64], u32: planMod[uint32], u16: planMod[uint16], u8: planMod[uint8],
	})}, "Mod")
	register(opDef{min: 2, max: 2, attrs: []string{"axis", "broadcast"}, plan: planPow}, "Pow")
	register(opDef{min: 2, max: 2, plan: byFirst(typed{f32: planPRelu[float32], f64: planPRelu[float64]})}, "PRelu")
}

// planVariadic plans operators of any number of operands. NaN is passed on.
func planVariadic[T number](b *builder, n *node) error {
	y, e := n.out[0], b.env
	var shapes [][]int
	var slots []int
	for _, v := range n.in {
		if v == nil || v.typ != y.typ {
			return errors.New("operands differ in type")
		}
		shapes, slots = append(shapes, v.shape), append(slots, b.slot(v))
	}
	s, err := newSpread(y.shape, shapes...)
	if err != nil {
		return err
	}
	var f func(x, z T) T
	switch n.op {
	case "Min":
		f = func(x, z T) T { return min(x, z) }
	case "Max":
		f = func(x, z T) T { return max(x, z) }
	default:
		f = func(x, z T) T { return x + z }
	}
	mean := n.op == "Mean"
	count, out, views := T(len(slots)), b.slot(y), make([][]T, len(slots))
	b.step(func() {
		for i, k := range slots {
			views[i] = view[T](e, k)
		}
		dst := view[T](e, out)
		s.each(func(i int, pos []int) {
			v := views[0][pos[0]]
			for k, x := range views[1:] {
				v = f(v, x[pos[k+1]])
			}
			if mean {
				v /= count
			}
			dst[i] = v
		})
	})
	return nil
}

// planMod plans the remainder of integers: of the divisor's sign, as Python's,
// or with fmod of the dividend's, as C's. By zero it is 0.
func planMod[T int64 | int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8](b *builder, n *node) error {
	c := n.attrs.Int("fmod", 0) != 0
	return zipped(b, n, func(x, z T) T {
		if z == 0 {
			return 0
		}
		r := x % z
		if !c && r != 0 && (r < 0) != (z < 0) {
			r += z
		}
		return r
	})
}

func planFmod[T float32 | float64](b *builder, n *node) error {
	if n.attrs.Int("fmod", 0) == 0 {
		return fmt.Errorf("fmod = 0 of floats: %w (fmod = 1 is)", errors.ErrUnsupported)
	}
	return zipped(b, n, func(x, z T) T { return T(math.Mod(float64(x), float64(z))) })
}

// planPow plans bases and exponents of the same or of different types.
func planPow(b *builder, n *node) error {
	switch n.in[0].typ {
	case tensor.Float32:
		return powBy[float32](b, n)
	case tensor.Float64:
		return powBy[float64](b, n)
	case tensor.Int64:
		return powBy[int64](b, n)
	case tensor.Int32:
		return powBy[int32](b, n)
	}
	return want(tensor.Float32, n.in[0])
}

func powBy[T number](b *builder, n *node) error {
	switch n.in[1].typ {
	case tensor.Float32:
		return pow[T, float32](b, n)
	case tensor.Float64:
		return pow[T, float64](b, n)
	case tensor.Int64:
		return powInt[T, int64](b, n)
	case tensor.Int32:
		return powInt[T, int32](b, n)
	case tensor.Uint64:
		return powInt[T, uint64](b, n)
	case tensor.Uint32:
		return powInt[T, uint32](b, n)
	}
	return want(tensor.Float32, n.in[1])
}

func pow[X, Z number](b *builder, n *node) error {
	return zipped2(b, n, n.in[0], n.in[1], n.out[0], func(x X, z Z) X { return X(math.Pow(float64(x), float64(z))) })
}

// powInt multiplies integers, so that they stay exact; floats are as in pow.
func powInt[X, Z number](b *builder, n *node) error {
	if t := n.in[0].typ; t == tensor.Float32 || t == tensor.Float64 {
		return pow[X, Z](b, n)
	}
	return zipped2(b, n, n.in[0], n.in[1], n.out[0], func(x X, z Z) X {
		if z < 0 {
			return X(math.Pow(float64(x), float64(z)))
		}
		r := X(1)
		for k := uint64(z); k > 0; k >>= 1 { // squaring, wrapping where it overflows
			if k&1 != 0 {
				r *= x
			}
			x *= x
		}
		return r
	})
}

func planPRelu[T float32 | float64](b *builder, n *node) error {
	return zipped(b, n, func(x, slope T) T {
		if x < 0 {
			return slope * x
		}
		return x
	})
}
