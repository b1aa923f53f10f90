package native

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 1, attrs: []string{"output_datatype", "periodic"}, plan: planWindow}, "HannWindow", "HammingWindow", "BlackmanWindow")
	register(opDef{min: 1, max: 2, attrs: []string{"axis", "inverse", "onesided"}, plan: planDFT}, "DFT")
	register(opDef{min: 1, max: 1, plan: planDet}, "Det")
}

// windows are the coefficients of sums of cosines (Harris 1978).
var windows = map[string][3]float64{
	"HannWindow":     {0.5, -0.5, 0},
	"HammingWindow":  {25. / 46, -21. / 46, 0},
	"BlackmanWindow": {0.42, -0.5, 0.08},
}

// planWindow plans a window function; its length is that of the output.
func planWindow(b *builder, n *node) error {
	y := n.out[0]
	if err := want(tensor.Float32, y); err != nil {
		return err
	}
	a, count := windows[n.op], float64(y.len())
	if n.attrs.Int("periodic", 1) == 0 {
		count--
	}
	e, out := b.env, b.slot(y)
	b.step(func() {
		for i := range view[float32](e, out) {
			x := 2 * math.Pi * float64(i) / max(count, 1)
			view[float32](e, out)[i] = float32(a[0] + a[1]*math.Cos(x) + a[2]*math.Cos(2*x))
		}
	})
	return nil
}

// planDFT plans the discrete Fourier transform by its definition: n² steps.
func planDFT(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	rank := len(x.shape)
	if n.arg(1) != nil || n.attrs.Int("onesided", 0) != 0 || rank < 3 || len(y.shape) != rank {
		return fmt.Errorf("a length or one side of %v: %w (the whole transform of a signal is)", x.shape, errors.ErrUnsupported)
	}
	parts := x.shape[rank-1] // 1: real, 2: real and imaginary
	axis := int(n.attrs.Int("axis", 1))
	v, err := cutAt(x.shape[:rank-1], axis)
	if err != nil {
		return err
	}
	if parts < 1 || parts > 2 || y.shape[rank-1] != 2 || y.len()*parts != 2*x.len() {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	sign, scale := -1.0, 1.0
	if n.attrs.Int("inverse", 0) != 0 {
		sign, scale = 1, 1/float64(v.count)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		for o := range v.outer * v.inner {
			first := o/v.inner*v.count*v.inner + o%v.inner
			for k := range v.count {
				re, im := 0.0, 0.0
				for t := range v.count {
					s, c := math.Sincos(sign * 2 * math.Pi * float64(k*t%v.count) / float64(v.count))
					at := (first + t*v.inner) * parts
					a, b := float64(src[at]), 0.0
					if parts == 2 {
						b = float64(src[at+1])
					}
					re, im = re+a*c-b*s, im+a*s+b*c
				}
				at := (first + k*v.inner) * 2
				dst[at], dst[at+1] = float32(scale*re), float32(scale*im)
			}
		}
	})
	return nil
}

// planDet plans the determinants of square matrices by elimination with row
// exchanges.
func planDet(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	rank := len(x.shape)
	if rank < 2 || x.shape[rank-1] != x.shape[rank-2] || x.len() == 0 || y.len()*x.shape[rank-1]*x.shape[rank-1] != x.len() {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	size := x.shape[rank-1]
	a := make([]float64, size*size)
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		for i := range view[float32](e, out) {
			for k, v := range view[float32](e, in)[i*size*size:][:size*size] {
				a[k] = float64(v)
			}
			view[float32](e, out)[i] = float32(determinant(a, size))
		}
	})
	return nil
}

// determinant overwrites a, n×n.
func determinant(a []float64, n int) float64 {
	det := 1.0
	for k := range n {
		best := k
		for i := k + 1; i < n; i++ {
			if math.Abs(a[i*n+k]) > math.Abs(a[best*n+k]) {
				best = i
			}
		}
		if a[best*n+k] == 0 {
			return 0
		}
		if best != k {
			det = -det
			for j := range n {
				a[k*n+j], a[best*n+j] = a[best*n+j], a[k*n+j]
			}
		}
		det *= a[k*n+k]
		for i := k + 1; i < n; i++ {
			f := a[i*n+k] / a[k*n+k]
			for j := k; j < n; j++ {
				a[i*n+j] -= f * a[k*n+j]
			}
		}
	}
	return det
}
