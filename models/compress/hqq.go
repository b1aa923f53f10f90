package compress

import (
	"context"
	"math"
)

func init() {
	only("int4-hqq", "like int4 with zero points that half-quadratic optimisation chooses; needs no data", 4, false,
		func(_ context.Context, _ *draft, _ []*target, opt Options, _ *Report) (quantizer, error) {
			return func(t *target, b *blocks) error {
				b.halfQuadratic(t.m, t.node.Op != "Conv" && opt.Form != "qdq")
				return nil
			}, nil
		})
}

// Constants of half-quadratic quantization (Badri and Shaji, "Half-Quadratic
// Quantization of Large Machine Learning Models", 2023, and Olive's hqq pass).
const (
	hqqNorm  = 0.7
	hqqBeta  = 10.0
	hqqKappa = 1.01
	hqqSteps = 20
)

// halfQuadratic chooses for each block the zero point that makes the error of
// the weights sparse, in the norm p < 1, by turns: the part of the error that
// is taken for outliers, then the zero point that is best for the rest. fine
// allows zero points that are no whole numbers, as MatMulNBits does.
func (b *blocks) halfQuadratic(m []float64, fine bool) {
	b.middle, b.integers = false, !fine
	for row := range b.rows {
		for k := range b.per() {
			from, to := b.block(k)
			b.refine(row, k, m[row*b.cols+from:row*b.cols+to], fine)
		}
	}
}

// refine quantizes the values w of one block. The zero point of least squared
// error of those tried is kept, that of rounding to nearest among them.
func (b *blocks) refine(row, k int, w []float64, fine bool) {
	b.fit(row, k, w)
	at, first := row*b.per()+k, k*b.size
	s := float64(b.scales[at])
	best, bestErr := b.zeros[at], math.Inf(1)
	beta := hqqBeta
	z := float64(best)
	for range hqqSteps {
		if b.zeros[at] = float32(z); !fine {
			b.zeros[at] = float32(min(max(math.RoundToEven(z), 0), b.top()))
		}
		sum, e2 := 0.0, 0.0
		for i, x := range w {
			q := float64(b.code(row, first+i, x))
			e := x - (q-float64(b.zeros[at]))*s
			e2 += e * e
			outlier := shrink(e, beta)
			sum += q - (x-outlier)/s
		}
		if e2 < bestErr {
			best, bestErr = b.zeros[at], e2
		}
		z = sum / float64(len(w))
		beta *= hqqKappa
	}
	b.zeros[at] = best
	for i, x := range w {
		b.q[row*b.cols+first+i] = b.code(row, first+i, x)
	}
}

// shrink is the generalised soft threshold of the norm p: sign(x)·max(0, |x| −
// |x|^(p−1)/β).
func shrink(x, beta float64) float64 {
	a := math.Abs(x)
	if a == 0 {
		return 0
	}
	return math.Copysign(max(0, a-math.Pow(a, hqqNorm-1)/beta), x)
}
