package native

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/bench/kernel/ew"
	"assay/models/onnx"
	"assay/models/tensor"
)

// A graph is a model with every shape known: what the passes rewrite.
type graph struct {
	nodes   []*node // in topological order
	inputs  []*value
	outputs []*value
	names   []string // of the outputs, as in the file: passes may merge values
}

// A value is a tensor of the graph. Its shape is that of its bytes: after the
// layout pass images are NHWC.
type value struct {
	name  string
	typ   tensor.Type
	shape []int
	by    *node  // nil for inputs and constants
	data  []byte // contents of a constant
	konst bool   // data counts, even where it is empty
}

// A node is one operator call.
type node struct {
	name   string // as in the file; for messages and profiles
	op     string
	domain string
	attrs  *onnx.Node // attributes; shared with the model, so cloned before a change
	opset  int64
	in     []*value // nil where an optional input is omitted
	out    []*value

	lo, hi float32  // bounds of a fused Relu or Clip; ±Inf without one
	f      ew.Unary // what a Lookup tabulates
	scale  float32  // of an Attention's products
	last   bool     // channels are the last dimension: set by the layout pass
	fused  []*node  // what passes made part of this one
}

// newNode returns a node made by a pass in the place of old.
func newNode(old *node, domain, op string, in, out []*value) *node {
	n := &node{
		name: old.name, op: op, domain: domain, opset: old.opset, in: in, out: out, lo: old.lo, hi: old.hi, fused: old.fused,
		attrs: &onnx.Node{Name: old.name, Op: op, Domain: domain},
	}
	for _, v := range out {
		v.by = n
	}
	return n
}

// blank returns a node of no operator for newNode to follow.
func blank(name string) *node {
	return &node{name: name, opset: onnx.MaxOpset, lo: float32(math.Inf(-1)), hi: float32(math.Inf(1))}
}

// place names n in messages.
func (n *node) place() string {
	if n.name != "" {
		return fmt.Sprintf("node %q (%s)", n.name, n.op)
	}
	if len(n.out) > 0 && n.out[0] != nil {
		return fmt.Sprintf("node %s making %q", n.op, n.out[0].name)
	}
	return "node " + n.op
}

// is reports whether n is the default domain's operator called one of ops.
func (n *node) is(ops ...string) bool { return n.domain == "" && slices.Contains(ops, n.op) }

// arg returns input i, nil where it is omitted.
func (n *node) arg(i int) *value {
	if i < len(n.in) {
		return n.in[i]
	}
	return nil
}

// clamps reports whether an activation is fused into n.
func (n *node) clamps() bool {
	return !math.IsInf(float64(n.lo), -1) || !math.IsInf(float64(n.hi), 1)
}

// absorb records that n does what other did, for profiles.
func (n *node) absorb(other *node) { n.fused = append(append(n.fused, other), other.fused...) }

// set changes an attribute of n without touching the model.
func (n *node) set(a onnx.Attr) {
	c := *n.attrs
	c.Attrs = slices.Clone(c.Attrs)
	c.SetAttr(a)
	n.attrs = &c
}

// tensor returns a constant with its data aligned for its type: a copy where
// they are not in the file. It is not kept, since most constants are packed
// and not needed any more.
func (v *value) tensor() tensor.Tensor {
	t := tensor.Tensor{Type: v.typ, Shape: v.shape, Data: v.data}
	if !aligned(t.Data, t.Type.Bits()/8) {
		return t.Clone()
	}
	return t
}

// len returns the number of elements.
func (v *value) len() int {
	n, err := tensor.Elements(v.shape)
	if err != nil {
		return 0 // import refuses such shapes
	}
	return n
}

func (v *value) bytes() int { return tensor.Bytes(v.typ, v.len()) }

// floats returns the elements of a constant float32 value, nil for others.
func (v *value) floats() []float32 {
	if v == nil || !v.konst || v.typ != tensor.Float32 {
		return nil
	}
	return tensor.Of[float32](v.tensor())
}

// ints returns the elements of a constant int64 or int32 value.
func (v *value) ints() ([]int64, bool) {
	if v == nil || !v.konst {
		return nil, false
	}
	switch v.typ {
	case tensor.Int64:
		return tensor.Of[int64](v.tensor()), true
	case tensor.Int32:
		var out []int64
		for _, x := range tensor.Of[int32](v.tensor()) {
			out = append(out, int64(x))
		}
		return out, true
	}
	return nil, false
}

// constant returns a constant float32 value.
func constant(name string, f []float32, shape ...int) *value {
	return &value{name: name, typ: tensor.Float32, shape: shape, konst: true, data: tensor.From(tensor.Float32, f, shape...).Data}
}

// uses returns how often each value is read; a graph output counts as one.
func (g *graph) uses() map[*value]int {
	u := map[*value]int{}
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil {
				u[v]++
			}
		}
	}
	for _, v := range g.outputs {
		u[v]++
	}
	return u
}

// replace makes every reader of old, the outputs included, read v.
func (g *graph) replace(old map[*value]*value) {
	if len(old) == 0 {
		return
	}
	find := func(v *value) *value {
		for old[v] != nil {
			v = old[v]
		}
		return v
	}
	for _, n := range g.nodes {
		for i, v := range n.in {
			n.in[i] = find(v)
		}
	}
	for i, v := range g.outputs {
		g.outputs[i] = find(v)
	}
}

// sweep removes the nodes whose outputs nothing needs.
func (g *graph) sweep() {
	needed := map[*value]bool{}
	for _, v := range g.outputs {
		needed[v] = true
	}
	keep := make([]bool, len(g.nodes))
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := g.nodes[i]
		keep[i] = slices.ContainsFunc(n.out, func(v *value) bool { return v != nil && needed[v] })
		if keep[i] {
			for _, v := range n.in {
				needed[v] = true
			}
		}
	}
	out := g.nodes[:0]
	for i, n := range g.nodes {
		if keep[i] {
			out = append(out, n)
		}
	}
	g.nodes = out
}

// String lists the nodes, for tests and debugging.
func (g *graph) String() string {
	var b strings.Builder
	for _, n := range g.nodes {
		fmt.Fprintf(&b, "%s(", n.op)
		for i, v := range n.in {
			if i > 0 {
				b.WriteString(", ")
			}
			if v != nil {
				fmt.Fprintf(&b, "%s%v", v.name, v.shape)
			}
		}
		b.WriteString(") →")
		for _, v := range n.out {
			if v != nil {
				fmt.Fprintf(&b, " %s%v", v.name, v.shape)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
