package compress

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "fp16",
		Whole: true,
		Doc:   "float16 weights and arithmetic, inputs and outputs stay float32; operators that need the range or have no float16 form stay float32 between casts",
		Final: true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "fp16", m, opt, func(d *draft, r *Report) error { return d.halve(opt, r) })
		},
	})
}

// full lists the operators that stay float32: those that have no float16 form
// in ONNX, take scales or positions as float32, or overflow easily (the block
// list of onnxconverter_common/float16.py, with the quantized ones).
var full = map[string]bool{
	"ArrayFeatureExtractor": true, "Bernoulli": true, "Binarizer": true, "CategoryMapper": true, "Constant": true, "CumSum": true,
	"DequantizeLinear": true, "DynamicQuantizeLinear": true, "EyeLike": true, "MelWeightMatrix": true, "If": true, "Loop": true, "Max": true, "Min": true, "NonMaxSuppression": true,
	"QuantizeLinear": true, "RandomNormal": true, "RandomNormalLike": true, "RandomUniform": true, "RandomUniformLike": true,
	"Range": true, "Resize": true, "RoiAlign": true, "Scan": true, "Size": true, "TopK": true, "Upsample": true,
}

// A halver rewrites a graph in float16. Each float32 value v keeps its name for
// readers that want float32, and has a twin for the others; a Cast joins the
// two where both are wanted.
type halver struct {
	*draft
	types map[string]onnx.ValueInfo
	nodes []*onnx.Node
	twin  map[string]string // value → its float16 form
	plain map[string]bool   // values whose float32 form is there
	clips int
}

func (d *draft) halve(opt Options, r *Report) error {
	excluded, err := d.excluded(opt)
	if err != nil {
		return err
	}
	types, err := onnx.InferShapes(d.Model, nil)
	if err != nil {
		return fmt.Errorf("types of the values: %w", err)
	}
	h := &halver{draft: d, types: types, twin: map[string]string{}, plain: map[string]bool{}}
	for _, v := range d.g.Inputs {
		h.plain[v.Name] = true
	}
	for _, c := range d.g.Initializers {
		if err := finite(c.Tensor); err != nil {
			return fmt.Errorf("constant %q: %w", c.Name, err)
		}
	}
	for _, n := range d.g.Nodes {
		reason := ""
		switch {
		case excluded[n]:
			reason = "excluded by the caller"
		case !std(n), full[n.Op], len(d.nested(n)) > 0:
			reason = "it has no float16 form here"
		case !h.touches(n):
			reason = "it computes no float32"
		}
		if reason != "" {
			h.keep(n)
			r.float(n, "%s", reason)
			continue
		}
		r.Nodes = append(r.Nodes, h.rewrite(n))
	}
	for _, v := range d.g.Outputs {
		h.wide(v.Name)
	}
	d.g.Nodes, d.g.Values = h.nodes, nil
	if h.clips > 0 {
		r.warn("%d weights are beyond float16 and were clamped to 5.96e-8…65504: compare the accuracy", h.clips)
	}
	return nil
}

// touches reports whether n reads or writes a float32 value.
func (h *halver) touches(n *onnx.Node) bool {
	return slices.ContainsFunc(slices.Concat(n.Inputs, n.Outputs), h.float)
}

func (h *halver) float(v string) bool {
	if c := h.consts[v]; c != nil {
		return c.Type == tensor.Float32
	}
	return v != "" && h.types[v].Type == tensor.Float32
}

// keep emits n in float32.
func (h *halver) keep(n *onnx.Node) {
	for _, v := range n.Inputs {
		h.wide(v)
	}
	if len(h.nested(n)) > 0 { // its subgraphs may read any of them
		for _, v := range slices.Sorted(maps.Keys(h.captured)) {
			h.wide(v)
		}
	}
	h.nodes = append(h.nodes, n)
	for _, v := range n.Outputs {
		h.plain[v] = true
	}
}

