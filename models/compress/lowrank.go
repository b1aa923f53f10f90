package compress

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name: "low-rank-N",
		Doc:  "layers split in two by singular value decomposition, of the least rank that keeps N % of the weights' energy, where two are smaller than one",
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "low-rank", m, opt, func(d *draft, r *Report) error { return d.split(ctx, opt, r) })
		},
	})
}

// split replaces matrices and 1×1 convolutions by two (Denton et al., 2014),
// and k×k convolutions by one of a column and one of a row of the kernel
// (Jaderberg et al., "Speeding up Convolutional Neural Networks with Low Rank
// Expansions", 2014, scheme 2).
func (d *draft) split(ctx context.Context, opt Options, r *Report) error {
	list, err := d.targets(opt, r)
	if err != nil {
		return err
	}
	done := false
	for _, t := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if readers(d.g, t.name) > 1 {
			r.float(t.node, "its weights are shared")
			continue
		}
		n, err := d.splitOne(t, opt.amount)
		if err != nil {
			return fmt.Errorf("%s %q: %w", t.node.Op, label(t.node), err)
		}
		done = done || n.Changed
		r.Nodes = append(r.Nodes, n)
	}
	if !done {
		r.warn("no layer is smaller in two: ask for less energy")
	}
	return nil
}

// A factorisation is a weight as a product: first is rank×cols, second
// rows×rank; rows and cols are those of the matrix that was decomposed.
type factorisation struct {
	rank          int
	first, second []float64
	kept          float64 // share of the energy
}

// decompose returns the product of the least rank that keeps share of the
// energy of the row-major matrix m.
func decompose(m []float64, rows, cols int, share float64) (factorisation, error) {
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(rows, cols, slices.Clone(m)), mat.SVDThin) {
		return factorisation{}, errors.New("its singular values do not converge")
	}
	s := svd.Values(nil)
	total := 0.0
	for _, x := range s {
		total += x * x
	}
	f := factorisation{kept: 1}
	for sum := 0.0; f.rank < len(s) && sum < share*total; f.rank++ {
		sum += s[f.rank] * s[f.rank]
		f.kept = sum / total
	}
	f.rank = max(f.rank, 1)
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	for k := range f.rank { // both halves get the root of the value: equal ranges
		root := math.Sqrt(s[k])
		for j := range cols {
			f.first = append(f.first, v.At(j, k)*root)
		}
	}
	for i := range rows {
		for k := range f.rank {
			f.second = append(f.second, u.At(i, k)*math.Sqrt(s[k]))
		}
	}
	return f, nil
}

func (d *draft) splitOne(t *target, share float64) (NodeReport, error) {
	n := NodeReport{Name: label(t.node), Op: t.node.Op}
	pointwise := t.taps() == 1
	switch {
	case t.groups() > 1:
		n.Reason = "it has groups"
		return n, nil
	case !pointwise && !plainWindow(t):
		n.Reason = "only convolutions in two dimensions with explicit padding are split"
		return n, nil
	}
	m, rows, cols := t.m, t.rows, t.cols
	if !pointwise {
		m, rows, cols = t.columns()
	}
	f, err := decompose(m, rows, cols, share)
	if err != nil {
		return n, err
	}
	if f.rank*(rows+cols) >= len(t.m) {
		n.Reason = fmt.Sprintf("rank %d of %d is no smaller", f.rank, min(rows, cols))
		return n, nil
	}
	if t.node.Op == "Conv" {
		d.splitConv(t, f, pointwise)
	} else {
		d.splitMatrix(t, f)
	}
	n.Changed, n.Reason = true, fmt.Sprintf("rank %d of %d keeps %.1f %% of the energy", f.rank, min(rows, cols), 100*f.kept)
	n.Before, n.After = int64(4*(len(t.m)+len(t.bias))), int64(4*(f.rank*(rows+cols)+len(t.bias)))
	n.SQNR = math.Inf(1)
	if f.kept < 1 {
		n.SQNR = -10 * math.Log10(1-f.kept)
	}
	return n, nil
}

