package compress

import (
	"context"
	"errors"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "fold",
		Whole: true,
		Doc:   "batch normalisation becomes part of the convolution before it, parallel convolutions that are added up become one (RepVGG), copies and dead code go; exact but for rounding",
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "fold", m, opt, func(d *draft, r *Report) error {
				if len(opt.Exclude)+len(opt.ExcludeOps) > 0 {
					return errors.New("exclude: folding changes no result, so no node can be left out of it")
				}
				if err := d.foldBranches(); err != nil {
					return err
				}
				was := map[string]bool{}
				for _, t := range m.Graph.Initializers {
					was[t.Name] = true
				}
				for _, n := range d.g.Nodes {
					if w := input(n, 1); roles[n.Op] == weighted && d.consts[w] != nil && !was[w] {
						r.Nodes = append(r.Nodes, NodeReport{Name: label(n), Op: n.Op, Changed: true, Reason: "it took in what follows it"})
					} else {
						r.float(n, "nothing to fold")
					}
				}
				return nil
			})
		},
	})
}

// Fold returns a copy of m in which batch normalisation is part of the
// convolution before it, Identity and inference-mode Dropout are gone,
// constants are initializers, and the alpha and beta of Gemm are 1 where its
// weights are constant. It computes what m computes, but for rounding.
func Fold(m *onnx.Model) (*onnx.Model, error) {
	d, err := newDraft(m)
	if err != nil {
		return nil, err
	}
	if err := d.fold(); err != nil {
		return nil, err
	}
	d.g.RemoveUnused()
	return d.Model, onnx.Check(d.Model)
}

func (d *draft) fold() error {
	d.dropCopies()
	d.foldConstants()
	if err := d.foldNorms(); err != nil {
		return err
	}
	for _, n := range d.g.Nodes {
		if n.Op == "Gemm" && std(n) {
			d.foldFactors(n)
		}
	}
	d.g.RemoveUnused()
	return nil
}

// dropCopies removes Identity and Dropout nodes. One that joins a graph input
// or constant, or a second output, to a graph output stays.
func (d *draft) dropCopies() {
	by := d.g.Producers()
	d.g.Nodes = slices.DeleteFunc(d.g.Nodes, func(n *onnx.Node) bool {
		if !std(n) || !d.copies(n) {
			return false
		}
		in, out := n.Inputs[0], n.Outputs[0]
		if d.captured[in] || d.captured[out] {
			return false
		}
		if !d.g.IsOutput(out) {
			d.g.Rename(out, in)
			return true
		}
		p := by[in]
		if p == nil || d.g.IsOutput(in) {
			return false
		}
		p.Outputs[slices.Index(p.Outputs, in)] = out
		by[out] = p
		d.g.Rename(in, out)
		return true
	})
}

// copies reports whether n's only used output is its first input.
func (d *draft) copies(n *onnx.Node) bool {
	switch n.Op {
	case "Identity":
		return len(n.Inputs) == 1 && len(n.Outputs) == 1
	case "Dropout":
		if d.Opset("") < 7 || len(n.Outputs) == 0 || len(n.Outputs) > 1 && n.Outputs[1] != "" {
			return false // before opset 7 a flag said whether it trains
		}
		mode := input(n, 2)
		c := d.consts[mode]
		return mode == "" || c != nil && len(c.Data) == 1 && c.Data[0] == 0
	}
	return false
}

// foldNorms folds every BatchNormalization whose input is computed by a Conv
// for it alone, with constant weights.
func (d *draft) foldNorms() error {
	by, readers := d.g.Producers(), d.g.Consumers()
	var err error
	d.g.Nodes = slices.DeleteFunc(d.g.Nodes, func(n *onnx.Node) bool {
		if err != nil || n.Op != "BatchNormalization" || !std(n) || !d.infers(n) {
			return false
		}
		conv, in, out := by[n.Inputs[0]], n.Inputs[0], n.Outputs[0]
		if conv == nil || conv.Op != "Conv" || !std(conv) || conv.Outputs[0] != in || len(readers[in]) != 1 || d.g.IsOutput(in) || d.captured[out] {
			return false
		}
		var done bool
		if done, err = d.foldNorm(conv, n); !done {
			return false
		}
		conv.Outputs[0] = out
		by[out] = conv
		return true
	})
	return err
}

// foldNorm makes conv compute n(conv(x)): with f = γ/√(σ²+ε) per output
// channel, its weights become f·w and its bias f·(b−μ)+β (Jacob et al., 2018,
// §3.2). It reports false, and changes nothing, where an operand is no float32
// constant of fitting size.
func (d *draft) foldNorm(conv, n *onnx.Node) (bool, error) {
	w := d.floats(conv.Inputs[1])
	if len(w) == 0 || len(d.consts[conv.Inputs[1]].Shape) < 3 {
		return false, nil
	}
	shape := d.consts[conv.Inputs[1]].Shape
	m := shape[0]
	bias := make([]float32, m)
	if b := input(conv, 2); b != "" {
		if bias = d.floats(b); len(bias) != m {
			return false, nil
		}
	}
	factor, shift, err := d.normed(n, m)
	if factor == nil || err != nil {
		return false, err
	}
	k, fw, fb := len(w)/m, make([]float32, len(w)), make([]float32, m)
	for c, f := range factor {
		for i := c * k; i < (c+1)*k; i++ {
			fw[i] = float32(f * float64(w[i]))
		}
		fb[c] = float32(f*float64(bias[c]) + shift[c])
	}
	base := conv.Inputs[1]
	conv.Inputs = []string{
		conv.Inputs[0],
		d.add(base+"_folded", tensor.From(tensor.Float32, fw, shape...)),
		d.add(base+"_bias", tensor.From(tensor.Float32, fb, m)),
	}
	return true, nil
}

// foldFactors makes alpha and beta of a Gemm 1, by scaling its constants.
func (d *draft) foldFactors(n *onnx.Node) {
	for i, name := range []string{1: "alpha", 2: "beta"} {
		if name == "" {
			continue
		}
		f, v := n.Float(name, 1), d.floats(input(n, i))
		if f == 1 || v == nil {
			continue
		}
		scaled := make([]float32, len(v))
		for j, x := range v {
			scaled[j] = f * x
		}
		n.Inputs[i] = d.add(n.Inputs[i]+"_scaled", tensor.From(tensor.Float32, scaled, d.consts[n.Inputs[i]].Shape...))
		n.SetAttr(onnx.FloatAttr(name, 1))
	}
}
