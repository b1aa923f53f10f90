package native

import "assay/models/tensor"

// fuseDynamic folds what turns the sums of ConvInteger and MatMulInteger into
// floats (Cast, Mul by the scales, Add of a constant bias) into operators that
// do it while the sums are in cache.
func fuseDynamic(g *graph) error {
	d := &dynamic{readers: map[*value][]*node{}, uses: g.uses()}
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil {
				d.readers[v] = append(d.readers[v], n)
			}
		}
	}
	gone, by := map[*node]bool{}, map[*node]*node{}
	for _, n := range g.nodes {
		if !n.is("ConvInteger", "MatMulInteger") {
			continue
		}
		if chain, fused := d.chain(n); fused != nil {
			for _, c := range chain {
				gone[c] = true
			}
			by[chain[len(chain)-1]] = fused // where all operands are known
		}
	}
	var out []*node
	for _, n := range g.nodes {
		if f := by[n]; f != nil {
			out = append(out, f)
		} else if !gone[n] {
			out = append(out, n)
		}
	}
	g.nodes = out
	return nil
}

type dynamic struct {
	readers map[*value][]*node
	uses    map[*value]int
}

// next returns the node that alone reads n's output, where it is op.
func (d *dynamic) next(n *node, op string) *node {
	v := n.out[0]
	if r := d.readers[v]; d.uses[v] == 1 && len(r) == 1 && r[0].is(op) {
		return r[0]
	}
	return nil
}

// chain returns the nodes from n on that become one, and that one; nil where
// they are others.
func (d *dynamic) chain(n *node) ([]*node, *node) {
	cast := d.next(n, "Cast")
	if cast == nil || cast.out[0].typ != tensor.Float32 {
		return nil, nil
	}
	mul := d.next(cast, "Mul")
	if mul == nil {
		return nil, nil
	}
	scale := other(mul, cast.out[0])
	if !perChannel(n, scale) {
		return nil, nil
	}
	chain, bias := []*node{n, cast, mul}, (*value)(nil)
	if add := d.next(mul, "Add"); add != nil {
		if v := other(add, mul.out[0]); v.konst && perChannel(n, v) {
			chain, bias = append(chain, add), v
		}
	}
	last := chain[len(chain)-1]
	in := []*value{n.in[0], n.in[1], n.arg(2), n.arg(3), scale, bias}
	f := newNode(n, internal, n.op, in, last.out[:1])
	f.attrs = n.attrs
	return chain, f
}

// other returns the operand of n that is not v.
func other(n *node, v *value) *value {
	if n.in[0] == v {
		return n.in[1]
	}
	return n.in[0]
}

// perChannel reports whether v is one number, or one for each channel of n's
// output, in float32.
func perChannel(n *node, v *value) bool {
	out := n.out[0].shape
	axis := len(out) - 1
	if n.op == "ConvInteger" {
		axis = 1
	}
	if v.typ != tensor.Float32 || len(v.shape) > len(out) || len(out) < 2 {
		return false
	}
	if v.len() == 1 {
		return true
	}
	at := axis - (len(out) - len(v.shape))
	return at >= 0 && v.shape[at] == out[axis] && v.len() == out[axis]
}
