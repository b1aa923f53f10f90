package compress

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "pruned-N",
		Whole: true,
		Doc:   "N % of the channels of each layer removed with all that computes and reads them; the next layer is fitted to what is left on calibration data",
		Data:  true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "pruned", m, opt, func(d *draft, r *Report) error { return d.slim(ctx, opt, r) })
		},
	})
}

// tile returns what a number of channels is rounded to: the width of the
// engines' kernels (8 floats are an AVX2 register, 4 one of NEON), and less
// where that would take or spare a quarter of a small layer.
func tile(size int) int {
	switch {
	case size >= 64:
		return 8
	case size > 8:
		return 4
	}
	return 1
}

// slim removes channels. Importance is the norm of the weights that compute a
// channel (Li et al., "Pruning Filters for Efficient ConvNets", 2017), over all
// layers of its family.
func (d *draft) slim(ctx context.Context, opt Options, r *Report) error {
	list, err := d.targets(opt, r)
	if err != nil {
		return err
	}
	k, err := d.kinships(list, opt)
	if err != nil {
		return err
	}
	k.choose(opt.amount)
	var seen map[*target]*moments
	if !opt.Plain {
		var cut []*target
		for _, t := range list {
			if t.groups() == 1 && anyGone(k.of[t.node.Inputs[0]]) {
				cut = append(cut, t)
			}
		}
		if seen, _, err = d.gather(ctx, cut, opt, true, r); err != nil {
			return err
		}
	}
	some := false
	for _, t := range list {
		n, err := k.slim(t, seen[t])
		if err != nil {
			return fmt.Errorf("%s %q: %w", t.node.Op, label(t.node), err)
		}
		some = some || n.Changed
		r.Nodes = append(r.Nodes, n)
	}
	for name, s := range k.vectors {
		c := d.consts[name]
		c.Shape, c.Data = slices.Clone(c.Shape), slices.Clone(c.Data)
		at := slices.Index(c.Shape, c.Len())
		kept := keptOf(s, 1)
		v := d.floats(name)
		short := make([]float32, len(kept))
		for i, j := range kept {
			short[i] = v[j]
		}
		c.Shape[at] = len(kept)
		c.Tensor = tensor.From(tensor.Float32, short, c.Shape...)
	}
	d.g.Values = nil // their shapes are the old ones
	if !some {
		r.warn("no channel could be removed")
	}
	return nil
}

// choose decides which channels of each family stay: those of the largest
// norm, in their order, rounded to whole tiles.
func (k *kinship) choose(amount float64) {
	norms := map[*family][]float64{}
	for n, t := range k.targets {
		row := 0
		for _, s := range k.of[n.Outputs[0]] {
			f := s.f.root()
			if norms[f] == nil {
				norms[f] = make([]float64, f.size)
			}
			for c := range f.size {
				for _, w := range t.m[row*t.cols : (row+1)*t.cols] {
					norms[f][c] += w * w
				}
				row++
			}
		}
	}
	for _, f := range k.all {
		if f.parent != nil {
			continue
		}
		f.keep = make([]bool, f.size)
		n := f.size
		if f.fixed == "" && norms[f] != nil {
			n = rounded(f.size, amount)
		}
		order := make([]int, f.size)
		for i := range order {
			order[i] = i
		}
		if n < f.size {
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(norms[f][b], norms[f][a]) })
		}
		for _, c := range order[:n] {
			f.keep[c] = true
		}
	}
}

// rounded returns how many of size channels stay: whole tiles where there are
// enough, at least one channel.
func rounded(size int, amount float64) int {
	t := tile(size)
	return min(size, max(t, int(math.Round((1-amount)*float64(size)/float64(t)))*t))
}

// keptOf returns the numbers of the channels that stay, each with its taps.
func keptOf(list []segment, taps int) []int {
	var out []int
	at := 0
	for _, s := range list {
		for c := range s.f.size {
			for range s.times * taps {
				if s.f.root().keep[c] {
					out = append(out, at)
				}
				at++
			}
		}
	}
	return out
}

func anyGone(list []segment) bool {
	return slices.ContainsFunc(list, func(s segment) bool { return slices.Contains(s.f.root().keep, false) })
}