// rewrite emits n in float16.
func (h *halver) rewrite(n *onnx.Node) NodeReport {
	out := NodeReport{Name: label(n), Op: n.Op, Changed: true}
	var signal, noise float64
	values := 0
	for i, v := range n.Inputs {
		if !h.float(v) {
			h.wide(v)
			continue
		}
		n.Inputs[i] = h.narrow(v)
		if c := h.consts[v]; c != nil {
			zeros := 0
			for k, bits := range tensor.Of[uint16](h.consts[n.Inputs[i]].Tensor) {
				x := float64(tensor.Of[float32](c.Tensor)[k])
				e := x - float64(tensor.Half(bits))
				signal, noise = signal+x*x, noise+e*e
				if bits&0x7fff == 0 {
					zeros++
				}
			}
			if i == 1 {
				out.Sparsity = float64(zeros) / float64(max(c.Len(), 1))
			}
			values += c.Len()
		}
	}
	if out.Before, out.After = int64(4*values), int64(2*values); noise > 0 {
		out.SQNR = 10 * math.Log10(signal/noise)
	} else {
		out.SQNR = math.Inf(1)
	}
	h.retype(n)
	for i, v := range n.Outputs {
		if h.float(v) {
			n.Outputs[i] = h.names.New(v + "_half")
			h.twin[v] = n.Outputs[i]
		} else {
			h.plain[v] = true
		}
	}
	h.nodes = append(h.nodes, n)
	return out
}

// retype changes the attributes of n that name float32.
func (h *halver) retype(n *onnx.Node) {
	if n.Op == "Cast" && n.Int("to", 0) == int64(tensor.Float32) {
		n.SetAttr(onnx.IntAttr("to", int64(tensor.Float16)))
	}
	if a := n.Attr("value"); n.Op == "ConstantOfShape" && a == nil {
		n.SetAttr(onnx.TensorAttr("value", tensor.New(tensor.Float16, 1)))
	} else if n.Op == "ConstantOfShape" && a.T != nil && a.T.Type == tensor.Float32 {
		n.SetAttr(onnx.TensorAttr("value", h.convert(*a.T)))
	}
}

// wide makes sure that the float32 form of v is there.
func (h *halver) wide(v string) {
	if v == "" || h.plain[v] || h.consts[v] != nil || h.twin[v] == "" {
		return
	}
	h.plain[v] = true
	h.nodes = append(h.nodes, &onnx.Node{Op: "Cast", Inputs: []string{h.twin[v]}, Outputs: []string{v}, Attrs: []onnx.Attr{onnx.IntAttr("to", int64(tensor.Float32))}})
}

// narrow returns the float16 form of v, made if need be.
func (h *halver) narrow(v string) string {
	if t := h.twin[v]; t != "" {
		return t
	}
	if c := h.consts[v]; c != nil {
		h.twin[v] = h.add(v+"_half", h.convert(c.Tensor))
		return h.twin[v]
	}
	h.twin[v] = h.names.New(v + "_half")
	h.nodes = append(h.nodes, &onnx.Node{Op: "Cast", Inputs: []string{v}, Outputs: []string{h.twin[v]}, Attrs: []onnx.Attr{onnx.IntAttr("to", int64(tensor.Float16))}})
	return h.twin[v]
}

// convert returns t in float16, clamped, and counts what was out of range.
func (h *halver) convert(t tensor.Tensor) tensor.Tensor {
	out := tensor.New(tensor.Float16, t.Shape...)
	bits := tensor.Of[uint16](out)
	for i, x := range tensor.Of[float32](t) {
		c := clampHalf(x)
		if c != x {
			h.clips++
		}
		bits[i] = toHalf(c)
	}
	return out
}

// The least and largest magnitude of float16 that is not 0 (float16.py).
const leastHalf, mostHalf = 0x1p-24, 65504

// clampHalf brings x, which may be infinite, into the range of float16; 0 and
// NaN stay.
func clampHalf(x float32) float32 {
	a := float32(math.Abs(float64(x)))
	switch {
	case a > mostHalf:
		a = mostHalf
	case a != 0 && a < leastHalf:
		a = leastHalf
	}
	return float32(math.Copysign(float64(a), float64(x)))
}

// toHalf rounds x to the nearest float16, ties to even (IEEE 754, binary16).
func toHalf(x float32) uint16 {
	sign := uint16(math.Float32bits(x) >> 16 & 0x8000)
	a := math.Abs(float64(x))
	switch {
	case math.IsNaN(a):
		return sign | 0x7e00
	case a >= 65520: // half way beyond 65504
		return sign | 0x7c00
	case a < 0x1p-14: // subnormal: multiples of 2⁻²⁴
		return sign | uint16(math.RoundToEven(a*0x1p24))
	}
	_, e := math.Frexp(a) // a = f·2^e, f in [½, 1): 11 significant bits
	steps := uint16(math.RoundToEven(math.Ldexp(a, 11-e)))
	return sign | (uint16(e+13)<<10 + steps) // steps carries the implicit bit, 2¹⁰
}
