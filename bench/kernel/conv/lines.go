package conv

import "assay/bench/kernel/gemm"

// overLines computes a convolution as a product whose left factor is the
// image itself: the patch of a pixel is one run for each line of the kernel,
// and patches of neighbours overlap, so that nothing is gathered (compare
// Dukhan 2019, "The Indirect Convolution Algorithm"). Lines are copied with
// their padding, a few output lines at a time, so that no patch hangs over the
// edge.
func overLines(c *Conv, y, x, scratch []float32, ep *gemm.Epilogue, from, to int) {
	for p := from; p < to; {
		first := p / c.OW // output line, counted through the batch
		lines := min(c.blockLines(), c.OH-first%c.OH, (to-1)/c.OW+1-first)
		c.padLines(scratch, x, first, lines)
		end, ch := min(to, (first+lines)*c.OW), 0
		for _, b := range c.groups {
			c.multiplyLines(b, ch, y, scratch, ep, first, p, end)
			ch += b.N
		}
		p = end
	}
}

// multiplyLines computes the channels from ch on that b has of pixels [from,
// to), whose lines begin with first in scratch.
func (c *Conv) multiplyLines(b *gemm.B, ch int, y, scratch []float32, ep *gemm.Epilogue, first, from, to int) {
	e, width := *ep, c.lineWidth()*c.C
	a := gemm.A{Stride: c.SW * c.C, Runs: c.KH, Skip: c.DH * width}
	for p := from; p < to; {
		ox := p % c.OW
		n := min(c.OW-ox, to-p)
		slice(&e, ep, p*c.M+ch, ch, b.N)
		a.Data = scratch[(p/c.OW-first)*c.SH*width+ox*a.Stride:]
		b.Mul(y[p*c.M+ch:], c.M, a, n, &e)
		p += n
	}
}

// Weights of more than partBytes are multiplied in parts of at most that, each
// with all lines that are copied: half of an L2 cache of 512 KiB.
const partBytes = 256 << 10

func packLines(c *Conv, w []float32) { c.groups = gemm.Pack(w, c.K(), c.M, false).Cut(partBytes) }

// lineable reports whether patches are runs of the image's lines.
func lineable(s Shape) bool { return s.Groups == 1 && s.DW == 1 && !s.Pointwise() }

// lineBytes bounds the lines that are copied at once, so that they stay in L2
// beside the weights; where those are several parts, which every block of
// lines reads anew, the block is larger.
func (c *Conv) lineBytes() int {
	if len(c.groups) > 1 {
		return 256 << 10
	}
	return 64 << 10
}

// lineWidth returns how many pixels of a padded line the patches of a line
// reach over.
func (c *Conv) lineWidth() int { return (c.OW-1)*c.SW + c.KW }

// spanned returns how many input lines so many output lines need.
func (c *Conv) spanned(lines int) int { return (lines-1)*c.SH + (c.KH-1)*c.DH + 1 }

// blockLines returns how many output lines are computed at once.
func (c *Conv) blockLines() int {
	n := 1
	for n < c.OH && 4*c.spanned(n+1)*c.lineWidth()*c.C <= c.lineBytes() {
		n++
	}
	return n
}

func lineScratch(c *Conv) int { return c.spanned(c.blockLines()) * c.lineWidth() * c.C }

// padLines copies the input lines of output lines [first, first+lines), which
// are of one image, with zeros where there is padding.
func (c *Conv) padLines(dst, x []float32, first, lines int) {
	width, n := c.lineWidth(), first/c.OH
	for i := range c.spanned(lines) {
		line := dst[i*width*c.C:][:width*c.C]
		iy := first%c.OH*c.SH + i - c.Top
		if iy < 0 || iy >= c.H {
			clear(line)
			continue
		}
		left := min(c.Left, width)
		inside := min(c.W, width-left)
		clear(line[:left*c.C])
		copy(line[left*c.C:], x[(n*c.H+iy)*c.W*c.C:][:inside*c.C])
		clear(line[(left+inside)*c.C:])
	}
}
