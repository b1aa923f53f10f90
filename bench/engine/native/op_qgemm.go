package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/pool"
	"assay/bench/kernel/qgemm"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 4, plan: planMatMulInteger}, "MatMulInteger")
	register(opDef{min: 8, max: 8, plan: planQLinearMatMul}, "QLinearMatMul")
	registerIn(microsoft, opDef{min: 6, max: 9, attrs: []string{"alpha", "transA", "transB"}, plan: planQGemm}, "QGemm")
}

// packMatrix packs constant weights w, k×n or n×k, for rows of x.
func packMatrix(x, w, zero *value, trans bool) (p *qgemm.B, rows int, err error) {
	if len(w.shape) != 2 || len(x.shape) < 1 {
		return nil, 0, fmt.Errorf("operands %v and %v: %w (rows by one matrix are)", x.shape, w.shape, errors.ErrUnsupported)
	}
	k, n := w.shape[0], w.shape[1]
	if trans {
		k, n = n, k
	}
	if k == 0 || x.shape[len(x.shape)-1] != k {
		return nil, 0, fmt.Errorf("operands %v and %v do not fit", x.shape, w.shape)
	}
	v, zeros, err := signed(w, zero, n)
	if err != nil {
		return nil, 0, err
	}
	return qgemm.Pack(v, k, n, trans, zeros), x.len() / k, nil
}

// multiplyInt adds a step that calls run for blocks of rows of x with their
// sums in int32.
func (b *builder) multiplyInt(p *qgemm.B, rows int, x *value, zero func() int32, run func(e *env, sums []int32, first int)) {
	e, in, threads := b.env, b.slot(x), b.pool.Threads()
	pairLen, block := qgemm.ScratchLen(p.K), qgemm.RowBlock*p.N
	pairs, sums := b.scratch(8*pairLen*threads), b.scratch(4*block*threads)
	isSigned := x.typ == tensor.Int8
	b.packed += p.Bytes()
	b.multiplies(p.Variant(), int64(rows)*int64(p.K)*int64(p.N))
	b.parallel((rows+rowGrain-1)/rowGrain, int64(rows)*int64(p.K)*int64(p.N), func(part, parts int) {
		scratch := view[int64](e, pairs)[part*pairLen:][:pairLen]
		acc := view[int32](e, sums)[part*block:][:block]
		from, to := pool.Split(rows, rowGrain, part, parts)
		for i := from; i < to; i += qgemm.RowBlock {
			m := min(qgemm.RowBlock, to-i)
			p.Mul(acc, p.N, qgemm.Matrix{Data: e.buf[in][i*p.K:], Stride: p.K, Signed: isSigned, Zero: zero()}, m, scratch)
			run(e, acc[:m*p.N], i)
		}
	})
}

func planMatMulInteger(b *builder, n *node) error {
	if err := want(tensor.Int32, n.out[0]); err != nil {
		return err
	}
	out := b.slot(n.out[0])
	return b.matMulInteger(n, func(p *qgemm.B) (func(e *env, sums []int32, first int), error) {
		return func(e *env, sums []int32, first int) { copy(view[int32](e, out)[first*p.N:], sums) }, nil
	})
}

// matMulInteger plans a product of n's first four inputs whose sums finish
// says what to do with.
func (b *builder) matMulInteger(n *node, finish func(p *qgemm.B) (func(e *env, sums []int32, first int), error)) error {
	x := n.in[0]
	if x.typ != tensor.Int8 && x.typ != tensor.Uint8 {
		return want(tensor.Uint8, x)
	}
	if !n.in[1].konst || len(n.in[1].shape) != 2 {
		return planMatMulIntegerAny(b, n)
	}
	p, rows, err := packMatrix(x, n.in[1], n.arg(3), false)
	if err != nil {
		return err
	}
	zero, err := b.zeroPoint(x, n.arg(2))
	if err != nil {
		return err
	}
	run, err := finish(p)
	if err != nil {
		return err
	}
	b.multiplyInt(p, rows, x, zero, run)
	return nil
}

// planQLinearMatMul plans a, a_scale, a_zero, b, b_scale, b_zero, y_scale,
// y_zero.
func planQLinearMatMul(b *builder, n *node) error {
	if !n.in[3].konst || len(n.in[3].shape) != 2 || !n.in[1].konst || !n.in[4].konst || !n.in[6].konst {
		return planQLinearMatMulAny(b, n)
	}
	return b.quantizedProduct(n, nil, n.in[6], n.in[7], false)
}

// planQGemm plans a, a_scale, a_zero, b, b_scale, b_zero, then optionally C in
// int32, y_scale and y_zero; without y_scale the output is float32. Also what
// the QDQ pass makes of Gemm and MatMul.
func planQGemm(b *builder, n *node) error {
	if n.attrs.Int("transA", 0) != 0 || n.attrs.Float("alpha", 1) != 1 {
		return fmt.Errorf("transA or alpha: %w (neither is)", errors.ErrUnsupported)
	}
	return b.quantizedProduct(n, n.arg(6), n.arg(7), n.arg(8), n.attrs.Int("transB", 0) != 0)
}

func (b *builder) quantizedProduct(n *node, bias, scale, zero *value, trans bool) error {
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
	if scale != nil {
		g, err := tensorGrid(y.typ, scale, zero)
		if err != nil {
			return err
		}
		gy = &g
	}
	p, rows, err := packMatrix(x, n.in[3], n.in[5], trans)
	if err != nil {
		return err
	}
	f, err := b.newFinish(n, gx, gw, gy, bias, p.N)
	if err != nil {
		return err
	}
	if y.len() != rows*p.N {
		return fmt.Errorf("output %v for %d rows of %d", y.shape, rows, p.N)
	}
	b.multiplyInt(p, rows, x, func() int32 { return gx.zero[0] }, func(e *env, sums []int32, first int) {
		f.rows(e, sums, first)
	})
	return nil
}
