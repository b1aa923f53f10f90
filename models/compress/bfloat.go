package compress

import (
	"context"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "bf16",
		Doc:   "weights stored as bfloat16, half the bytes; arithmetic stays float32, since few engines have bfloat16 operators",
		Final: true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "bf16", m, opt, func(d *draft, r *Report) error { return d.brief(opt, r) })
		},
	})
}

// brief stores the weights of d as bfloat16 with a Cast to float32. Biases,
// which are few and summed, stay float32.
func (d *draft) brief(opt Options, r *Report) error {
	if err := d.raise(); err != nil {
		return err
	}
	list, err := d.targets(opt, r)
	if err != nil {
		return err
	}
	var casts []*onnx.Node
	done := map[string]string{}
	for _, t := range list {
		v := make([]float32, len(t.value))
		bits := make([]uint16, len(v))
		for i, x := range t.value {
			bits[i] = toBrief(x)
			v[i] = math.Float32frombits(uint32(bits[i]) << 16)
		}
		name := done[t.name]
		if name == "" {
			name = d.names.New(t.name + "_float")
			done[t.name] = name
			c := d.add(t.name+"_bfloat16", tensor.From(tensor.BFloat16, bits, t.shape...))
			casts = append(casts, &onnx.Node{Op: "Cast", Inputs: []string{c}, Outputs: []string{name}, Attrs: []onnx.Attr{onnx.IntAttr("to", int64(tensor.Float32))}})
		}
		t.node.Inputs[1] = name
		n := t.report(v)
		n.After = n.Before - int64(2*len(v))
		r.Nodes = append(r.Nodes, n)
	}
	d.g.Nodes = append(casts, d.g.Nodes...)
	return nil
}

// toBrief rounds a finite x to the nearest bfloat16, ties to even; what would
// round to infinity becomes the largest number.
func toBrief(x float32) uint16 {
	u := math.Float32bits(x)
	u += 0x7fff + u>>16&1
	if u&0x7f800000 == 0x7f800000 {
		return uint16(math.Float32bits(x)>>16&0x8000) | 0x7f7f
	}
	return uint16(u >> 16)
}
