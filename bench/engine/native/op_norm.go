package native

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 3, outs: 3, attrs: []string{"axis", "epsilon", "stash_type"}, plan: planLayerNorm}, "LayerNormalization")
	register(opDef{min: 3, max: 3, attrs: []string{"epsilon"}, plan: planInstanceNorm}, "InstanceNormalization")
	register(opDef{min: 1, max: 1, attrs: []string{"axis", "p"}, plan: planLpNorm}, "LpNormalization")
	register(opDef{min: 1, max: 1, attrs: []string{"alpha", "beta", "bias", "size"}, plan: planLRN}, "LRN")
	register(opDef{min: 1, max: 1, attrs: []string{"axes"}, plan: planMeanVariance}, "MeanVarianceNormalization")
}

// moments returns mean and variance of row. It adds up four sums, since each
// addition waits for the one before it.
func moments(row []float32) (mean, variance float64) {
	var a, b, c, d float64
	r := row
	for ; len(r) >= 4; r = r[4:] {
		a, b, c, d = a+float64(r[0]), b+float64(r[1]), c+float64(r[2]), d+float64(r[3])
	}
	for _, v := range r {
		a += float64(v)
	}
	mean = (a + b + c + d) / float64(len(row))
	a, b, c, d = 0, 0, 0, 0
	for r = row; len(r) >= 4; r = r[4:] {
		w, x, y, z := float64(r[0])-mean, float64(r[1])-mean, float64(r[2])-mean, float64(r[3])-mean
		a, b, c, d = a+w*w, b+x*x, c+y*y, d+z*z
	}
	for _, v := range r {
		w := float64(v) - mean
		a += w * w
	}
	return mean, (a + b + c + d) / float64(len(row))
}

// planLayerNorm plans y = (x − mean)/√(var + ε)·scale + bias over everything
// from axis on (Ba, Kiros and Hinton 2016, §3), with mean and 1/√(var + ε) as
// further outputs.
func planLayerNorm(b *builder, n *node) error {
	x, scale, bias, y := n.in[0], n.in[1], n.arg(2), n.out[0]
	if err := want(tensor.Float32, append([]*value{x, scale, bias}, n.out...)...); err != nil {
		return err
	}
	v, err := cutAt(x.shape, int(n.attrs.Int("axis", -1)))
	if err != nil {
		return err
	}
	row := v.count * v.inner
	if row == 0 || scale.len() != row || bias != nil && bias.len() != row || y.len() != x.len() {
		return fmt.Errorf("scale %v of input %v: %w (one per element of a row is)", scale.shape, x.shape, errors.ErrUnsupported)
	}
	slots := [3]int{-1, -1, -1} // bias, mean, 1/deviation
	if bias != nil {
		slots[0] = b.slot(bias)
	}
	for i := 1; i < len(n.out); i++ {
		if o := n.out[i]; o != nil {
			if o.len() != v.outer {
				return fmt.Errorf("output %d is %v, there are %d rows", i, o.shape, v.outer)
			}
			slots[i] = b.slot(o)
		}
	}
	eps := float64(n.attrs.Float("epsilon", 1e-5))
	e, in, out, s := b.env, b.slot(x), b.slot(y), b.slot(scale)
	b.parallel(v.outer, int64(x.len())*normWork, func(part, parts int) {
		src, dst, gain := view[float32](e, in), view[float32](e, out), view[float32](e, s)
		from, to := pool.Split(v.outer, 1, part, parts)
		for o := from; o < to; o++ {
			r, d := src[o*row:][:row], dst[o*row:][:row]
			mean, variance := moments(r)
			inverse := 1 / math.Sqrt(variance+eps)
			var shift []float32
			if slots[0] >= 0 {
				shift = view[float32](e, slots[0])
			}
			standardize(d, r, gain, shift, float32(mean), float32(inverse))
			for i, v := range [2]float64{mean, inverse} {
				if slots[i+1] >= 0 {
					view[float32](e, slots[i+1])[o] = float32(v)
				}
			}
		}
	})
	return nil
}

// normWork is what an element of a row that is normalised is worth, in
// multiplications.
const normWork = 32

// standardize computes y = (x − mean)·inverse·gain + shift, which may be nil.
func standardize(y, x, gain, shift []float32, mean, inverse float32) {
	gain, x = gain[:len(y)], x[:len(y)]
	if shift == nil {
		for i, v := range x {
			y[i] = (v - mean) * inverse * gain[i]
		}
		return
	}
	shift = shift[:len(y)]
	for i, v := range x {
		y[i] = (v-mean)*inverse*gain[i] + shift[i]
	}
}

