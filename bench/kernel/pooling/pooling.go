// Package pooling reduces windows of images in NHWC layout to their maximum
// or mean.
package pooling

import (
	"assay/bench/kernel/conv"
	"assay/bench/kernel/isa"
)

// Table lists the variants for `assay kernels`. There is one implementation
// so far: the loops over channels are contiguous and bound by memory.
func Table() []isa.Row {
	return []isa.Row{
		{Operator: "pooling.Max", Variant: "ref_1xc", Usable: true, Chosen: true},
		{Operator: "pooling.Average", Variant: "ref_1xc", Usable: true, Chosen: true},
	}
}

// inside returns the kernel elements [from, to) that lie inside the image, of
// a window that starts at position start: start + k·dilation in [0, size).
func inside(start, dilation, size, kernel int) (from, to int) {
	if start < 0 {
		from = (-start + dilation - 1) / dilation
	}
	if start < size {
		to = (size-1-start)/dilation + 1
	}
	return min(from, kernel), min(to, kernel)
}

// window calls tap for each element of pixel p's window that lies inside the
// image, with its offset into x, and returns how many there were.
func window(s *conv.Shape, p int, tap func(at int)) int {
	ox, oy, n := p%s.OW, p/s.OW%s.OH, p/(s.OW*s.OH)
	top, left := oy*s.SH-s.Top, ox*s.SW-s.Left
	y0, y1 := inside(top, s.DH, s.H, s.KH)
	x0, x1 := inside(left, s.DW, s.W, s.KW)
	for ky := y0; ky < y1; ky++ {
		for kx := x0; kx < x1; kx++ {
			tap(((n*s.H+top+ky*s.DH)*s.W + left + kx*s.DW) * s.C)
		}
	}
	return max(y1-y0, 0) * max(x1-x0, 0)
}

// Padded returns how many elements of pixel p's window lie inside the image
// with bottom and right elements of padding behind it, and all before it.
func Padded(s *conv.Shape, p, bottom, right int) int {
	_, y := inside(p/s.OW%s.OH*s.SH-s.Top, s.DH, s.H+bottom, s.KH)
	_, x := inside(p%s.OW*s.SW-s.Left, s.DW, s.W+right, s.KW)
	return y * x
}

// Max writes the maximum of every window of x to y. s.M equals s.C. A window
// wholly in the padding yields least; a NaN in a window yields NaN.
func Max[T conv.Number](s *conv.Shape, y, x []T, least T) {
	for p := range s.Pixels() {
		out := y[p*s.C:][:s.C]
		for i := range out {
			out[i] = least
		}
		window(s, p, func(at int) {
			for i, v := range x[at:][:len(out)] {
				if !(v <= out[i]) && out[i] == out[i] {
					out[i] = v
				}
			}
		})
	}
}

// Average writes the mean of every window of x to y. Where divisor is nil
// the mean is over the elements inside the image, else pixel p's sum is
// divided by divisor(p), which may count padding.
func Average(s *conv.Shape, y, x []float32, divisor func(p int) int) {
	for p := range s.Pixels() {
		out := y[p*s.C:][:s.C]
		clear(out)
		count := window(s, p, func(at int) {
			for i, v := range x[at:][:len(out)] {
				out[i] += v
			}
		})
		if divisor != nil {
			count = divisor(p)
		}
		inv := 1 / float32(max(count, 1))
		for i := range out {
			out[i] *= inv
		}
	}
}

// Global writes the means over the pixels of x, n×pixels×c, to y, n×c.
func Global(y, x []float32, n, pixels, c int) {
	for b := range n {
		out := y[b*c:][:c]
		clear(out)
		for p := range pixels {
			for i, v := range x[(b*pixels+p)*c:][:len(out)] {
				out[i] += v
			}
		}
		for i := range out {
			out[i] /= float32(pixels)
		}
	}
}

// GlobalSum adds up the pixels of quantized x into y, n×c, minus zero for
// each.
func GlobalSum[T uint8 | int8](y []int32, x []T, zero int32, n, pixels, c int) {
	for b := range n {
		out := y[b*c:][:c]
		for i := range out {
			out[i] = -zero * int32(pixels)
		}
		for p := range pixels {
			for i, v := range x[(b*pixels+p)*c:][:len(out)] {
				out[i] += int32(v)
			}
		}
	}
}
