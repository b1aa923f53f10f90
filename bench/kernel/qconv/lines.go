package qconv

import (
	"assay/bench/kernel/conv"
	"assay/bench/kernel/qgemm"
)

// lineable reports whether patches are runs of the image's lines and a kernel
// takes runs: conv's overLines tells how.
func lineable(s conv.Shape, zeros bool) bool {
	return s.Groups == 1 && s.DW == 1 && !s.Pointwise() && !zeros && qgemm.FormFor(s.M) != nil
}

// run returns the elements of a patch in one line, filled up so that kernels
// read them together: the weights of what they read too much are 0.
func (c *Conv) run() int {
	t := c.form.Together
	return (c.KW*c.C + t - 1) / t * t
}

func packLines(c *Conv, w []int8, _ []int32) {
	c.form = qgemm.FormFor(c.M)
	run := c.run()
	b, line := make([]int8, c.KH*run*c.M), c.KW*c.C*c.M
	for ky := range c.KH {
		copy(b[ky*run*c.M:], w[ky*line:][:line])
	}
	c.groups = qgemm.Pack(b, c.KH*run, c.M, false, nil).Cut(partBytes)
}

// Weights of more than partBytes are multiplied in parts of at most that, each
// with all pixels that are computed at once, as in conv.
const partBytes = 256 << 10

// lineBytes bounds the lines that are copied at once, as in conv.
func (c *Conv) lineBytes() int {
	if len(c.groups) > 1 {
		return 256 << 10
	}
	return 64 << 10
}

// lineLen returns how many elements of a padded line the patches of a line
// reach over.
func (c *Conv) lineLen() int { return ((c.OW-1)*c.SW + c.KW) * c.C }

// spanned returns how many input lines so many output lines need.
func (c *Conv) spanned(lines int) int { return (lines-1)*c.SH + (c.KH-1)*c.DH + 1 }

// blockLines returns how many output lines are prepared at once.
func (c *Conv) blockLines() int {
	n := 1
	for n < c.OH && c.form.Size*c.spanned(n+1)*c.lineLen() <= c.lineBytes() {
		n++
	}
	return n
}

// lineScratch has room for what is read beyond the last line too.
func lineScratch(c *Conv) int {
	return c.form.Size * (c.spanned(c.blockLines())*c.lineLen() + c.form.Together)
}

// overLines multiplies the image's lines, copied with their padding and in the
// form of the kernels, with the packed weights; nothing is gathered.
func overLines(c *Conv, y []int32, x Input, s *Scratch, from, to int) {
	for p := from; p < to; {
		line := p / c.OW // counted through the batch
		if line < s.first || line >= s.end {
			s.first, s.end = line, min(line+c.blockLines(), line-line%c.OH+c.OH, (s.last-1)/c.OW+1)
			c.padLines(s.Bytes, x, line, s.end-line)
		}
		end, ch := min(to, s.end*c.OW), 0
		for _, b := range c.groups {
			c.multiplyLines(b, y[(p-from)*c.M+ch:], x, s, p, end)
			ch += b.N
		}
		p = end
	}
}

// multiplyLines computes the channels that b has of pixels [from, to).
func (c *Conv) multiplyLines(b *qgemm.B, y []int32, x Input, s *Scratch, from, to int) {
	size, width := c.form.Size, c.form.Size*c.lineLen()
	a := qgemm.Runs{Stride: size * c.SW * c.C, Runs: c.KH, Skip: c.DH * width, Zero: c.form.Zero(x.Signed, x.Zero)}
	for p := from; p < to; {
		ox := p % c.OW
		n := min(c.OW-ox, to-p)
		a.Data = s.Bytes[(p/c.OW-s.first)*c.SH*width+ox*a.Stride:]
		b.MulRuns(y[(p-from)*c.M:], c.M, a, n)
		p += n
	}
}

// padLines copies the input lines of output lines [first, first+lines), which
// are of one image, with the zero point where there is padding.
func (c *Conv) padLines(dst []byte, x Input, first, lines int) {
	n, size, width := first/c.OH, c.form.Size, c.form.Size*c.lineLen()
	left := min(c.Left*c.C, c.lineLen())
	inside := min(c.W*c.C, c.lineLen()-left)
	for i := range c.spanned(lines) {
		line := dst[i*width:][:width]
		iy := first%c.OH*c.SH + i - c.Top
		if iy < 0 || iy >= c.H {
			c.fill(line, x)
			continue
		}
		c.fill(line[:size*left], x)
		c.form.Copy(line[size*left:], x.Data[(n*c.H+iy)*c.W*c.C:][:inside], x.Signed, x.Zero)
		c.fill(line[size*(left+inside):], x)
	}
}

// fill writes padding: the zero point as Form.Zero leaves it in elements.
func (c *Conv) fill(dst []byte, x Input) {
	z := byte(c.form.Zero(x.Signed, x.Zero)) // 0 in int16
	for i := range dst {
		dst[i] = z
	}
}
