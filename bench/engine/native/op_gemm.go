package native

import (
	"fmt"

	"assay/bench/kernel/conv"
	"assay/bench/kernel/ew"
	"assay/bench/kernel/gemm"
	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 3, attrs: []string{"alpha", "beta", "broadcast", "transA", "transB"}, plan: planGemm}, "Gemm")
	register(opDef{min: 2, max: 2, plan: planMatMul}, "MatMul")
}

// A product is C = A·B in slots, split by rows among threads.
type product struct {
	m          int
	b          *gemm.B
	sparse     *conv.Conv // in the place of b
	y, x       int        // slots
	bias, add  int        // slots; −1 where there is none
	lo, hi     float32
	fill       int // the slot that holds an unpacked B; −1 if it is packed
	fillTrans  bool
	fillBuf    int // slot of the packed B, if fill ≥ 0
	xOff, yOff int // elements
	fillOff    int
}

// multiply adds the steps of p.
func (b *builder) multiply(p product) {
	e := b.env
	if p.sparse != nil {
		b.multiplies(p.sparse.Variant(), p.sparse.MACs())
		b.convolve(p.sparse, p.lo, p.hi, p.y, p.x, p.bias, p.add)
		return
	}
	b.multiplies(p.b.Variant(), int64(p.m)*int64(p.b.K)*int64(p.b.N))
	if p.fill >= 0 {
		b.step(func() {
			p.b.Fill(view[float32](e, p.fillBuf), view[float32](e, p.fill)[p.fillOff:][:p.b.K*p.b.N], p.fillTrans)
		})
	}
	eps := make([]gemm.Epilogue, b.pool.Threads())
	b.parallel((p.m+rowGrain-1)/rowGrain, int64(p.m)*int64(p.b.K)*int64(p.b.N), func(part, parts int) {
		ep := &eps[part]
		ep.Lo, ep.Hi = p.lo, p.hi
		from, to := pool.Split(p.m, rowGrain, part, parts)
		n, k := p.b.N, p.b.K
		if p.bias >= 0 {
			ep.Bias = view[float32](e, p.bias)
		}
		if p.add >= 0 {
			ep.Add = view[float32](e, p.add)[from*n:]
		}
		p.b.Mul(view[float32](e, p.y)[p.yOff+from*n:], n, gemm.A{Data: view[float32](e, p.x)[p.xOff+from*k:], Stride: k}, to-from, ep)
	})
}

// planGemm plans y = alpha·A'·B' + beta·C; alpha is folded into constant
// weights, beta into a constant C.
func planGemm(b *builder, n *node) error {
	x, w, c, y := n.in[0], n.in[1], n.arg(2), n.out[0]
	if err := want(tensor.Float32, x, w, c, y); err != nil {
		return err
	}
	if len(x.shape) != 2 || len(w.shape) != 2 || len(y.shape) != 2 {
		return fmt.Errorf("operands %v and %v are no matrices", x.shape, w.shape)
	}
	transA, transB := n.attrs.Int("transA", 0) != 0, n.attrs.Int("transB", 0) != 0
	m, k, cols := y.shape[0], x.shape[1], y.shape[1]
	if transA {
		k = x.shape[0]
	}
	if w.len() != k*cols || x.len() != m*k {
		return fmt.Errorf("operands %v and %v do not fit", x.shape, w.shape)
	}
	p := product{m: m, y: b.slot(y), x: b.slot(x), bias: -1, add: -1, fill: -1, lo: n.lo, hi: n.hi}
	alpha, beta := n.attrs.Float("alpha", 1), n.attrs.Float("beta", 1)
	if transA {
		p.x = b.transposed(x)
	}
	if w.konst {
		if err := b.pack(&p, scaled(w.floats(), alpha), k, cols, transB); err != nil {
			return err
		}
	} else {
		p.fill, p.fillTrans, p.fillBuf = b.slot(w), transB, b.scratch(4*gemm.PackedLen(k, cols))
		p.b = gemm.New(k, cols)
		if alpha != 1 {
			p.x = b.mapped(p.x, m*k, ew.Of(func(v float32) float32 { return alpha * v }))
		}
	}
	if c != nil && beta != 0 {
		if err := b.planC(&p, c, beta, m, cols); err != nil {
			return err
		}
	}
	b.multiply(p)
	return nil
}

// pack packs w, k×n or, where trans is set, n×k, as p's right factor, in the
// sparse form where that pays: as the weights of a pointwise convolution.
func (b *builder) pack(p *product, w []float32, k, n int, trans bool) (err error) {
	s := conv.Shape{N: 1, H: 1, W: p.m, C: k, M: n, OH: 1, OW: p.m, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1, Groups: 1}
	if s.Check() == nil && conv.Pruned(w) && !trans {
		trans, w = true, transpose(w, k, n)
	}
	if s.Check() == nil && conv.SparsePays(s, w) {
		p.sparse, err = conv.New(s, w)
		if err == nil {
			b.packed += p.sparse.Bytes()
		}
		return err
	}
	p.b = gemm.Pack(w, k, n, trans)
	b.packed += p.b.Bytes()
	return nil
}

// transpose returns w, k×n, as n×k.
func transpose(w []float32, k, n int) []float32 {
	out := make([]float32, 0, len(w))
	for j := range n {
		for i := range k {
			out = append(out, w[i*n+j])
		}
	}
	return out
}

