package native

import (
	"math"
	"slices"

	"assay/models/tensor"
)

// bounds returns the clamp that n is: Relu, or Clip with constant bounds.
func bounds(n *node) (lo, hi float32, ok bool) {
	lo, hi = float32(math.Inf(-1)), float32(math.Inf(1))
	switch {
	case n.is("Relu"):
		return 0, hi, true
	case !n.is("Clip"):
		return 0, 0, false
	case n.opset < 11:
		return n.attrs.Float("min", lo), n.attrs.Float("max", hi), true
	}
	for i, p := range []*float32{&lo, &hi} {
		if v := n.arg(i + 1); v != nil {
			f := v.floats()
			if len(f) != 1 {
				return 0, 0, false
			}
			*p = f[0]
		}
	}
	return lo, hi, true
}

// fuseActivations folds Relu and Clip into the operator before them, where
// that can clamp and nothing else reads its result.
func fuseActivations(g *graph) error {
	uses := g.uses()
	same := map[*value]*value{}
	for _, n := range g.nodes {
		lo, hi, ok := bounds(n)
		if !ok || n.in[0].by == nil || !(lo <= hi) {
			continue
		}
		x := n.in[0]
		for same[x] != nil { // Clip after a Relu that was just fused
			x = same[x]
		}
		by := x.by
		if uses[n.in[0]] != 1 || !clampable(by) || x.typ != tensor.Float32 {
			continue
		}
		if hi < by.lo || lo > by.hi {
			continue
		}
		by.lo, by.hi = max(by.lo, lo), min(by.hi, hi)
		by.absorb(n)
		same[n.out[0]] = x
	}
	g.replace(same)
	return nil
}

// clampable reports whether n's plan bounds its results.
func clampable(n *node) bool {
	return n.is("Conv", "Gemm", "Add", "QLinearConv") || n.domain == microsoft && n.op == "QGemm" ||
		n.domain == internal && (n.op == "ConvInteger" || n.op == "MatMulInteger")
}

// residual is the index of the tensor that a Conv adds to its result before
// the activation: an input that only fuseResiduals gives.
const residual = 3

// fuseResiduals folds an Add into the Conv that computes one of its operands,
// the later one where both do: the other operand is known by then.
func fuseResiduals(g *graph) error {
	uses := g.uses()
	at := make(map[*node]int, len(g.nodes))
	for i, n := range g.nodes {
		at[n] = i
	}
	same := map[*value]*value{}
	for _, n := range g.nodes {
		if !n.is("Add") || n.in[0] == n.in[1] || n.clamps() {
			continue
		}
		for k := range 2 {
			x, other := n.in[k], n.in[1-k]
			for same[x] != nil {
				x = same[x]
			}
			for same[other] != nil {
				other = same[other]
			}
			if x.by == nil || !x.by.is("Conv") || uses[n.in[k]] != 1 || len(x.by.in) > residual || x.by.clamps() {
				continue
			}
			if !slices.Equal(x.shape, other.shape) || !slices.Equal(x.shape, n.out[0].shape) || other.by != nil && at[other.by] > at[x.by] {
				continue
			}
			for len(x.by.in) < residual {
				x.by.in = append(x.by.in, nil)
			}
			x.by.in = append(x.by.in, other)
			x.by.absorb(n)
			same[n.out[0]] = x
			break
		}
	}
	g.replace(same)
	return nil
}
