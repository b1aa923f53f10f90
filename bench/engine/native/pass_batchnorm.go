package native

import (
	"math"
)

// foldBatchNorm folds BatchNormalization into the Conv or Gemm before it,
// where that has no other reader: w' = w·a and b' = (b − mean)·a + bias with
// a = scale/√(var + ε) per output channel (Jacob et al. 2018, §3.2).
func foldBatchNorm(g *graph) error {
	uses := g.uses()
	same := map[*value]*value{}
	for _, n := range g.nodes {
		if !n.is("BatchNormalization") {
			continue
		}
		by := n.in[0].by
		if by == nil || uses[n.in[0]] != 1 || !by.is("Conv", "Gemm") || by.clamps() {
			continue
		}
		scale, shift, ok := affine(n)
		if ok && scaleOutputs(by, scale, shift) {
			by.absorb(n)
			same[n.out[0]] = n.in[0]
		}
	}
	g.replace(same)
	return nil
}

// affine returns a BatchNormalization as y = x·scale + shift per channel;
// false where its parameters are not constant.
func affine(n *node) (scale, shift []float32, ok bool) {
	gamma, beta, mean, variance := n.in[1].floats(), n.in[2].floats(), n.in[3].floats(), n.in[4].floats()
	c := len(gamma)
	if c == 0 || len(beta) != c || len(mean) != c || len(variance) != c {
		return nil, nil, false
	}
	eps := float64(n.attrs.Float("epsilon", 1e-5))
	for i := range c {
		a := float64(gamma[i]) / math.Sqrt(float64(variance[i])+eps)
		scale = append(scale, float32(a))
		shift = append(shift, float32(float64(beta[i])-float64(mean[i])*a))
	}
	return scale, shift, true
}

// scaleOutputs folds y·scale + shift into n's constant weights; false where
// they are not constant or the Gemm is not a plain x·W + b.
func scaleOutputs(n *node, scale, shift []float32) bool {
	w := n.in[1].floats()
	c := len(scale)
	if w == nil || len(w)%c != 0 {
		return false
	}
	stride, inner := 1, len(w)/c // channel of w[i] is i/inner, or i%c for an untransposed Gemm
	if n.op == "Gemm" {
		if n.attrs.Float("alpha", 1) != 1 || n.attrs.Float("beta", 1) != 1 {
			return false
		}
		if n.attrs.Int("transB", 0) == 0 {
			stride, inner = c, 1
		}
	}
	bias := make([]float32, c)
	if v := n.arg(2); v != nil {
		b := v.floats()
		if len(b) != c || n.op == "Gemm" && v.shape[len(v.shape)-1] != c {
			return false
		}
		copy(bias, b)
	}
	out := make([]float32, len(w))
	for i, v := range w {
		ch := i / inner
		if stride != 1 {
			ch = i % c
		}
		out[i] = v * scale[ch]
	}
	for i := range bias {
		bias[i] = bias[i]*scale[i] + shift[i]
	}
	n.in = append(n.in[:min(len(n.in), 2):2], constant(n.name+" bias", bias, c))
	n.in[1] = constant(n.in[1].name, out, n.in[1].shape...)
	return true
}
