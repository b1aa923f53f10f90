package asm

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A Tile is rows × vectors sums, row by row, that an epilogue ends.
type Tile struct {
	Set
	Sums    []VecVirtual
	Vectors int // of a row
}

// Rows of the tile.
func (t Tile) Rows() int { return len(t.Sums) / t.Vectors }

// Bias adds a row to every row of the tile; bias points at its first column.
func (t Tile) Bias(bias Register, c Columns) {
	for j := range t.Vectors {
		b := c.Load(Mem{Base: bias, Disp: t.Bytes() * j}, j)
		for i := range t.Rows() {
			VADDPS(b, t.Sums[i*t.Vectors+j], t.Sums[i*t.Vectors+j])
		}
	}
}

// Add adds what lies at p, rows ld bytes apart. It moves p.
func (t Tile) Add(p, ld Register, c Columns) {
	t.visit(p, ld, func(k int, m Mem, vector int) { VADDPS(c.Load(m, vector), t.Sums[k], t.Sums[k]) })
}

// Less takes zero·sums of every column away, arguments both, where sums is not
// nil and lies done bytes before the first column's: the share of a zero point.
func (t Tile) Less(done Register, suffix string, c Columns) {
	Given("sums", suffix, func(sums Register) {
		if done != nil {
			ADDQ(done, sums)
		}
		zero := t.Int32("zero")
		for j := range t.Vectors {
			s := c.Load(Mem{Base: sums, Disp: t.Bytes() * j}, j)
			VPMULLD(zero, s, s)
			for i := range t.Rows() {
				VPSUBD(s, t.Sums[i*t.Vectors+j], t.Sums[i*t.Vectors+j])
			}
		}
	})
}

// Clamp bounds the sums by the arguments lo and hi and stores them at p, rows
// ld bytes apart. It moves p. NaN stays NaN: of two operands of which one is
// NaN, MAXPS and MINPS return the second of Intel's order, the first here.
func (t Tile) Clamp(p, ld Register, c Columns) {
	lo, hi := t.New(), t.New()
	VBROADCASTSS(Argument("lo"), lo)
	VBROADCASTSS(Argument("hi"), hi)
	t.visit(p, ld, func(k int, m Mem, vector int) {
		VMAXPS(t.Sums[k], lo, t.Sums[k])
		VMINPS(t.Sums[k], hi, t.Sums[k])
		c.Store(t.Sums[k], m, vector)
	})
}

// Store stores the sums at p, rows ld bytes apart. It moves p.
func (t Tile) Store(p, ld Register, c Columns) {
	t.visit(p, ld, func(k int, m Mem, vector int) { c.Store(t.Sums[k], m, vector) })
}

func (t Tile) visit(p, ld Register, f func(k int, m Mem, vector int)) {
	for i := range t.Rows() {
		for j := range t.Vectors {
			f(i*t.Vectors+j, Mem{Base: p, Disp: t.Bytes() * j}, j)
		}
		if i+1 < t.Rows() {
			ADDQ(ld, p)
		}
	}
}
