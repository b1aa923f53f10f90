package native

import (
	"math"
	"slices"

	"assay/models/tensor"
)

// fuseQDQ turns groups DequantizeLinear → operator → QuantizeLinear into
// integer operators (Jacob et al. 2018, §2.2). A product whose result is not
// quantized becomes one that writes floats. Whatever does not fit stays as it
// is and runs in float32 between plain QuantizeLinear and DequantizeLinear.
func fuseQDQ(g *graph) error {
	q := &qdq{readers: map[*value][]*node{}, uses: g.uses(), gone: map[*node]bool{}, same: map[*value]*value{}}
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil {
				q.readers[v] = append(q.readers[v], n)
			}
		}
	}
	for _, n := range g.nodes {
		if q.gone[n] {
			continue
		}
		for i, v := range n.in {
			n.in[i] = q.resolve(v)
		}
		q.node(n)
	}
	g.nodes = q.out
	g.replace(q.same)
	return nil
}

type qdq struct {
	out     []*node
	readers map[*value][]*node
	uses    map[*value]int
	gone    map[*node]bool
	same    map[*value]*value
}

func (q *qdq) resolve(v *value) *value {
	for q.same[v] != nil {
		v = q.same[v]
	}
	return v
}

// A deq is a value in its quantized form.
type deq struct {
	*value             // 8-bit, or the int32 of a bias
	scale, zero *value // constants
	grid        grid
	axis        int
}

// dequantized returns the quantized form of v; false where v is not the
// result of a DequantizeLinear with constant parameters.
func dequantized(v *value) (deq, bool) {
	if v == nil || v.by == nil || !v.by.is("DequantizeLinear") || v.by.attrs.Int("block_size", 0) != 0 {
		return deq{}, false
	}
	d := v.by
	g, err := gridOf(d.in[0].typ, d.in[1], d.arg(2))
	if err != nil {
		return deq{}, false
	}
	return deq{d.in[0], d.in[1], d.arg(2), g, int(d.attrs.Int("axis", 1))}, true
}

// activation is dequantized for 8-bit values with one scale.
func activation(v *value) (deq, bool) {
	d, ok := dequantized(v)
	return d, ok && len(d.grid.scale) == 1 && (d.typ == tensor.Int8 || d.typ == tensor.Uint8)
}

// only returns the node that alone reads v.
func (q *qdq) only(v *value) *node {
	if q.uses[v] != 1 || len(q.readers[v]) != 1 {
		return nil
	}
	return q.readers[v][0]
}

// An ending is the QuantizeLinear behind an operator, an activation between.
type ending struct {
	act, quantize *node // nil where there is none
	grid          grid
	lo, hi        float32
}

// after finds how n's result is quantized; false where it is not.
func (q *qdq) after(n *node, activations bool) (ending, bool) {
	e := ending{lo: n.lo, hi: n.hi}
	r := q.only(n.out[0])
	if r != nil && activations {
		if lo, hi, ok := bounds(r); ok && lo <= hi {
			e.act, e.lo, e.hi = r, lo, hi
			r = q.only(r.out[0])
		}
	}
	if r == nil || !r.is("QuantizeLinear") {
		return e, false
	}
	g, err := tensorGrid(r.out[0].typ, r.in[1], r.arg(2))
	e.quantize, e.grid = r, g
	return e, err == nil
}

// emit replaces n, and the nodes of e, by an integer operator.
func (q *qdq) emit(n *node, e ending, domain, op string, in []*value) *node {
	out := n.out[0]
	if e.quantize != nil {
		out = e.quantize.out[0]
		q.gone[e.quantize] = true
		if e.act != nil {
			q.gone[e.act] = true
		}
	}
	attrs := n.attrs
	k := newNode(n, domain, op, in, []*value{out})
	k.attrs, k.lo, k.hi = attrs, e.lo, e.hi
	for _, v := range n.in {
		if v != nil && v.by != nil && v.by.is("DequantizeLinear") {
			k.absorb(v.by) // profiles leave it out where it stays for another reader
		}
	}
	for _, o := range []*node{e.act, e.quantize} {
		if o != nil {
			k.absorb(o)
		}
	}
	q.out = append(q.out, k)
	return k
}

// scales returns the scale and zero point of e as inputs; nil ones where the
// result stays float32.
func (e ending) scales() (scale, zero *value) {
	if e.quantize == nil {
		return nil, nil
	}
	return e.quantize.in[1], e.quantize.arg(2)
}

// node rewrites n or keeps it.
func (q *qdq) node(n *node) {
	done := false
	switch {
	case n.is("Conv"):
		done = q.product(n, 0)
	case n.is("Gemm", "MatMul"):
		done = q.product(n, 1)
	case n.is("Add"):
		done = q.add(n)
	case n.is("GlobalAveragePool"):
		done = q.global(n)
	case n.is("MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze"):
		done = q.mover(n)
	case n.is("QuantizeLinear"):
		done = q.requantize(n)
	default:
		if f, ok := unary(n); ok {
			done = q.lookup(n, func(k *node) { k.f = f })
		}
	}
	if !done {
		q.out = append(q.out, n)
	}
}

