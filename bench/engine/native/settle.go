package native

import (
	"errors"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// infer infers m's shapes. Where some depend on constants that the model
// computes in other than small integers, as the length of a window does, it
// computes these first and returns the model that has them as initializers.
func infer(m *onnx.Model, bind map[string]int64) (*onnx.Model, *onnx.Inference, error) {
	inf, err := onnx.Infer(m, bind)
	if err != nil || len(m.Graph.Nodes) < 2 || !undecided(m.Graph, inf) {
		return m, inf, err
	}
	s := settle(m)
	inf, err = onnx.Infer(s, bind)
	return s, inf, err
}

// undecided reports whether a value that g's nodes make has an open shape.
func undecided(g *onnx.Graph, inf *onnx.Inference) bool {
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			v := inf.Values[name]
			if name != "" && (!v.HasShape || slices.ContainsFunc(v.Shape, func(d onnx.Dim) bool { return d.Param != "" || d.Value < 0 })) {
				return true
			}
		}
	}
	return false
}

// maxSettled bounds the bytes that a node may read and write for settle to
// compute it: shapes hang on small values.
const maxSettled = 1 << 20

// settle returns m with the nodes that read constants alone computed.
func settle(m *onnx.Model) *onnx.Model {
	out := m.Clone()
	known := map[string]tensor.Tensor{}
	for _, t := range out.Graph.Initializers {
		known[t.Name] = t.Tensor
	}
	var left []*onnx.Node
	for _, n := range out.Graph.Nodes {
		single := alone(m, n, known)
		if single == nil {
			left = append(left, n)
			continue
		}
		values, err := compute(single)
		if err != nil {
			left = append(left, n) // planning says what is wrong with it
			continue
		}
		for i, o := range single.Graph.Outputs {
			known[o.Name] = values[i]
			out.Graph.AddInitializer(o.Name, values[i])
		}
	}
	out.Graph.Nodes = left
	return out
}

// alone returns a model of n only, nil where it reads what is not known.
func alone(m *onnx.Model, n *onnx.Node, known map[string]tensor.Tensor) *onnx.Model {
	g, size := &onnx.Graph{Name: n.Name, Nodes: []*onnx.Node{n}}, 0
	for _, name := range slices.Concat(n.Inputs, captures(n)) {
		if name == "" || g.Initializer(name) != nil {
			continue
		}
		t, ok := known[name]
		if size += len(t.Data); !ok || size > maxSettled {
			return nil
		}
		g.AddInitializer(name, t)
	}
	for _, name := range n.Outputs {
		if name != "" {
			g.Outputs = append(g.Outputs, onnx.ValueInfo{Name: name})
		}
	}
	return &onnx.Model{IRVersion: m.IRVersion, Opsets: m.Opsets, Graph: g}
}

// errLong is met where computing beforehand takes more than a shape is worth.
var errLong = errors.New("too long to compute beforehand")

// compute runs m, which has no inputs.
func compute(m *onnx.Model) ([]tensor.Tensor, error) {
	g, err := load(m, 1)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, v := range g.outputs {
		size += v.bytes()
	}
	if size > maxSettled {
		return nil, errLong
	}
	if slices.ContainsFunc(g.nodes, long) {
		return nil, errLong
	}
	s, err := newSession(m, 1, 1)
	if err != nil {
		return nil, err
	}
	var out []tensor.Tensor
	for _, d := range s.out {
		out = append(out, tensor.New(d.Type, d.Shape...))
	}
	if err := s.Bind([][]tensor.Tensor{nil}, out); err != nil {
		return nil, err
	}
	return out, s.Run(0)
}
