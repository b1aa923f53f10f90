package compress

import (
	"context"
	"slices"

	"assay/models/onnx"
)

func init() {
	only("int4-gptq", "like int4, each weight rounded with regard to the error that those before it leave on calibration data (GPTQ)", 4, true,
		func(ctx context.Context, d *draft, list []*target, opt Options, r *Report) (quantizer, error) {
			seen, _, err := d.gather(ctx, list, opt, true, r)
			if err != nil {
				return nil, err
			}
			by := map[*onnx.Node]*moments{}
			for t, m := range seen {
				by[t.node] = m
			}
			return func(t *target, b *blocks) error { return b.gptq(t, by[t.node]) }, nil
		})
}

// gptq quantizes column by column and spreads each column's error over those
// to its right by the Cholesky factor of the inverse Hessian (Frantar et al.,
// "GPTQ", 2022, algorithm 1). A block's scale is that of its weights at the
// time they are reached.
func (b *blocks) gptq(t *target, m *moments) error {
	w := slices.Clone(t.m)
	for g := range t.groups() {
		u, err := factor(m.gram[g], t.cols)
		if err != nil {
			return err
		}
		for row := g * t.rows / t.groups(); row < (g+1)*t.rows/t.groups(); row++ {
			v := w[row*t.cols : (row+1)*t.cols]
			for col := range v {
				if col%b.size == 0 {
					from, to := b.block(col / b.size)
					b.fit(row, col/b.size, v[from:to])
				}
				x := v[col]
				b.q[row*t.cols+col] = b.code(row, col, x)
				e := (x - float64(b.real(row, col))) / u.At(col, col)
				for j := col + 1; j < t.cols; j++ {
					v[j] -= e * u.At(col, j)
				}
			}
		}
	}
	return nil
}
