package native

import (
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// layOut rewrites the graph so that images, and what is computed element by
// element from them, lie channels last (NHWC): the kernels of bench/kernel
// want them so. Where an operator needs ONNX's order, a transposition is
// inserted; where that moves nothing, only the shape changes.
func layOut(g *graph) error {
	l := &layouter{last: map[*value]*value{}, absent: map[*value]bool{}}
	for _, n := range g.nodes {
		switch {
		case imageOp(n):
			l.image(n)
		case l.follows(n):
			l.elementwise(n)
		default:
			for i, v := range n.in {
				n.in[i] = l.plain(v)
			}
			l.out = append(l.out, n)
		}
	}
	for i, v := range g.outputs {
		g.outputs[i] = l.plain(v)
	}
	g.nodes = l.out
	return nil
}

// imageOp reports whether n's kernels read and write channels-last images.
func imageOp(n *node) bool {
	switch n.domain {
	case "":
		if n.is("Conv", "ConvInteger") && (!n.in[1].konst || len(n.in[0].shape) != 3 && len(n.in[0].shape) != 4) {
			return false // planSliding takes images as they are
		}
		if n.is("MaxPool", "AveragePool") && (len(n.out) > 1 && n.out[1] != nil || len(n.in[0].shape) != 3 && len(n.in[0].shape) != 4) {
			return false // so does planPoolAny
		}
		return n.is("Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
	case microsoft:
		return n.op == "QLinearGlobalAveragePool"
	case internal:
		return n.op == "ConvInteger"
	}
	return false
}

type layouter struct {
	out    []*node
	last   map[*value]*value // the channels-last twin of a value
	absent map[*value]bool   // values that exist only as their twin, so far
}

// toLast permutes a shape from channels first to channels last.
func toLast(s []int) []int {
	return append(append([]int{s[0]}, s[2:]...), s[1])
}

// lastPerm and firstPerm are the permutations between the two orders.
func lastPerm(rank int) []int64 {
	p := []int64{0}
	for i := 2; i < rank; i++ {
		p = append(p, int64(i))
	}
	return append(p, 1)
}

func firstPerm(rank int) []int64 {
	p := []int64{0, int64(rank - 1)}
	for i := 1; i < rank-1; i++ {
		p = append(p, int64(i))
	}
	return p
}

// still reports whether changing the order of an image's dimensions moves no
// byte: one channel, or one pixel.
func still(first []int) bool {
	pixels := 1
	for _, d := range first[2:] {
		pixels *= d
	}
	return first[1] == 1 || pixels == 1
}

// twin makes the channels-last twin of v without anything that computes it.
func (l *layouter) twin(v *value) *value {
	t := &value{name: v.name, typ: v.typ, shape: toLast(v.shape)}
	l.last[v] = t
	return t
}

// move adds the node that turns x into y, whose orders differ.
func (l *layouter) move(y, x *value, first []int, perm []int64) {
	op := "Transpose"
	if still(first) {
		op = "Reshape" // its plan needs no second input: the output's shape is known
	}
	n := newNode(blank("layout of "+x.name), "", op, []*value{x}, []*value{y})
	n.set(onnx.IntsAttr("perm", perm...))
	l.out = append(l.out, n)
}

// channelsLast returns v in channels-last order.
func (l *layouter) channelsLast(v *value) *value {
	if t := l.last[v]; t != nil {
		return t
	}
	t := l.twin(v)
	if v.konst {
		t.konst, t.data = true, permute(v)
		return t
	}
	l.move(t, v, v.shape, lastPerm(len(v.shape)))
	return t
}

// permute returns the bytes of a constant image, channels last.
func permute(v *value) []byte {
	size := v.typ.Bits() / 8
	out := tensor.Aligned(len(v.data))
	if len(out) == 0 {
		return out
	}
	n, c := v.shape[0], v.shape[1]
	pixels := v.len() / (n * c)
	for i := range n {
		for j := range c {
			for p := range pixels {
				copy(out[((i*pixels+p)*c+j)*size:][:size], v.data[((i*c+j)*pixels+p)*size:])
			}
		}
	}
	return out
}

// plain returns v in ONNX's order.
func (l *layouter) plain(v *value) *value {
	if l.absent[v] {
		delete(l.absent, v)
		l.move(v, l.last[v], v.shape, firstPerm(len(v.shape)))
	}
	return v
}

// image rewrites an operator on images; weights keep their order.
func (l *layouter) image(n *node) {
	if len(n.in[0].shape) < 3 {
		l.out = append(l.out, n) // plan reports it
		return
	}
	n.in[0] = l.channelsLast(n.in[0])
	if n.is("Conv") && n.arg(residual) != nil {
		n.in[residual] = l.channelsLast(n.in[residual])
	}
	l.results(n, len(n.out[0].shape))
}

// follows reports whether n can take the order of its operands and one of
// them is an image that exists channels last only.
func (l *layouter) follows(n *node) bool {
	if n.out[0] == nil {
		return false
	}
	rank := len(n.out[0].shape)
	if rank < 3 || !(elementwise(n) || n.is("Concat", "BatchNormalization")) {
		return false
	}
	some := false
	for _, v := range n.in {
		if v == nil {
			continue
		}
		if len(v.shape) > rank {
			return false
		}
		some = some || l.absent[v] && len(v.shape) == rank
	}
	return some
}

// elementwise reports whether n computes every element from the elements at
// the same place (broadcast) and perhaps parameters per channel.
func elementwise(n *node) bool {
	return n.is("Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Cast",
		"Add", "Sub", "Mul", "Div", "DynamicQuantizeLinear") ||
		n.is("QuantizeLinear", "DequantizeLinear") && !blocked(n) ||
		n.domain == microsoft && n.op == "QLinearAdd" || n.domain == internal && n.op == "Lookup"
}

// elementwise rewrites n to work on channels-last operands.
func (l *layouter) elementwise(n *node) {
	rank := len(n.out[0].shape)
	for i, v := range n.in {
		if v == nil || parameter(n, i) {
			if v != nil {
				n.in[i] = l.plain(v)
			}
			continue
		}
		switch {
		case v.len() == 1 && len(v.shape) < rank:
			n.in[i] = l.plain(v)
		case len(v.shape) == rank:
			n.in[i] = l.channelsLast(v)
		default:
			n.in[i] = l.channelsLast(l.raise(v, rank))
		}
	}
	if axis := n.attrs.Attr("axis"); axis != nil && n.is("Concat", "QuantizeLinear", "DequantizeLinear") {
		n.set(onnx.IntAttr("axis", int64(lastAxis(int(axis.I), rank))))
	} else if n.is("QuantizeLinear", "DequantizeLinear") {
		n.set(onnx.IntAttr("axis", int64(rank-1))) // the default is 1, the channels
	}
	l.results(n, rank)
}

// results replaces n's outputs by their channels-last twins, save scalars
// (DynamicQuantizeLinear's scale and zero point).
func (l *layouter) results(n *node, rank int) {
	for i, v := range n.out {
		if v == nil || len(v.shape) != rank {
			continue
		}
		t := l.twin(v)
		t.by = n
		l.absent[v] = true
		n.out[i] = t
	}
	n.last = true
	l.out = append(l.out, n)
}

// parameter reports whether input i of n is no image: a scale, a bound.
func parameter(n *node, i int) bool {
	return i > 0 && !n.is("Add", "Sub", "Mul", "Div", "Concat") && !(n.op == "QLinearAdd" && i == 3)
}

// lastAxis returns where axis a of an image is, channels last.
func lastAxis(a, rank int) int {
	if a < 0 {
		a += rank
	}
	switch {
	case a == 1:
		return rank - 1
	case a > 1:
		return a - 1
	}
	return a
}

// raise returns v with leading dimensions of 1 up to rank.
func (l *layouter) raise(v *value, rank int) *value {
	shape := append(slices.Repeat([]int{1}, rank-len(v.shape)), v.shape...)
	t := &value{name: v.name, typ: v.typ, shape: shape, data: v.data, konst: v.konst}
	if !v.konst {
		v = l.plain(v)
		l.out = append(l.out, newNode(blank("shape of "+v.name), "", "Reshape", []*value{v}, []*value{t}))
	}
	return t
}
