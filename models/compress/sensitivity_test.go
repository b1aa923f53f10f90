package compress

import (
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestCompare holds the report's figures to the definition.
func TestCompare(t *testing.T) {
	m, opt := wideNet(), options()
	for _, name := range []string{"int8-qdq", "int4", "fp16", "sparse-50", "equalized+int8-qdq"} {
		out, r := apply(t, name, m, opt)
		if err := r.Compare(t.Context(), m, out, opt); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := sqnr(run(t, m, "y", opt), run(t, out, "y", opt))
		if !r.Compared || math.Abs(r.Output-want) > 1e-6 {
			t.Errorf("%s: outputs keep %.3f dB, the report says %.3f", name, want, r.Output)
		}
		nodes := r.Nodes
		if r.Steps != nil {
			nodes = r.Steps[len(r.Steps)-1].Nodes
		}
		for _, n := range nodes {
			if n.Name == "Relu_br" && (!n.Compared || n.Output < 5) {
				t.Errorf("%s: %+v", name, n)
			}
		}
	}
}

// TestSensitivity spoils one layer for 8 bits at one scale per tensor: its
// weights for an input that is always zero are a thousand times the others,
// which loses these and nothing else. It wants that layer named first.
func TestSensitivity(t *testing.T) {
	m := wideNet()
	kill(m, "a.w", 0)
	tensor.Of[float32](m.Graph.Initializer("a.b").Tensor)[0] = -1
	w := tensor.Of[float32](m.Graph.Initializer("b.w").Tensor)
	for i := range w {
		if i/9%8 == 0 {
			w[i] *= 1000
		}
	}
	opt := options()
	opt.PerTensor = true
	tech, err := Lookup("int8-qdq")
	if err != nil {
		t.Fatal(err)
	}
	var seen int
	whole, r, leaves, err := Sensitivity(t.Context(), m, tech, opt, func(Leave) { seen++ })
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Check(whole); err != nil || len(leaves) != 3 || seen != 3 {
		t.Fatalf("%v, %d leaves, %d seen", err, len(leaves), seen)
	}
	if first := leaves[0]; first.Node != "Conv_b" || first.Gain < 10 || math.Abs(first.Output-first.Gain-r.Output) > 1e-9 || first.Bytes <= 0 {
		t.Errorf("first is %s: %+.1f dB, %+d bytes", first.Node, first.Gain, first.Bytes)
	}
	opt.Calibration = nil
	if _, _, _, err := Sensitivity(t.Context(), m, tech, opt, nil); err == nil {
		t.Error("no error without data")
	}
}
