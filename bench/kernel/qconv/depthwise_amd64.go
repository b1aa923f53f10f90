//go:build amd64 && !noasm

package qconv

import (
	"encoding/binary"
	"unsafe"

	"assay/bench/kernel/conv"
	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg qconv

// A line computes some pixels of a row; kernels_amd64.go tells what it reads
// and writes.
type line func(y *int32, x, w *byte, channels, groups, kw, pixel, col, skip int, sums *int32, zero int32, repeat int)

// columns are depthwise kernels that add up the taps of a column, rows of them
// at once. Lines of the image are interleaved for them, with their padding, one
// line of the output after another.
type columns struct {
	rows       int     // of the kernel in four bytes: 4 uint8, or 2 int16 without zero point
	lines      [8]line // of 1 to 8 pixels
	interleave func(dst, a, b, c, d []byte, signed bool, zero int32)
}

func archDepthwise() []variant {
	vnni := columns{4, [8]line{vnni_1xc, vnni_2xc, vnni_3xc, vnni_4xc, vnni_5xc, vnni_6xc, vnni_7xc, vnni_8xc}, interleaveBytes}
	avx2 := columns{2, [8]line{avx2_1xc, avx2_2xc, avx2_3xc, avx2_4xc, avx2_5xc, avx2_6xc, avx2_7xc, avx2_8xc}, interleaveWords}
	window := windows{[2]window{avx2_3x3_u8_1, avx2_3x3_u8_2}, [2]window{avx2_3x3_s8_1, avx2_3x3_s8_2}}
	return []variant{
		{"vnni_8xc", isa.Has("avx512_vnni"), vnni.takes, vnni.pack, vnni.scratch, vnni.row},
		{"avx2_3x3", isa.Has("avx2"), window.takes, window.pack, window.scratch, window.row},
		{"avx2_8xc", isa.Has("avx2"), avx2.takes, avx2.pack, avx2.scratch, avx2.row},
	}
}

// takes says that int16 weights hold their zero points, int8 ones do not.
func (k columns) takes(s conv.Shape, zeros bool) bool {
	return s.Depthwise() && (k.rows == 2 || !zeros)
}

// groups returns how many columns of rows a column of the kernel is.
func (k columns) groups(c *Conv) int { return (c.KH + k.rows - 1) / k.rows }

// pack orders weights group, tap of the row, channel, row of the group; rows
// that the kernel does not have are 0.
func (k columns) pack(c *Conv, w []int8, zero []int32) {
	taps, size := conv.Taps(&c.Shape, w), 4/k.rows
	packed := make([]byte, k.groups(c)*c.KW*c.C*4)
	c.sums = make([]int32, c.C)
	for i, v := range taps {
		ch, kx, ky := i%c.C, i/c.C%c.KW, i/c.C/c.KW
		v := int32(v)
		if zero != nil {
			v -= zero[ch]
		}
		c.sums[ch] += v
		at := ((ky/k.rows*c.KW+kx)*c.C+ch)*4 + ky%k.rows*size
		packed[at] = byte(v)
		if size == 2 {
			binary.LittleEndian.PutUint16(packed[at:], uint16(v))
		}
	}
	c.weights = unsafe.Slice((*int8)(unsafe.Pointer(&packed[0])), len(packed))
}

// width returns how many pixels of a padded line the windows of a line reach
// over.
func width(c *Conv) int { return (c.OW-1)*c.SW + (c.KW-1)*c.DW + 1 }

// scratch has room for a group's interleaved lines, each group after another,
// and for a line of the image that lies outside of it.
func (k columns) scratch(c *Conv) int { return k.groups(c)*width(c)*c.C*4 + c.W*c.C }

func (k columns) row(c *Conv, y []int32, x Input, s *Scratch, from, to int) {
	pixel, col, group, n := c.SW*c.C*4, c.DW*c.C*4, width(c)*c.C*4, k.groups(c)
	zero, sums, w := k.zero(x), unsafe.SliceData(c.sums), (*byte)(unsafe.Pointer(&c.weights[0]))
	for p := from; p < to; {
		if line := p / c.OW; line < s.first || line >= s.end {
			k.prepare(c, x, s, line)
		}
		ox := p % c.OW
		size, repeat := conv.Even(min(c.OW-ox, to-p), len(k.lines))
		run := size * repeat
		in := s.Bytes[ox*pixel:][:(run-1)*pixel+(n-1)*group+(c.KW-1)*col+4*c.C]
		out := y[(p-from)*c.C:][:run*c.C]
		k.lines[size-1](&out[0], &in[0], w, c.C, n, c.KW, pixel, col, group-c.KW*col, sums, zero, repeat)
		p += run
	}
}

// zero returns the zero point that is still in interleaved elements.
func (k columns) zero(x Input) int32 {
	switch {
	case k.rows == 2:
		return 0
	case x.Signed:
		return x.Zero + 128
	}
	return x.Zero
}

// prepare interleaves what line of the output reads, counted through the batch.
// Padding is written once in a run: it is at the same places for every line.
func (k columns) prepare(c *Conv, x Input, s *Scratch, line int) {
	group := width(c) * c.C * 4
	left := min(c.Left, width(c)) * c.C
	inside := min(c.W*c.C, width(c)*c.C-left)
	outside := s.Bytes[k.groups(c)*group:][:c.W*c.C]
	if s.end == 0 {
		fill(outside, byte(x.Zero))
		for g := range k.groups(c) {
			fill(s.Bytes[g*group:][:4*left], byte(k.zero(x)))
			fill(s.Bytes[g*group:][4*(left+inside):group], byte(k.zero(x)))
		}
	}
	s.first, s.end = line, line+1
	n, top := line/c.OH, line%c.OH*c.SH-c.Top
	at := func(ky int) []byte {
		iy := top + ky*c.DH
		if ky >= c.KH || iy < 0 || iy >= c.H {
			return outside[:inside]
		}
		return x.Data[(n*c.H+iy)*c.W*c.C:][:inside]
	}
	for g := range k.groups(c) {
		ky := g * k.rows
		k.interleave(s.Bytes[g*group+4*left:][:4*inside], at(ky), at(ky+1), at(ky+2), at(ky+3), x.Signed, x.Zero)
	}
}

func fill(dst []byte, v byte) {
	for i := range dst {
		dst[i] = v
	}
}

// interleaveBytes writes uint8 of four lines; int8 become uint8 by adding 128.
func interleaveBytes(dst, a, b, c, d []byte, signed bool, _ int32) {
	flip := uint32(0)
	if signed {
		flip = 0x80808080
	}
	n := len(a) / 16
	if n > 0 {
		vnni_interleave(&dst[0], &a[0], &b[:len(a)][0], &c[:len(a)][0], &d[:len(a)][0], n, flip)
	}
	for i := 16 * n; i < len(a); i++ {
		binary.LittleEndian.PutUint32(dst[4*i:], (uint32(a[i])|uint32(b[i])<<8|uint32(c[i])<<16|uint32(d[i])<<24)^flip)
	}
}

// interleaveWords writes int16 of two lines without their zero point.
func interleaveWords(dst, a, b, _, _ []byte, signed bool, zero int32) {
	n := len(a) / 16
	switch {
	case n == 0:
	case signed:
		avx2_interleave_s8(&dst[0], &a[0], &b[:len(a)][0], n, zero)
	default:
		avx2_interleave_u8(&dst[0], &a[0], &b[:len(a)][0], n, zero)
	}
	for i := 16 * n; i < len(a); i++ {
		u, v := int32(a[i]), int32(b[i])
		if signed {
			u, v = int32(int8(a[i])), int32(int8(b[i]))
		}
		binary.LittleEndian.PutUint32(dst[4*i:], uint32(uint16(u-zero))|uint32(uint16(v-zero))<<16)
	}
}