func scaled(v []float32, alpha float32) []float32 {
	if alpha == 1 {
		return v
	}
	out := make([]float32, len(v))
	for i := range v {
		out[i] = alpha * v[i]
	}
	return out
}

// planC makes beta·C part of p: a bias where C is one row, else a matrix that
// is computed in each run.
func (b *builder) planC(p *product, c *value, beta float32, m, n int) error {
	rank := len(c.shape)
	if rank > 2 {
		return fmt.Errorf("addend C %v is no matrix", c.shape)
	}
	at := b.slot(c)
	if rank > 0 && c.shape[rank-1] == n && c.len() == n && beta == 1 {
		p.bias = at
		return nil
	}
	full := make([]int, 2)
	full[0], full[1] = m, n
	for i, d := range c.shape {
		if d != 1 && d != full[2-rank+i] {
			return fmt.Errorf("addend C %v does not broadcast to %v", c.shape, full)
		}
	}
	r := ew.NewBroadcast(full, c.shape, nil)
	e, out, scale := b.env, b.scratch(4*m*n), []float32{beta}
	b.step(func() { ew.Zip(r, ew.Mul, view[float32](e, out), view[float32](e, at), scale) })
	p.add = out
	return nil
}

// mapped adds a step that computes f of each of n floats into scratch.
func (b *builder) mapped(x, n int, f ew.Unary) int {
	e, out := b.env, b.scratch(4*n)
	b.step(func() { ew.Map(view[float32](e, out), view[float32](e, x)[:n], f) })
	return out
}

// transposed adds a step that transposes matrix x into scratch.
func (b *builder) transposed(x *value) int {
	e, in, out := b.env, b.slot(x), b.scratch(x.bytes())
	rows, cols := x.shape[0], x.shape[1]
	b.step(func() {
		dst, src := view[float32](e, out), view[float32](e, in)
		for i := range rows {
			for j := range cols {
				dst[j*rows+i] = src[i*cols+j]
			}
		}
	})
	return out
}

// planMatMul plans NumPy's matmul: matrices in the last two dimensions, the
// others broadcast.
func planMatMul(b *builder, n *node) error {
	x, w, y := n.in[0], n.in[1], n.out[0]
	if err := want(tensor.Float32, x, w, y); err != nil {
		return err
	}
	s, err := batches(x.shape, w.shape, y.len())
	if err != nil {
		return err
	}
	p := product{m: s.m, y: b.slot(y), x: b.slot(x), bias: -1, add: -1, fill: -1, lo: -inf, hi: inf}
	if w.konst && w.len() == s.k*s.n { // one matrix of weights for all rows
		p.m *= len(s.x)
		if err := b.pack(&p, w.floats(), s.k, s.n, false); err != nil {
			return err
		}
		b.multiply(p)
		return nil
	}
	p.fill, p.fillBuf = b.slot(w), b.scratch(4*gemm.PackedLen(s.k, s.n))
	p.b = gemm.New(s.k, s.n)
	for i := range s.x {
		q := p
		q.xOff, q.fillOff, q.yOff = s.x[i]*s.m*s.k, s.w[i]*s.k*s.n, i*s.m*s.n
		b.multiply(q)
	}
	return nil
}

// A batching is a matmul as pairs of matrices: x[i] (m×k) by w[i] (k×n).
type batching struct {
	m, k, n int
	x, w    []int // which matrix of each operand, per pair
}

// maxPairs bounds the steps that one batched MatMul becomes.
const maxPairs = 1 << 16

func batches(x, w []int, elements int) (batching, error) {
	var s batching
	if len(x) == 0 || len(w) == 0 {
		return s, fmt.Errorf("operands %v and %v: scalars have no matrix product", x, w)
	}
	if len(x) == 1 {
		x = []int{1, x[0]}
	}
	if len(w) == 1 {
		w = []int{w[0], 1}
	}
	s.m, s.k, s.n = x[len(x)-2], x[len(x)-1], w[len(w)-1]
	if w[len(w)-2] != s.k {
		return s, fmt.Errorf("operands %v and %v do not fit", x, w)
	}
	bx, bw := x[:len(x)-2], w[:len(w)-2]
	shape := make([]int, max(len(bx), len(bw)))
	pairs := 1
	for i := range shape {
		shape[i] = 1
		for _, o := range [][]int{bx, bw} {
			if j := i - len(shape) + len(o); j >= 0 && o[j] != 1 {
				shape[i] = o[j]
			}
		}
		pairs *= shape[i]
	}
	if pairs > maxPairs || pairs*s.m*s.n != elements {
		return s, fmt.Errorf("operands %v and %v: too many matrices, or they do not broadcast", x, w)
	}
	for i := range pairs {
		s.x = append(s.x, pick(i, shape, bx))
		s.w = append(s.w, pick(i, shape, bw))
	}
	return s, nil
}

// pick returns which matrix of an operand with batch dimensions own belongs
// to index i of the broadcast shape.
func pick(i int, shape, own []int) int {
	at, step := 0, 1
	for d := len(shape) - 1; d >= 0; d-- {
		j := d - len(shape) + len(own)
		if j >= 0 {
			if own[j] != 1 {
				at += i % shape[d] * step
			}
			step *= own[j]
		}
		i /= max(shape[d], 1)
	}
	return at
}
