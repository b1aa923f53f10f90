package asm

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Rows addresses rows that lie a fixed number of bytes apart, three to a
// pointer: base, base + stride and base + 2·stride.
type Rows struct {
	base   []Register
	stride Register
}

// NewRows takes over p, the first row.
func NewRows(p, stride Register, n int) Rows {
	r := Rows{[]Register{p}, stride}
	for i := 3; i < n; i += 3 {
		q := GP64()
		MOVQ(r.base[len(r.base)-1], q)
		for range 3 {
			ADDQ(stride, q)
		}
		r.base = append(r.base, q)
	}
	return r
}

// At is what lies some bytes from the pointer of row i.
func (r Rows) At(i, bytes int) Mem {
	m := Mem{Base: r.base[i/3], Disp: bytes}
	if i%3 > 0 {
		m.Index, m.Scale = r.stride, uint8(i%3)
	}
	return m
}

// Move moves all rows on by bytes: an immediate, a register or memory.
func (r Rows) Move(bytes Op) {
	for _, p := range r.base {
		ADDQ(bytes, p)
	}
}
