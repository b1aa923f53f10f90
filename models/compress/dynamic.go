package compress

import (
	"context"
	"fmt"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "int8-dynamic",
		Doc:   "dynamic 8-bit quantization: integer weights, activations quantized anew from each inference's own range, batch included; needs no calibration",
		Final: true,
		Apply: dynamic,
	})
}

// dynamic implements int8-dynamic as ONNX Runtime's dynamic quantizer does:
//
//	x → DynamicQuantizeLinear → MatMulInteger or ConvInteger → Cast → Mul → Add
//
// Activations are uint8 per tensor. Matrices are int8 per column with zero
// point 0. Convolutions are uint8 with the one zero point 128, since ONNX
// Runtime's CPU provider has no ConvInteger of int8 weights and none of a zero
// point per channel; scales are per channel all the same, for the Mul that
// applies them does not care. Depthwise convolutions stay
// float.
func dynamic(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
	if err := opt.check(); err != nil {
		return nil, nil, fmt.Errorf("int8-dynamic: %w", err)
	}
	out, r, err := quantizeDynamic(ctx, m, opt)
	if err != nil {
		return nil, nil, fmt.Errorf("int8-dynamic: %w", err)
	}
	return out, r, nil
}

func quantizeDynamic(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
	d, err := prepare(m)
	if err != nil {
		return nil, nil, err
	}
	excluded, err := d.excluded(opt)
	if err != nil {
		return nil, nil, err
	}
	r := &Report{Technique: "int8-dynamic"}
	w := &dynamicWriter{draft: d, opt: opt, r: r, inputs: map[string][3]string{}}
	for _, n := range d.g.Nodes {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		reason := "excluded by the caller"
		if !excluded[n] {
			if reason, err = w.rewrite(n); err != nil {
				return nil, nil, err
			}
		}
		if reason != "" {
			r.float(n, "%s", reason)
			w.nodes = append(w.nodes, n)
		}
	}
	d.g.Nodes = w.nodes
	if len(w.packed) == 0 {
		r.warn("no operator was quantized")
	}
	first, err := opt.first(d.g)
	if err != nil {
		return nil, nil, err
	}
	out, err := finish(m, d.Model, opt, first, r)
	return out, r, err
}

// A dynamicWriter rewrites nodes one by one.
type dynamicWriter struct {
	*draft
	opt    Options
	r      *Report
	nodes  []*onnx.Node
	inputs map[string][3]string // activation → its integers, scale, zero point
	packed []packed
	middle string // the zero point of all convolutions' weights
}

// packed is a weight that was written, to be used again by a node that shares it.
type packed struct {
	name, op            string
	axis                int
	ints, zeros, scales string
	report              NodeReport
}

// rewrite emits the integer form of n, or returns why it has none.
func (d *dynamicWriter) rewrite(n *onnx.Node) (string, error) {
	if !std(n) || roles[n.Op] != weighted {
		return "it has no constant weights", nil
	}
	w, reason, err := d.weightsOf(n)
	if err != nil || reason != "" {
		return reason, err
	}
	if n.Op == "Conv" && n.Int("group", 1) > 1 && w.shape[1] == 1 {
		// One scale for all channels, as other tools emit, loses the accuracy. A
		// scale per channel keeps it, but ONNX Runtime 1.30 then took 2.3 times
		// as long for a whole MobileNetV2 as with these nodes float.
		return "depthwise: ConvInteger computes it channel by channel, slower than float", nil
	}
	p := d.pack(w)
	x := d.activation(n.Inputs[0])
	out, name := n.Outputs[0], d.serial()
	sum, real, scale := d.names.New(name("sum")), d.names.New(name("float")), d.names.New(name("scales"))
	op, attrs := "MatMulInteger", []onnx.Attr(nil)
	if n.Op == "Conv" {
		op, attrs = "ConvInteger", n.Attrs
	}
	d.node(op, n.Name, []string{x[0], p.ints, x[2], p.zeros}, sum, attrs...)
	d.node("Cast", "", []string{sum}, real, onnx.IntAttr("to", int64(tensor.Float32)))
	d.node("Mul", "", []string{x[1], p.scales}, scale)
	last := out
	if w.bias != nil {
		last = d.names.New(name("scaled"))
	}
	d.node("Mul", "", []string{real, scale}, last)
	if w.bias != nil {
		d.node("Add", "", []string{last, d.bias(w)}, out)
	}
	p.report.Name, p.report.Op = label(n), n.Op
	p.report.Before, p.report.After = p.report.Before+int64(4*len(w.bias)), p.report.After+int64(4*len(w.bias))
	d.r.Nodes = append(d.r.Nodes, p.report)
	return "", nil
}

