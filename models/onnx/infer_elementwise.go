package onnx

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	register(1, same, "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Sigmoid", "HardSigmoid",
		"HardSwish", "Mish", "Gelu", "Softplus", "Softsign", "Tanh", "Erf", "Sqrt", "Reciprocal", "Exp", "Log",
		"Abs", "Ceil", "Floor", "Round", "Sign", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh",
		"Acosh", "Atanh", "Clip", "BitwiseNot", "CumSum", "Trilu", "Softmax", "LogSoftmax", "Hardmax", "LpNormalization",
		"Swish",
		"Shrink", "ScatterElements", "ScatterND", "Scatter")
	registerIn("com.microsoft", 1, same, "Gelu", "FastGelu", "QuickGelu", "BiasGelu", "QLinearSigmoid", "QLinearLeakyRelu")
	register(1, identity, "Identity")
	register(1, neg, "Neg")
	register(1, dropout, "Dropout")
	register(1, cast, "Cast")
	register(2, castLike, "CastLike")
	register(1, test, "IsNaN", "IsInf", "Not")
	register(2, arithmetic, "Add", "Sub", "Mul", "Div", "Mod", "Pow", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor")
	register(2, prelu, "PRelu")
	register(2, compare, "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor")
	register(1, variadic, "Min", "Max", "Sum", "Mean")
	registerIn("com.microsoft", 7, qlinearBinary, "QLinearAdd", "QLinearMul")
	register(3, where, "Where")
}

// same: the output has the type and shape of the first input.
func same(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, x.ranked, x.shape)
	return nil
}

func identity(c *call) error {
	if len(c.out) > 0 {
		c.out[0] = *c.arg(0)
	}
	return nil
}

func neg(c *call) error {
	if err := same(c); err != nil {
		return err
	}
	zero := &value{data: []datum{{known: true}}}
	c.zip(zero, c.arg(0), func(x, y datum) datum { return compute("Sub", x, y) })
	return nil
}

func dropout(c *call) error {
	x := c.arg(0)
	mask := tensor.Bool
	if c.opset < 10 {
		mask = x.typ
	}
	c.set(1, mask, x.ranked, x.shape)
	return identity(c)
}

// elementType reads an attribute that holds a TensorProto.DataType.
func (c *call) elementType(name string, def tensor.Type) (tensor.Type, error) {
	v := c.Int(name, int64(def))
	if v < 0 || v > math.MaxInt32 {
		return 0, fmt.Errorf("attribute %q: element type %d is unknown", name, v)
	}
	return tensor.Type(v), nil
}

func cast(c *call) error {
	to, err := c.elementType("to", tensor.Undefined)
	if err != nil {
		return err
	}
	return castTo(c, to)
}

func castLike(c *call) error { return castTo(c, c.arg(1).typ) }

func castTo(c *call, to tensor.Type) error {
	x := c.arg(0)
	c.set(0, to, x.ranked, x.shape)
	if d, ok := x.ints(); ok && (to == tensor.Int64 || to == tensor.Int32) {
		for _, v := range d {
			if to == tensor.Int32 && int64(int32(v)) != v {
				return nil
			}
		}
		c.data(x.data)
	} else if to == tensor.Int64 {
		c.data(x.data) // symbolic dimensions
	}
	return nil
}

// test: one boolean per element.
func test(c *call) error {
	x := c.arg(0)
	c.set(0, tensor.Bool, x.ranked, x.shape)
	return nil
}

// spread sets output 0 to the given type and the broadcast shape of the
// inputs from first on, as many as there are up to last.
func (c *call) spread(typ tensor.Type, inputs ...int) error {
	var shape []Dim
	ranked := true
	for k, i := range inputs {
		x := c.arg(i)
		if !x.ranked {
			ranked = false
			continue
		}
		if k == 0 {
			shape = x.shape
			continue
		}
		var err error
		if shape, err = broadcast(shape, x.shape); err != nil {
			return err
		}
	}
	if !ranked {
		shape = nil
	}
	c.set(0, typ, ranked, shape)
	return nil
}

