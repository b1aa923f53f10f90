package native

import (
	"fmt"

	"assay/bench/kernel/pool"
	"assay/bench/kernel/qconv"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 8, max: 9, attrs: windowAttrs, plan: planQLinearConv}, "QLinearConv")
	register(opDef{min: 2, max: 4, attrs: windowAttrs, plan: planConvInteger}, "ConvInteger")
}

// packConv packs the weights of an integer convolution of image x.
func packConv(n *node, x, w, zero *value) (*qconv.Conv, error) {
	if !n.last || len(w.shape) < 3 {
		return nil, fmt.Errorf("input %v and weights %v are no images", x.shape, w.shape)
	}
	s, err := window(n, x, n.out[0], w.shape[2:])
	if err != nil {
		return nil, err
	}
	if s.M != w.shape[0] || s.C/s.Groups != w.shape[1] {
		return nil, fmt.Errorf("weights %v do not fit %d channels in %d groups", w.shape, s.C, s.Groups)
	}
	v, zeros, err := signed(w, zero, s.M)
	if err != nil {
		return nil, err
	}
	return qconv.New(s, v, zeros)
}

// planQLinearConv plans QLinearConv, and what the QDQ pass makes of a Conv:
// then the output may be float32 (without a scale) and bounded.
func planQLinearConv(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	gx, err := tensorGrid(x.typ, n.in[1], n.in[2])
	if err != nil {
		return err
	}
	gw, err := gridOf(n.in[3].typ, n.in[4], n.in[5])
	if err != nil {
		return err
	}
	var gy *grid
	if n.in[6] != nil {
		g, err := tensorGrid(y.typ, n.in[6], n.in[7])
		if err != nil {
			return err
		}
		gy = &g
	}
	c, err := packConv(n, x, n.in[3], n.in[5])
	if err != nil {
		return err
	}
	f, err := b.newFinish(n, gx, gw, gy, n.arg(8), c.M)
	if err != nil {
		return err
	}
	b.packed += c.Bytes()
	b.multiplies(c.Variant(), c.MACs())
	b.convolveInt(c, x, func() int32 { return gx.zero[0] }, func(e *env, sums []int32, p int) { f.rows(e, sums, p) })
	return nil
}

// convolveInt adds a step that hands the sums of c's pixels to done, some
// pixels at a time, by threads at once. zero returns the zero point of x when
// the step runs.
func (b *builder) convolveInt(c *qconv.Conv, x *value, zero func() int32, done func(e *env, sums []int32, p int)) {
	e, in, threads := b.env, b.slot(x), b.pool.Threads()
	bytes, pairs, sums := b.scratch(c.BytesLen()*threads), b.scratch(8*c.PairsLen()*threads), b.scratch(4*c.SumsLen()*threads)
	scratch := make([]qconv.Scratch, threads)
	isSigned := x.typ == tensor.Int8
	finish := func(sums []int32, p int) { done(e, sums, p) }
	b.parallel((c.Pixels()+rowGrain-1)/rowGrain, c.MACs(), func(part, parts int) {
		s := &scratch[part]
		s.Bytes = e.buf[bytes][part*c.BytesLen():][:c.BytesLen()]
		s.Pairs = view[int64](e, pairs)[part*c.PairsLen():][:c.PairsLen()]
		s.Sums = view[int32](e, sums)[part*c.SumsLen():][:c.SumsLen()]
		from, to := pool.Split(c.Pixels(), rowGrain, part, parts)
		c.Run(qconv.Input{Data: e.buf[in], Signed: isSigned, Zero: zero()}, s, from, to, finish)
	})
}

// planConvInteger plans ConvInteger: sums in int32, the zero point of x
// perhaps computed by the model.
func planConvInteger(b *builder, n *node) error {
	if err := want(tensor.Int32, n.out[0]); err != nil {
		return err
	}
	out := b.slot(n.out[0])
	return b.convInteger(n, func(c *qconv.Conv) (func(e *env, sums []int32, p int), error) {
		return func(e *env, sums []int32, p int) { copy(view[int32](e, out)[p*c.M:], sums) }, nil
	})
}

// convInteger plans a convolution of n's first four inputs whose sums finish
// says what to do with.
func (b *builder) convInteger(n *node, finish func(c *qconv.Conv) (func(e *env, sums []int32, p int), error)) error {
	x := n.in[0]
	if x.typ != tensor.Int8 {
		if err := want(tensor.Uint8, x); err != nil {
			return err
		}
	}
	if !n.last {
		return planSliding(b, n)
	}
	c, err := packConv(n, x, n.in[1], n.arg(3))
	if err != nil {
		return err
	}
	zero, err := b.zeroPoint(x, n.arg(2))
	if err != nil {
		return err
	}
	done, err := finish(c)
	if err != nil {
		return err
	}
	b.packed += c.Bytes()
	b.multiplies(c.Variant(), c.MACs())
	b.convolveInt(c, x, zero, done)
	return nil
}

// zeroPoint returns how to read the zero point of x in a run.
func (b *builder) zeroPoint(x, zero *value) (func() int32, error) {
	if zero == nil {
		return func() int32 { return 0 }, nil
	}
	if zero.len() != 1 || zero.typ != x.typ {
		return nil, fmt.Errorf("zero point %v%v of activations %v: one of the same type is wanted", zero.typ, zero.shape, x.typ)
	}
	e, at, isSigned := b.env, b.slot(zero), x.typ == tensor.Int8
	return func() int32 {
		v := e.buf[at][0]
		if isSigned {
			return int32(int8(v))
		}
		return int32(v)
	}, nil
}
