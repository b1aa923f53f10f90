// Command asm writes the amd64 kernels of package ew: go generate
// ./bench/kernel/ew. All take whole blocks of a vector. Of two operands of
// which one is NaN, MAXPS and MINPS return the second: a NaN stays where it is
// that one.
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
		for _, op := range []struct {
			name, sign string
			f          func(...Op)
		}{{"add", "+", VADDPS}, {"sub", "−", VSUBPS}, {"mul", "·", VMULPS}, {"div", "/", VDIVPS}} {
			for _, scalar := range []string{"", "a", "b"} {
				zip(v, op.name, op.sign, scalar, op.f)
			}
		}
		clamp(v)
		top(v)
		exp(v)
		scale(v)
		function(v, "sigmoid", "1/(1 + e⁻ˣ)", sigmoid)
		function(v, "tanh", "tanh(x[i])", tanh)
		function(v, "erf", "erf(x[i])", erf)
		function(v, "gelu", "x[i]·(1 + erf(x[i]/√2))/2", gelu)
		function(v, "hardswish", "x[i]·max(0, min(1, x[i]/6 + 1/2))", hardSwish)
	}
	Generate()
}

func text(v asm.Set, name, signature, doc string) {
	TEXT(v.ISA+"_"+name, attr.NOSPLIT, signature)
	Doc(v.ISA + "_" + name + " computes " + doc + " for i < " + map[int]string{16: "16", 8: "8"}[v.Lanes] + "·blocks.")
	Pragma("noescape")
}

// blocks runs body for every block and moves the pointers on.
func blocks(v asm.Set, pointers []Register, body func()) {
	asm.Loop("block", asm.Int("blocks", 1), func() {
		body()
		for _, p := range pointers {
			ADDQ(U32(uint32(v.Bytes())), p)
		}
	})
}

func end() {
	VZEROUPPER()
	RET()
}

// zip writes an operator on two vectors, or a vector and one number.
func zip(v asm.Set, name, sign, scalar string, op func(...Op)) {
	left, right := map[bool]string{true: "a[0]", false: "a[i]"}[scalar == "a"], map[bool]string{true: "b[0]", false: "b[i]"}[scalar == "b"]
	if scalar != "" {
		name += "_" + scalar
	}
	text(v, name, "func(y, a, b *float32, blocks int)", "y[i] = "+left+" "+sign+" "+right)
	y, pointers := asm.Int("y", 1), []Register{}
	operand := func(param string) func() VecVirtual {
		p, r := asm.Int(param, 1), v.New()
		if param == scalar {
			VBROADCASTSS(Mem{Base: p}, r)
			return func() VecVirtual { return r }
		}
		pointers = append(pointers, p)
		return func() VecVirtual {
			VMOVUPS(Mem{Base: p}, r)
			return r
		}
	}
	a, b, out := operand("a"), operand("b"), v.New()
	blocks(v, append(pointers, y), func() {
		x := a()
		op(b(), x, out)
		VMOVUPS(out, Mem{Base: y})
	})
	end()
}

func clamp(v asm.Set) {
	text(v, "clamp", "func(y, x *float32, blocks int, lo, hi float32)", "y[i] = min(max(x[i], lo), hi), NaN as it is,")
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	lo, hi, r := v.Float("lo"), v.Float("hi"), v.New()
	blocks(v, []Register{y, x}, func() {
		VMOVUPS(Mem{Base: x}, r)
		VMAXPS(r, lo, r)
		VMINPS(r, hi, r)
		VMOVUPS(r, Mem{Base: y})
	})
	end()
}

func top(v asm.Set) {
	text(v, "top", "func(x *float32, blocks int, least float32) float32", "the greatest of least and x[i], NaN apart,")
	x, r, most := asm.Int("x", 1), v.New(), v.Float("least")
	blocks(v, []Register{x}, func() {
		VMOVUPS(Mem{Base: x}, r)
		VMAXPS(most, r, most)
	})
	result(v.Fold(most, VMAXPS))
}

func result(r VecVirtual) {
	VZEROUPPER() // keeps what XMM registers hold; MOVSS follows
	Store(r.AsX(), ReturnIndex(0))
	RET()
}

func exp(v asm.Set) {
	text(v, "exp", "func(y, x *float32, blocks int, shift float32) float32", "y[i] = exp(x[i] − shift), and their sum,")
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	shift, r, e, sum := v.Float("shift"), v.New(), newExponential(v), v.Zeros(1)[0]
	blocks(v, []Register{y, x}, func() {
		VMOVUPS(Mem{Base: x}, r)
		VSUBPS(shift, r, r)
		p := e.of(r)
		VMOVUPS(p, Mem{Base: y})
		VADDPS(p, sum, sum)
	})
	result(v.Fold(sum, VADDPS))
}

func scale(v asm.Set) {
	text(v, "scale", "func(y *float32, blocks int, by float32)", "y[i] = y[i]·by")
	y, by, r := asm.Int("y", 1), v.Float("by"), v.New()
	blocks(v, []Register{y}, func() {
		VMULPS(Mem{Base: y}, by, r)
		VMOVUPS(r, Mem{Base: y})
	})
	end()
}

func function(v asm.Set, name, doc string, body func(v asm.Set) func(x VecVirtual) VecVirtual) {
	text(v, name, "func(y, x *float32, blocks int)", "y[i] = "+doc)
	y, x := asm.Int("y", 1), asm.Int("x", 1)
	r, f := v.New(), body(v)
	blocks(v, []Register{y, x}, func() {
		VMOVUPS(Mem{Base: x}, r)
		VMOVUPS(f(r), Mem{Base: y})
	})
	end()
}