// arithmetic broadcasts and, for small integers, computes.
func arithmetic(c *call) error {
	a, b := c.arg(0), c.arg(1)
	typ := a.typ
	if typ == tensor.Undefined && c.Op != "Pow" {
		typ = b.typ
	}
	if err := c.spread(typ, 0, 1); err != nil {
		return err
	}
	c.zip(a, b, func(x, y datum) datum { return compute(c.Op, x, y) })
	return nil
}

// zip sets the contents of output 0 from those of a and b, of which one may
// have a single element for all.
func (c *call) zip(a, b *value, f func(x, y datum) datum) {
	n := max(len(a.data), len(b.data))
	if a.data == nil || b.data == nil || n > maxRank ||
		len(a.data) != n && len(a.data) != 1 || len(b.data) != n && len(b.data) != 1 {
		return
	}
	out := make([]datum, n)
	for i := range out {
		out[i] = f(a.data[i%len(a.data)], b.data[i%len(b.data)])
	}
	c.data(out)
}

// compute returns x op y, unknown where it would overflow or is not defined.
func compute(op string, x, y datum) datum {
	one := func(d datum) bool { return d.known && d.v == 1 }
	zero := func(d datum) bool { return d.known && d.v == 0 }
	switch {
	case op == "Mul" && one(x), op == "Add" && zero(x):
		return y
	case (op == "Mul" || op == "Div") && one(y), (op == "Add" || op == "Sub") && zero(y):
		return x
	case !x.known || !y.known:
		return datum{}
	}
	const lim = math.MaxInt32 // beyond it nothing is a shape, and below it nothing overflows
	if x.v > lim || x.v < -lim || y.v > lim || y.v < -lim {
		return datum{}
	}
	switch op {
	case "Add":
		return datum{v: x.v + y.v, known: true}
	case "Sub":
		return datum{v: x.v - y.v, known: true}
	case "Mul":
		return datum{v: x.v * y.v, known: true}
	case "Div":
		if y.v != 0 {
			return datum{v: x.v / y.v, known: true}
		}
	}
	return datum{}
}

func prelu(c *call) error {
	x, s := c.arg(0), c.arg(1)
	if x.ranked && s.ranked {
		shape, err := broadcast(x.shape, s.shape)
		if err != nil {
			return err
		}
		if len(shape) != len(x.shape) {
			return fmt.Errorf("slope of shape %v does not broadcast to %v", s.shape, x.shape)
		}
	}
	return same(c)
}

func compare(c *call) error {
	if err := c.spread(tensor.Bool, 0, 1); err != nil {
		return err
	}
	if c.Op != "Equal" {
		return nil
	}
	c.zip(c.arg(0), c.arg(1), func(x, y datum) datum {
		switch {
		case x.known && y.known && x.v == y.v:
			return datum{v: 1, known: true}
		case x.known && y.known, x.known && x.v < 0 && y.param != "", y.known && y.v < 0 && x.param != "":
			return datum{known: true} // a dimension is never negative
		}
		return datum{}
	})
	return nil
}

func variadic(c *call) error {
	all := make([]int, len(c.in))
	for i := range all {
		all[i] = i
	}
	return c.spread(c.arg(0).typ, all...)
}

// qlinearBinary: A, A_scale, A_zero, B, B_scale, B_zero, C_scale, C_zero.
func qlinearBinary(c *call) error { return c.spread(c.arg(0).typ, 0, 3) }

func where(c *call) error {
	cond, x, y := c.arg(0), c.arg(1), c.arg(2)
	if err := c.spread(x.typ, 0, 1, 2); err != nil {
		return err
	}
	n := max(len(cond.data), len(x.data), len(y.data))
	for _, v := range []*value{cond, x, y} {
		if v.data == nil || len(v.data) != n && len(v.data) != 1 {
			return nil
		}
	}
	out := make([]datum, n)
	for i := range out {
		switch k := cond.data[i%len(cond.data)]; {
		case k.known && k.v != 0:
			out[i] = x.data[i%len(x.data)]
		case k.known:
			out[i] = y.data[i%len(y.data)]
		}
	}
	c.data(out)
	return nil
}
