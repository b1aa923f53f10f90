package compress

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"assay/models/onnx"
)

func init() {
	Register(Technique{
		Name: "sparsegpt-N",
		Doc:  "N % of each layer's weights become zero, and what is left is changed to make up for them on calibration data (optimal brain surgeon)",
		Data: true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "sparsegpt", m, opt, func(d *draft, r *Report) error { return d.surgeon(ctx, opt, r) })
		},
	})
}

// damping is added to the diagonal of a layer's Hessian, as a share of its
// mean (Frantar and Alistarh use 0.01 in both GPTQ and SparseGPT).
const damping = 0.01

// surgeon prunes column by column: of a block of columns those weights go whose
// w²/[H⁻¹]ᵢᵢ² is least, and every error is spread over the columns to the
// right of it by the rows of the Cholesky factor of H⁻¹ (Frantar and Alistarh,
// "SparseGPT", 2023, algorithm 1). Layers are done in order, each on the inputs
// that the pruned ones before it make.
func (d *draft) surgeon(ctx context.Context, opt Options, r *Report) error {
	return d.sparsify(opt, r, func(t *target, density float64) ([]float64, error) {
		if opt.Pattern == "4x1" || opt.Pattern == "2:4" && t.cols/t.taps()%4 != 0 {
			return nil, nil
		}
		seen, _, err := d.gather(ctx, []*target{t}, opt, true, r)
		if err != nil {
			return nil, err
		}
		out := slices.Clone(t.m)
		for g := range t.groups() {
			u, err := factor(seen[t].gram[g], t.cols)
			if err != nil {
				return nil, err
			}
			from, to := g*t.rows/t.groups(), (g+1)*t.rows/t.groups()
			operate(t, out, from, to, u, density, opt.Pattern)
		}
		return out, nil
	})
}

// surgeonBlock is how many columns are decided on together.
const surgeonBlock = 128

// operate prunes rows from to to of w in place.
func operate(t *target, w []float64, from, to int, u *mat.TriDense, density float64, pattern string) {
	n := t.cols
	gone := make([]bool, len(w))
	score := func(_, i int) float64 {
		f := u.At(i%n, i%n)
		return w[i] * w[i] / (f * f)
	}
	for col := range n {
		if pattern == "" && col%surgeonBlock == 0 {
			least(t, gone, from, to, col, min(col+surgeonBlock, n), density, score)
		}
		for row := from; row < to; row++ {
			i := row*n + col
			if pattern == "2:4" && col/t.taps()%4 == 0 {
				for _, j := range lesser(quad(t, row, col/t.taps()/4*t.taps()+col%t.taps()), row, score) {
					gone[j] = true
				}
			}
			if !gone[i] {
				continue
			}
			e := w[i] / u.At(col, col)
			for j := col; j < n; j++ {
				w[row*n+j] -= e * u.At(col, j)
			}
			w[i] = 0
		}
	}
}

// least marks the weights of columns first to end that go.
func least(t *target, gone []bool, from, to, first, end int, density float64, score func(row, i int) float64) {
	var at []int
	for row := from; row < to; row++ {
		for col := first; col < end; col++ {
			at = append(at, row*t.cols+col)
		}
	}
	kept := make([]float64, len(at))
	for i := range kept {
		kept[i] = 1
	}
	cut(kept, density, func(i int) float64 { return score(0, at[i]) })
	for i, k := range kept {
		gone[at[i]] = k == 0
	}
}

// factor returns the upper triangular U with UᵀU = (H + λI)⁻¹. Inputs that are
// always zero get a diagonal of one: their weights are of no account.
func factor(h []float64, n int) (*mat.TriDense, error) {
	s := mat.NewSymDense(n, slices.Clone(h))
	mean := 0.0
	for i := range n {
		mean += s.At(i, i) / float64(n)
	}
	if mean == 0 {
		mean = 1
	}
	for i := range n {
		x := s.At(i, i)
		if x == 0 {
			x = mean
		}
		s.SetSym(i, i, x+damping*mean)
	}
	var c mat.Cholesky
	if !c.Factorize(s) {
		return nil, fmt.Errorf("the products of its inputs make no positive matrix: give more calibration data")
	}
	var inv mat.SymDense
	if err := c.InverseTo(&inv); err != nil {
		return nil, err
	}
	var ci mat.Cholesky
	if !ci.Factorize(&inv) {
		return nil, fmt.Errorf("the products of its inputs cannot be inverted: give more calibration data")
	}
	var u mat.TriDense
	ci.UTo(&u)
	for i := range n {
		if v := u.At(i, i); !(v > 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the products of its inputs cannot be inverted: give more calibration data")
		}
	}
	return &u, nil
}
