package compress

import (
	"context"
	"fmt"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "int8-qdq",
		Doc:   "static 8-bit quantization: per-channel weights, activations calibrated on data, QuantizeLinear/DequantizeLinear pairs around float operators",
		Data:  true,
		Final: true,
		Apply: static,
	})
}

// static implements int8-qdq (Jacob et al., 2018; ONNX Runtime's static
// quantizer in QDQ format). Conv, Gemm and MatMul with constant weights become
// integer, and so do the operators between them. Activations are per tensor
// and asymmetric, weights per output channel and symmetric with zero point 0,
// biases int32 at scale input·weight. Inputs and outputs stay float32.
func static(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
	if err := opt.check(); err != nil {
		return nil, nil, fmt.Errorf("int8-qdq: %w", err)
	}
	out, r, err := quantizeStatic(ctx, m, opt)
	if err != nil {
		return nil, nil, fmt.Errorf("int8-qdq: %w", err)
	}
	return out, r, nil
}

func quantizeStatic(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
	d, err := prepare(m)
	if err != nil {
		return nil, nil, err
	}
	p, err := newPlan(d, opt)
	if err != nil {
		return nil, nil, err
	}
	r := &Report{Technique: "int8-qdq"}
	var first []tensor.Tensor
	if p.spans, first, err = calibrate(ctx, d, p.wanted(), opt, r); err != nil {
		return nil, nil, err
	}
	if err := p.correct(ctx, r); err != nil {
		return nil, nil, err
	}
	nodes := append([]*onnx.Node(nil), d.g.Nodes...)
	p.decide()
	e := &emitter{plan: p, report: map[*onnx.Node]NodeReport{}, ints: map[string]string{}, grid: map[string][2]string{}}
	e.run()
	for _, n := range nodes {
		switch nr, ok := e.report[n]; {
		case ok:
			r.Nodes = append(r.Nodes, nr)
		case p.reasons[n] != "":
			r.float(n, "%s", p.reasons[n])
		default: // a clamp that went
			r.Nodes = append(r.Nodes, NodeReport{Name: label(n), Op: n.Op, Changed: true, Reason: "part of " + label(p.by[n.Outputs[0]])})
		}
	}
	r.Values = e.values
	if len(p.integer) == 0 {
		r.warn("no operator was quantized")
	}
	out, err := finish(m, d.Model, opt, first, r)
	return out, r, err
}
