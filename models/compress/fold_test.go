package compress

import (
	"math"
	"slices"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// ops lists the operators of m in order.
func ops(m *onnx.Model) []string {
	var out []string
	for _, n := range m.Graph.Nodes {
		out = append(out, n.Op)
	}
	return out
}

// folds lists models with what folding leaves of them.
var folds = []struct {
	name  string
	build func() *onnx.Model
	want  []string
}{
	{"conv and norm", tiny, []string{"Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"}},
	{"conv without bias", func() *onnx.Model {
		b := newNet()
		n := b.conv("c", "x", 2, 4)
		n.Inputs = n.Inputs[:2]
		b.norm("y", "c", 4)
		return b.output("y")
	}, []string{"Conv"}},
	{"conv read twice", func() *onnx.Model {
		b := newNet()
		b.conv("c", "x", 2, 4)
		b.norm("n", "c", 4)
		b.node("Add", "y", []string{"n", "c"})
		return b.output("y")
	}, []string{"Conv", "BatchNormalization", "Add"}},
	{"conv is an output", func() *onnx.Model {
		b := newNet()
		b.conv("c", "x", 2, 4)
		b.norm("y", "c", 4)
		return b.output("y", "c")
	}, []string{"Conv", "BatchNormalization"}},
	{"norm in training mode", func() *onnx.Model {
		b := newNet()
		b.conv("c", "x", 2, 4)
		b.norm("y", "c", 4).SetAttr(onnx.IntAttr("training_mode", 1))
		return b.output("y")
	}, []string{"Conv", "BatchNormalization"}},
	{"shared weights, two norms", func() *onnx.Model {
		b := newNet()
		b.conv("c", "x", 2, 2)
		b.norm("n", "c", 2)
		b.node("Conv", "c2", []string{"n", "c.w", "c.b"}, onnx.IntsAttr("pads", 1, 1, 1, 1))
		b.norm("y", "c2", 2)
		return b.output("y")
	}, []string{"Conv", "Conv"}},
	{"identity and dropout", func() *onnx.Model {
		b := newNet()
		b.node("Identity", "i", []string{"x"})
		b.conv("c", "i", 2, 4)
		b.node("Dropout", "d", []string{"c"})
		b.node("Identity", "y", []string{"d"})
		return b.output("y")
	}, []string{"Conv"}},
	{"identity that must stay", func() *onnx.Model {
		b := newNet()
		b.node("Identity", "y", []string{"x"})
		return b.output("y")
	}, []string{"Identity"}},
	{"alpha and beta", func() *onnx.Model {
		b := newNet()
		b.node("Flatten", "f", []string{"x"})
		b.random("w", 1, 72, 3)
		b.random("b", 1, 3)
		b.node("Gemm", "y", []string{"f", "w", "b"}, onnx.FloatAttr("alpha", 0.5), onnx.FloatAttr("beta", 3))
		return b.output("y")
	}, []string{"Flatten", "Gemm"}},
	{"constants as nodes and inputs", func() *onnx.Model {
		b := newNet()
		b.conv("c", "x", 2, 4)
		b.m.Graph.Inputs = append(b.m.Graph.Inputs, onnx.ValueInfo{Name: "c.w", Type: tensor.Float32})
		b.node("Constant", "six", nil, onnx.FloatAttr("value_float", 6))
		b.node("Clip", "y", []string{"c", "", "six"})
		return b.output("y")
	}, []string{"Conv", "Clip"}},
}

func TestFold(t *testing.T) {
	for _, c := range folds {
		t.Run(c.name, func(t *testing.T) {
			m := c.build()
			before := encode(t, m)
			got, err := Fold(m)
			if err != nil {
				t.Fatal(err)
			}
			if encode(t, m) != before {
				t.Error("Fold changed its input")
			}
			if !slices.Equal(ops(got), c.want) {
				t.Errorf("left %v, want %v", ops(got), c.want)
			}
			if len(got.Graph.Inputs) != 1 {
				t.Errorf("%d inputs, want 1", len(got.Graph.Inputs))
			}
			if c.name == "norm in training mode" {
				return
			}
			opt := options()
			if c.name == "constants as nodes and inputs" {
				m.Graph.Inputs = m.Graph.Inputs[:1]
				m.Graph.Nodes = slices.DeleteFunc(m.Graph.Nodes, func(n *onnx.Node) bool { return n.Op == "Constant" })
				m.Graph.AddInitializer("six", tensor.From(tensor.Float32, []float32{6}))
			}
			want, have := run(t, m, "y", opt), run(t, got, "y", opt)
			for i := range want {
				if math.Abs(want[i]-have[i]) > 1e-5*max(1, math.Abs(want[i])) {
					t.Fatalf("output %d is %g, was %g: more than 1e-5 apart", i, have[i], want[i])
				}
			}
		})
	}
}

func TestFoldRefusesBadVariance(t *testing.T) {
	b := newNet()
	b.conv("c", "x", 2, 4)
	b.norm("y", "c", 4)
	tensor.Of[float32](b.m.Graph.Initializer("y.v").Tensor)[2] = -1
	if _, err := Fold(b.output("y")); err == nil {
		t.Error("a negative variance was folded")
	}
}

// TestRaise checks which models of a lower opset may be declared opset 13.
func TestRaise(t *testing.T) {
	clip := func(version int64) *onnx.Model {
		b := newNet()
		b.m.Opsets[0].Version = version
		b.conv("c", "x", 2, 4)
		b.node("Clip", "r", []string{"c"}, onnx.FloatAttr("min", 0), onnx.FloatAttr("max", 6))
		b.conv("y", "r", 4, 2)
		return b.output("y")
	}
	out, _ := apply(t, "int8-qdq", clip(9), options())
	if out.Opset("") != 13 || slices.Contains(ops(out), "Clip") {
		t.Errorf("opset %d with %v, want 13 and the Clip absorbed", out.Opset(""), ops(out))
	}
	b := newNet()
	b.m.Opsets[0].Version = 12
	b.conv("c", "x", 2, 4)
	b.node("Softmax", "y", []string{"c"})
	for _, tech := range Techniques() {
		if _, _, err := tech.Apply(t.Context(), b.output("y"), options()); err == nil {
			t.Errorf("%s: Softmax of opset 12 was taken for that of 13", tech.Name)
		}
	}
	b.m.Opsets[0].Version = 17
	b.m.Graph.Nodes[1].Op = "Relu"
	if out, _ := apply(t, "int8-qdq", b.m, options()); out.Opset("") != 17 {
		t.Errorf("opset 17 became %d", out.Opset(""))
	}
}
