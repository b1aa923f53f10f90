package compress

import (
	"math"
	"slices"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// words returns ids [N 3] → embedding of 64 rows of 40 → MatMul; small is a
// second table that is not worth it.
func words() (*onnx.Model, Options) {
	b := newNet(-1, 3)
	b.m.Graph.Inputs[0].Type = tensor.Int64
	b.random("table", 1, 64, 40)
	b.random("small", 1, 64, 2)
	b.node("Gather", "e", []string{"table", "x"})
	b.node("Gather", "s", []string{"small", "x"})
	b.random("w", 1, 40, 32)
	b.node("MatMul", "y", []string{"e", "w"})
	opt := options()
	opt.Calibration = once(tensor.From(tensor.Int64, []int64{0, 63, 7, 31, 32, 1}, 2, 3))
	return b.output("y", "s"), opt
}

// TestEmbedding: tables are in few bits too, and what is gathered from them is
// what the report says of them.
func TestEmbedding(t *testing.T) {
	for _, c := range []struct {
		technique string
		ops       []string
		ratio     float64 // bytes: one or half a byte, and a scale of 4 for 40 or 32 and 8 numbers
		floor     float64 // dB of a uniform row in 8 and 4 bits, less 6
	}{
		{"int8-weights", []string{"Gather", "Cast", "Gather", "Mul", "Gather", "MatMulNBits"}, (40 + 4) / 160.0, 40},
		{"int4", []string{"GatherBlockQuantized", "Gather", "MatMulNBits"}, (20 + 8) / 160.0, 15},
	} {
		m, opt := words()
		out, r := apply(t, c.technique, m, opt)
		if got := ops(out); !slices.Equal(got, c.ops) {
			t.Fatalf("%s: %v", c.technique, got)
		}
		i := slices.IndexFunc(r.Nodes, func(n NodeReport) bool { return n.Name == "Gather_e" })
		n := r.Nodes[i]
		if got := float64(n.After) / float64(n.Before); !n.Changed || got != c.ratio || n.SQNR < c.floor {
			t.Errorf("%s: the table keeps %.1f dB in %.3f of its bytes, want %.0f in %.3f", c.technique, n.SQNR, got, c.floor, c.ratio)
		}
		if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < c.floor-3 {
			t.Errorf("%s: outputs keep %.1f dB", c.technique, got)
		}
		for _, n := range r.Nodes {
			if n.Name == "Gather_s" && (n.Changed || n.Reason == "") {
				t.Errorf("%s: of the small table: %+v", c.technique, n)
			}
		}
	}
	m, opt := words()
	opt.Exclude = []string{"Gather_e"}
	if out, _ := apply(t, "int4", m, opt); !slices.Contains(ops(out), "Gather") || slices.Contains(ops(out), "GatherBlockQuantized") {
		t.Error("an excluded table is quantized")
	}
}

// TestForm: the standard's blocked form says the same as MatMulNBits.
func TestForm(t *testing.T) {
	for _, name := range []string{"int4", "int4-hqq", "int4-gptq", "int8-weights"} {
		for _, k := range []int{31, 64} {
			for _, asymmetric := range []bool{false, true} {
				m := denseNet(k)
				opt := options()
				opt.Calibration, opt.Asymmetric, opt.Form = sets(8, 16, k), asymmetric, "qdq"
				out, r := apply(t, name, m, opt)
				if got := ops(out); !slices.Equal(got, []string{"DequantizeLinear", "DequantizeLinear", "Gemm", "Relu", "Gemm"}) || out.Opset("") != 21 {
					t.Fatalf("%s: %v at opset %d", name, got, out.Opset(""))
				}
				worst := math.Inf(1)
				for _, n := range r.Nodes {
					if n.Before > 0 {
						worst = min(worst, n.SQNR)
					}
				}
				if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < worst-6 { // as in TestBlocks
					t.Errorf("%s, %d inputs, asymmetric %v: %.1f dB, the worst layer's weights keep %.1f", name, k, asymmetric, got, worst)
				}
			}
		}
	}
}
