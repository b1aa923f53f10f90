package compress

import (
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// uneven returns conv → clamp → depthwise → clamp → conv whose channels have
// weights of ranges from 1 to 1/128 and back, as batch normalisation leaves them (Nagel et
// al., 2019, figure 2).
func uneven(clamp string) *onnx.Model {
	b := newNet()
	b.conv("a", "x", 2, 8)
	b.m.Graph.AddInitializer("zero", tensor.From(tensor.Float32, []float32{0}))
	b.m.Graph.AddInitializer("six", tensor.From(tensor.Float32, []float32{6}))
	in := func(s string) []string {
		if clamp == "Clip" {
			return []string{s, "zero", "six"}
		}
		return []string{s}
	}
	b.node(clamp, "ar", in("a"))
	b.random("d.w", 1, 8, 1, 3, 3)
	b.random("d.b", 0.5, 8)
	b.node("Conv", "d", []string{"ar", "d.w", "d.b"}, onnx.IntAttr("group", 8), onnx.IntsAttr("pads", 1, 1, 1, 1))
	b.node(clamp, "dr", in("d"))
	b.conv("y", "dr", 8, 4)
	m := b.output("y")
	for c := range 8 {
		s := float32(int(1) << c)
		for name, f := range map[string]float32{"a.w": 1 / s, "a.b": 1 / s, "d.w": s} {
			t := m.Graph.Initializer(name)
			v := tensor.Of[float32](t.Tensor)
			k := len(v) / 8
			for i := c * k; i < (c+1)*k; i++ {
				v[i] *= f
			}
		}
	}
	return m
}

// TestEqualize wants the same outputs as before, but for rounding to float32,
// and far less lost by one scale per tensor.
func TestEqualize(t *testing.T) {
	for _, clamp := range []string{"Relu", "Clip"} {
		m, opt := uneven(clamp), options()
		opt.PerTensor = true
		y := run(t, m, "y", opt)
		even, r := apply(t, "equalized", m, opt)
		if got := sqnr(y, run(t, even, "y", opt)); got < 110 {
			t.Errorf("%s: equalized keeps %.1f dB", clamp, got)
		}
		for _, n := range r.Nodes {
			if n.Op == "Conv" && !n.Changed {
				t.Errorf("%s: %s: %s", clamp, n.Name, n.Reason)
			}
		}
		naive, _ := apply(t, "int8-qdq", m, opt)
		both, _ := apply(t, "equalized+int8-qdq", m, opt)
		a, b := sqnr(y, run(t, naive, "y", opt)), sqnr(y, run(t, both, "y", opt))
		if b < a+2 {
			t.Errorf("%s: per tensor keeps %.1f dB, equalized before %.1f", clamp, a, b)
		}
	}
}

// TestEqualizeWithoutData leaves layers with a Clip between them alone.
func TestEqualizeWithoutData(t *testing.T) {
	opt := options()
	opt.Calibration = nil
	_, r := apply(t, "equalized", uneven("Clip"), opt)
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0].Error(), "only calibration data tell") {
		t.Errorf("warnings %v", r.Warnings)
	}
}

// TestCorrections wants bias correction and adaptive rounding each to keep more
// of the outputs of nets quantized per tensor, summed over nets.
func TestCorrections(t *testing.T) {
	sum := map[string]float64{}
	for seed := range uint64(4) {
		m := chain(seed, 2)
		y := run(t, m, "y", options())
		for name, set := range map[string]Settings{
			"nearest": {}, "bias": {CorrectBias: true}, "adaptive": {Rounding: "adaptive"}, "both": {CorrectBias: true, Rounding: "adaptive"},
		} {
			opt := options()
			opt.Settings = set
			out, _ := apply(t, "int8-qdq", m, opt)
			sum[name] += sqnr(y, run(t, out, "y", opt)) / 4
		}
	}
	if sum["adaptive"] < sum["nearest"]+0.5 || sum["bias"] < sum["nearest"]-0.05 || sum["both"] < sum["adaptive"]-0.1 {
		t.Errorf("mean SQNR in dB: %v", sum)
	}
}

// TestDescend compares the rounding with the best of all 2⁸, found by trying
// them.
func TestDescend(t *testing.T) {
	b := newNet()
	r := b.r
	gained, possible := 0.0, 0.0
	for range 40 {
		const n = 8
		h := make([]float64, n*n)
		for range 12 { // samples of correlated inputs
			x := make([]float64, n)
			for i := range x {
				if x[i] = r.NormFloat64(); i > 0 {
					x[i] += x[i-1]
				}
			}
			for i := range h {
				h[i] += x[i/n] * x[i%n]
			}
		}
		w, q := make([]float64, n), make([]int, n)
		for i := range w {
			w[i] = 20 * (2*r.Float64() - 1)
			q[i] = int(w[i]+64.5) - 64
		}
		cost := func(q []int) float64 {
			sum := 0.0
			for i := range h {
				sum += h[i] * (float64(q[i/n]) - w[i/n]) * (float64(q[i%n]) - w[i%n])
			}
			return sum
		}
		near := cost(q)
		descend(q, w, 1, h, 64)
		got, best := cost(q), near
		for mask := range 1 << n {
			p := make([]int, n)
			for i := range p {
				p[i] = int(w[i]+64) - 64 + mask>>i&1
			}
			best = min(best, cost(p))
		}
		if got > near+1e-9 {
			t.Errorf("descent ends at %g, above rounding to nearest at %g", got, near)
		}
		gained, possible = gained+near-got, possible+near-best
	}
	if gained < possible/2 { // one move at a time ends in local minima
		t.Errorf("descents gain %g of %g", gained, possible)
	}
}

// TestPerTensor wants a scalar scale on every weight.
func TestPerTensor(t *testing.T) {
	opt := options()
	opt.PerTensor = true
	out, _ := apply(t, "int8-qdq", wideNet(), opt)
	for _, n := range out.Graph.Nodes {
		if n.Op == "DequantizeLinear" && len(out.Graph.Initializer(n.Inputs[1]).Shape) > 0 {
			t.Errorf("%s has scales %v", n.Outputs[0], out.Graph.Initializer(n.Inputs[1]).Shape)
		}
	}
}
