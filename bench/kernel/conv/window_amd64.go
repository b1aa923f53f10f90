//go:build amd64 && !noasm

package conv

import "assay/bench/kernel/gemm"

// A window computes n pixels of a row with kernels of three columns;
// kernels_amd64.go tells what it reads and writes.
type window func(y, x, w *float32, channels, row, n, left, right int, bias, add *float32, lo, hi float32)

// windows are kernels of two and of three rows, for a stride of 1 and of 2; rest
// computes lines of which fewer rows lie inside of the image.
type windows struct {
	strides [2][2]window
	rest    lines
}

// piece is how many columns of the input are read at most before the next
// channels are: a cache line has two vectors of AVX2, so that the lines should
// stay in L1 from one to the other.
const piece = 64

// row computes output pixels [from, to).
func (v windows) row(c *Conv, y, x, scratch []float32, ep *gemm.Epilogue, from, to int) {
	for p := from; p < to; {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		end := min(to, p-ox+c.OW)
		rows := clip(oy*c.SH-c.Top, c.DH, 3, c.H)
		if rows.n < 2 {
			v.rest.row(c, y, x, scratch, ep, p, end)
			p = end
			continue
		}
		size, _ := Even(end-p, piece/c.SW)
		for ; p < end; p += size {
			size = min(size, end-p)
			v.call(c, y, x, ep, p, size, n, rows)
		}
	}
}

func (v windows) call(c *Conv, y, x []float32, ep *gemm.Epilogue, p, size, n int, rows taps) {
	left, right, first, last := c.Columns(p%c.OW, size)
	in := x[((n*c.H+rows.at)*c.W+first)*c.C:][:((rows.n-1)*c.DH*c.W+last-first+1)*c.C]
	w := c.weights[rows.first*3*c.C:][:rows.n*3*c.C]
	var bias, add *float32
	if ep.Bias != nil {
		bias = &ep.Bias[:c.C][0]
	}
	if ep.Add != nil {
		add = &ep.Add[p*c.C : (p+size)*c.C][0]
	}
	v.strides[c.SW-1][rows.n-2](&y[p*c.C : (p+size)*c.C][0], &in[0], &w[0], c.C, c.DH*c.W*c.C, size, left, right, bias, add, ep.Lo, ep.Hi)
}
