//go:build amd64 && !noasm

package qconv

import (
	"encoding/binary"
	"unsafe"

	"assay/bench/kernel/conv"
)

// A window computes n pixels of a row with a 3×3 kernel; kernels_amd64.go tells
// what it reads and writes.
type window func(y *int32, a, b, c, w *byte, channels, n, left, right int, zero int32)

// windows are kernels for a stride of 1 and of 2.
type windows struct{ unsigned, signed [2]window }

func (windows) takes(s conv.Shape, _ bool) bool { return s.Windowed() && s.C%8 == 0 }

// pack orders weights eight channels after eight, column, and pairs of int16:
// those of the first two rows of the channels, then those of the third and 0.
func (windows) pack(c *Conv, w []int8, zero []int32) {
	taps, packed := conv.Taps(&c.Shape, w), make([]byte, c.C*3*4*2)
	for i, v := range taps {
		ch, kx, ky := i%c.C, i/c.C%3, i/c.C/3
		v := int16(v)
		if zero != nil {
			v -= int16(zero[ch])
		}
		pair := (ch/8*3+kx)*2 + ky/2
		binary.LittleEndian.PutUint16(packed[(pair*8+ch%8)*4+ky%2*2:], uint16(v))
	}
	c.weights = unsafe.Slice((*int8)(unsafe.Pointer(&packed[0])), len(packed))
}

// scratch has room for a line of the image that lies outside of it.
func (windows) scratch(c *Conv) int { return c.W * c.C }

func (v windows) row(c *Conv, y []int32, x Input, s *Scratch, from, to int) {
	outside := s.Bytes[:c.W*c.C]
	if s.end == 0 { // the first call of a run
		fill(outside, byte(x.Zero))
		s.end = 1
	}
	f := v.unsigned[c.SW-1]
	if x.Signed {
		f = v.signed[c.SW-1]
	}
	for p := from; p < to; {
		ox, line := p%c.OW, p/c.OW
		size := min(c.OW-ox, to-p)
		left, right, first, last := c.Columns(ox, size)
		var lines [3][]byte
		for i := range lines {
			iy := line%c.OH*c.SH - c.Top + i*c.DH
			lines[i] = outside
			if iy >= 0 && iy < c.H {
				lines[i] = x.Data[(line/c.OH*c.H+iy)*c.W*c.C:][:c.W*c.C]
			}
			lines[i] = lines[i][first*c.C : (last+1)*c.C]
		}
		out := y[(p-from)*c.C:][:size*c.C]
		f(&out[0], &lines[0][0], &lines[1][0], &lines[2][0], (*byte)(unsafe.Pointer(&c.weights[0])), c.C, size, left, right, x.Zero)
		p += size
	}
}
