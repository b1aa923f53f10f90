package native

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 2, attrs: []string{"axis", "broadcast"}, plan: byFirst(typed{
		f32: planCompare[float32], f64: planCompare[float64], i64: planCompare[int64], i32: planCompare[int32], i16: planCompare[int16],
		i8: planCompare[int8], u64: planCompare[uint64], u32: planCompare[uint32], u16: planCompare[uint16], u8: planCompare[uint8], boolean: planCompare[uint8],
	})}, "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
	register(opDef{min: 2, max: 2, attrs: []string{"axis", "broadcast"}, plan: byFirst(typed{boolean: planLogic})}, "And", "Or", "Xor")
	register(opDef{min: 1, max: 1, plan: byFirst(typed{boolean: planNot})}, "Not")
	register(opDef{min: 1, max: 1, plan: byFirst(typed{f32: planIsNaN[float32], f64: planIsNaN[float64]})}, "IsNaN")
	register(opDef{min: 1, max: 1, attrs: []string{"detect_negative", "detect_positive"}, plan: byFirst(typed{f32: planIsInf[float32], f64: planIsInf[float64]})}, "IsInf")
	register(opDef{min: 3, max: 3, plan: planWhere}, "Where")
	register(opDef{min: 2, max: 2, attrs: []string{"direction"}, plan: byFirst(typed{u64: planShift[uint64], u32: planShift[uint32], u16: planShift[uint16], u8: planShift[uint8]})}, "BitShift")
}

func truth(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

func planCompare[T number](b *builder, n *node) error {
	var f func(x, z T) uint8
	switch n.op {
	case "Equal":
		f = func(x, z T) uint8 { return truth(x == z) }
	case "Less":
		f = func(x, z T) uint8 { return truth(x < z) }
	case "LessOrEqual":
		f = func(x, z T) uint8 { return truth(x <= z) }
	case "Greater":
		f = func(x, z T) uint8 { return truth(x > z) }
	default:
		f = func(x, z T) uint8 { return truth(x >= z) }
	}
	return zipped(b, n, f)
}

func planLogic(b *builder, n *node) error {
	f := func(x, z uint8) uint8 { return truth(x != 0 && z != 0) }
	switch n.op {
	case "Or":
		f = func(x, z uint8) uint8 { return truth(x != 0 || z != 0) }
	case "Xor":
		f = func(x, z uint8) uint8 { return truth((x != 0) != (z != 0)) }
	}
	return zipped(b, n, f)
}

func planNot(b *builder, n *node) error {
	return mapped1(b, n, func(v uint8) uint8 { return truth(v == 0) })
}

func planIsNaN[T float32 | float64](b *builder, n *node) error {
	return mapped1(b, n, func(v T) uint8 { return truth(v != v) })
}

func planIsInf[T float32 | float64](b *builder, n *node) error {
	up, down := n.attrs.Int("detect_positive", 1) != 0, n.attrs.Int("detect_negative", 1) != 0
	return mapped1(b, n, func(v T) uint8 {
		return truth(up && math.IsInf(float64(v), 1) || down && math.IsInf(float64(v), -1))
	})
}

// planWhere plans y = condition ? a : b, whatever the elements are.
func planWhere(b *builder, n *node) error {
	c, x, z, y := n.in[0], n.in[1], n.in[2], n.out[0]
	if err := want(tensor.Bool, c); err != nil {
		return err
	}
	if x.typ != z.typ || x.typ != y.typ {
		return fmt.Errorf("operands of types %v and %v", x.typ, z.typ)
	}
	s, err := newSpread(y.shape, c.shape, x.shape, z.shape)
	if err != nil {
		return err
	}
	size := y.typ.Bits() / 8
	e, p, q, r, out := b.env, b.slot(c), b.slot(x), b.slot(z), b.slot(y)
	b.step(func() {
		s.each(func(i int, pos []int) {
			from := e.buf[r][pos[2]*size:]
			if e.buf[p][pos[0]] != 0 {
				from = e.buf[q][pos[1]*size:]
			}
			copy(e.buf[out][i*size:][:size], from)
		})
	})
	return nil
}

func planShift[T uint64 | uint32 | uint16 | uint8](b *builder, n *node) error {
	switch d := n.attrs.Str("direction", ""); d {
	case "LEFT":
		return zipped(b, n, func(x, z T) T { return x << z })
	case "RIGHT":
		return zipped(b, n, func(x, z T) T { return x >> z })
	default:
		return fmt.Errorf("direction %q (have LEFT, RIGHT)", d)
	}
}