// plainWindow reports whether t is a convolution in two dimensions with explicit
// padding.
func plainWindow(t *target) bool {
	n := t.node
	return len(t.shape) == 4 && n.Str("auto_pad", "NOTSET") == "NOTSET" && len(n.Ints("pads", make([]int64, 4))) == 4 &&
		len(n.Ints("strides", make([]int64, 2))) == 2 && len(n.Ints("dilations", make([]int64, 2))) == 2
}

// columns returns the weights of a k×k convolution as a matrix of (output, x)
// by (input, y).
func (t *target) columns() (m []float64, rows, cols int) {
	o, c, h, w := t.shape[0], t.shape[1], t.shape[2], t.shape[3]
	m = make([]float64, len(t.m))
	for i := range m {
		x, y, in, out := i%w, i/w%h, i/w/h%c, i/w/h/c
		m[((out*w+x)*c+in)*h+y] = t.m[i]
	}
	return m, o * w, c * h
}

// before puts a node that makes t's input smaller in front of it.
func (d *draft) before(t *target, n *onnx.Node) {
	n.Name = t.node.Name + "_first"
	n.Outputs = []string{d.names.New(t.node.Outputs[0] + "_low")}
	t.node.Inputs[0] = n.Outputs[0]
	d.g.Nodes = slices.Insert(d.g.Nodes, slices.Index(d.g.Nodes, t.node), n)
}

func singles(v []float64, shape ...int) tensor.Tensor {
	out := tensor.New(tensor.Float32, shape...)
	w := tensor.Of[float32](out)
	for i, x := range v {
		w[i] = float32(x)
	}
	return out
}

func (d *draft) splitMatrix(t *target, f factorisation) {
	first := &target{weights: &weights{axis: 1}, rows: f.rank, cols: t.cols}
	name := d.add(t.name+"_first", tensor.From(tensor.Float32, first.fold(f.first), t.cols, f.rank))
	d.before(t, &onnx.Node{Op: "MatMul", Inputs: []string{t.node.Inputs[0], name}})
	second := &target{weights: t.weights, rows: t.rows, cols: f.rank}
	shape := []int{f.rank, t.rows}
	if t.axis == 0 {
		shape = []int{t.rows, f.rank}
	}
	t.node.Inputs[1] = d.add(t.name+"_second", tensor.From(tensor.Float32, second.fold(f.second), shape...))
}

func (d *draft) splitConv(t *target, f factorisation, pointwise bool) {
	n, in := t.node, t.node.Inputs[0]
	if pointwise {
		ones := slices.Repeat([]int{1}, len(t.shape)-2)
		a := d.add(t.name+"_first", singles(f.first, append([]int{f.rank, t.cols}, ones...)...))
		first := &onnx.Node{Op: "Conv", Inputs: []string{in, a}, Attrs: slices.Clone(n.Attrs)}
		d.before(t, first)
		n.Inputs[1] = d.add(t.name+"_second", singles(f.second, append([]int{t.rows, f.rank}, ones...)...))
		n.Attrs = nil // stride and padding were the first one's
		return
	}
	o, c, h, w := t.shape[0], t.shape[1], t.shape[2], t.shape[3]
	second := make([]float64, len(f.second)) // (o, x)×rank → o×rank×1×w
	for i := range second {
		x, k, out := i%w, i/w%f.rank, i/w/f.rank
		second[i] = f.second[(out*w+x)*f.rank+k]
	}
	s, dil, p := n.Ints("strides", []int64{1, 1}), n.Ints("dilations", []int64{1, 1}), n.Ints("pads", []int64{0, 0, 0, 0})
	a := d.add(t.name+"_first", singles(f.first, f.rank, c, h, 1))
	d.before(t, &onnx.Node{Op: "Conv", Inputs: []string{in, a}, Attrs: []onnx.Attr{
		onnx.IntsAttr("strides", s[0], 1), onnx.IntsAttr("dilations", dil[0], 1), onnx.IntsAttr("pads", p[0], 0, p[2], 0),
	}})
	n.Inputs[1] = d.add(t.name+"_second", singles(second, o, f.rank, 1, w))
	n.Attrs = []onnx.Attr{onnx.IntsAttr("strides", 1, s[1]), onnx.IntsAttr("dilations", 1, dil[1]), onnx.IntsAttr("pads", 0, p[1], 0, p[3])}
}