// every returns 0 … n−1.
func every(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// slim takes rows and columns from t, and fits what is left where m is given.
func (k *kinship) slim(t *target, m *moments) (NodeReport, error) {
	n := NodeReport{Name: label(t.node), Op: t.node.Op}
	rows, cols := every(t.rows), every(t.cols)
	out, in := k.of[t.node.Outputs[0]], k.of[t.node.Inputs[0]]
	if anyGone(out) {
		rows = keptOf(out, 1)
	} else if len(out) > 0 {
		n.Reason = out[0].f.root().fixed
	}
	if t.groups() == 1 && anyGone(in) {
		cols = keptOf(in, t.taps())
	}
	if len(rows) == t.rows && len(cols) == t.cols {
		return n, nil
	}
	w, bias := t.m, t.bias
	if m != nil && len(cols) < t.cols {
		var err error
		if w, bias, err = refit(t, m, cols); err != nil {
			return n, err
		}
	} else {
		w = pick(w, t.cols, every(t.rows), cols)
	}
	n.Changed, n.Before = true, int64(4*(len(t.m)+len(t.bias)))
	n.Reason = fmt.Sprintf("%d of %d outputs and %d of %d inputs stay", len(rows), t.rows, len(cols)/t.taps(), t.cols/t.taps())
	k.shrink(t, pick(w, len(cols), rows, every(len(cols))), bias, rows, len(cols))
	n.After = int64(4 * (len(rows)*len(cols) + min(len(bias), len(rows))))
	n.SQNR = math.Inf(1)
	return n, nil
}

// shrink writes t's smaller weights and bias.
func (k *kinship) shrink(t *target, w []float64, bias []float32, rows []int, cols int) {
	shape := slices.Clone(t.shape)
	shape[t.axis] = len(rows)
	if t.node.Op == "Conv" {
		shape[1] = cols / t.taps()
		if t.groups() > 1 {
			t.node.SetAttr(onnx.IntAttr("group", int64(len(rows))))
		}
	} else {
		shape[1-t.axis] = cols
	}
	s := &target{weights: t.weights, rows: len(rows), cols: cols}
	t.node.Inputs[1] = k.add(t.name+"_pruned", tensor.From(tensor.Float32, s.fold(w), shape...))
	if bias == nil {
		return
	}
	b := make([]float64, len(rows))
	for i, row := range rows {
		b[i] = float64(bias[row])
	}
	k.setBias(t, b)
}

// pick returns the given rows and columns of w.
func pick(w []float64, width int, rows, cols []int) []float64 {
	out := make([]float64, 0, len(rows)*len(cols))
	for _, r := range rows {
		for _, c := range cols {
			out = append(out, w[r*width+c])
		}
	}
	return out
}

// ridge keeps the fit from leaning on single samples, as a share of the mean
// variance of the inputs.
const ridge = 1e-3

// refit returns the weights of the columns that stay, and the bias, that come
// closest in least squares to what all columns computed: W' = W·C[:,S]·
// (C[S,S]+λ)⁻¹ with the covariance C of the inputs, b' = b + W·μ − W'·μ[S] (He
// et al., "Channel Pruning", 2017, §3.1).
func refit(t *target, m *moments, cols []int) ([]float64, []float32, error) {
	n := t.cols
	cov := func(i, j int) float64 { return m.gram[0][i*n+j] - m.mean[0][i]*m.mean[0][j] }
	small, mean := mat.NewSymDense(len(cols), nil), 0.0
	for i, a := range cols {
		for j := i; j < len(cols); j++ {
			small.SetSym(i, j, cov(a, cols[j]))
		}
		mean += small.At(i, i) / float64(len(cols))
	}
	if mean <= 0 {
		mean = 1
	}
	for i := range cols {
		small.SetSym(i, i, small.At(i, i)+ridge*mean)
	}
	var c mat.Cholesky
	if !c.Factorize(small) {
		return nil, nil, fmt.Errorf("the covariance of its inputs is not positive: give more calibration data")
	}
	cross := mat.NewDense(len(cols), n, nil) // C[S,:]
	for i, a := range cols {
		for j := range n {
			cross.Set(i, j, cov(a, j))
		}
	}
	for i, a := range cols { // a kept input explains itself, ridge or not
		cross.Set(i, a, cross.At(i, a)+ridge*mean)
	}
	var right, fit mat.Dense
	right.Mul(cross, mat.NewDense(t.rows, n, slices.Clone(t.m)).T())
	if err := c.SolveTo(&fit, &right); err != nil {
		return nil, nil, fmt.Errorf("fit it to the channels that stay: %w", err)
	}
	w := make([]float64, 0, t.rows*len(cols))
	bias := make([]float32, t.rows)
	for row := range t.rows {
		b := 0.0
		if t.bias != nil {
			b = float64(t.bias[row])
		}
		for j := range n {
			b += t.m[row*n+j] * m.mean[0][j]
		}
		for i, a := range cols {
			w = append(w, fit.At(i, row))
			b -= fit.At(i, row) * m.mean[0][a]
		}
		bias[row] = float32(b)
	}
	return w, bias, nil
}
