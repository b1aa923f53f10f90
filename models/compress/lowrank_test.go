package compress

import (
	"math"
	"slices"
	"testing"

	"assay/models/onnx"
)

// TestLowRank builds layers whose weights have rank 2 exactly and wants them
// split without loss.
func TestLowRank(t *testing.T) {
	low := func(v []float32, rows, cols int, b *net) {
		for i := range v {
			v[i] = 0
		}
		for range 2 {
			p, q := make([]float64, rows), make([]float64, cols)
			for i := range p {
				p[i] = b.r.NormFloat64()
			}
			for i := range q {
				q[i] = b.r.NormFloat64()
			}
			for i := range v {
				v[i] += float32(p[i/cols] * q[i%cols])
			}
		}
	}
	b := newNet()
	w := b.random("w", 1, 8, 2, 3, 3)
	m := make([]float32, len(w))
	low(m, 8*3, 2*3, b) // (output, x) × (input, y)
	for i := range w {
		x, y, in, out := i%3, i/3%3, i/9%2, i/18
		w[i] = m[(out*3+x)*6+in*3+y]
	}
	b.random("bias", 1, 8)
	b.node("Conv", "c", []string{"x", "w", "bias"}, onnx.IntsAttr("strides", 2, 1), onnx.IntsAttr("pads", 1, 0, 1, 2))
	low(b.random("v", 1, 12, 8, 1, 1), 12, 8, b)
	b.node("Conv", "d", []string{"c", "v"}, onnx.IntsAttr("strides", 1, 2))
	b.node("GlobalAveragePool", "p", []string{"d"})
	b.node("Flatten", "f", []string{"p"})
	low(b.random("g", 1, 10, 12), 10, 12, b)
	b.random("gb", 1, 10)
	b.node("Gemm", "h", []string{"f", "g", "gb"}, onnx.IntAttr("transB", 1))
	low(b.random("k", 1, 10, 9), 10, 9, b)
	b.node("MatMul", "y", []string{"h", "k"})
	model := b.output("y")
	out, r := apply(t, "low-rank-99.99", model, options())
	if got := ops(out); !slices.Equal(got, []string{"Conv", "Conv", "Conv", "Conv", "GlobalAveragePool", "Flatten", "MatMul", "Gemm", "MatMul", "MatMul"}) {
		t.Errorf("%v", got)
	}
	if got := sqnr(run(t, model, "y", options()), run(t, out, "y", options())); got < 90 {
		t.Errorf("%.1f dB", got)
	}
	for _, n := range r.Nodes {
		if n.Before > 0 && n.After >= n.Before {
			t.Errorf("%+v", n)
		}
	}
	_, r = apply(t, "low-rank-99", wideNet(), options()) // random weights have full rank
	if why := r.Idle(); why == "" {
		t.Error("a random layer was split at 99 % of its energy")
	}
}

// TestEnergy holds the report's SQNR to the weights: the energy that is lost.
func TestEnergy(t *testing.T) {
	b := newNet(-1, 20)
	v := b.random("w", 1, 20, 30)
	m := make([]float64, len(v))
	for i, x := range v {
		m[i] = float64(x)
	}
	f, err := decompose(m, 20, 30, 0.6)
	if err != nil {
		t.Fatal(err)
	}
	var lost, total float64
	for i := range m {
		e := m[i]
		for k := range f.rank {
			e -= f.second[i/30*f.rank+k] * f.first[k*30+i%30]
		}
		lost, total = lost+e*e, total+m[i]*m[i]
	}
	if kept := 1 - lost/total; math.Abs(kept-f.kept) > 1e-9 || kept < 0.6 {
		t.Errorf("keeps %g, says %g", kept, f.kept)
	}
}
