package native

import (
	"errors"
	"fmt"

	"assay/models/tensor"
)

// removeIdentities removes nodes that hand their input on: Identity, Dropout
// (an engine only infers), and Cast to the same type.
func removeIdentities(g *graph) error {
	same := map[*value]*value{}
	for _, n := range g.nodes {
		switch {
		case n.is("Identity"), n.is("Dropout") && !trains(n), n.is("Cast") && n.in[0].typ == n.out[0].typ:
			if n.out[0].konst {
				continue
			}
			same[n.out[0]] = n.in[0]
		}
	}
	g.replace(same)
	return nil
}

// trains reports whether a Dropout may drop elements: its third input says so,
// unless it is constant and false or the second is constant and 0.
func trains(n *node) bool {
	if ratio := n.arg(1).floats(); len(ratio) == 1 && ratio[0] == 0 {
		return false
	}
	v := n.arg(2)
	return v != nil && !(v.konst && len(v.data) == 1 && v.data[0] == 0)
}

// foldConstants computes what depends on constants alone, with the engine's
// own kernels, but leaves DequantizeLinear: QDQ groups need their integers.
func foldConstants(g *graph) error {
	return g.fold(func(n *node) bool { return !n.is("DequantizeLinear", "QuantizeLinear") })
}

// foldAll folds what the other passes left.
func foldAll(g *graph) error { return g.fold(func(*node) bool { return true }) }

// fold computes the nodes that may be folded and whose inputs are constants.
func (g *graph) fold(may func(n *node) bool) error {
	free, known := available()
	for _, n := range g.nodes {
		if !may(n) || !foldable(n) {
			continue
		}
		for _, v := range n.out {
			if v != nil && !v.konst {
				free -= int64(v.bytes())
			}
		}
		if known && free < 0 {
			return fmt.Errorf("%s: its constants need more memory than is available: %w here", n.place(), errors.ErrUnsupported)
		}
		if err := evaluate(n); err != nil {
			return err
		}
	}
	kept := g.nodes[:0]
	for _, n := range g.nodes {
		if n.out[0] == nil || !n.out[0].konst {
			kept = append(kept, n)
		}
	}
	g.nodes = kept
	return nil
}

// foldable reports whether every input of n is constant, or every output
// already known from shapes.
func foldable(n *node) bool {
	if imageOp(n) || long(n) {
		return false // images wait for the layout pass
	}
	for _, v := range n.in {
		if v != nil && !v.konst {
			return false
		}
	}
	return true
}

// evaluate runs n once and makes its outputs constants.
func evaluate(n *node) error {
	if n.out[0] != nil && n.out[0].konst {
		return nil // inference knew
	}
	g := &graph{nodes: []*node{n}}
	for _, v := range n.out {
		if v != nil {
			g.outputs = append(g.outputs, v)
		}
	}
	b, err := build(g, nil)
	if err != nil {
		return err
	}
	b.allocate()
	for _, v := range g.outputs {
		// An alias (Reshape of a constant) has bytes already.
		if i := b.of[v]; b.slots[i].kind == isOutput {
			b.env.buf[i] = tensor.Aligned(v.bytes())
		}
	}
	for _, s := range b.steps {
		s.run()
	}
	if b.env.fault {
		return fmt.Errorf("%s: an index is out of range", n.place())
	}
	for _, v := range g.outputs {
		v.data, v.konst, v.by = b.env.buf[b.of[v]], true, nil
	}
	return nil
}

// separateOutputs makes sure that every output has bytes of its own: one
// that is an input, a constant, a change of shape or another output too is
// copied.
func separateOutputs(g *graph) error {
	seen := map[*value]bool{}
	for i, v := range g.outputs {
		if v.by != nil && !seen[v] && !aliases(v.by) {
			seen[v] = true
			continue
		}
		out := &value{name: v.name, typ: v.typ, shape: v.shape}
		g.nodes = append(g.nodes, newNode(blank(v.name), internal, "Copy", []*value{v}, []*value{out}))
		g.outputs[i] = out
	}
	return nil
}

// aliases reports whether n's output shares the bytes of its input.
func aliases(n *node) bool {
	return n.is("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout")
}