// planInstanceNorm plans the normalisation of every channel of every image
// (Ulyanov, Vedaldi and Lempitsky 2016).
func planInstanceNorm(b *builder, n *node) error {
	x, scale, bias, y := n.in[0], n.in[1], n.in[2], n.out[0]
	if err := want(tensor.Float32, x, scale, bias, y); err != nil {
		return err
	}
	if len(x.shape) < 3 || x.len() == 0 || scale.len() != x.shape[1] || bias.len() != x.shape[1] || y.len() != x.len() {
		return fmt.Errorf("scale %v and bias %v of input %v", scale.shape, bias.shape, x.shape)
	}
	c := x.shape[1]
	pixels := x.len() / (x.shape[0] * c)
	eps := float64(n.attrs.Float("epsilon", 1e-5))
	e, in, out, s, t := b.env, b.slot(x), b.slot(y), b.slot(scale), b.slot(bias)
	b.step(func() {
		for i := range len(view[float32](e, in)) / pixels {
			r, d := view[float32](e, in)[i*pixels:][:pixels], view[float32](e, out)[i*pixels:][:pixels]
			mean, variance := moments(r)
			gain := float64(view[float32](e, s)[i%c]) / math.Sqrt(variance+eps)
			for k, x := range r {
				d[k] = float32((float64(x)-mean)*gain + float64(view[float32](e, t)[i%c]))
			}
		}
	})
	return nil
}

func planLpNorm(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	v, err := cutAt(x.shape, int(n.attrs.Int("axis", -1)))
	if err != nil {
		return err
	}
	p := n.attrs.Int("p", 2)
	if p != 1 && p != 2 || x.len() != y.len() {
		return fmt.Errorf("norm %d of %v for %v (1 and 2 are)", p, x.shape, y.shape)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		for i := range v.outer * v.inner {
			at := i/v.inner*v.count*v.inner + i%v.inner
			norm := 0.0
			for k := range v.count {
				x := math.Abs(float64(src[at+k*v.inner]))
				if p == 2 {
					x *= x
				}
				norm += x
			}
			if p == 2 {
				norm = math.Sqrt(norm)
			}
			for k := range v.count {
				dst[at+k*v.inner] = 0
				if norm != 0 {
					dst[at+k*v.inner] = float32(float64(src[at+k*v.inner]) / norm)
				}
			}
		}
	})
	return nil
}

// planLRN plans local response normalisation across size channels
// (Krizhevsky, Sutskever and Hinton 2012, §3.3).
func planLRN(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	size := int(min(n.attrs.Int("size", 0), maxSpatial))
	if size < 1 || len(x.shape) < 2 || x.len() != y.len() {
		return fmt.Errorf("size %d of input %v", size, x.shape)
	}
	v, err := cutAt(x.shape, 1)
	if err != nil {
		return err
	}
	alpha, beta, bias := float64(n.attrs.Float("alpha", 1e-4)), float64(n.attrs.Float("beta", 0.75)), float64(n.attrs.Float("bias", 1))
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		for i := range v.outer * v.inner {
			at := i/v.inner*v.count*v.inner + i%v.inner
			for c := range v.count {
				sum := 0.0
				for k := max(0, c-(size-1)/2); k <= min(v.count-1, c+size/2); k++ { // the longer side is behind
					x := float64(src[at+k*v.inner])
					sum += x * x
				}
				dst[at+c*v.inner] = float32(float64(src[at+c*v.inner]) / math.Pow(bias+alpha/float64(size)*sum, beta))
			}
		}
	})
	return nil
}

// planMeanVariance plans (x − mean)/(deviation + 1e-9) over axes, by default
// all but the channels.
func planMeanVariance(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	kept := append([]int{}, x.shape...)
	for _, a := range n.attrs.Ints("axes", []int64{0, 2, 3}) {
		if a < 0 {
			a += int64(len(kept))
		}
		if a < 0 || a >= int64(len(kept)) {
			return fmt.Errorf("axis %d of %v", a, x.shape)
		}
		kept[a] = 1
	}
	s, err := newSpread(x.shape, kept)
	if err != nil {
		return err
	}
	groups := 1
	for _, d := range kept {
		groups *= d
	}
	if groups == 0 || x.len() != y.len() {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	mean, square := make([]float64, groups), make([]float64, groups)
	e, in, out, count := b.env, b.slot(x), b.slot(y), float64(x.len()/groups)
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		clear(mean)
		clear(square)
		s.each(func(i int, pos []int) { mean[pos[0]] += float64(src[i]) / count })
		s.each(func(i int, pos []int) {
			d := float64(src[i]) - mean[pos[0]]
			square[pos[0]] += d * d / count
		})
		s.each(func(i int, pos []int) {
			dst[i] = float32((float64(src[i]) - mean[pos[0]]) / (math.Sqrt(square[pos[0]]) + 1e-9))
		})
	})
	return nil
}
