package native

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/kernel/ew"
	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 1, plan: planUnary}, "Relu", "Sigmoid", "Tanh", "HardSwish")
	register(opDef{min: 1, max: 1, attrs: []string{"alpha", "beta"}, plan: planUnary}, "HardSigmoid")
	register(opDef{min: 1, max: 1, attrs: []string{"alpha"}, plan: planUnary}, "LeakyRelu")
	register(opDef{min: 1, max: 3, attrs: []string{"min", "max"}, plan: planUnary}, "Clip")
	register(opDef{min: 1, max: 1, plan: byFirst(typed{f32: planUnary, f64: planFunction[float64]})}, "Erf")
	register(opDef{min: 1, max: 1, attrs: []string{"approximate"}, plan: planUnary}, "Gelu")
	registerIn(microsoft, opDef{min: 1, max: 1, plan: planUnary}, "Gelu")
	register(opDef{min: 2, max: 2, attrs: []string{"axis", "broadcast"}, plan: planBinary}, "Add", "Sub", "Mul", "Div")
	register(opDef{min: 5, max: 5, attrs: []string{"epsilon", "is_test", "momentum", "spatial", "training_mode"}, plan: planBatchNorm}, "BatchNormalization")
}

// unary returns n as a function of one number; false where n is none, or its
// parameters are not constant.
func unary(n *node) (ew.Unary, bool) {
	if lo, hi, ok := bounds(n); ok {
		return ew.Clamp(lo, hi), true
	}
	if n.op == "Gelu" && n.attrs.Str("approximate", "none") == "none" {
		return ew.Gelu, true
	}
	if n.domain != "" {
		return ew.Unary{}, false
	}
	switch n.op {
	case "Erf":
		return ew.Erf, true
	case "Sigmoid":
		return ew.Sigmoid, true
	case "Tanh":
		return ew.Tanh, true
	case "HardSwish":
		return ew.HardSwish, true
	case "HardSigmoid":
		return ew.HardSigmoid(n.attrs.Float("alpha", 0.2), n.attrs.Float("beta", 0.5)), true
	case "LeakyRelu":
		return ew.LeakyRelu(n.attrs.Float("alpha", 0.01)), true
	}
	return ew.Unary{}, false
}

func planUnary(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	f, ok := unary(n)
	if n.op == "Clip" && n.opset >= 11 && (!ok || x.typ != tensor.Float32) {
		return clips.plan(b, n, x.typ)
	}
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	if n.op == "Gelu" && !ok {
		return fmt.Errorf("approximation %q: %w (none is)", n.attrs.Str("approximate", ""), errors.ErrUnsupported)
	}
	if !ok {
		return fmt.Errorf("parameters that are computed by the model: %w (constant scalars are)", errors.ErrUnsupported)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	const grain, each = 1024, 8 // elements of a part; multiplications that one is worth
	b.parallel((y.len()+grain-1)/grain, int64(y.len())*each, func(part, parts int) {
		from, to := pool.Split(y.len(), grain, part, parts)
		ew.Map(view[float32](e, out)[from:to], view[float32](e, in)[from:to], f)
	})
	return nil
}

var arithmetic = map[string]ew.Op{"Add": ew.Add, "Sub": ew.Sub, "Mul": ew.Mul, "Div": ew.Div}

func planBinary(b *builder, n *node) error {
	x, z, y := n.in[0], n.in[1], n.out[0]
	if x.typ != z.typ || x.typ != y.typ {
		return fmt.Errorf("operands of types %v and %v", x.typ, z.typ)
	}
	switch y.typ {
	case tensor.Float32:
		zip[float32](b, n)
	case tensor.Float64:
		zip[float64](b, n)
	case tensor.Int64:
		zip[int64](b, n)
	case tensor.Int32:
		zip[int32](b, n)
	default:
		return integers.plan(b, n, y.typ)
	}
	if !n.clamps() {
		return nil
	}
	e, out, f := b.env, b.slot(y), ew.Clamp(n.lo, n.hi) // only passes set bounds, on float32
	b.step(func() { ew.Map(view[float32](e, out), view[float32](e, out), f) })
	return nil
}

// integers plans arithmetic of the rarer element types, which wraps around.
var integers = typed{
	i16: planInteger[int16], i8: planInteger[int8], u64: planInteger[uint64], u32: planInteger[uint32], u16: planInteger[uint16], u8: planInteger[uint8],
}

// planInteger plans integer arithmetic; by zero it gives 0.
func planInteger[T int16 | int8 | uint64 | uint32 | uint16 | uint8](b *builder, n *node) error {
	return zipped(b, n, map[string]func(x, z T) T{
		"Add": func(x, z T) T { return x + z },
		"Sub": func(x, z T) T { return x - z },
		"Mul": func(x, z T) T { return x * z },
		"Div": func(x, z T) T {
			if z == 0 {
				return 0
			}
			return x / z
		},
	}[n.op])
}

func zip[T interface {
	ew.Number
	number
}](b *builder, n *node) {
	r, op := ew.NewBroadcast(n.out[0].shape, n.in[0].shape, n.in[1].shape), arithmetic[n.op]
	e, x, z, y := b.env, b.slot(n.in[0]), b.slot(n.in[1]), b.slot(n.out[0])
	b.step(func() { ew.Zip(r, op, view[T](e, y), view[T](e, x), view[T](e, z)) })
}

// planBatchNorm plans one that no pass could fold: y = x·scale + shift.
func planBatchNorm(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	if n.attrs.Int("training_mode", 0) != 0 || n.attrs.Int("spatial", 1) != 1 {
		return fmt.Errorf("training mode: %w (inference is)", errors.ErrUnsupported)
	}
	scale, shift, ok := affine(n)
	if n.op == "Gelu" && !ok {
		return fmt.Errorf("approximation %q: %w (none is)", n.attrs.Str("approximate", ""), errors.ErrUnsupported)
	}
	if !ok {
		return fmt.Errorf("parameters that are computed by the model: %w (constant ones are)", errors.ErrUnsupported)
	}
	axis := 1
	if n.last {
		axis = len(x.shape) - 1
	}
	if len(x.shape) < 2 || x.shape[axis] != len(scale) {
		return fmt.Errorf("%d parameters for input %v", len(scale), x.shape)
	}
	per := make([]int, len(x.shape))
	for i := range per {
		per[i] = 1
	}
	per[axis] = len(scale)
	r := ew.NewBroadcast(y.shape, x.shape, per)
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.packed += 8 * len(scale)
	b.step(func() {
		ew.Zip(r, ew.Mul, view[float32](e, out), view[float32](e, in), scale)
		ew.Zip(r, ew.Add, view[float32](e, out), view[float32](e, out), shift)
	})
	return nil
}

// inf is +Inf as a float32.
var inf = float32(math.Inf(1))
