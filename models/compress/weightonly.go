package compress

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	only("int8-weights", "8-bit weights in blocks, float activations: MatMulNBits for matrices, one scale per channel for convolutions", 8, false, nearestOnly)
	only("int4", "4-bit weights in blocks, float activations: MatMulNBits for matrices, blocked DequantizeLinear for convolutions; rounded to nearest", 4, false, nearestOnly)
}

func nearestOnly(context.Context, *draft, []*target, Options, *Report) (quantizer, error) {
	return func(t *target, b *blocks) error { b.nearest(t.m); return nil }, nil
}

// A quantizer fills b, whose form is set, with the weights of t.
type quantizer func(t *target, b *blocks) error

// only registers a weight-only technique; start looks at the targets, and at
// the calibration data where data is true.
func only(name, doc string, bits int, data bool, start func(context.Context, *draft, []*target, Options, *Report) (quantizer, error)) {
	Register(Technique{
		Name: name, Doc: doc, Data: data, Final: true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, name, m, opt, func(d *draft, r *Report) error {
				list, err := d.targets(opt, r)
				if err != nil {
					return err
				}
				quantize, err := start(ctx, d, list, opt, r)
				if err != nil {
					return err
				}
				w := &weightWriter{draft: d, opt: opt, r: r, bits: bits, done: map[string]stored{}}
				return w.all(ctx, list, quantize)
			})
		},
	})
}

// defaultBlock is how many weights share a scale, ONNX Runtime's default for
// accuracy.
const defaultBlock = 32

// blockedOpset is the first with int4 and blocked DequantizeLinear.
const blockedOpset, blockedIR = 21, 10

// A weightWriter replaces weights by blocks.
type weightWriter struct {
	*draft
	opt  Options
	r    *Report
	bits int
	done map[string]stored // by the initializer's name
	head []*onnx.Node      // what computes weights of convolutions
}

func (w *weightWriter) all(ctx context.Context, list []*target, quantize quantizer) error {
	conv := slices.ContainsFunc(list, func(t *target) bool { return t.node.Op == "Conv" })
	up := int64(opset)
	if conv && w.bits == 4 || w.opt.Form == "qdq" || w.bits == 4 && len(w.tables(nil)) > 0 {
		up = blockedOpset
	}
	if err := w.raiseTo(up); err != nil {
		return err
	}
	for _, t := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		size := cmp.Or(w.opt.Block, defaultBlock)
		if t.node.Op == "Conv" && w.bits == 8 {
			size = t.cols // one scale per channel needs no opset 21
		}
		b := newBlocks(w.bits, size, t.rows, t.cols, w.opt.Asymmetric)
		if err := quantize(t, b); err != nil {
			return fmt.Errorf("%s %q: %w", t.node.Op, label(t.node), err)
		}
		n := t.report(t.fold(b.values()))
		bytes := 0
		if t.node.Op == "Conv" || w.opt.Form == "qdq" {
			bytes = w.dequantized(t, b)
		} else {
			bytes = w.product(t, b)
		}
		n.After = int64(bytes + 4*len(t.bias))
		w.r.Nodes = append(w.r.Nodes, n)
	}
	w.g.Nodes = append(w.head, w.g.Nodes...)
	excluded, err := w.excluded(w.opt)
	if err != nil {
		return err
	}
	for _, t := range w.tables(w.r) {
		if !excluded[t.node] {
			w.embed(t, cmp.Or(w.opt.Block, defaultBlock))
		}
	}
	return nil
}

// product makes t's node a MatMulNBits, and an Add where it has a bias.
// accuracy_level 4 lets engines quantize activations to int8 in blocks, which
// is what their fast kernels do.
func (w *weightWriter) product(t *target, b *blocks) int {
	in, bytes := w.packed(t, b)
	n, out := t.node, t.node.Outputs[0]
	n.Op, n.Domain, n.Inputs = "MatMulNBits", "com.microsoft", append([]string{n.Inputs[0]}, in...)
	n.Attrs = []onnx.Attr{
		onnx.IntAttr("K", int64(t.cols)), onnx.IntAttr("N", int64(t.rows)), onnx.IntAttr("bits", int64(b.bits)),
		onnx.IntAttr("block_size", int64(b.size)), onnx.IntAttr("accuracy_level", 4),
	}
	if w.Opset(n.Domain) == 0 {
		w.Opsets = append(w.Opsets, onnx.Opset{Domain: n.Domain, Version: 1})
	}
	if t.bias != nil {
		n.Outputs = []string{w.names.New(out + "_product")}
		bias := w.add(t.name+"_bias", tensor.From(tensor.Float32, t.bias, len(t.bias)))
		add := &onnx.Node{Op: "Add", Inputs: []string{n.Outputs[0], bias}, Outputs: []string{out}}
		w.g.Nodes = slices.Insert(w.g.Nodes, slices.Index(w.g.Nodes, n)+1, add)
	}
	return bytes
}

