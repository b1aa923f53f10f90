package compress

import (
	"context"
	"fmt"
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "smoothed",
		Whole: true,
		Doc:   "outliers of activations moved into the weights that read them, channel by channel, before 8-bit quantization of transformers (SmoothQuant); computes what it did",
		Data:  true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "smoothed", m, opt, func(d *draft, r *Report) error { return d.smooth(ctx, opt, r) })
		},
	})
}

// smoothing is how much of an outlier moves: α of SmoothQuant, whose authors
// take one half for most models.
const smoothing = 0.5

// smooth divides channel j of a matrix's input by s = max|x|^α / max|w|^(1−α)
// and multiplies its weights by it (Xiao et al., "SmoothQuant", 2023, equation
// 4). The division goes into the layer normalisation or the layer that
// computes the input; where that has other readers or is something else, the
// matrix stays as it is.
func (d *draft) smooth(ctx context.Context, opt Options, r *Report) error {
	list, err := d.targets(opt, r)
	if err != nil {
		return err
	}
	by := map[string][]*target{}
	var values []string
	for _, t := range list {
		if t.node.Op == "Conv" {
			r.float(t.node, "it is a convolution: equalized scales those")
			continue
		}
		v := t.node.Inputs[0]
		if why := d.smoothable(v, t); why != "" {
			r.float(t.node, "%s", why)
			continue
		}
		if by[v] == nil {
			values = append(values, v)
		}
		by[v] = append(by[v], t)
	}
	values = slices.DeleteFunc(values, func(v string) bool {
		if len(d.g.Consumers()[v]) == len(by[v]) {
			return false
		}
		for _, t := range by[v] {
			r.float(t.node, "its input has readers that are no matrices")
		}
		return true
	})
	if len(values) == 0 {
		r.warn("no matrix can be smoothed")
		return nil
	}
	most := map[string][]float64{}
	if _, err := d.observe(ctx, values, opt, r, func(got map[string]tensor.Tensor) error { return peak(most, values, by, got) }); err != nil {
		return err
	}
	for _, v := range values {
		d.move(v, by[v], most[v], r)
	}
	return nil
}

// smoothable says why v cannot be divided where it is made, "" if it can.
func (d *draft) smoothable(v string, t *target) string {
	n := d.g.Producers()[v]
	switch {
	case n == nil || d.g.IsOutput(v) || d.captured[v]:
		return "its input is an input or output of the model"
	case readers(d.g, t.name) > 1:
		return "its weights are shared"
	case n.Op != "LayerNormalization" || !std(n) || len(n.Inputs) < 2:
		return "its input is not made by a layer normalisation"
	}
	for _, s := range n.Inputs[1:] {
		if s != "" && (len(d.floats(s)) != t.cols || readers(d.g, s) > 1) {
			return "its layer normalisation has no scale of its own for each channel"
		}
	}
	return ""
}

// peak keeps the largest magnitude of each channel, the last axis.
func peak(most map[string][]float64, values []string, by map[string][]*target, got map[string]tensor.Tensor) error {
	for _, v := range values {
		x, ok := got[v]
		n := by[v][0].cols
		if !ok || x.Type != tensor.Float32 || len(x.Shape) == 0 || x.Shape[len(x.Shape)-1] != n {
			return fmt.Errorf("value %q has no %d channels of float32", v, n)
		}
		if most[v] == nil {
			most[v] = make([]float64, n)
		}
		for i, e := range tensor.Of[float32](x) {
			most[v][i%n] = max(most[v][i%n], math.Abs(float64(e)))
		}
	}
	return nil
}

// move scales the matrices that read v and the layer normalisation that makes
// it.
func (d *draft) move(v string, list []*target, most []float64, r *Report) {
	s := make([]float64, len(most))
	for j := range s {
		w := 0.0
		for _, t := range list {
			for row := range t.rows {
				w = max(w, math.Abs(t.m[row*t.cols+j]))
			}
		}
		if s[j] = math.Pow(most[j], smoothing) / math.Pow(w, 1-smoothing); most[j] == 0 || w == 0 {
			s[j] = 1
		}
	}
	n := d.g.Producers()[v]
	for i, name := range n.Inputs[1:] {
		if name == "" {
			continue
		}
		c := slices.Clone(d.floats(name))
		for j := range c {
			c[j] = float32(float64(c[j]) / s[j])
		}
		n.Inputs[i+1] = d.add(name+"_smoothed", tensor.From(tensor.Float32, c, d.consts[name].Shape...))
	}
	for _, t := range list {
		for i := range t.m {
			t.m[i] *= s[i%t.cols]
		}
		t.node.Inputs[1] = d.add(t.name+"_smoothed", tensor.From(tensor.Float32, t.fold(t.m), t.shape...))
		r.Nodes = append(r.Nodes, NodeReport{Name: label(t.node), Op: t.node.Op, Changed: true, Reason: "outliers of its input are in its weights"})
	}
}
