package main

import (
	"fmt"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A window is what a 3×3 kernel keeps in registers for eight channels. Bytes of
// the first two lines lie after each other once they are widened, those of the
// third before zeros, and an instruction adds up two products.
type window struct {
	asm.Set
	widen   func(...Op) // bytes to words
	single  func(...Op) // bytes to double words
	weights []VecVirtual
	zero    VecVirtual
	lines   [3]Register // at the channels of the first output's middle column
	at      Register    // bytes from there to the column
	step    Register    // bytes from column to column
	y       Register
}

func walk(typ string, widen, single func(...Op), stride int) {
	name := fmt.Sprintf("avx2_3x3_%s_%d", typ, stride)
	TEXT(name, attr.NOSPLIT, "func(y *int32, a, b, c, w *byte, channels, n, left, right int, zero int32)")
	Doc(fmt.Sprintf(`%s computes y[p·channels+c] = Σ (l[i][(%sp+j-1)·channels+c] − zero)·w[i,j,c] for p < n, c < channels, i < 3, j < 3, where the lines l are a, b and c, without the first column (p = 0, j = 0) where left is 0 and without the last (p = n-1, j = 2) where right is 0. n is at least 1 and channels a multiple of 8; w holds, of every eight channels, of every column, pairs of int16: those of the first two lines, then those of the third and 0.`, name, map[int]string{2: "2·"}[stride]))
	Pragma("noescape")
	v := asm.AVX2
	k := window{Set: v, widen: widen, single: single, zero: v.Int32("zero"), step: asm.Int("channels", 1)}
	VPACKSSDW(k.zero, k.zero, k.zero) // zero points fit int16
	for i, p := range []string{"a", "b", "c"} {
		k.lines[i] = asm.Int(p, 1)
	}
	y, w, left := asm.Int("y", 1), asm.Int("w", 1), asm.Int("channels", 1)
	k.at, k.y = GP64(), GP64()
	Label("channels")
	XORQ(k.at, k.at)
	MOVQ(y, k.y)
	k.weights = nil
	for i := range 6 {
		k.weights = append(k.weights, v.New())
		VMOVDQU(Mem{Base: w, Disp: i * v.Bytes()}, k.weights[i])
	}
	asm.Walk{
		Set: v, Stride: stride,
		Column: k.column,
		Move: func(columns int) {
			if columns < 0 {
				SUBQ(k.step, k.at)
			} else {
				ADDQ(k.step, k.at)
			}
		},
		Add:   VPADDD,
		Start: func(sum VecVirtual) { VPXOR(sum, sum, sum) },
		Begin: func(t, sum VecVirtual) { VMOVDQA(t, sum) },
		End: func(sum VecVirtual) {
			VMOVDQU(sum, Mem{Base: k.y})
			LEAQ(Mem{Base: k.y, Index: k.step, Scale: 4}, k.y)
		},
	}.Row()
	for _, p := range k.lines {
		ADDQ(Imm(8), p)
	}
	ADDQ(Imm(32), y)
	ADDQ(U32(192), w)
	SUBQ(Imm(8), left)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

func (k window) column(sums map[int]VecVirtual, fresh bool) {
	low, high, pairs, third := XMM(), XMM(), k.New(), k.New()
	VMOVQ(Mem{Base: k.lines[0], Index: k.at, Scale: 1}, low)
	VMOVQ(Mem{Base: k.lines[1], Index: k.at, Scale: 1}, high)
	VPUNPCKLBW(high, low, low)
	k.widen(low, pairs)
	VPSUBW(k.zero, pairs, pairs)
	k.single(Mem{Base: k.lines[2], Index: k.at, Scale: 1}, third)
	VPSUBW(k.zero, third, third)
	for j := range 3 {
		sum, ok := sums[j]
		if !ok {
			continue
		}
		if fresh {
			VPMADDWD(k.weights[2*j], pairs, sum)
		} else {
			k.Dot(k.weights[2*j], pairs, sum)
		}
		k.Dot(k.weights[2*j+1], third, sum)
	}
}
