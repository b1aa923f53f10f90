package compress

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/models/onnx"
)

// TestUnknownOperators: what no technique knows, of a foreign domain or of the
// standard, is left as it is with a reason, and what lies around it is
// compressed.
func TestUnknownOperators(t *testing.T) {
	for _, tech := range examples(t) {
		b := newNet(-1, 8, 6, 6)
		b.conv("c", "x", 8, 16)
		n := b.node("Mystery", "u", []string{"c"})
		n.Domain = "example.com"
		b.m.Opsets = append(b.m.Opsets, onnx.Opset{Domain: n.Domain, Version: 1})
		b.node("Relu", "r", []string{"u"})
		b.conv("y", "r", 16, 16)
		m := b.output("y")
		opt := options()
		opt.Calibration = sets(1, 4, 8, 6, 6)
		opt.Forward = func(m *onnx.Model, want []string) (Forward, error) { // it copies, as far as this test goes
			k := m.Clone()
			for _, n := range k.Graph.Nodes {
				if n.Op == "Mystery" {
					n.Op, n.Domain = "Identity", ""
				}
			}
			return interpret(k, want)
		}
		before := encode(t, m)
		out, r, err := tech.Apply(t.Context(), m, opt)
		if err != nil {
			if !strings.Contains(err.Error(), "Mystery") && !strings.Contains(err.Error(), "opset") {
				t.Errorf("%s: %v: the error does not name the operator", tech.Name, err)
			}
			continue
		}
		if !slices.ContainsFunc(out.Graph.Nodes, func(n *onnx.Node) bool { return n.Op == "Mystery" && n.Domain == "example.com" }) {
			t.Errorf("%s: the unknown node is gone", tech.Name)
		}
		if tech.Name != "fold" && !strings.HasPrefix(tech.Name, "pruned") && tech.Name != "equalized" && tech.Name != "smoothed" {
			i := slices.IndexFunc(r.Nodes, func(n NodeReport) bool { return n.Op == "Mystery" })
			if i >= 0 && (r.Nodes[i].Changed || r.Nodes[i].Reason == "") {
				t.Errorf("%s: of the unknown node: %+v", tech.Name, r.Nodes[i])
			}
		}
		if encode(t, m) != before {
			t.Errorf("%s: changes the model that it is given", tech.Name)
		}
	}
}

// TestDynamicShapes: sizes that only the data know are no obstacle.
func TestDynamicShapes(t *testing.T) {
	for _, tech := range examples(t) {
		b := newNet(-1, 8, 6, 6)
		for i, name := range []string{"N", "", "H", "W"} {
			if name != "" {
				b.m.Graph.Inputs[0].Shape[i] = onnx.Dim{Value: -1, Param: name}
			}
		}
		b.conv("c", "x", 8, 16)
		b.node("Relu", "r", []string{"c"})
		b.conv("d", "r", 16, 16)
		b.node("GlobalAveragePool", "p", []string{"d"})
		b.node("Flatten", "f", []string{"p"})
		b.random("w", 1, 16, 8)
		b.node("MatMul", "y", []string{"f", "w"})
		m := b.output("y")
		opt := options()
		opt.Calibration = sets(1, 3, 8, 5, 7)
		out, _, err := tech.Apply(t.Context(), m, opt)
		if err != nil {
			t.Errorf("%s: %v", tech.Name, err)
			continue
		}
		if got := out.Graph.Inputs[0].Shape; fmt.Sprint(got) != fmt.Sprint(m.Graph.Inputs[0].Shape) {
			t.Errorf("%s: input %v became %v", tech.Name, m.Graph.Inputs[0].Shape, got)
		}
	}
}

// TestOneMatrixTwice: two nodes on one initializer still compute the same.
func TestOneMatrixTwice(t *testing.T) {
	for _, tech := range examples(t) {
		b := newNet(-1, 32)
		b.random("w", 0.3, 32, 32)
		b.node("MatMul", "a", []string{"x", "w"})
		b.node("Relu", "r", []string{"a"})
		b.node("MatMul", "y", []string{"r", "w"})
		m := b.output("y")
		opt := options()
		opt.Calibration = sets(4, 8, 32)
		out, _, err := tech.Apply(t.Context(), m, opt)
		if err != nil {
			t.Errorf("%s: %v", tech.Name, err)
			continue
		}
		if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < floor(tech, 25) {
			t.Errorf("%s: outputs keep %.1f dB", tech.Name, got)
		}
	}
}