// packed returns the names of the integers, scales and zero points of t, and
// their bytes.
func (w *weightWriter) packed(t *target, b *blocks) ([]string, int) {
	scales := w.add(t.name+"_scales", tensor.From(tensor.Float32, b.scales, len(b.scales)))
	data := tensor.New(tensor.Uint8, t.rows, b.per(), b.size*b.bits/8)
	copy(data.Data, b.packed())
	in := []string{w.add(t.name+"_blocks", data), scales}
	bytes := len(data.Data) + 4*len(b.scales)
	switch {
	case b.middle: // absent is the middle
	case b.integers:
		z := b.packedZeros()
		in = append(in, w.add(t.name+"_zeros", tensor.From(tensor.Uint8, z, len(z))))
		bytes += len(z)
	default:
		in = append(in, w.add(t.name+"_zeros", tensor.From(tensor.Float32, b.zeros, len(b.zeros))))
		bytes += 4 * len(b.zeros)
	}
	return in, bytes
}

// dequantized gives t's node weights that a DequantizeLinear computes: of rows
// in blocks, with a Reshape, or per channel.
func (w *weightWriter) dequantized(t *target, b *blocks) int {
	if s, ok := w.done[t.name]; ok {
		t.node.Inputs[1] = s.twin
		return s.bytes
	}
	typ := map[int]tensor.Type{4: tensor.Int4, 8: tensor.Int8}[b.bits]
	q := slices.Clone(b.q)
	if b.middle { // two's complement around the middle
		for i := range q {
			q[i] -= 1 << (b.bits - 1)
		}
	} else {
		typ = map[int]tensor.Type{4: tensor.Uint4, 8: tensor.Uint8}[b.bits]
	}
	shape, grid := []int{t.rows, t.cols}, []int{t.rows, b.per()}
	attrs := []onnx.Attr{onnx.IntAttr("axis", 1), onnx.IntAttr("block_size", int64(b.size))}
	switch {
	case t.node.Op != "Conv" && t.axis == 1: // a k×n matrix: its columns are b's rows
		q = turned(q, t.rows, t.cols)
		shape, grid, attrs[0] = t.shape, []int{b.per(), t.rows}, onnx.IntAttr("axis", 0)
	case t.node.Op == "Conv" && b.per() == 1 && b.bits == 8:
		shape, grid, attrs = t.shape, []int{t.rows}, []onnx.Attr{onnx.IntAttr("axis", 0)}
	}
	scales, zeros := b.scales, b.zeros
	if grid[0] == b.per() && len(grid) == 2 && t.node.Op != "Conv" && t.axis == 1 {
		scales, zeros = turned(scales, t.rows, b.per()), turned(zeros, t.rows, b.per())
	}
	in := []string{w.add(t.name+"_blocks", integers(typ, q, shape...)), w.add(t.name+"_scales", tensor.From(tensor.Float32, scales, grid...))}
	bytes := tensor.Bytes(typ, len(q)) + 4*len(b.scales)
	if !b.middle {
		z := make([]uint8, len(zeros))
		for i, v := range zeros {
			z[i] = uint8(v)
		}
		in = append(in, w.add(t.name+"_zeros", integers(typ, z, grid...)))
		bytes += tensor.Bytes(typ, len(z))
	}
	out := w.names.New(t.name + "_dequantized")
	w.head = append(w.head, &onnx.Node{Op: "DequantizeLinear", Inputs: in, Outputs: []string{out}, Attrs: attrs})
	if t.node.Op == "Conv" && len(shape) == 2 {
		dims := make([]int64, len(t.shape))
		for i, d := range t.shape {
			dims[i] = int64(d)
		}
		flat := out
		out = w.names.New(t.name + "_reshaped")
		w.head = append(w.head, &onnx.Node{Op: "Reshape", Inputs: []string{flat, w.add(t.name+"_shape", tensor.From(tensor.Int64, dims, len(dims)))}, Outputs: []string{out}})
	}
	t.node.Inputs[1] = out
	w.done[t.name] = stored{twin: out, bytes: bytes}
	return bytes
}

// turned returns the columns of the row-major rows×cols matrix v as rows.
func turned[T any](v []T, rows, cols int) []T {
	out := make([]T, len(v))
	for i, x := range v {
		out[i%cols*rows+i/cols] = x
	}
	return out
}

// integers returns q as a tensor of an 8- or 4-bit type.
func integers(typ tensor.Type, q []uint8, shape ...int) tensor.Tensor {
	t := tensor.New(typ, shape...)
	if typ.Bits() == 4 {
		copy(t.Data, nibbles(q))
	} else {
		copy(t.Data, q)
	}
	return t
}
