package native

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

// planProductAny plans MatMulInteger and QLinearMatMul of two operands that
// the model computes, or of several matrices. Sums are exact in float64.
func planProductAny(b *builder, n *node, x, xZero, w, wZero *value, store func(i int, sum float64)) error {
	y := n.out[0]
	s, err := batches(x.shape, w.shape, y.len())
	if err != nil {
		return err
	}
	readX, err := b.minusZero(x, xZero, s.k)
	if err != nil {
		return err
	}
	if wZero != nil && wZero.len() != 1 {
		return fmt.Errorf("zero point %v of computed weights: one for all is wanted", wZero.shape)
	}
	readW, err := b.minusZero(w, wZero, 1)
	if err != nil {
		return err
	}
	b.multiplies("ref_any", int64(len(s.x))*int64(s.m)*int64(s.k)*int64(s.n))
	b.step(func() {
		for p := range s.x {
			for i := range s.m {
				for j := range s.n {
					sum := 0.0
					for k := range s.k {
						sum += readX((s.x[p]*s.m+i)*s.k+k) * readW((s.w[p]*s.k+k)*s.n+j)
					}
					store((p*s.m+i)*s.n+j, sum)
				}
			}
		}
	})
	return nil
}

func planMatMulIntegerAny(b *builder, n *node) error {
	e, out := b.env, b.slot(n.out[0])
	return planProductAny(b, n, n.in[0], n.arg(2), n.in[1], n.arg(3), func(i int, sum float64) { view[int32](e, out)[i] = int32(sum) })
}

// planQLinearMatMulAny plans one scale for each operand, read in every run.
func planQLinearMatMulAny(b *builder, n *node) error {
	y := n.out[0]
	scales := [3]*value{n.in[1], n.in[4], n.in[6]}
	if err := want(tensor.Float32, scales[:]...); err != nil {
		return err
	}
	var slots [3]int
	for i, s := range scales {
		if s.len() != 1 {
			return fmt.Errorf("%d scales: one for all is wanted", s.len())
		}
		slots[i] = b.slot(s)
	}
	zero, err := b.zeroPoint(y, n.in[7])
	if err != nil {
		return err
	}
	least, most := limits(y.typ)
	e, out := b.env, b.slot(y)
	return planProductAny(b, n, n.in[0], n.in[2], n.in[3], n.in[5], func(i int, sum float64) {
		k := view[float32](e, slots[0])[0] * view[float32](e, slots[1])[0] / view[float32](e, slots[2])[0]
		q := math.RoundToEven(sum*float64(k)) + float64(zero())
		e.buf[out][i] = byte(int32(min(max(q, float64(least)), float64(most))))
	})
}
