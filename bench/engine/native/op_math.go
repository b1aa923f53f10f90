package native

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	for name := range functions {
		if name == "Erf" {
			continue // planUnary's
		}
		register(opDef{min: 1, max: 1, plan: byFirst(typed{f32: planFunction[float32], f64: planFunction[float64]})}, name)
	}
	for name, p := range shaped {
		register(opDef{min: 1, max: 1, attrs: p.attrs, plan: byFirst(typed{f32: planFunction[float32], f64: planFunction[float64]})}, name)
	}
	for name := range signedMath {
		register(opDef{min: 1, max: 1, plan: byFirst(typed{
			f32: planFunction[float32], f64: planFunction[float64],
			i64: planSigned[int64], i32: planSigned[int32], i16: planSigned[int16], i8: planSigned[int8],
			u64: planUnsigned, u32: planUnsigned, u16: planUnsigned, u8: planUnsigned,
		})}, name)
	}
}

// functions are the operators that are a function of one number. They are
// computed in float64 and rounded once.
var functions = map[string]func(float64) float64{
	"Exp": math.Exp, "Log": math.Log, "Sqrt": math.Sqrt, "Floor": math.Floor, "Ceil": math.Ceil, "Round": math.RoundToEven,
	"Sin": math.Sin, "Cos": math.Cos, "Tan": math.Tan, "Asin": math.Asin, "Acos": math.Acos, "Atan": math.Atan,
	"Sinh": math.Sinh, "Cosh": math.Cosh, "Asinh": math.Asinh, "Acosh": math.Acosh, "Atanh": math.Atanh, "Erf": math.Erf,
	"Reciprocal": func(v float64) float64 { return 1 / v },
	"Softplus":   softplus,
	"Softsign":   func(v float64) float64 { return v / (1 + math.Abs(v)) },
	"Mish":       func(v float64) float64 { return v * math.Tanh(softplus(v)) },
}

// softplus is log(1 + eˣ) without overflow.
func softplus(v float64) float64 { return max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))) }

// signedMath are functions that integers have too.
var signedMath = map[string]func(float64) float64{
	"Abs": math.Abs,
	"Neg": func(v float64) float64 { return -v },
	"Sign": func(v float64) float64 {
		switch {
		case v > 0:
			return 1
		case v < 0:
			return -1
		}
		return v
	},
}

// shaped are functions with parameters.
var shaped = map[string]struct {
	attrs []string
	of    func(n *node) func(float64) float64
}{
	"Elu": {[]string{"alpha"}, func(n *node) func(float64) float64 { return elu(float64(n.attrs.Float("alpha", 1)), 1, 1) }},
	"Celu": {[]string{"alpha"}, func(n *node) func(float64) float64 {
		a := float64(n.attrs.Float("alpha", 1))
		return elu(a, a, 1)
	}},
	// The defaults are those of the operator's definition, in float32.
	"Selu": {[]string{"alpha", "gamma"}, func(n *node) func(float64) float64 {
		return elu(float64(n.attrs.Float("alpha", 1.67326319217681884765625)), 1, float64(n.attrs.Float("gamma", 1.05070102214813232421875)))
	}},
	"ThresholdedRelu": {[]string{"alpha"}, func(n *node) func(float64) float64 {
		a := float64(n.attrs.Float("alpha", 1))
		return func(v float64) float64 {
			if v > a {
				return v
			}
			return 0
		}
	}},
	"Shrink": {[]string{"bias", "lambd"}, func(n *node) func(float64) float64 {
		bias, lambda := float64(n.attrs.Float("bias", 0)), float64(n.attrs.Float("lambd", 0.5))
		return func(v float64) float64 {
			switch {
			case v < -lambda:
				return v + bias
			case v > lambda:
				return v - bias
			}
			return 0
		}
	}},
}

// elu returns gamma·x where x is positive, gamma·alpha·(e^(x/scale) − 1) where not.
func elu(alpha, scale, gamma float64) func(float64) float64 {
	return func(v float64) float64 {
		if v > 0 {
			return gamma * v
		}
		return gamma * alpha * math.Expm1(v/scale)
	}
}

func planFunction[T float32 | float64](b *builder, n *node) error {
	f := functions[n.op]
	if f == nil {
		f = signedMath[n.op]
	}
	if p, ok := shaped[n.op]; ok {
		f = p.of(n)
	}
	return mapped1(b, n, func(v T) T { return T(f(float64(v))) })
}

func planSigned[T int64 | int32 | int16 | int8](b *builder, n *node) error {
	var f func(v T) T
	switch n.op {
	case "Abs":
		f = func(v T) T { return max(v, -v) }
	case "Neg":
		f = func(v T) T { return -v }
	case "Sign":
		f = func(v T) T { return min(max(v, -1), 1) }
	default:
		return fmt.Errorf("no %s of integers", n.op)
	}
	return mapped1(b, n, f)
}

// planUnsigned plans Abs and Sign of what has no sign: of them only Abs is a
// copy, the others are refused.
func planUnsigned(b *builder, n *node) error {
	if n.op != "Abs" {
		return want(tensor.Float32, n.in[0])
	}
	return planCopy(b, n)
}

// mapped1 plans y[i] = f(x[i]).
func mapped1[Y, X number](b *builder, n *node, f func(X) Y) error {
	x, y := n.in[0], n.out[0]
	if x.len() != y.len() {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		dst := view[Y](e, out)
		for i, v := range view[X](e, in)[:len(dst)] {
			dst[i] = f(v)
		}
	})
	return nil
}

// zipped plans y = f(a, b) with broadcasting.
func zipped[Y, X number](b *builder, n *node, f func(a, b X) Y) error {
	x, z, y := n.in[0], n.in[1], n.out[0]
	if x.typ != z.typ {
		return fmt.Errorf("operands of types %v and %v", x.typ, z.typ)
	}
	return zipped2[Y, X, X](b, n, x, z, y, f)
}

// zipped2 is zipped for operands of two types.
func zipped2[Y, X, Z number](b *builder, n *node, x, z, y *value, f func(a X, b Z) Y) error {
	s, err := newSpread(y.shape, x.shape, z.shape)
	if err != nil {
		return err
	}
	e, p, q, out := b.env, b.slot(x), b.slot(z), b.slot(y)
	b.step(func() {
		a, c, dst := view[X](e, p), view[Z](e, q), view[Y](e, out)
		s.each(func(i int, pos []int) { dst[i] = f(a[pos[0]], c[pos[1]]) })
	})
	return nil
}
