// Package pooling reduces windows of images in NHWC layout to their maximum
// or mean.
package pooling

import (
	"unsafe"

	"assay/bench/kernel/conv"
	"assay/bench/kernel/isa"
)

// A variant is one implementation of what is vectorised; bytes are int8 where
// signed says so. Averages over windows have one implementation.
type variant struct {
	name     string // <isa>_<rows>xc
	usable   bool
	max      func(y, x []float32, w window, least float32)
	maxBytes func(y, x []byte, w window, signed bool)
	sum      func(y, x []float32, rows int)
	sumBytes func(y []int32, x []byte, signed bool, rows int)
}

// variants lists every implementation in this build, best first.
var variants = append(archVariants(), variant{"ref_1xc", true, maximum, maximumBytes, sum, sumBytes})

var chosen = isa.First(variants, func(v *variant) bool { return v.usable })

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, op := range []string{"pooling.Max", "pooling.Global"} {
		rows = append(rows, isa.Rows(op, len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })...)
	}
	return append(rows, isa.Row{Operator: "pooling.Average", Variant: "ref_1xc", Usable: true, Chosen: true})
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

// A window is the elements of a pixel's window that lie inside the image: kh
// lines, skip elements apart at their ends, of kw pixels, col elements apart,
// from element at on. kh and kw are 0 where there is none.
type window struct{ at, kh, kw, col, skip int }

func windowOf(s *conv.Shape, p int) window {
	ox, oy, n := p%s.OW, p/s.OW%s.OH, p/(s.OW*s.OH)
	top, left := oy*s.SH-s.Top, ox*s.SW-s.Left
	y0, y1 := inside(top, s.DH, s.H, s.KH)
	x0, x1 := inside(left, s.DW, s.W, s.KW)
	if y0 >= y1 || x0 >= x1 {
		return window{}
	}
	col := s.DW * s.C
	return window{((n*s.H+top+y0*s.DH)*s.W + left + x0*s.DW) * s.C, y1 - y0, x1 - x0, col, s.DH*s.W*s.C - (x1-x0)*col}
}

// each calls tap with the offset of every element.
func (w window) each(tap func(at int)) {
	for at, i := w.at, 0; i < w.kh; i++ {
		for range w.kw {
			tap(at)
			at += w.col
		}
		at += w.skip
	}
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
func Max(s *conv.Shape, y, x []float32, least float32) {
	for p := range s.Pixels() {
		chosen.max(y[p*s.C:][:s.C], x, windowOf(s, p), least)
	}
}

// MaxBytes is Max for quantized elements, whose least value is that of T.
func MaxBytes[T uint8 | int8](s *conv.Shape, y, x []T) {
	out, in, signed := bytes(y), bytes(x), ^T(0) < 0
	for p := range s.Pixels() {
		chosen.maxBytes(out[p*s.C:][:s.C], in, windowOf(s, p), signed)
	}
}

func bytes[T uint8 | int8](x []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// Average writes the mean of every window of x to y. Where divisor is nil
// the mean is over the elements inside the image, else pixel p's sum is
// divided by divisor(p), which may count padding.
func Average(s *conv.Shape, y, x []float32, divisor func(p int) int) {
	for p := range s.Pixels() {
		out, w := y[p*s.C:][:s.C], windowOf(s, p)
		clear(out)
		w.each(func(at int) {
			for i, v := range x[at:][:len(out)] {
				out[i] += v
			}
		})
		count := w.kh * w.kw
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
		chosen.sum(out, x[b*pixels*c:][:pixels*c], pixels)
		for i := range out {
			out[i] /= float32(pixels)
		}
	}
}

// GlobalSum adds up the pixels of quantized x into y, n×c, minus zero for
// each.
func GlobalSum[T uint8 | int8](y []int32, x []T, zero int32, n, pixels, c int) {
	in, signed := bytes(x), ^T(0) < 0
	for b := range n {
		out := y[b*c:][:c]
		chosen.sumBytes(out, in[b*pixels*c:][:pixels*c], signed, pixels)
		for i := range out {
			out[i] -= zero * int32(pixels)
		}
	}
}
