package onnx

import (
	"errors"
	"strings"
	"testing"

	"assay/models/tensor"
)

// chain returns a valid model x → Relu a → Relu b → Relu c.
func chain() *Model {
	return &Model{IRVersion: 8, Opsets: []Opset{{"", 17}}, Graph: &Graph{
		Nodes: []*Node{
			{Name: "n1", Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"a"}},
			{Name: "n2", Op: "Relu", Inputs: []string{"a"}, Outputs: []string{"b"}},
			{Op: "Add", Inputs: []string{"b", "w"}, Outputs: []string{"c"}},
		},
		Initializers: []*Initializer{{Name: "w", Tensor: tensor.From(tensor.Float32, []float32{1}, 1)}},
		Inputs:       []ValueInfo{{Name: "x", Type: tensor.Float32}},
		Outputs:      []ValueInfo{{Name: "c", Type: tensor.Float32}},
	}}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(m *Model)
		want string // "" is no error
	}{
		{"valid", func(*Model) {}, ""},
		{"no graph", func(m *Model) { m.Graph = nil }, "model has no graph"},
		{"IR version", func(m *Model) { m.IRVersion = 99 }, "IR version 99 is not known (3 to 11 are)"},
		{"no opset", func(m *Model) { m.Opsets = nil }, "model imports no operator set"},
		{"opset", func(m *Model) { m.Opsets[0].Version = 24 }, "operator set 24 is not known (1 to 23 are)"},
		{"opset twice", func(m *Model) { m.Opsets = append(m.Opsets, Opset{"ai.onnx", 17}) }, `operator set of domain "ai.onnx" is imported twice`},
		{"opset of a domain", func(m *Model) { m.Opsets = append(m.Opsets, Opset{"x", 0}) }, `operator set of domain "x" has version 0`},
		{"domain", func(m *Model) { m.Graph.Nodes[1].Domain = "com.x" }, `node 1 "n2": Relu: the model imports no operator set of domain "com.x"`},
		{"no output", func(m *Model) { m.Graph.Outputs = nil }, "graph has no output"},
		{"op_type", func(m *Model) { m.Graph.Nodes[2].Op = "" }, `node 2 "c": op_type is empty`},
		{"dangling", func(m *Model) { m.Graph.Nodes[1].Inputs[0] = "q" }, `node 1 "n2": input 0 "q" of Relu is not defined`},
		{"dangling output", func(m *Model) { m.Graph.Outputs[0].Name = "q" }, `graph output 0 "q" is not defined`},
		{"defined twice", func(m *Model) { m.Graph.Nodes[1].Outputs[0] = "a" }, `node 1 "n2": output 0 "a" is also an output of node 0 "n1"`},
		{"defines an input", func(m *Model) { m.Graph.Nodes[1].Outputs[0] = "x" }, `output 0 "x" is also a graph input or initializer`},
		{"input twice", func(m *Model) { m.Graph.Inputs = append(m.Graph.Inputs, m.Graph.Inputs[0]) }, `graph input "x" is listed twice`},
		{"input without name", func(m *Model) { m.Graph.Inputs[0].Name = "" }, "graph input 0 has no name"},
		{"initializer twice", func(m *Model) { m.Graph.Initializers = append(m.Graph.Initializers, m.Graph.Initializers[0]) }, `initializer "w" is defined twice`},
		{"initializer without name", func(m *Model) { m.Graph.Initializers[0].Name = "" }, "initializer 0 has no name"},
		{"initializer listed as input", func(m *Model) { m.Graph.Inputs = append(m.Graph.Inputs, ValueInfo{Name: "w"}) }, ""},
		{"initializer data", func(m *Model) { m.Graph.Initializers[0].Shape = []int{5} }, `initializer "w": float32[5] has 4 bytes, wants 20`},
		{"attribute twice", func(m *Model) { m.Graph.Nodes[0].Attrs = []Attr{IntAttr("k", 1), IntAttr("k", 2)} }, `attribute "k" is given twice`},
		{"attribute type", func(m *Model) { m.Graph.Nodes[0].Attrs = []Attr{{Name: "k", Type: 99}} }, `attribute "k" has the unknown type 99`},
		{"empty attribute", func(m *Model) { m.Graph.Nodes[0].Attrs = []Attr{{Name: "k", Type: AttrTensor}} }, `attribute "k" is empty`},
		{"own output", func(m *Model) { m.Graph.Nodes[1].Inputs[0] = "b" }, `graph has a cycle: node 1 "n2" → node 1 "n2"`},
		{"cycle", func(m *Model) { m.Graph.Nodes[0].Inputs[0] = "b" }, `graph has a cycle: node 0 "n1" → node 1 "n2" → node 0 "n1"`},
		{"omitted input", func(m *Model) { m.Graph.Nodes[0].Inputs = append(m.Graph.Nodes[0].Inputs, "", "") }, ""},
		{"subgraph", func(m *Model) {
			m.Graph.Nodes[1].Attrs = []Attr{GraphAttr("body", &Graph{
				Nodes:   []*Node{{Op: "Neg", Inputs: []string{"a"}, Outputs: []string{"inner"}}},
				Outputs: []ValueInfo{{Name: "inner"}},
			})}
		}, ""},
		{"dangling in a subgraph", func(m *Model) {
			m.Graph.Nodes[1].Attrs = []Attr{GraphAttr("body", &Graph{
				Nodes: []*Node{{Op: "Neg", Inputs: []string{"zz"}, Outputs: []string{"inner"}}},
			})}
		}, `node 1 "n2": attribute body: node 0 "inner": input 0 "zz" of Neg is not defined`},
		{"cycle through a subgraph", func(m *Model) {
			m.Graph.Nodes[0].Attrs = []Attr{GraphAttr("body", &Graph{
				Nodes: []*Node{{Op: "Neg", Inputs: []string{"b"}, Outputs: []string{"inner"}}},
			})}
		}, `graph has a cycle: node 0 "n1" → node 1 "n2" → node 0 "n1"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := chain()
			tt.edit(m)
			err := Check(m)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if errors.Is(err, ErrUnsorted) {
				t.Errorf("%v wraps ErrUnsorted", err)
			}
		})
	}
}

func ops(g *Graph) (out []string) {
	for _, n := range g.Nodes {
		out = append(out, n.Outputs[0])
	}
	return out
}

func TestSort(t *testing.T) {
	m := chain()
	n := m.Graph.Nodes
	m.Graph.Nodes = []*Node{n[2], n[1], n[0]}
	err := Check(m)
	if !errors.Is(err, ErrUnsorted) || !strings.Contains(err.Error(), `node 0 "c" reads "b", which node 1 "n2" makes`) {
		t.Fatalf("unsorted: %v", err)
	}
	if err := Sort(m.Graph); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ops(m.Graph), " "); got != "a b c" {
		t.Errorf("sorted: %s", got)
	}
	if err := Check(m); err != nil {
		t.Error(err)
	}

	// A long chain in reverse order must not exhaust the stack.
	g := &Graph{}
	const long = 20000
	for i := long; i > 0; i-- {
		g.Nodes = append(g.Nodes, &Node{Op: "Relu", Inputs: []string{name(i - 1)}, Outputs: []string{name(i)}})
	}
	if err := Sort(g); err != nil {
		t.Fatal(err)
	}
	if got := g.Nodes[0].Inputs[0]; got != name(0) {
		t.Errorf("first node reads %s", got)
	}
	// Closed to a ring, the message stays short.
	g.Nodes[0].Inputs[0] = name(long)
	if err := Sort(g); err == nil || len(err.Error()) > 400 || !strings.Contains(err.Error(), "…") {
		t.Errorf("ring: %v", err)
	}
}

func name(i int) string {
	return "v" + string(rune('0'+i%10)) + "_" + strings.Repeat("i", i%7) + itoa(i)
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}

func TestEdit(t *testing.T) {
	m := chain()
	g := m.Graph
	g.Nodes = append(g.Nodes, &Node{Name: "dead", Op: "Relu", Inputs: []string{"a"}, Outputs: []string{"d"}})
	g.AddInitializer("unused", tensor.New(tensor.Float32, 2))
	g.Inputs = append(g.Inputs, ValueInfo{Name: "unused"})
	g.Values = []ValueInfo{{Name: "d"}, {Name: "a"}}
	if p := g.Producers()["b"]; p == nil || p.Name != "n2" {
		t.Errorf("producer of b: %v", p)
	}
	if c := g.Consumers()["a"]; len(c) != 2 || c[0].Name != "n2" || c[1].Name != "dead" {
		t.Errorf("consumers of a: %v", c)
	}
	names := NewNamer(g)
	for _, tt := range []struct{ want, got string }{{"a_1", names.New("a")}, {"a_2", names.New("a")}, {"new", names.New("new")}, {"new_1", names.New("new")}, {"n1_1", names.New("n1")}} {
		if tt.want != tt.got {
			t.Errorf("new name %s, want %s", tt.got, tt.want)
		}
	}
	c := m.Clone()
	if n := c.Graph.RemoveUnused(); n != 2 {
		t.Errorf("removed %d, want 2", n)
	}
	if len(c.Graph.Inputs) != 1 || len(c.Graph.Values) != 1 || len(c.Graph.Nodes) != 3 {
		t.Errorf("left: %d inputs, %d values, %d nodes", len(c.Graph.Inputs), len(c.Graph.Values), len(c.Graph.Nodes))
	}
	if len(g.Nodes) != 4 || len(g.Initializers) != 2 {
		t.Error("the clone's edit reached the model")
	}
	c.Graph.Rename("a", "x")
	c.Graph.Nodes[1].SetAttr(IntAttr("k", 1))
	c.Graph.Nodes[1].SetAttr(IntAttr("k", 2))
	if n := c.Graph.Nodes[1]; n.Inputs[0] != "x" || n.Int("k", 0) != 2 || len(n.Attrs) != 1 {
		t.Errorf("edited node: %+v", n)
	}
	if n := g.Nodes[1]; n.Inputs[0] != "a" || len(n.Attrs) != 0 {
		t.Errorf("the clone's edit reached the model: %+v", n)
	}
	if !g.IsOutput("c") || g.IsOutput("a") {
		t.Error("IsOutput")
	}
}
