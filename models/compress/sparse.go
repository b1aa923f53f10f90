package compress

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"assay/models/onnx"
)

func init() {
	Register(Technique{
		Name: "sparse-N",
		Doc:  "N % of each layer's weights become zero, those of the smallest magnitude",
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "sparse", m, opt, func(d *draft, r *Report) error {
				return d.sparsify(opt, r, func(t *target, density float64) ([]float64, error) {
					return prune(t, density, opt.Pattern, func(_, i int) float64 { return math.Abs(t.m[i]) })
				})
			})
		},
	})
	Register(Technique{
		Name: "wanda-N",
		Doc:  "N % of each output's weights become zero, those of the smallest magnitude times the norm of their input on calibration data",
		Data: true,
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "wanda", m, opt, func(d *draft, r *Report) error { return d.wanda(ctx, opt, r) })
		},
	})
}

// wanda scores weight w of input x by |w|·‖x‖ and compares within each output
// (Sun et al., "A Simple and Effective Pruning Approach for Large Language
// Models", 2023).
func (d *draft) wanda(ctx context.Context, opt Options, r *Report) error {
	list, err := d.targets(opt, &Report{})
	if err != nil {
		return err
	}
	seen, _, err := d.gather(ctx, list, opt, false, r)
	if err != nil {
		return err
	}
	by := map[*onnx.Node]*moments{}
	for t, m := range seen {
		by[t.node] = m
	}
	return d.sparsify(opt, r, func(t *target, density float64) ([]float64, error) {
		m := by[t.node]
		score := func(row, i int) float64 {
			return math.Abs(t.m[i]) * math.Sqrt(m.sq[t.group(row)][i%t.cols])
		}
		if opt.Pattern != "" {
			return prune(t, density, opt.Pattern, score)
		}
		out := slices.Clone(t.m)
		for row := range t.rows {
			cut(out[row*t.cols:(row+1)*t.cols], density, func(i int) float64 { return score(row, row*t.cols+i) })
		}
		return out, nil
	})
}

// sparsify replaces the weights of every target by what f makes of them at the
// target's density.
func (d *draft) sparsify(opt Options, r *Report, f func(t *target, density float64) ([]float64, error)) error {
	list, err := d.targets(opt, r)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(t *target) bool {
		switch {
		case readers(d.g, t.name) > 1:
			r.float(t.node, "its weights are shared")
		case t.groups() > 1 && t.shape[1] == 1:
			// Leaving them, 8 % of the weights of mobilenetv2-mini, made −10 points of
			// the −23 that sparsegpt-50 cost there.
			r.float(t.node, "depthwise: it holds few weights and needs them")
		default:
			return false
		}
		return true
	})
	density := uniform
	if opt.Spread == "erk" {
		density = erk(list, 1-opt.amount)
	}
	for _, t := range list {
		share := density(t, 1-opt.amount)
		m, err := f(t, share)
		if err != nil {
			return fmt.Errorf("%s %q: %w", t.node.Op, label(t.node), err)
		}
		if m == nil {
			r.float(t.node, "its rows of %d weights do not fill a pattern of %s", t.cols, opt.Pattern)
			continue
		}
		d.write(t, m, "_sparse", r)
		if opt.Storage == "sparse" {
			d.consts[t.node.Inputs[1]].Sparse = true
			x := &r.Nodes[len(r.Nodes)-1]
			kept := math.Round((1 - x.Sparsity) * float64(len(t.value)))
			x.After = min(x.After, int64(kept)*(4+8)+int64(4*len(t.bias)))
		}
	}
	if opt.Storage != "sparse" {
		r.warn("zeros alone make no file smaller and few engines faster")
	}
	return nil
}

// readers counts the uses of a constant.
func readers(g *onnx.Graph, name string) int {
	n := 0
	for _, node := range g.Nodes {
		for _, s := range node.Inputs {
			if s == name {
				n++
			}
		}
	}
	return n
}

