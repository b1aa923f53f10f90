package native

import "slices"

// fuseAttention makes one operator of softmax(Q·K·s + mask)·V, in which the
// scores of a few rows at a time are multiplied, bounded and used while they are
// in cache, so that no matrix of all scores is ever written.
func fuseAttention(g *graph) error {
	r := newReaders(g)
	by := map[*node]*node{}
	for _, n := range g.nodes {
		if !n.is("MatMul") || n.in[0].by == nil || !n.in[0].by.is("Softmax") || r.only(n.in[0]) != n {
			continue
		}
		if a := attention(r, n, n.in[0].by); a != nil {
			by[n] = a
		}
	}
	for i, n := range g.nodes {
		if k := by[n]; k != nil {
			g.nodes[i] = k
		}
	}
	return nil
}

// attention returns the operator that stands for last and what leads to it;
// nil where that is something else.
func attention(r readers, last, softmax *node) *node {
	v, s := last.in[1], softmax.in[0]
	rank := len(s.shape)
	axis := int(softmax.attrs.Int("axis", -1))
	if rank < 2 || len(v.shape) != rank || axis != -1 && axis != rank-1 || softmax.opset < 13 && axis != rank-1 {
		return nil
	}
	group, scale, mask := []*node{softmax}, float32(1), (*value)(nil)
	step := func(n *node) { // one that alone reads its operand's result
		group, s = append(group, n), n.in[0]
	}
	if n := s.by; n != nil && n.is("Add") && r.only(s) != nil {
		k := slices.IndexFunc(n.in, func(v *value) bool {
			return v.by != nil && slices.Equal(v.shape, s.shape) && v.by.is("MatMul", "Div", "Mul")
		})
		if k < 0 || !masks(n.in[1-k], s.shape) {
			return nil
		}
		mask, group, s = n.in[1-k], append(group, n), n.in[k]
	}
	if n := s.by; n != nil && n.is("Div", "Mul") && r.only(s) != nil {
		f, ok := single(n.in[1])
		if !ok || f == 0 || len(n.in[1].shape) > rank {
			return nil
		}
		if scale = float32(f); n.op == "Div" {
			scale = float32(1 / f)
		}
		step(n)
	}
	product := s.by
	if product == nil || !product.is("MatMul") || r.only(s) == nil || product.clamps() {
		return nil
	}
	q, k := product.in[0], product.in[1]
	if len(q.shape) != rank || len(k.shape) != rank || k.konst || v.konst || !slices.Equal(q.shape[:rank-2], k.shape[:rank-2]) || !slices.Equal(q.shape[:rank-2], v.shape[:rank-2]) {
		return nil
	}
	a := newNode(last, internal, "Attention", []*value{q, k, v, mask}, last.out)
	a.scale = scale
	for _, n := range append(group, product) {
		a.absorb(n)
	}
	return a
}

// masks reports whether v is one row of numbers for all scores of a matrix, the
// same for all, or for each index of the first dimension.
func masks(v *value, scores []int) bool {
	cols := scores[len(scores)-1]
	if v.len() == 0 || len(v.shape) == 0 || len(v.shape) > len(scores) || v.shape[len(v.shape)-1] != cols {
		return false
	}
	rows := v.len() / cols
	return rows == 1 || len(scores) > 2 && len(v.shape) == len(scores) && rows == v.shape[0] && rows == scores[0]
}
