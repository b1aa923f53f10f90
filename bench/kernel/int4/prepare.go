package int4

import (
	"math"
	"unsafe"
)

// A layout is where prepared activations lie.
type layout struct {
	x     []float32
	step  int // floats from row to row
	ldx   int // elements from row to row
	info  []float32
	facts int // floats of info for a row
}

// layout divides scratch.
func (m *Matrix) layout(x []float32, rows int, scratch []float32) layout {
	k := m.padded()
	l := layout{x: x, step: m.K, ldx: m.K, facts: m.blocks}
	switch {
	case m.v.s8:
		l.step, l.ldx, l.facts = k/4, k, 2*m.blocks
		l.x, scratch = scratch[:rows*k/4], scratch[rows*k/4:]
	case k != m.K:
		l.step, l.ldx = k, k
		l.x, scratch = scratch[:rows*k], scratch[rows*k:]
	}
	l.info = scratch[:rows*l.facts]
	return l
}

// Scratch returns how many floats Prepare and Run need for so many rows.
func (m *Matrix) Scratch(rows int) int { return rows * (m.padded() + 2*m.blocks) }

// Prepare makes the activations of Run: rows filled up to whole blocks, or
// quantized, and the sums of blocks, by which zero points are multiplied.
func (m *Matrix) Prepare(x []float32, rows int, scratch []float32) {
	l := m.layout(x, rows, scratch)
	for i, high := 0, (rows+m.v.rows-1)/m.v.rows; i < rows; high-- {
		n := (rows - i + high - 1) / high
		info := l.info[i*l.facts:]
		for r := range n {
			row := x[(i+r)*m.K:][:m.K]
			if m.v.s8 {
				m.quantize(unsafe.Slice((*int8)(unsafe.Pointer(&l.x[(i+r)*l.step])), l.ldx), row, info[r:], n)
				continue
			}
			if l.step != m.K {
				dst := l.x[(i+r)*l.step:][:l.step]
				clear(dst[copy(dst, row):])
			}
			for b := range m.blocks {
				var sum float32
				for _, v := range row[b*m.Block : min((b+1)*m.Block, m.K)] {
					sum += v
				}
				info[b*n+r] = sum
			}
		}
		i += n
	}
}

// quantize makes a row int8, ±127 being the largest of each block, and writes
// for each block its scale and its sum to info, n floats apart.
func (m *Matrix) quantize(dst []int8, row []float32, info []float32, n int) {
	whole := 0
	if m.v.quantize != nil {
		whole = m.K / m.Block
		m.v.quantize(dst, row, info, n, whole, m.Block)
	}
	for b := whole; b < m.blocks; b++ {
		block := row[b*m.Block : min((b+1)*m.Block, m.K)]
		info[2*b*n], info[(2*b+1)*n] = quantize(dst[b*m.Block:][:m.Block], block)
	}
}

// least is the largest value of a block below which it may become zeros.
const least = 127 * 0x1p-100

// quantize makes a block int8, filled up with zeros, and returns its scale and
// scaled sum. Where the block is not finite, its scale is not either.
func quantize(dst []int8, block []float32) (scale, total float32) {
	var top, special float32
	for _, v := range block {
		top = max(top, v, -v)
		special += v - v // NaN where v is not finite
	}
	inverse, sum := 127/max(top, least), int32(0)
	for i, v := range block {
		q := nearest(v * inverse)
		dst[i] = int8(q)
		sum += q
	}
	clear(dst[len(block):])
	scale = top/127 + special
	return scale, scale * float32(sum)
}

// nearest rounds |v| < 2²² to the nearest integer, to the even one of two: in
// the sum with 1.5·2²³ the lowest bit of the mantissa counts ones.
func nearest(v float32) int32 {
	const magic = 3 << 22
	return int32(math.Float32bits(v+magic)) - int32(math.Float32bits(magic))
}
