package compress

import (
	"fmt"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A table is an embedding: a constant whose rows a Gather picks.
type table struct {
	node       *onnx.Node
	name       string
	rows, cols int
}

// leastTable is the fewest numbers of a table worth quantizing: below, what is
// added to the graph costs more than the bytes gain.
const leastTable = 1 << 10

// tables returns the embeddings of d that weight-only techniques change, in
// graph order; r, if not nil, gets the reasons of those that they do not.
func (d *draft) tables(r *Report) []table {
	var out []table
	for _, n := range d.g.Nodes {
		name := input(n, 0)
		c := d.consts[name]
		if n.Op != "Gather" || !std(n) || c == nil || c.Type != tensor.Float32 || len(n.Outputs) != 1 {
			continue
		}
		reason := ""
		switch {
		case len(c.Shape) != 2 || c.Len() < leastTable:
			reason = fmt.Sprintf("its table has shape %v, too small to gain", c.Shape)
		case n.Int("axis", 0) != 0:
			reason = "it picks columns, which do not have a scale each"
		case readers(d.g, name) > 1 || d.captured[name]:
			reason = "its table is shared"
		case finite(c.Tensor) != nil:
			reason = "its table is not finite"
		}
		if reason == "" {
			out = append(out, table{n, name, c.Shape[0], c.Shape[1]})
		} else if r != nil {
			r.explain(n, reason)
		}
	}
	return out
}

// explain sets why n is left alone.
func (r *Report) explain(n *onnx.Node, reason string) {
	for i := range r.Nodes {
		if r.Nodes[i].Name == label(n) && !r.Nodes[i].Changed {
			r.Nodes[i].Reason = reason
		}
	}
}

// embed quantizes a table. Of 8 bits, each row has a scale, and both are
// gathered, so that nothing but the rows that are asked for is turned into
// floats:
//
//	Gather(int8) → Cast → Mul ← Gather(scales)
//
// ONNX gathers no numbers of 4 bits; GatherBlockQuantized of com.microsoft does.
func (w *weightWriter) embed(t table, size int) {
	v := w.floats(t.name)
	m := make([]float64, len(v))
	for i, x := range v {
		m[i] = float64(x)
	}
	if w.bits == 8 {
		size = t.cols
	}
	b := newBlocks(w.bits, size, t.rows, t.cols, false)
	b.nearest(m)
	for i := range b.q {
		b.q[i] -= 1 << (w.bits - 1)
	}
	typ := map[int]tensor.Type{4: tensor.Int4, 8: tensor.Int8}[w.bits]
	q := w.add(t.name+"_rows", integers(typ, b.q, t.rows, t.cols))
	scales := w.add(t.name+"_scales", tensor.From(tensor.Float32, b.scales, t.rows, b.per()))
	var signal, noise float64
	zeros := 0
	for i, x := range m {
		e := x - float64(int8(b.q[i])<<(8-w.bits)>>(8-w.bits))*float64(b.scales[i/t.cols*b.per()+i%t.cols/size])
		signal, noise = signal+x*x, noise+e*e
		if b.q[i] == 0 {
			zeros++
		}
	}
	n := NodeReport{Name: label(t.node), Op: "Gather", Changed: true, SQNR: math.Inf(1), Sparsity: float64(zeros) / float64(len(m))}
	if noise > 0 {
		n.SQNR = 10 * math.Log10(signal/noise)
	}
	n.Before, n.After = int64(4*len(m)), int64(tensor.Bytes(typ, len(m))+4*len(b.scales))
	for i := range w.r.Nodes {
		if w.r.Nodes[i].Name == n.Name {
			w.r.Nodes[i] = n
		}
	}
	if w.bits == 4 {
		t.node.Op, t.node.Domain = "GatherBlockQuantized", "com.microsoft"
		t.node.Inputs = []string{q, t.node.Inputs[1], scales}
		t.node.Attrs = []onnx.Attr{onnx.IntAttr("block_size", int64(size)), onnx.IntAttr("gather_axis", 0), onnx.IntAttr("quantize_axis", 1)}
		if w.Opset("com.microsoft") == 0 {
			w.Opsets = append(w.Opsets, onnx.Opset{Domain: "com.microsoft", Version: 1})
		}
		return
	}
	w.spread(t, q, scales)
}

// spread puts the four nodes of 8 bits in the place of t's Gather.
func (w *weightWriter) spread(t table, q, scales string) {
	name, ids, out := w.serial(), t.node.Inputs[1], t.node.Outputs[0]
	ints, real, scale := w.names.New(name("rows")), w.names.New(name("float")), w.names.New(name("scales"))
	nodes := make([]*onnx.Node, 0, len(w.g.Nodes)+3)
	for _, n := range w.g.Nodes {
		if n != t.node {
			nodes = append(nodes, n)
			continue
		}
		nodes = append(nodes,
			&onnx.Node{Op: "Gather", Inputs: []string{q, ids}, Outputs: []string{ints}},
			&onnx.Node{Op: "Cast", Inputs: []string{ints}, Outputs: []string{real}, Attrs: []onnx.Attr{onnx.IntAttr("to", int64(tensor.Float32))}},
			&onnx.Node{Op: "Gather", Inputs: []string{scales, ids}, Outputs: []string{scale}},
			&onnx.Node{Name: t.node.Name, Op: "Mul", Inputs: []string{real, scale}, Outputs: []string{out}})
	}
	w.g.Nodes = nodes
}
