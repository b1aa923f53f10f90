// Command asm writes the amd64 kernels of package quant: go generate
// ./bench/kernel/quant. Bounds are applied to floats, before the conversion
// rounds half to even (MXCSR's default) into a range that holds every result;
// of two operands of which one is NaN, MAXPS and MINPS return the second.
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
		quantize(v)
		dequantize(v, "u8", VPMOVZXBD)
		dequantize(v, "s8", VPMOVSXBD)
		extent(v)
		add(v, "u8", VPMOVZXBD)
		add(v, "s8", VPMOVSXBD)
		rows(v, true)
		rows(v, false)
	}
	Generate()
}

func text(name, signature, doc string) {
	TEXT(name, attr.NOSPLIT, signature)
	Doc(name + " " + doc)
	Pragma("noescape")
}

// blocks runs body for every block and moves pointers on by so many bytes.
func blocks(move map[Register]int, order []Register, body func()) {
	asm.Loop("block", asm.Int("blocks", 1), func() {
		body()
		for _, p := range order {
			ADDQ(U32(uint32(move[p])), p)
		}
	})
}

func end() {
	VZEROUPPER()
	RET()
}

// integer makes x, a float, an integer in [lo, hi] plus zero; NaN becomes lo.
func integer(x, lo, hi, zero VecVirtual) {
	VMAXPS(lo, x, x)
	VMINPS(hi, x, x)
	VCVTPS2DQ(x, x)
	VPADDD(zero, x, x)
}

func quantize(v asm.Set) {
	text(v.ISA+"_quantize", "func(y *byte, x *float32, blocks int, scale, lo, hi float32, zero int32)",
		"computes y[i] = round(min(max(x[i]/scale, lo), hi)) + zero for i < "+count(v)+"·blocks.")
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	scale, lo, hi, zero, r := v.Float("scale"), v.Float("lo"), v.Float("hi"), v.Int32("zero"), v.New()
	blocks(map[Register]int{y: v.Lanes, x: v.Bytes()}, []Register{y, x}, func() {
		VMOVUPS(Mem{Base: x}, r)
		VDIVPS(scale, r, r)
		integer(r, lo, hi, zero)
		v.Narrow(Mem{Base: y}, r)
	})
	end()
}

func dequantize(v asm.Set, typ string, widen func(...Op)) {
	text(v.ISA+"_dequantize_"+typ, "func(y *float32, x *byte, blocks int, scale float32, zero int32)",
		"computes y[i] = scale·(x[i] − zero) for i < "+count(v)+"·blocks.")
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	scale, zero, r := v.Float("scale"), v.Int32("zero"), v.New()
	blocks(map[Register]int{y: v.Bytes(), x: v.Lanes}, []Register{y, x}, func() {
		widen(Mem{Base: x}, r)
		VPSUBD(zero, r, r)
		VCVTDQ2PS(r, r)
		VMULPS(scale, r, r)
		VMOVUPS(r, Mem{Base: y})
	})
	end()
}

// extent keeps the largest pattern without its sign beside the bounds: it is
// that of a NaN, above infinity's, where there is one.
func extent(v asm.Set) {
	text(v.ISA+"_extent", "func(x *float32, blocks int) (lo, hi float32, top uint32)",
		"returns the least and the greatest of 0 and x[i], NaN apart, and the greatest pattern of |x[i]| for i < "+count(v)+"·blocks.")
	x, r, size := asm.Int("x", 1), v.New(), v.New()
	bounds := v.Zeros(3)
	clear, ones := v.New(), GP32() // all bits but the sign
	MOVL(U32(1<<31-1), ones)
	VMOVD(ones, clear.AsX())
	VPBROADCASTD(clear.AsX(), clear)
	blocks(map[Register]int{x: v.Bytes()}, []Register{x}, func() {
		VMOVUPS(Mem{Base: x}, r)
		VMINPS(bounds[0], r, bounds[0])
		VMAXPS(bounds[1], r, bounds[1])
		if v.Lanes == 16 {
			VPANDD(clear, r, size)
		} else {
			VPAND(clear, r, size)
		}
		VPMAXUD(size, bounds[2], bounds[2])
	})
	lo, hi, top := v.Fold(bounds[0], VMINPS), v.Fold(bounds[1], VMAXPS), v.Fold(bounds[2], VPMAXUD)
	VZEROUPPER() // keeps what XMM registers hold; MOVSS follows
	Store(lo.AsX(), ReturnIndex(0))
	Store(hi.AsX(), ReturnIndex(1))
	pattern := GP32()
	VMOVD(top, pattern)
	Store(pattern, ReturnIndex(2))
	RET()
}

