package native

import "math"

// A readers knows who reads each value of a graph.
type readers struct {
	of   map[*value][]*node
	uses map[*value]int
}

func newReaders(g *graph) readers {
	r := readers{map[*value][]*node{}, g.uses()}
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil {
				r.of[v] = append(r.of[v], n)
			}
		}
	}
	return r
}

// only returns the node that alone reads v, once; nil where there is none.
func (r readers) only(v *value) *node {
	if r.uses[v] != 1 || len(r.of[v]) != 1 {
		return nil
	}
	return r.of[v][0]
}

// single returns the constant that v is, of one element.
func single(v *value) (float64, bool) {
	if f := v.floats(); len(f) == 1 {
		return float64(f[0]), true
	}
	return 0, false
}

// about reports whether v is the constant want, to float16's precision.
func about(v *value, want float64) bool {
	f, ok := single(v)
	return ok && math.Abs(f-want) <= 1e-3*math.Abs(want)
}

// besides returns the other operand of n, a sum or a product of two, where one
// is the constant c; nil where none is.
func besides(n *node, op string, c float64) *value {
	if n == nil || !n.is(op) {
		return nil
	}
	for i, v := range n.in {
		if about(v, c) {
			return n.in[1-i]
		}
	}
	return nil
}

// fuseGelu makes one operator of x·½·(1 + erf(x/√2)), in whichever order its
// factors are multiplied.
func fuseGelu(g *graph) error {
	r := newReaders(g)
	by := map[*node]*node{} // the last node of a group, and what stands for it
	for _, erf := range g.nodes {
		if !erf.is("Erf") || erf.in[0].by == nil {
			continue
		}
		scaled := erf.in[0].by
		var x *value
		if scaled.is("Div") && about(scaled.in[1], math.Sqrt2) {
			x = scaled.in[0]
		} else {
			x = besides(scaled, "Mul", math.Sqrt2/2)
		}
		sum := r.only(erf.out[0])
		if x == nil || besides(sum, "Add", 1) != erf.out[0] {
			continue
		}
		last, group := halved(r, x, sum)
		if last == nil {
			continue
		}
		n := newNode(last, microsoft, "Gelu", []*value{x}, last.out)
		for _, o := range append(group, sum, erf, scaled) {
			n.absorb(o)
		}
		by[last] = n
	}
	for i, n := range g.nodes {
		if k := by[n]; k != nil {
			g.nodes[i] = k
		}
	}
	return nil
}

// halved finds what multiplies sum by x and by ½: (x·sum)·½, (x·½)·sum or
// (sum·½)·x. It returns the last node and those before it.
func halved(r readers, x *value, sum *node) (last *node, group []*node) {
	first := r.only(sum.out[0])
	if first == nil || !first.is("Mul") {
		return nil, nil
	}
	other := first.in[0]
	if other == sum.out[0] {
		other = first.in[1]
	}
	next := r.only(first.out[0])
	switch {
	case other == x && next != nil && besides(next, "Mul", 0.5) == first.out[0]:
		return next, []*node{first}
	case about(other, 0.5) && next != nil && next.is("Mul") && (next.in[0] == x || next.in[1] == x):
		return next, []*node{first}
	case other.by != nil && besides(other.by, "Mul", 0.5) == x:
		return first, []*node{other.by}
	}
	return nil, nil
}
