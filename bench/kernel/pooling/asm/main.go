// Command asm writes the amd64 kernels of package pooling: go generate
// ./bench/kernel/pooling. They are bound by what they load; each walks down the
// pixels of a window with a vector of channels.
package main

import (
	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, v := range []asm.Set{asm.AVX512, asm.AVX2} {
		sum(v)
		sumBytes(v, "u8", VPMOVZXBD)
		sumBytes(v, "s8", VPMOVSXBD)
		maximum(v)
	}
	maximumBytes("u8", VPMAXUB)
	maximumBytes("s8", VPMAXSB)
	Generate()
}

func text(name, signature, doc string) {
	TEXT(name, attr.NOSPLIT, signature)
	Doc(name + " " + doc)
	Pragma("noescape")
}

func end() {
	VZEROUPPER()
	RET()
}

// enough sums in flight hide an addition's latency of 4 cycles twice.
const enough = 8

func sum(v asm.Set) {
	text(v.ISA+"_sum", "func(y, x *float32, rows, n int)", "computes y[c] = Σ x[r·n+c] for r < rows, c < n, in the order of several sums.")
	y, x, row := asm.Int("y", 1), asm.Int("x", 1), asm.Int("n", 4)
	v.Channels(asm.Int("n", 1), []Register{y, x}, v.Lanes == 16, func(vectors int, c asm.Columns, suffix string) {
		at := GP64()
		MOVQ(x, at)
		sums := v.Unroll(vectors, enough)
		sums.Named(suffix).Loop(asm.Int("rows", 1), func(s []VecVirtual, _ int) {
			for j := range s {
				VADDPS(c.Load(Mem{Base: at, Disp: j * v.Bytes()}, j), s[j], s[j])
			}
			ADDQ(row, at)
		}, func(int) {})
		for j, s := range sums.Fold(VADDPS) {
			c.Store(s, Mem{Base: y, Disp: j * v.Bytes()}, j)
		}
	})
	end()
}

func sumBytes(v asm.Set, typ string, widen func(...Op)) {
	blocks := map[int]string{16: "16", 8: "8"}[v.Lanes]
	text(v.ISA+"_sum_"+typ, "func(y *int32, x *byte, rows, stride, blocks int)", "computes y[c] = Σ x[r·stride+c] for r < rows, c < "+blocks+"·blocks.")
	y, x, stride := asm.Int("y", 1), asm.Int("x", 1), asm.Int("stride", 1)
	asm.Loop("block", asm.Int("blocks", 1), func() {
		at, value := GP64(), v.New()
		MOVQ(x, at)
		s := v.Zeros(1)[0]
		asm.Loop("row", asm.Int("rows", 1), func() {
			widen(Mem{Base: at}, value)
			VPADDD(value, s, s)
			ADDQ(stride, at)
		})
		VMOVUPS(s, Mem{Base: y})
		ADDQ(U32(uint32(v.Bytes())), y)
		ADDQ(U32(uint32(v.Lanes)), x)
	})
	end()
}

// window runs tap for every element of a window; col and skip are bytes.
func window(x Register, suffix string, tap func(m Mem)) {
	at := GP64()
	MOVQ(x, at)
	asm.Loop("line"+suffix, asm.Int("kh", 1), func() {
		asm.Loop("tap"+suffix, asm.Int("kw", 1), func() {
			tap(Mem{Base: at})
			ADDQ(asm.Argument("col"), at)
		})
		ADDQ(asm.Argument("skip"), at)
	})
}

// maximum keeps a NaN: MAXPS returns its second operand, the maximum so far,
// where one is NaN, and a NaN among the new ones is put over it.
func maximum(v asm.Set) {
	text(v.ISA+"_max", "func(y, x *float32, n, kh, kw, col, skip int, least float32)",
		"computes y[c] = max(least, x[(i·(kw·col+skip)+j·col)/4+c]) over i < kh, j < kw for c < n; a NaN yields NaN.")
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	v.Channels(asm.Int("n", 1), []Register{y, x}, v.Lanes == 16, func(vectors int, c asm.Columns, suffix string) {
		var top []VecVirtual
		for range vectors {
			top = append(top, v.Float("least"))
		}
		window(x, suffix, func(m Mem) {
			for j := range top {
				value := c.Load(m.Offset(j*v.Bytes()), j)
				VMAXPS(top[j], value, top[j])
				keepNaN(v, value, top[j])
			}
		})
		for j := range top {
			c.Store(top[j], Mem{Base: y, Disp: j * v.Bytes()}, j)
		}
	})
	end()
}

// keepNaN puts the NaN of value over top.
func keepNaN(v asm.Set, value, top VecVirtual) {
	const unordered = 3
	if v.Lanes == 16 {
		nan := K()
		VCMPPS(Imm(unordered), value, value, nan)
		VMOVUPS(value, nan, top)
		return
	}
	nan := v.New()
	VCMPPS(Imm(unordered), value, value, nan)
	VORPS(nan, top, top)
}

func maximumBytes(typ string, op func(...Op)) {
	text("avx2_max_"+typ, "func(y, x *byte, blocks, kh, kw, col, skip int, least uint32)",
		"computes y[c] = max(least, x[i·(kw·col+skip)+j·col+c]) over i < kh, j < kw for c < 16·blocks, of bytes; least is one four times.")
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	least, top := asm.AVX2.Int32("least"), XMM()
	asm.Loop("block", asm.Int("blocks", 1), func() {
		VMOVDQU(least.AsX(), top)
		window(x, "", func(m Mem) { op(m, top, top) })
		VMOVDQU(top, Mem{Base: y})
		for _, p := range []Register{y, x} {
			ADDQ(U32(16), p)
		}
	})
	end()
}
