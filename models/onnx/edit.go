package onnx

import (
	"slices"
	"strconv"

	"assay/models/tensor"
)

// Producers returns for each value the node of g that computes it.
func (g *Graph) Producers() map[string]*Node {
	out := make(map[string]*Node, len(g.Nodes))
	for _, n := range g.Nodes {
		for _, s := range n.Outputs {
			if s != "" {
				out[s] = n
			}
		}
	}
	return out
}

// Consumers returns for each value the nodes of g that read it, in order, a
// node that reads it twice only once. A node whose subgraphs read the value
// counts as a reader. Graph outputs are not in it: see IsOutput.
func (g *Graph) Consumers() map[string][]*Node {
	out := map[string][]*Node{}
	for _, n := range g.Nodes {
		for _, s := range n.uses() {
			if l := out[s]; len(l) == 0 || l[len(l)-1] != n {
				out[s] = append(l, n)
			}
		}
	}
	return out
}

// IsOutput reports whether the value called name is an output of g.
func (g *Graph) IsOutput(name string) bool {
	return slices.ContainsFunc(g.Outputs, func(v ValueInfo) bool { return v.Name == name })
}

// uses returns the values that n reads: its inputs and what its subgraphs
// take from the graphs around them.
func (n *Node) uses() []string {
	var out []string
	for _, s := range n.Inputs {
		if s != "" {
			out = append(out, s)
		}
	}
	n.subgraphs(func(_ string, g *Graph) error {
		out = append(out, g.Outer()...)
		return nil
	})
	return out
}

// subgraphs calls f for each graph among n's attributes, until an error.
func (n *Node) subgraphs(f func(attr string, g *Graph) error) error {
	for i := range n.Attrs {
		a := &n.Attrs[i]
		if a.G != nil {
			if err := f(a.Name, a.G); err != nil {
				return err
			}
		}
		for _, g := range a.Graphs {
			if err := f(a.Name, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// Outer returns the values that g, a subgraph, reads and does not define: those
// of the graphs around it. A value that is read twice may be listed twice.
func (g *Graph) Outer() []string {
	defined := g.defined()
	var out []string
	for _, n := range g.Nodes {
		for _, s := range n.uses() {
			if !defined[s] {
				out = append(out, s)
			}
		}
	}
	for _, v := range g.Outputs {
		if !defined[v.Name] {
			out = append(out, v.Name)
		}
	}
	return out
}

// defined returns the values that g itself defines.
func (g *Graph) defined() map[string]bool {
	out := map[string]bool{}
	for _, v := range g.Inputs {
		out[v.Name] = true
	}
	for _, t := range g.Initializers {
		out[t.Name] = true
	}
	for _, n := range g.Nodes {
		for _, s := range n.Outputs {
			out[s] = true
		}
	}
	delete(out, "")
	return out
}

// RemoveUnused removes the nodes and initializers that no output of g needs,
// and what Values says of values that are gone. Graph inputs stay, save those
// that only repeat a removed initializer (IR versions before 4). It returns
// how many nodes and initializers went.
func (g *Graph) RemoveUnused() int {
	needed := map[string]bool{}
	for _, v := range g.Outputs {
		needed[v.Name] = true
	}
	by := g.Producers()
	queue := make([]string, 0, len(g.Outputs))
	for s := range needed {
		queue = append(queue, s)
	}
	keep := map[*Node]bool{}
	for len(queue) > 0 {
		n := by[queue[len(queue)-1]]
		queue = queue[:len(queue)-1]
		if n == nil || keep[n] {
			continue
		}
		keep[n] = true
		for _, s := range n.uses() {
			if !needed[s] {
				needed[s] = true
				queue = append(queue, s)
			}
		}
	}
	before := len(g.Nodes) + len(g.Initializers)
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *Node) bool { return !keep[n] })
	gone := map[string]bool{}
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t *Initializer) bool {
		gone[t.Name] = !needed[t.Name]
		return gone[t.Name]
	})
	g.Inputs = slices.DeleteFunc(g.Inputs, func(v ValueInfo) bool { return gone[v.Name] })
	defined := g.defined()
	g.Values = slices.DeleteFunc(g.Values, func(v ValueInfo) bool { return !defined[v.Name] })
	return before - len(g.Nodes) - len(g.Initializers)
}

// AddInitializer adds a constant to g; its name must be new, as Namer makes them.
func (g *Graph) AddInitializer(name string, t tensor.Tensor) *Initializer {
	x := &Initializer{Name: name, Tensor: t}
	g.Initializers = append(g.Initializers, x)
	return x
}

// A Namer makes names that are new in a graph.
type Namer struct{ used map[string]bool }

// NewNamer returns a Namer that knows the values and nodes of g and of its
// subgraphs.
func NewNamer(g *Graph) *Namer {
	n := &Namer{used: map[string]bool{"": true}}
	n.learn(g)
	return n
}

func (n *Namer) learn(g *Graph) {
	for s := range g.defined() {
		n.used[s] = true
	}
	for _, x := range g.Nodes {
		n.used[x.Name] = true
		_ = x.subgraphs(func(_ string, g *Graph) error { n.learn(g); return nil }) // f gives no error
	}
}

// New returns want where it is free, else want_1, want_2, …, and takes it.
func (n *Namer) New(want string) string {
	name := want
	for i := 1; n.used[name]; i++ {
		name = want + "_" + strconv.Itoa(i)
	}
	n.used[name] = true
	return name
}

// Rename makes every reader of the value old, g's outputs apart, read name
// instead. Subgraphs that capture old are not changed.
func (g *Graph) Rename(old, name string) {
	for _, n := range g.Nodes {
		for i, s := range n.Inputs {
			if s == old {
				n.Inputs[i] = name
			}
		}
	}
}

// Clone returns a copy of m whose lists and nodes can be edited; tensor data,
// attribute lists and subgraphs are shared with m, so m must stay open while
// the copy is used.
func (m *Model) Clone() *Model {
	c := *m
	c.maps = nil
	c.Opsets = slices.Clone(m.Opsets)
	if m.Metadata != nil {
		c.Metadata = make(map[string]string, len(m.Metadata))
		for k, v := range m.Metadata {
			c.Metadata[k] = v
		}
	}
	if m.Graph == nil {
		return &c
	}
	g := *m.Graph
	c.Graph = &g
	g.Nodes = make([]*Node, len(m.Graph.Nodes))
	for i, n := range m.Graph.Nodes {
		k := *n
		k.Inputs, k.Outputs, k.Attrs = slices.Clone(n.Inputs), slices.Clone(n.Outputs), slices.Clone(n.Attrs)
		g.Nodes[i] = &k
	}
	g.Initializers = make([]*Initializer, len(m.Graph.Initializers))
	for i, t := range m.Graph.Initializers {
		k := *t
		g.Initializers[i] = &k
	}
	g.Inputs, g.Outputs, g.Values = slices.Clone(g.Inputs), slices.Clone(g.Outputs), slices.Clone(g.Values)
	return &c
}
