package native

import (
	"fmt"

	"assay/bench/kernel/qconv"
	"assay/bench/kernel/qgemm"
	"assay/bench/kernel/quant"
	"assay/models/tensor"
)

// What fuseDynamic makes: x, w, zero points of both, scales that the model
// computes and a constant bias, each one number or one per channel.
func init() {
	registerIn(internal, opDef{min: 6, max: 6, attrs: windowAttrs, plan: func(b *builder, n *node) error {
		return b.convInteger(n, func(c *qconv.Conv) (func(e *env, sums []int32, p int), error) { return b.scaled(n, c.M) })
	}}, "ConvInteger")
	registerIn(internal, opDef{min: 6, max: 6, plan: func(b *builder, n *node) error {
		return b.matMulInteger(n, func(p *qgemm.B) (func(e *env, sums []int32, first int), error) { return b.scaled(n, p.N) })
	}}, "MatMulInteger")
}

// scaled returns what makes rows of sums floats: sum·scale + bias, clamped.
func (b *builder) scaled(n *node, channels int) (func(e *env, sums []int32, first int), error) {
	scale, bias, y := n.in[4], n.in[5], n.out[0]
	if err := want(tensor.Float32, scale, bias, y); err != nil {
		return nil, err
	}
	if scale.len() != 1 && scale.len() != channels || bias != nil && bias.len() != 1 && bias.len() != channels {
		return nil, fmt.Errorf("scales %v or bias of another number than the %d channels", scale.shape, channels)
	}
	shift, none := make([]float32, channels), make([]int32, channels)
	if f := bias.floats(); f != nil {
		for i := range shift {
			shift[i] = f[i%len(f)]
		}
	}
	b.packed += 8 * channels
	e, scales, out := b.env, b.slot(scale), b.slot(y)
	if scale.len() != channels {
		given := scales
		scales = b.scratch(4 * channels)
		b.step(func() {
			s, v := view[float32](e, given)[0], view[float32](e, scales)
			for i := range v {
				v[i] = s
			}
		})
	}
	lo, hi := n.lo, n.hi
	return func(e *env, sums []int32, first int) {
		quant.Scale(view[float32](e, out)[first*channels:][:len(sums)], sums, none, view[float32](e, scales), shift, lo, hi)
	}, nil
}