func (d *dynamicWriter) node(op, name string, in []string, out string, attrs ...onnx.Attr) {
	d.nodes = append(d.nodes, &onnx.Node{Name: name, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
}

// activation returns the integers, scale and zero point of s, computed once
// for all nodes that read it.
func (d *dynamicWriter) activation(s string) [3]string {
	if x, ok := d.inputs[s]; ok {
		return x
	}
	name := d.serial()
	x := [3]string{d.names.New(name("quantized")), d.names.New(name("scale")), d.names.New(name("zero_point"))}
	d.nodes = append(d.nodes, &onnx.Node{Op: "DynamicQuantizeLinear", Inputs: []string{s}, Outputs: x[:]})
	d.inputs[s] = x
	return x
}

// bias returns the name of w's bias in the shape that the Add needs: one
// column of channels for a convolution, a row for a matrix.
func (d *dynamicWriter) bias(w *weights) string {
	return d.add(w.from+"_row", tensor.From(tensor.Float32, w.bias, w.column()...))
}

// column returns the shape that spreads one number per channel over an output.
func (w *weights) column() []int {
	if w.node.Op != "Conv" {
		return []int{w.channels()}
	}
	shape := []int{1, w.channels()}
	for range w.shape[2:] {
		shape = append(shape, 1)
	}
	return shape
}

// pack writes the integers, zero points and scales of w.
func (d *dynamicWriter) pack(w *weights) packed {
	for _, p := range d.packed {
		if p.name == w.name && p.op == w.node.Op && p.axis == w.axis {
			return p
		}
	}
	typ, shift, top := tensor.Int8, 0, d.opt.top()
	if w.node.Op == "Conv" {
		typ, shift, top = tensor.Uint8, 128, 127 // products of two uint8 never saturate
	}
	q, scales := w.perChannel(top)
	stored := make([]int, len(q))
	for i, v := range q {
		stored[i] = v + shift
	}
	shape := w.shape
	if w.node.Op == "Gemm" && w.axis == 0 { // MatMulInteger wants k×n
		stored, shape = turned(stored, shape[0], shape[1]), []int{shape[1], shape[0]}
	}
	p := packed{name: w.name, op: w.node.Op, axis: w.axis}
	p.ints = d.add(w.name+"_quantized", pack(typ, stored, shape...))
	if p.zeros = d.middle; w.node.Op != "Conv" {
		p.zeros = d.draft.zeros(typ, len(scales))
	} else if d.middle == "" {
		d.middle = d.add("zero_point_uint8_128", pack(typ, []int{shift}))
		p.zeros = d.middle
	}
	p.scales = d.add(w.name+"_scale", tensor.From(tensor.Float32, scales, w.column()...))
	ch, bare := w.channel(), *w
	bare.bias = nil // counted by the node, for the weights may be shared
	p.report = bare.judge(q, func(i int) float32 { return scales[ch(i)] }, len(q)+4*len(scales))
	d.packed = append(d.packed, p)
	return p
}

// perChannel quantizes w as symmetric does, for inputs of unknown scale and a
// bias that stays float.
func (w *weights) perChannel(top int) (q []int, scales []float32) {
	bare := *w
	bare.bias = nil
	return bare.symmetric(1, top)
}
