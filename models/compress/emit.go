package compress

import (
	"fmt"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// An emitter writes a plan into its graph.
type emitter struct {
	*plan
	nodes  []*onnx.Node
	report map[*onnx.Node]NodeReport
	values []ValueReport
	ints   map[string]string    // value or constant → its dequantized twin
	grid   map[string][2]string // value → its scale and zero point
	packed []stored
}

// stored is a weight or bias that was written, to be used again by a node
// that shares it at the same scales.
type stored struct {
	name, twin string
	axis       int
	scales     []float32
	bytes      int
}

// run rewrites the nodes. Where an integer node computes v, it now writes
// float_n, which is quantized and dequantized into v, so that all readers
// keep their input names. A value from elsewhere gets a dequantized twin that
// integer nodes alone read; the others keep its exact value.
func (e *emitter) run() {
	for _, n := range e.g.Nodes {
		if !e.integer[n] {
			e.nodes = append(e.nodes, n)
			continue
		}
		if w := e.weights[n]; w != nil {
			e.weighted(n, w)
		} else {
			e.report[n] = NodeReport{Name: label(n), Op: n.Op, Changed: true}
		}
		done := map[string]bool{}
		for _, s := range e.operands(n) {
			if !done[s] {
				done[s] = true
				e.replace(n, s, e.twin(s))
			}
		}
		e.nodes = append(e.nodes, n)
		if out := n.Outputs[0]; e.has(out) {
			name := e.serial()
			n.Outputs[0] = e.names.New(name("float"))
			e.pair(out, n.Outputs[0], out, name)
			e.ints[out] = out
		}
	}
	e.g.Nodes = e.nodes
}

func (e *emitter) has(v string) bool { _, ok := e.grids[v]; return ok }

// replace makes the data operands of n that are old read name.
func (e *emitter) replace(n *onnx.Node, old, name string) {
	for i := range e.operands(n) {
		if n.Inputs[i] == old {
			n.Inputs[i] = name
		}
	}
}

// twin returns the dequantized form of s, made if need be.
func (e *emitter) twin(s string) string {
	if t, ok := e.ints[s]; ok {
		return t
	}
	name := e.serial()
	t := e.names.New(s + "_dequantized")
	e.ints[s] = t
	if e.consts[s] == nil {
		e.pair(s, s, t, name)
		return t
	}
	g, v := e.grids[s], e.floats(s)
	q := make([]int, len(v))
	for i, x := range v {
		q[i] = g.quantize(x)
	}
	ints := e.add(s+"_quantized", pack(g.typ, q, e.consts[s].Shape...))
	scale, zero := e.gridOn(s, name)
	e.node("DequantizeLinear", []string{ints, scale, zero}, t)
	return t
}

// pair emits in → QuantizeLinear → DequantizeLinear → out on the grid of v.
func (e *emitter) pair(v, in, out string, name func(string) string) {
	q := e.names.New(name("quantized"))
	scale, zero := e.gridOn(v, name)
	e.node("QuantizeLinear", []string{in, scale, zero}, q)
	e.node("DequantizeLinear", []string{q, scale, zero}, out)
	g, r := e.grids[v], ValueReport{Name: v}
	r.Low, r.High, r.Scale, r.Zero = g.low(), g.high(), g.scale, g.zero
	if s := e.spans[v]; s != nil {
		r.Clipped = s.clipped(r.Low, r.High)
	}
	e.values = append(e.values, r)
}

// gridOn returns the names of v's scale and zero point, shared with the value
// that v is merely a view of.
func (e *emitter) gridOn(v string, name func(string) string) (scale, zero string) {
	v = e.root(v)
	if names, ok := e.grid[v]; ok {
		return names[0], names[1]
	}
	g := e.grids[v]
	scale = e.add(name("scale"), tensor.From(tensor.Float32, []float32{g.scale}))
	zero = e.add(name("zero_point"), pack(g.typ, []int{g.zero}))
	e.grid[v] = [2]string{scale, zero}
	return scale, zero
}

// node emits a node without a name: names of these alone would take a tenth
// of a small model's file.
func (e *emitter) node(op string, in []string, out string, attrs ...onnx.Attr) {
	e.nodes = append(e.nodes, &onnx.Node{Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
}

// weighted gives n int8 weights with a lone DequantizeLinear, and an int32
// bias with another.
func (e *emitter) weighted(n *onnx.Node, w *weights) {
	in := e.grids[n.Inputs[0]].scale
	w.whole = e.opt.PerTensor
	q, scales := w.symmetric(in, e.opt.top())
	if e.inputs[n] != nil {
		if e.opt.Rounding == "adaptive" {
			e.adapt(w, q, scales, e.opt.top())
		}
		if e.opt.CorrectBias {
			e.unbias(w, q, scales)
		}
	}
	twin, bytes := e.store(w.name, w.axis, scales, func() tensor.Tensor { return pack(tensor.Int8, q, w.shape...) })
	n.Inputs[1] = twin
	if w.bias != nil {
		ints, at := w.intBias(in, scales)
		b, more := e.store(w.from, 0, at, func() tensor.Tensor { return tensor.From(tensor.Int32, ints, len(ints)) })
		n.Inputs[2], bytes = b, bytes+more
	}
	ch := w.channel()
	r := w.judge(q, func(i int) float32 { return scales[ch(i)] }, bytes)
	if low := floored(w, scales, e.opt.top()); low > 0 {
		r.Reason = fmt.Sprintf("%d channels with next to no weights have a coarser scale, for their bias", low)
	}
	e.report[n] = r
}

// floored counts the channels whose scale is not their weights' own.
func floored(w *weights, scales []float32, top int) int {
	most, ch, n := make([]float32, len(scales)), w.channel(), 0
	for i, v := range w.value {
		most[ch(i)] = max(most[ch(i)], max(v, -v))
	}
	for c, m := range most {
		if m > 0 && float64(scales[c]) > 1.01*float64(m)/float64(top) {
			n++
		}
	}
	return n
}

// store emits a constant at the given scales with its DequantizeLinear, unless
// it is there already, and returns the dequantized name and the bytes it takes.
func (e *emitter) store(name string, axis int, scales []float32, make func() tensor.Tensor) (string, int) {
	for _, s := range e.packed {
		if s.name == name && s.axis == axis && slices.Equal(s.scales, scales) {
			return s.twin, s.bytes
		}
	}
	t := make()
	s := stored{name: name, axis: axis, scales: scales, twin: e.names.New(name + "_dequantized")}
	n, shape, attrs := len(scales), []int{len(scales)}, []onnx.Attr{onnx.IntAttr("axis", int64(axis))}
	if e.opt.PerTensor {
		n, shape, attrs = 1, nil, nil
	}
	s.bytes = len(t.Data) + 4*n
	in := []string{
		e.add(name+"_quantized", t),
		e.add(name+"_scale", tensor.From(tensor.Float32, scales[:n], shape...)),
		e.zeros(t.Type, shape...),
	}
	e.node("DequantizeLinear", in, s.twin, attrs...)
	e.packed = append(e.packed, s)
	return s.twin, s.bytes
}
