package compress

import (
	"testing"

	"assay/models/tensor"
)

// TestSmooth gives a layer normalisation a channel of large scale, as trained
// transformers have, and wants the same outputs, and more of them after 8 bits.
func TestSmooth(t *testing.T) {
	b := newNet(-1, 16)
	g := b.random("g", 1, 16)
	b.random("gb", 0.1, 16)
	g[3], g[9] = 60, -45
	b.node("LayerNormalization", "n", []string{"x", "g", "gb"})
	b.m.Opsets[0].Version = 17
	w1, w2 := b.random("w1", 1, 16, 12), b.random("w2", 1, 16, 12)
	for i := range w1 { // rows of the outliers are small, as trained ones are
		if k := i / 12; k == 3 || k == 9 {
			w1[i] /= 50
			w2[i] /= 50
		}
	}
	b.node("MatMul", "p", []string{"n", "w1"})
	b.node("MatMul", "q", []string{"n", "w2"})
	b.node("Add", "y", []string{"p", "q"})
	m, opt := b.output("y"), options()
	opt.Calibration = sets(8, 16, 16)
	y := run(t, m, "y", opt)
	out, r := apply(t, "smoothed", m, opt)
	if got := sqnr(y, run(t, out, "y", opt)); got < 100 {
		t.Errorf("smoothed keeps %.1f dB", got)
	}
	changed := 0
	for _, n := range r.Nodes {
		if n.Changed {
			changed++
		}
	}
	if changed != 2 {
		t.Errorf("%d matrices are smoothed, want 2", changed)
	}
	plain, _ := apply(t, "int8-qdq", m, opt)
	both, _ := apply(t, "smoothed+int8-qdq", m, opt)
	a, c := sqnr(y, run(t, plain, "y", opt)), sqnr(y, run(t, both, "y", opt))
	if c < a+3 {
		t.Errorf("8 bits keep %.1f dB, smoothed before %.1f", a, c)
	}
	tensor.Of[float32](m.Graph.Initializer("g").Tensor)[0] = 0 // a channel that is constant
	clear(tensor.Of[float32](m.Graph.Initializer("gb").Tensor)[:1])
	out, _ = apply(t, "smoothed", m, opt)
	if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < 100 {
		t.Errorf("with a dead channel smoothed keeps %.1f dB", got)
	}
}