func uniform(_ *target, share float64) float64 { return share }

// erk spreads the weights that are kept, share of all, in proportion to a
// layer's rows and columns over their product, so that small layers stay
// denser (Erdős–Rényi-kernel; Evci et al., "Rigging the Lottery", 2020, §3);
// none gets more than all.
func erk(list []*target, share float64) func(*target, float64) float64 {
	raw := func(t *target) float64 {
		sum, product := float64(t.rows), float64(t.rows)
		for i, s := range t.shape {
			if i != t.axis {
				sum, product = sum+float64(s), product*float64(s)
			}
		}
		return sum / product
	}
	dense := map[*target]bool{}
	for {
		left, weight, grew := 0.0, 0.0, false
		for _, t := range list {
			left += share * float64(len(t.m))
			if dense[t] {
				left -= float64(len(t.m))
			} else {
				weight += raw(t) * float64(len(t.m))
			}
		}
		scale := max(left, 0) / max(weight, math.SmallestNonzeroFloat64)
		for _, t := range list {
			if !dense[t] && scale*raw(t) > 1 {
				dense[t], grew = true, true
			}
		}
		if !grew {
			return func(t *target, _ float64) float64 {
				if dense[t] {
					return 1
				}
				return scale * raw(t)
			}
		}
	}
}

// prune returns t's weights with zeros where score is least: density of them
// are kept, anywhere or as pattern says. It returns nil where a pattern does
// not fit.
func prune(t *target, density float64, pattern string, score func(row, i int) float64) ([]float64, error) {
	out := slices.Clone(t.m)
	switch pattern {
	case "":
		cut(out, density, func(i int) float64 { return score(i/t.cols, i) })
	case "2:4":
		if t.cols/t.taps()%4 != 0 {
			return nil, nil
		}
		for row := range t.rows {
			for k := range t.cols / 4 {
				for _, i := range lesser(quad(t, row, k), row, score) {
					out[i] = 0
				}
			}
		}
	case "4x1":
		if t.rows%4 != 0 {
			return nil, nil
		}
		tall(t, out, density, score)
	}
	return out, nil
}

// quad returns where the k-th four neighbours of a row stand: the same tap of
// four input channels that follow each other, as tensor cores want it.
func quad(t *target, row, k int) [4]int {
	taps := t.taps()
	tap, channel := k%taps, k/taps*4
	var out [4]int
	for j := range out {
		out[j] = row*t.cols + (channel+j)*taps + tap
	}
	return out
}

// lesser returns the two of four weights with the least score.
func lesser(at [4]int, row int, score func(row, i int) float64) []int {
	slices.SortStableFunc(at[:], func(a, b int) int { return cmp.Compare(score(row, a), score(row, b)) })
	return at[:2]
}

// tall keeps density of the blocks of four rows and one column.
func tall(t *target, out []float64, density float64, score func(row, i int) float64) {
	blocks := make([]float64, len(out)/4)
	for b := range blocks {
		row, col := b/t.cols*4, b%t.cols
		for j := range 4 {
			s := score(row+j, (row+j)*t.cols+col)
			blocks[b] += s * s
		}
	}
	kept := make([]float64, len(blocks))
	for b := range kept {
		kept[b] = 1
	}
	cut(kept, density, func(b int) float64 { return blocks[b] })
	for b, k := range kept {
		for j := range 4 {
			out[(b/t.cols*4+j)*t.cols+b%t.cols] *= k
		}
	}
}

// cut clears all but density of v, those with the least score; of equal ones
// the first.
func cut(v []float64, density float64, score func(i int) float64) {
	order := make([]int, len(v))
	s := make([]float64, len(v))
	for i := range v {
		order[i], s[i] = i, score(i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s[a], s[b]) })
	for _, i := range order[:len(v)-int(math.Round(density*float64(len(v))))] {
		v[i] = 0
	}
}
