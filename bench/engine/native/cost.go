package native

import (
	"assay/bench/engine"
)

// A cost is what is known of a planned node beforehand.
type cost struct {
	kernel string
	macs   int64
	bytes  int64 // values and constants that its steps read and write
}

// multiplies records the kernel of the node being planned and its
// multiplications, which add up where a node is several products.
func (b *builder) multiplies(kernel string, macs int64) {
	c := &b.costs[b.at]
	c.kernel, c.macs = kernel, c.macs+macs
}

// count adds up the bytes of n, the node just planned, whose packed weights
// have the given size.
func (b *builder) count(n *node, packed int) {
	bytes := int64(packed)
	for _, v := range append(n.in[:len(n.in):len(n.in)], n.out...) {
		if v == nil {
			continue
		}
		if _, read := b.of[v]; read || !v.konst { // constants without a slot were packed
			bytes += int64(v.bytes())
		}
	}
	b.costs[b.at].bytes = bytes
}

// kernelOf names the tables of variants (assay kernels) of operators without
// weights.
var kernelOf = map[string]string{
	"Relu": "ew.Map", "Clip": "ew.Map", "Sigmoid": "ew.Map", "Tanh": "ew.Map", "HardSwish": "ew.Map", "HardSigmoid": "ew.Map", "LeakyRelu": "ew.Map", "Erf": "ew.Map", "Gelu": "ew.Map",
	"Add": "ew.Zip", "Sub": "ew.Zip", "Mul": "ew.Zip", "Div": "ew.Zip", "Softmax": "ew.Softmax", "LogSoftmax": "ew.Softmax",
}

// nodes describes the planned nodes for profiles. It holds nothing of the
// graph, so that packed constants can be freed.
func (b *builder) nodes() []engine.Node {
	chosen := map[string]string{}
	for _, r := range Kernels() {
		if r.Chosen {
			chosen[r.Operator] = r.Variant
		}
	}
	runs := map[*node]bool{}
	for _, n := range b.g.nodes {
		runs[n] = true
	}
	var out []engine.Node
	for i, n := range b.g.nodes {
		c := b.costs[i]
		d := engine.Node{Name: n.known(), Op: n.op, Kernel: c.kernel, MACs: c.macs, Bytes: c.bytes}
		if d.Kernel == "" && (n.domain == "" || n.op == "Gelu") {
			d.Kernel = chosen[kernelOf[n.op]]
		}
		if len(n.in) > 0 && n.in[0] != nil {
			d.Type = n.in[0].typ.String()
		}
		if w := weightsOf(n); len(w) > 2 {
			d.Window, d.Groups = w[2:], int(n.attrs.Int("group", 1))
			d.Depthwise = d.Groups > 1 && w[1] == 1
		}
		for _, f := range n.fused {
			if !runs[f] {
				d.Fused = append(d.Fused, f.known()+" ("+f.op+")")
			}
		}
		out = append(out, d)
	}
	return out
}

// known returns n's name, or that of the value it makes where it has none.
func (n *node) known() string {
	if n.name == "" && len(n.out) > 0 && n.out[0] != nil {
		return n.out[0].name
	}
	return n.name
}

// weightsOf returns the shape of a convolution's weights, nil for others.
func weightsOf(n *node) []int {
	at := 1
	switch {
	case n.is("QLinearConv"):
		at = 3
	case !n.is("Conv", "ConvInteger", "ConvTranspose"):
		return nil
	}
	if w := n.arg(at); w != nil {
		return w.shape
	}
	return nil
}
