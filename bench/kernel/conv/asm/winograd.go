package main

import (
	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// four are the differences and sums of Bᵀ: of which two rows each is.
var four = []struct {
	f    func(ops ...Op) // f(b, a, out): out = a ∘ b
	a, b int
}{{VSUBPS, 0, 2}, {VADDPS, 1, 2}, {VSUBPS, 2, 1}, {VSUBPS, 1, 3}}

// transformIn computes a column of the result after the other from memory: a
// tile of 16 vectors and as many sums would not fit AVX2's registers.
func transformIn(v asm.Set) {
	name := v.ISA + "_in"
	TEXT(name, attr.NOSPLIT, "func(dst *float32, plane int, src *float32, line, channels int)")
	Doc(name + " computes dst[(4i+j)·plane+c] = (Bᵀ·d·B)[i,j] of d[i,j] = src[i·line+j·channels+c] for i, j < 4, c < channels.")
	Pragma("noescape")
	dst, src, plane, line := asm.Int("dst", 1), asm.Int("src", 1), asm.Int("plane", 4), asm.Int("line", 4)
	column := asm.Int("channels", 4)
	v.Channels(asm.Int("channels", 1), []Register{dst, src}, false, func(_ int, cols asm.Columns, _ string) {
		at := GP64()
		for j, f := range four {
			MOVQ(dst, at)
			for range j {
				ADDQ(plane, at)
			}
			ps := []Register{GP64(), GP64()}
			for i, p := range ps {
				MOVQ(src, p)
				for range []int{f.a, f.b}[i] {
					ADDQ(column, p)
				}
			}
			t := make([]VecVirtual, 4)
			for i := range t {
				a, b := cols.Load(Mem{Base: ps[0]}, 0), cols.Load(Mem{Base: ps[1]}, 0)
				f.f(b, a, a)
				t[i] = a
				ADDQ(line, ps[0])
				ADDQ(line, ps[1])
			}
			for i, g := range four {
				out := v.New()
				g.f(t[g.b], t[g.a], out)
				cols.Store(out, Mem{Base: at}, 0)
				if i < 3 {
					LEAQ(Mem{Base: at, Index: plane, Scale: 4}, at)
				}
			}
		}
	})
	VZEROUPPER()
	RET()
}

// transformOut adds up rows of z first, then columns.
func transformOut(v asm.Set) {
	name := v.ISA + "_out"
	TEXT(name, attr.NOSPLIT, "func(y *float32, below int, src *float32, plane, channels int, bias, add *float32, lo, hi float32)")
	Doc(name + " computes y[i·below+j·channels+c] = clamp((Aᵀ·z·A)[i,j] + bias[c] + add[i·below+j·channels+c], lo, hi) of z[i,j] = src[(4i+j)·plane+c] for i, j < 2, c < channels. bias and add may be nil; NaN stays NaN.")
	Pragma("noescape")
	y, src, plane, column := asm.Int("y", 1), asm.Int("src", 1), asm.Int("plane", 4), asm.Int("channels", 4)
	lo, hi, left := v.Float("lo"), v.Float("hi"), asm.Int("channels", 1)
	v.Channels(left, []Register{y, src}, false, func(_ int, cols asm.Columns, suffix string) {
		at := GP64()
		t := addRows(cols, at, src, plane)
		done := GP64() // bytes of the channels that are finished
		MOVQ(left, done)
		NEGQ(done)
		ADDQ(asm.Argument("channels"), done)
		SHLQ(Imm(2), done)
		var sums []VecVirtual
		for _, r := range t {
			VADDPS(r[1], r[0], r[0])
			VADDPS(r[2], r[0], r[0])
			VSUBPS(r[2], r[1], r[1])
			VSUBPS(r[3], r[1], r[1])
			sums = append(sums, r[0], r[1])
		}
		asm.Given("bias", suffix, func(p Register) {
			b := cols.Load(Mem{Base: p, Index: done, Scale: 1}, 0)
			for _, r := range sums {
				VADDPS(b, r, r)
			}
		})
		below := asm.Int("below", 4)
		asm.Given("add", suffix, func(p Register) {
			ADDQ(done, p)
			for i, r := range sums {
				VADDPS(cols.Load(place(p, column, i), 0), r, r)
				if i == 1 {
					ADDQ(below, p)
				}
			}
		})
		MOVQ(y, at)
		for i, r := range sums {
			VMAXPS(r, lo, r)
			VMINPS(r, hi, r)
			cols.Store(r, place(at, column, i), 0)
			if i == 1 {
				ADDQ(below, at)
			}
		}
	})
	VZEROUPPER()
	RET()
}

// addRows returns Aᵀ·z of the 4×4 planes at src, with at to count in.
func addRows(cols asm.Columns, at GPVirtual, src, plane Register) (t [2][4]VecVirtual) {
	for j := range 4 {
		MOVQ(src, at)
		for range j {
			ADDQ(plane, at)
		}
		t[0][j] = cols.Load(Mem{Base: at}, 0)
		t[1][j] = cols.Load(Mem{Base: at, Index: plane, Scale: 4}, 0)
		LEAQ(Mem{Base: at, Index: plane, Scale: 8}, at)
		VADDPS(t[1][j], t[0][j], t[0][j])
		z := cols.Load(Mem{Base: at}, 0)
		VADDPS(z, t[0][j], t[0][j])
		VSUBPS(z, t[1][j], t[1][j])
		VSUBPS(cols.Load(Mem{Base: at, Index: plane, Scale: 4}, 0), t[1][j], t[1][j])
	}
	return t
}

// place is where output i of a row of two lies.
func place(p, column Register, i int) Mem {
	if i%2 == 0 {
		return Mem{Base: p}
	}
	return Mem{Base: p, Index: column, Scale: 1}
}
