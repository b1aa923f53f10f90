//go:build arm64 && !noasm

package conv

import (
	"unsafe"

	"assay/bench/kernel/gemm"
	"assay/bench/kernel/isa"
)

// A line computes some pixels of a row; kernels_arm64.go tells what it reads
// and writes.
type line func(y, x, w *float32, channels, kh, kw, pixel, col, skip, skipW int, bias, add *float32, lo, hi float32)

// lines computes 1 to 8 pixels.
type lines [8]line

func archDepthwise() []variant {
	return []variant{
		{"neon_8xc", isa.Has("asimd"), Shape.Depthwise, packTaps, noScratch, lines{neon_1xc, neon_2xc, neon_3xc, neon_4xc, neon_5xc, neon_6xc, neon_7xc, neon_8xc}.row},
	}
}

// row computes output pixels [from, to), those of a row whose taps all lie
// inside of the image up to eight at once, in pieces as equal as can be, and
// those at its edges one by one with the taps that do.
func (l lines) row(c *Conv, y, x, _ []float32, ep *gemm.Epilogue, from, to int) {
	first := (c.Left + c.SW - 1) / c.SW                       // pixel without taps left of the image
	last := (c.W - 1 + c.Left - (c.KW-1)*c.DW) / c.SW         // and right of it
	whole := c.W-1+c.Left-(c.KW-1)*c.DW >= 0 && first <= last // is there one without either
	for p := from; p < to; {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		end := min(to, p-ox+c.OW)
		rows := clip(oy*c.SH-c.Top, c.DH, c.KH, c.H)
		for p < end {
			run := 1
			if whole && ox >= first && ox <= last {
				inside := min(last-ox+1, end-p)
				pieces := (inside + len(l) - 1) / len(l)
				run = (inside + pieces - 1) / pieces
			}
			cols := clip(ox*c.SW-c.Left, c.DW, c.KW, c.W)
			l.call(run, c, y, x, ep, p, n, rows, cols)
			p, ox = p+run, ox+run
		}
	}
}

// taps are those of an axis that lie inside of the image: n from first on, at
// pixel at.
type taps struct{ first, n, at int }

func clip(at, dilation, kernel, size int) taps {
	t := taps{n: kernel, at: at}
	for ; t.n > 0 && t.at < 0; t.at += dilation {
		t.first++
		t.n--
	}
	for t.n > 0 && t.at+(t.n-1)*dilation >= size {
		t.n--
	}
	return t
}

func (l lines) call(run int, c *Conv, y, x []float32, ep *gemm.Epilogue, p, n int, rows, cols taps) {
	if rows.n == 0 || cols.n == 0 { // all taps are padding
		rows, cols = taps{}, taps{}
	}
	in := x[((n*c.H+rows.at)*c.W+cols.at)*c.C:]
	w := c.weights[(rows.first*c.KW+cols.first)*c.C:]
	if rows.n > 0 {
		_ = in[((rows.n-1)*c.DH*c.W+(cols.n-1)*c.DW+(run-1)*c.SW)*c.C+c.C-1]
		_ = w[((rows.n-1)*c.KW+cols.n-1)*c.C+c.C-1]
	}
	var bias, add *float32
	if ep.Bias != nil {
		bias = &ep.Bias[:c.C][0]
	}
	if ep.Add != nil {
		add = &ep.Add[p*c.C : (p+run)*c.C][0]
	}
	l[run-1](&y[p*c.C : (p+run)*c.C][0], unsafe.SliceData(in), unsafe.SliceData(w), c.C, rows.n, cols.n,
		c.SW*c.C, c.DW*c.C, (c.DH*c.W-cols.n*c.DW)*c.C, (c.KW-cols.n)*c.C, bias, add, ep.Lo, ep.Hi)
}