// product fuses a Conv, Gemm or MatMul with quantized weights. channel is the
// axis of the weights' output channels, unless a Gemm transposes them.
func (q *qdq) product(n *node, channel int) bool {
	x, okX := activation(n.in[0])
	w, okW := dequantized(n.in[1])
	if !okX || !okW || !w.konst || w.typ != tensor.Int8 && w.typ != tensor.Uint8 {
		return false
	}
	if n.op == "Gemm" {
		if n.attrs.Int("transA", 0) != 0 || n.attrs.Float("alpha", 1) != 1 || n.attrs.Float("beta", 1) != 1 {
			return false
		}
		if n.attrs.Int("transB", 0) != 0 {
			channel = 0
		}
	}
	if n.op != "Conv" && len(w.shape) != 2 {
		return false
	}
	axis := w.axis
	if axis < 0 {
		axis += len(w.shape)
	}
	if len(w.grid.scale) > 1 && axis != channel {
		return false
	}
	bias, ok := quantizedBias(n.arg(2), x.grid, w.grid, w.shape[channel])
	if !ok {
		return false
	}
	e, fused := q.after(n, true)
	if !fused {
		e = ending{lo: n.lo, hi: n.hi}
	}
	scale, zero := e.scales()
	if n.op == "Conv" {
		q.emit(n, e, "", "QLinearConv", []*value{x.value, x.scale, x.zero, w.value, w.scale, w.zero, scale, zero, bias})
	} else {
		q.emit(n, e, microsoft, "QGemm", []*value{x.value, x.scale, x.zero, w.value, w.scale, w.zero, bias, scale, zero})
	}
	return true
}

// quantizedBias returns a bias as int32 in steps of x.scale·w.scale; false
// where the file's bias is not on that grid.
func quantizedBias(v *value, x, w grid, channels int) (*value, bool) {
	if v == nil {
		return nil, true
	}
	d, ok := dequantized(v)
	if !ok || d.typ != tensor.Int32 || !d.konst || d.len() != channels {
		return nil, false
	}
	for i := range channels {
		want := float64(x.scale[0]) * float64(w.scale[i%len(w.scale)])
		got := float64(d.grid.scale[i%len(d.grid.scale)])
		// Two roundings to float32 apart at most.
		if math.Abs(got-want) > 4e-7*want || d.grid.zero[i%len(d.grid.zero)] != 0 {
			return nil, false
		}
	}
	return d.value, true
}

func (q *qdq) add(n *node) bool {
	a, okA := activation(n.in[0])
	b, okB := activation(n.in[1])
	if !okA || !okB || !slices.Equal(a.shape, b.shape) {
		return false
	}
	e, ok := q.after(n, true)
	if !ok {
		return false
	}
	scale, zero := e.scales()
	q.emit(n, e, microsoft, "QLinearAdd", []*value{a.value, a.scale, a.zero, b.value, b.scale, b.zero, scale, zero})
	return true
}

func (q *qdq) global(n *node) bool {
	x, ok := activation(n.in[0])
	if !ok {
		return false
	}
	e, ok := q.after(n, true)
	if !ok {
		return false
	}
	scale, zero := e.scales()
	q.emit(n, e, microsoft, "QLinearGlobalAveragePool", []*value{x.value, x.scale, x.zero, scale, zero})
	return true
}

func (q *qdq) lookup(n *node, set func(k *node)) bool {
	x, ok := activation(n.in[0])
	if !ok {
		return false
	}
	e, ok := q.after(n, false)
	if !ok {
		return false
	}
	scale, zero := e.scales()
	set(q.emit(n, e, internal, "Lookup", []*value{x.value, x.scale, x.zero, scale, zero}))
	return true
}

// mover lets an operator that only moves or selects elements work on the
// integers: what it makes is dequantized afterwards, if at all.
func (q *qdq) mover(n *node) bool {
	x, ok := activation(n.in[0])
	if !ok {
		return false
	}
	e, ok := q.after(n, false)
	if ok && e.grid.same(x.grid) {
		q.emit(n, e, "", n.op, append([]*value{x.value}, n.in[1:]...))
		return true
	}
	ints := &value{name: n.out[0].name + " quantized", typ: x.typ, shape: n.out[0].shape}
	deq, y := n.in[0].by, n.out[0]
	k := newNode(n, "", n.op, append([]*value{x.value}, n.in[1:]...), []*value{ints})
	k.attrs = n.attrs
	d := newNode(deq, "", "DequantizeLinear", append([]*value{ints}, deq.in[1:]...), []*value{y})
	d.attrs = deq.attrs
	q.out = append(q.out, k, d)
	return true
}

// requantize drops a QuantizeLinear of what was just dequantized from the
// same grid.
func (q *qdq) requantize(n *node) bool {
	x, ok := activation(n.in[0])
	if !ok {
		return false
	}
	g, err := tensorGrid(n.out[0].typ, n.in[1], n.arg(2))
	if err != nil || !g.same(x.grid) {
		return false
	}
	q.same[n.out[0]] = x.value
	return true
}
