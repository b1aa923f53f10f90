//go:build (amd64 || arm64) && !noasm

package conv

import (
	"unsafe"

	"assay/bench/kernel/gemm"
)

// A line computes some pixels of a row, repeat times one after another; the
// stubs of the architecture tell what it reads and writes.
type line func(y, x, w *float32, channels, kh, kw, pixel, col, skip, skipW int, bias, add *float32, lo, hi float32, repeat int)

// lines computes 1 to 8 pixels.
type lines [8]line

// row computes output pixels [from, to), those of a row whose taps all lie
// inside of the image up to eight at once, and those at its edges one by one
// with the taps that do.
func (l lines) row(c *Conv, y, x, _ []float32, ep *gemm.Epilogue, from, to int) {
	first := (c.Left + c.SW - 1) / c.SW                       // pixel without taps left of the image
	last := (c.W - 1 + c.Left - (c.KW-1)*c.DW) / c.SW         // and right of it
	whole := c.W-1+c.Left-(c.KW-1)*c.DW >= 0 && first <= last // is there one without either
	for p := from; p < to; {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		end := min(to, p-ox+c.OW)
		rows := clip(oy*c.SH-c.Top, c.DH, c.KH, c.H)
		for p < end {
			run, repeat := 1, 1
			if whole && ox >= first && ox <= last {
				run, repeat = Even(min(last-ox+1, end-p), len(l))
				if !repeats {
					repeat = 1
				}
			}
			cols := clip(ox*c.SW-c.Left, c.DW, c.KW, c.W)
			l.call(run, repeat, c, y, x, ep, p, n, rows, cols)
			p, ox = p+run*repeat, ox+run*repeat
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

func (l lines) call(run, repeat int, c *Conv, y, x []float32, ep *gemm.Epilogue, p, n int, rows, cols taps) {
	if rows.n == 0 || cols.n == 0 { // all taps are padding
		rows, cols = taps{}, taps{}
	}
	in := x[((n*c.H+rows.at)*c.W+cols.at)*c.C:]
	w := c.weights[(rows.first*c.KW+cols.first)*c.C:]
	if rows.n > 0 {
		_ = in[((rows.n-1)*c.DH*c.W+(cols.n-1)*c.DW+(run*repeat-1)*c.SW)*c.C+c.C-1]
		_ = w[((rows.n-1)*c.KW+cols.n-1)*c.C+c.C-1]
	}
	var bias, add *float32
	if ep.Bias != nil {
		bias = &ep.Bias[:c.C][0]
	}
	if ep.Add != nil {
		add = &ep.Add[p*c.C : (p+run*repeat)*c.C][0]
	}
	l[run-1](&y[p*c.C : (p+run*repeat)*c.C][0], unsafe.SliceData(in), unsafe.SliceData(w), c.C, rows.n, cols.n,
		c.SW*c.C, c.DW*c.C, (c.DH*c.W-cols.n*c.DW)*c.C, (c.KW-cols.n)*c.C, bias, add, ep.Lo, ep.Hi, repeat)
}
