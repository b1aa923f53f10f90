package native

import (
	"fmt"

	"assay/bench/kernel/ew"
	"assay/bench/kernel/gemm"
	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

func init() {
	registerIn(internal, opDef{min: 4, max: 4, plan: planAttention}, "Attention")
}

// scoreRows is how many rows of scores are computed at once: for 512 keys they
// take 64 KB, which L2 holds beside the keys and values of a head. It is a
// multiple of every kernel's rows but little more than two of the largest.
const scoreRows = 32

// An attending is one Attention: for each head softmax(q·k·scale + mask)·v, with
// q rows×d, k d×keys, v keys×width, and a mask of one row of keys, for each
// index of the first dimension where it has several.
type attending struct {
	heads, rows, d, keys, width int
	q, k, v, mask, y            int // slots; mask −1 without one
	masked                      int // heads that share a row of the mask
	scale                       float32
	packed                      []thread
}

// A thread is what one thread works with: packed keys and values, a block of
// scaled queries and of scores, each with its slot.
type thread struct {
	k, v         *gemm.B
	kBuf, vBuf   int
	scaled, rows int
	none, bias   gemm.Epilogue
}

func planAttention(b *builder, n *node) error {
	q, k, v, mask, y := n.in[0], n.in[1], n.in[2], n.in[3], n.out[0]
	if err := want(tensor.Float32, q, k, v, mask, y); err != nil {
		return err
	}
	rank := len(q.shape)
	a := &attending{heads: 1, rows: q.shape[rank-2], d: q.shape[rank-1], keys: k.shape[rank-1], width: v.shape[rank-1], mask: -1, scale: n.scale}
	for _, d := range q.shape[:rank-2] {
		a.heads *= d
	}
	if k.shape[rank-2] != a.d || v.shape[rank-2] != a.keys || y.len() != a.heads*a.rows*a.width {
		return fmt.Errorf("queries %v, keys %v and values %v", q.shape, k.shape, v.shape)
	}
	a.q, a.k, a.v, a.y, a.masked = b.slot(q), b.slot(k), b.slot(v), b.slot(y), a.heads
	if mask != nil {
		a.mask = b.slot(mask)
		a.masked = a.heads / (mask.len() / a.keys)
	}
	for range b.pool.Threads() {
		a.packed = append(a.packed, thread{
			k: gemm.New(a.d, a.keys), v: gemm.New(a.keys, a.width),
			kBuf: b.scratch(4 * gemm.PackedLen(a.d, a.keys)), vBuf: b.scratch(4 * gemm.PackedLen(a.keys, a.width)),
			scaled: b.scratch(4 * scoreRows * a.d), rows: b.scratch(4 * scoreRows * a.keys),
			none: gemm.None(), bias: gemm.None(),
		})
	}
	work := int64(a.heads) * int64(a.rows) * int64(a.keys) * int64(a.d+a.width)
	b.multiplies(a.packed[0].k.Variant(), work)
	e := b.env
	b.parallel(a.heads, work, func(part, parts int) {
		from, to := pool.Split(a.heads, 1, part, parts)
		for h := from; h < to; h++ {
			a.head(e, &a.packed[part], h)
		}
	})
	return nil
}

// head computes head h. It does not allocate.
func (a *attending) head(e *env, t *thread, h int) {
	t.k.Fill(view[float32](e, t.kBuf), view[float32](e, a.k)[h*a.d*a.keys:][:a.d*a.keys], false)
	t.v.Fill(view[float32](e, t.vBuf), view[float32](e, a.v)[h*a.keys*a.width:][:a.keys*a.width], false)
	q, y := view[float32](e, a.q)[h*a.rows*a.d:][:a.rows*a.d], view[float32](e, a.y)[h*a.rows*a.width:][:a.rows*a.width]
	scaled, scores := view[float32](e, t.scaled), view[float32](e, t.rows)
	if a.mask >= 0 {
		t.bias.Bias = view[float32](e, a.mask)[h/a.masked*a.keys:][:a.keys]
	}
	for i := 0; i < a.rows; i += scoreRows {
		m := min(scoreRows, a.rows-i)
		block := scaled[:m*a.d]
		ew.Scale(block, q[i*a.d:], a.scale)
		t.k.Mul(scores, a.keys, gemm.A{Data: block, Stride: a.d}, m, &t.bias)
		s := scores[:m*a.keys]
		ew.Softmax(s, s, a.keys, false)
		t.v.Mul(y[i*a.width:], a.width, gemm.A{Data: s, Stride: a.keys}, m, &t.none)
	}
}
