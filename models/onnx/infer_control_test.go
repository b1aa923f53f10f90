package onnx

import (
	"fmt"
	"strings"
	"testing"

	"assay/models/tensor"
)

// sub is a graph with the given inputs ("name") and nodes, for an attribute.
func sub(in, out []string, nodes ...*Node) *Graph {
	g := &Graph{Name: "sub", Nodes: nodes}
	for _, s := range in {
		g.Inputs = append(g.Inputs, ValueInfo{Name: s})
	}
	for _, s := range out {
		g.Outputs = append(g.Outputs, ValueInfo{Name: s})
	}
	return g
}

func call1(op, in, out string, attrs ...Attr) *Node {
	return &Node{Op: op, Inputs: strings.Fields(in), Outputs: strings.Fields(out), Attrs: attrs}
}

// TestInferControl: shapes go into graphs inside nodes and come out (ONNX,
// Operators.md: If, Loop, Scan). x is [N 4], m 3, yes true, no false.
func TestInferControl(t *testing.T) {
	wider := sub(nil, []string{"p"}, call1("Concat", "x x", "p", IntAttr("axis", 1)))
	same := sub(nil, []string{"q"}, call1("Relu", "x", "q"))
	body := func(nodes ...*Node) Attr {
		return GraphAttr("body", sub([]string{"i", "c", "s"}, []string{"on", "t", "u"}, nodes...))
	}
	keeps := body(call1("Identity", "c", "on"), call1("Add", "s x", "t"), call1("Transpose", "t", "u"))
	grows := body(call1("Identity", "c", "on"), call1("Concat", "s x", "t", IntAttr("axis", 0)), call1("Relu", "s", "u"))
	stops := body(call1("Not", "c", "on"), call1("Add", "s x", "t"), call1("Relu", "s", "u"))
	scan := GraphAttr("body", sub([]string{"s", "v"}, []string{"t", "u"}, call1("Add", "s v", "t"), call1("Relu", "t", "u")))
	for _, c := range []struct {
		n    *Node
		want string
	}{
		{call1("If", "no", "y", GraphAttr("then_branch", wider), GraphAttr("else_branch", same)), "[N 4]"},
		{call1("If", "yes", "y", GraphAttr("then_branch", wider), GraphAttr("else_branch", same)), "[N 8]"},
		{call1("If", "cond", "y", GraphAttr("then_branch", wider), GraphAttr("else_branch", same)), "[N ?]"},
		{call1("If", "cond", "y", GraphAttr("then_branch", wider)), `attribute "else_branch" is missing`},
		{call1("Loop", "m yes x", "y z", keeps), "[N 4] [3 4 N]"},
		{&Node{Op: "Loop", Inputs: []string{"m", "", "x"}, Outputs: []string{"y", "z"}, Attrs: []Attr{keeps}}, "[N 4] [3 4 N]"},
		{call1("Loop", "m cond x", "y z", keeps), "[N 4] [? 4 N]"},
		{call1("Loop", "m yes x", "y z", stops), "[N 4] [? N 4]"},
		{call1("Loop", "m yes x", "y z", grows), "[? 4] [3 ? 4]"},
		{call1("Loop", "m yes", "y", keeps), "body has 3 inputs, 2 are given"},
		{call1("Scan", "v x", "y z", scan, IntAttr("num_scan_inputs", 1)), "[4] [N 4]"},
		{call1("Scan", "v x", "y z", scan, IntAttr("num_scan_inputs", 1), IntsAttr("scan_output_axes", -1)), "[4] [4 N]"},
		{call1("Scan", "v x", "y z", scan, IntAttr("num_scan_inputs", 1), IntsAttr("scan_input_axes", 2)), "axis 2 of a tensor with 2 dimensions"},
	} {
		g := &Graph{
			Inputs:       []ValueInfo{info("x", tensor.Float32, "N 4"), info("v", tensor.Float32, "4"), info("cond", tensor.Bool, "")},
			Initializers: []*Initializer{{Name: "m", Tensor: tensor.From(tensor.Int64, []int64{3})}, {Name: "yes", Tensor: tensor.From(tensor.Bool, []uint8{1})}, {Name: "no", Tensor: tensor.From(tensor.Bool, []uint8{0})}},
			Nodes:        []*Node{c.n},
		}
		inf, err := InferShapes(&Model{IRVersion: 8, Opsets: []Opset{{Version: 17}}, Graph: g}, nil)
		got := fmt.Sprint(err)
		if err == nil {
			var all []string
			for _, o := range c.n.Outputs {
				all = append(all, fmt.Sprint(inf[o].Shape))
			}
			got = strings.Join(all, " ")
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s(%s): %s, want %s", c.n.Op, c.n.Inputs, got, c.want)
		}
	}
}

// TestInferNested: bodies inside bodies, each of which changes its state's
// shape, end in good time: deep ones are not inferred again and again.
func TestInferNested(t *testing.T) {
	leaf := sub([]string{"i", "c", "s"}, []string{"c", "t"}, call1("Concat", "s s", "t", IntAttr("axis", 0)))
	for range maxDepth - 2 {
		leaf = sub([]string{"i", "c", "s"}, []string{"c", "t"}, call1("Concat", "s s", "r", IntAttr("axis", 0)), call1("Loop", "m yes r", "t", GraphAttr("body", leaf)))
	}
	g := &Graph{
		Inputs:       []ValueInfo{info("x", tensor.Float32, "N 4")},
		Initializers: []*Initializer{{Name: "m", Tensor: tensor.From(tensor.Int64, []int64{3})}, {Name: "yes", Tensor: tensor.From(tensor.Bool, []uint8{1})}},
		Nodes:        []*Node{call1("Loop", "m yes x", "y", GraphAttr("body", leaf))},
	}
	if _, err := InferShapes(&Model{IRVersion: 8, Opsets: []Opset{{Version: 17}}, Graph: g}, nil); err != nil {
		t.Error(err)
	}
}