func add(v asm.Set, typ string, widen func(...Op)) {
	text(v.ISA+"_add_"+typ, "func(y, a, b *byte, blocks int, ra, rb, fixed, lo, hi float32)",
		"computes y[i] = round(min(max(a[i]·ra + (b[i]·rb + fixed), lo), hi)) for i < "+count(v)+"·blocks, with fused multiply-adds.")
	y, a, b := asm.Int("y", 1), asm.Int("a", 1), asm.Int("b", 1)
	ra, rb, fixed, lo, hi := v.Float("ra"), v.Float("rb"), v.Float("fixed"), v.Float("lo"), v.Float("hi")
	p, q := v.New(), v.New()
	blocks(map[Register]int{y: v.Lanes, a: v.Lanes, b: v.Lanes}, []Register{y, a, b}, func() {
		widen(Mem{Base: a}, p)
		widen(Mem{Base: b}, q)
		VCVTDQ2PS(p, p)
		VCVTDQ2PS(q, q)
		VFMADD213PS(fixed, rb, q)
		VFMADD231PS(ra, p, q)
		VMAXPS(lo, q, q)
		VMINPS(hi, q, q)
		VCVTPS2DQ(q, q)
		v.Narrow(Mem{Base: y}, q)
	})
	end()
}

// rows writes the kernel that finishes sums, to bytes or to floats, some vectors
// of columns after others so that their biases and scales stay in registers.
func rows(v asm.Set, toBytes bool) {
	name, size := v.ISA+"_scale", 4
	signature, doc := "func(y *float32, acc, bias *int32, scale, shift *float32, rows, n int, lo, hi float32)", "min(max((acc[r·n+j]+bias[j])·scale[j] + shift[j], lo), hi), NaN as it is,"
	if toBytes {
		name, size = v.ISA+"_requantize", 1
		signature, doc = "func(y *byte, acc, bias *int32, scale *float32, rows, n int, lo, hi float32, zero int32)", "round(min(max((acc[r·n+j]+bias[j])·scale[j], lo), hi)) + zero"
	}
	text(name, signature, "computes y[r·n+j] = "+doc+" for r < rows, j < n.")
	y, acc, left := asm.Int("y", 1), asm.Int("acc", 1), asm.Int("n", 1)
	parameters := []Register{asm.Int("bias", 1), asm.Int("scale", 1)}
	lo, hi := v.Float("lo"), v.Float("hi")
	var zero VecVirtual
	if toBytes {
		zero = v.Int32("zero")
	} else {
		parameters = append(parameters, asm.Int("shift", 1))
	}
	pointers := append(parameters, acc)
	if !toBytes {
		pointers = append(pointers, y)
	}
	v.Channels(left, pointers, true, func(vectors int, cols asm.Columns, suffix string) {
		ps := make([][]VecVirtual, vectors)
		for j := range ps {
			for _, p := range parameters {
				ps[j] = append(ps[j], cols.Load(Mem{Base: p, Disp: j * v.Bytes()}, j))
			}
		}
		from, to := GP64(), GP64()
		MOVQ(acc, from)
		MOVQ(y, to)
		asm.Loop("row"+suffix, asm.Int("rows", 1), func() {
			var rs []VecVirtual
			for j, p := range ps {
				r := cols.Load(Mem{Base: from, Disp: j * v.Bytes()}, j)
				VPADDD(p[0], r, r)
				VCVTDQ2PS(r, r)
				VMULPS(p[1], r, r)
				if toBytes {
					integer(r, lo, hi, zero)
					if rs = append(rs, r); len(rs) == vectors {
						cols.Narrow(rs, Mem{Base: to})
					}
				} else {
					VADDPS(p[2], r, r)
					VMAXPS(r, lo, r)
					VMINPS(r, hi, r)
					cols.Store(r, Mem{Base: to, Disp: j * v.Bytes()}, j)
				}
			}
			ADDQ(asm.Int("n", 4), from)
			ADDQ(asm.Int("n", size), to)
		})
		if toBytes {
			ADDQ(U32(uint32(vectors*v.Lanes)), y)
		}
	})
	end()
}

func count(v asm.Set) string {
	if v.Lanes == 16 {
		return "16"
	}
	return "8"
}
