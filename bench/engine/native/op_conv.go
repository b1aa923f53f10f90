package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/conv"
	"assay/bench/kernel/gemm"
	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

// windowAttrs are the attributes of convolutions.
var windowAttrs = []string{"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}

func init() {
	register(opDef{min: 2, max: 3, attrs: windowAttrs, plan: planConv}, "Conv")
}

// want reports a value of another type than the kernel takes.
func want(typ tensor.Type, values ...*value) error {
	for _, v := range values {
		if v != nil && v.typ != typ {
			return fmt.Errorf("%q has elements of type %v: %w (%v are)", v.name, v.typ, errors.ErrUnsupported, typ)
		}
	}
	return nil
}

// planConv plans a Conv: weights constant, x NHWC, a residual (fuseResiduals)
// of the output's shape perhaps, bounds (fuseActivations) perhaps.
func planConv(b *builder, n *node) error {
	x, w, y := n.in[0], n.in[1], n.out[0]
	if err := want(tensor.Float32, x, w, y, n.arg(2), n.arg(residual)); err != nil {
		return err
	}
	if !n.last && n.arg(residual) == nil {
		return planSliding(b, n)
	}
	if !n.last || len(w.shape) < 3 {
		return fmt.Errorf("input %v and weights %v are no images", x.shape, w.shape)
	}
	s, err := window(n, x, y, w.shape[2:])
	if err != nil {
		return err
	}
	if s.M != w.shape[0] || s.C/s.Groups != w.shape[1] {
		return fmt.Errorf("weights %v do not fit %d channels in %d groups", w.shape, s.C, s.Groups)
	}
	c, err := conv.New(s, w.floats())
	if err != nil {
		return err
	}
	b.packed += c.Bytes()
	b.multiplies(c.Variant(), c.MACs())
	bias := -1
	if v := n.arg(2); v != nil {
		if v.len() != s.M {
			return fmt.Errorf("bias %v of %d channels", v.shape, s.M)
		}
		bias = b.slot(v)
	}
	add := -1
	if v := n.arg(residual); v != nil {
		add = b.slot(v)
	}
	b.convolve(c, n.lo, n.hi, b.slot(y), b.slot(x), bias, add)
	return nil
}

// rowGrain keeps threads on different cache lines of the output.
const rowGrain = 16

// convolve adds the step of c; slots bias and add are −1 where there is none.
func (b *builder) convolve(c *conv.Conv, lo, hi float32, y, x, bias, add int) {
	e := b.env
	each := c.Scratch()
	scratch := b.scratch(4 * each * b.pool.Threads())
	eps := make([]gemm.Epilogue, b.pool.Threads())
	b.parallel((c.Pixels()+rowGrain-1)/rowGrain, c.MACs(), func(part, parts int) {
		ep := &eps[part]
		ep.Lo, ep.Hi = lo, hi
		if bias >= 0 {
			ep.Bias = view[float32](e, bias)
		}
		if add >= 0 {
			ep.Add = view[float32](e, add)
		}
		from, to := pool.Split(c.Pixels(), rowGrain, part, parts)
		c.Run(view[float32](e, y), view[float32](e, x), view[float32](e, scratch)[part*each:][:each], ep, from, to)
	})
}
