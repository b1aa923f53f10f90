package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/quant"
	"assay/models/tensor"
)

func init() {
	attrs := []string{"axis", "saturate", "block_size", "output_dtype", "precision"}
	register(opDef{min: 2, max: 3, attrs: attrs, plan: planQuantize}, "QuantizeLinear", "DequantizeLinear")
	register(opDef{min: 1, max: 1, outs: 3, plan: planDynamic}, "DynamicQuantizeLinear")
}

// A channels says how a tensor is divided into channels with a scale each.
type channels struct{ outer, count, inner int }

// divide reads n's scale input: one for all, or one for each index of axis.
func divide(n *node) (channels, error) {
	x, scale := n.in[0], n.in[1]
	if len(scale.shape) > 1 {
		return channels{}, fmt.Errorf("scales %v without blocks: one, or one for each index of an axis is wanted", scale.shape)
	}
	if scale.len() == 1 {
		return channels{1, 1, x.len()}, nil
	}
	axis := int(n.attrs.Int("axis", 1))
	if axis < 0 {
		axis += len(x.shape)
	}
	if axis < 0 || axis >= len(x.shape) || x.shape[axis] != scale.len() {
		return channels{}, fmt.Errorf("%d scales for axis %d of %v", scale.len(), axis, x.shape)
	}
	c := channels{1, scale.len(), 1}
	for i, d := range x.shape {
		switch {
		case i < axis:
			c.outer *= d
		case i > axis:
			c.inner *= d
		}
	}
	return c, nil
}

// planQuantize plans QuantizeLinear and DequantizeLinear. Scales and zero
// points may be computed by the model.
func planQuantize(b *builder, n *node) error {
	x, scale, y := n.in[0], n.in[1], n.out[0]
	float, ints := x, y
	if n.op == "DequantizeLinear" {
		float, ints = y, x
	}
	if err := want(tensor.Float32, float, scale); err != nil {
		return err
	}
	if x.len() != y.len() {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	zero := n.arg(2)
	if zero == nil {
		zero = &value{name: "zero", typ: ints.typ, shape: scale.shape, konst: true, data: tensor.Aligned(tensor.Bytes(ints.typ, scale.len()))}
	}
	if zero.typ != ints.typ || zero.len() != scale.len() {
		return fmt.Errorf("zero point %v%v for %d scales of %v", zero.typ, zero.shape, scale.len(), ints.typ)
	}
	if blocked(n) || ints.typ == tensor.Int16 || ints.typ == tensor.Uint16 {
		return planBlocks(b, n, zero)
	}
	c, err := divide(n)
	if err != nil {
		return err
	}
	switch {
	case n.op == "QuantizeLinear" && y.typ == tensor.Int8:
		eachChannel(b, n, zero, c, quant.Quantize[int8])
	case n.op == "QuantizeLinear" && y.typ == tensor.Uint8:
		eachChannel(b, n, zero, c, quant.Quantize[uint8])
	case n.op == "QuantizeLinear":
		return fmt.Errorf("quantized type %v: %w (int8, uint8, int16 and uint16 are)", y.typ, errors.ErrUnsupported)
	case x.typ == tensor.Int8:
		eachChannel(b, n, zero, c, quant.Dequantize[int8])
	case x.typ == tensor.Uint8:
		eachChannel(b, n, zero, c, quant.Dequantize[uint8])
	case x.typ == tensor.Int32:
		eachChannel(b, n, zero, c, quant.Dequantize32)
	default:
		return fmt.Errorf("quantized type %v: %w (int8, uint8, int16, uint16 and int32 are)", x.typ, errors.ErrUnsupported)
	}
	return nil
}

// eachChannel adds a step that calls f on every run of one channel. Z is the
// type of the zero point.
func eachChannel[Y, X, Z number](b *builder, n *node, zero *value, c channels, f func(y []Y, x []X, scale float32, zero Z)) {
	e, x, y, s, z := b.env, b.slot(n.in[0]), b.slot(n.out[0]), b.slot(n.in[1]), b.slot(zero)
	b.step(func() {
		out, in, scales, zeros := view[Y](e, y), view[X](e, x), view[float32](e, s), view[Z](e, z)
		at := 0
		for range c.outer {
			for k := range c.count {
				f(out[at:at+c.inner], in[at:at+c.inner], scales[k], zeros[k])
				at += c.inner
			}
		}
	})
}

func planDynamic(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x); err != nil {
		return err
	}
	if err := want(tensor.Uint8, y); err != nil {
		return err
	}
	scale, zero := -1, -1
	if len(n.out) > 1 && n.out[1] != nil {
		scale = b.slot(n.out[1])
	}
	if len(n.out) > 2 && n.out[2] != nil {
		zero = b.slot(n.out[2])
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		v := view[float32](e, in)
		s, z := quant.Parameters(v)
		quant.Quantize(view[uint8](e, out), v, s, z)
		if scale >= 0 {
			view[float32](e, scale)[0] = s
		}
		if zero >= 0 {
			view[uint8](e, zero)[0] = z
		}
	})
	return nil
}
