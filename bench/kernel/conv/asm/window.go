package main

import (
	"fmt"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A window is what a kernel three columns wide keeps in registers.
type window struct {
	asm.Set
	rows    int
	cols    asm.Columns
	weights []Op // of rows × 3 taps: registers, or of memory where those are too few
	memory  []Mem
	bias    Mem
	lo, hi  VecVirtual

	x, row Register // at the column, and bytes from row to row
	step   Register // bytes from column to column
	y, add Register
	ends   int // that are written: labels are theirs
}

// spare is how many of AVX2's 16 registers are left for weights: sums take 5,
// an input 1, the bounds 2, and a mask 1.
const spare = 7

func walk(v asm.Set, rows, stride int) {
	name := fmt.Sprintf("%s_%dx3_%d", v.ISA, rows, stride)
	TEXT(name, attr.NOSPLIT, "func(y, x, w *float32, channels, row, n, left, right int, bias, add *float32, lo, hi float32)")
	Doc(fmt.Sprintf(`%s computes y[p·channels+c] = clamp(Σ x[i·row+(%sp+j-1)·channels+c]·w[(3·i+j)·channels+c] + bias[c] + add[p·channels+c], lo, hi) for p < n, c < channels, i < %d, j < 3, without the first column (p = 0, j = 0) where left is 0 and without the last (p = n-1, j = 2) where right is 0. n is at least 1, bias and add may be nil; NaN stays NaN.`, name, map[int]string{2: "2·"}[stride], rows))
	Pragma("noescape")
	k := window{Set: v, rows: rows, lo: v.Float("lo"), hi: v.Float("hi"), row: asm.Int("row", 4), step: asm.Int("channels", 4)}
	k.bias = AllocLocal(v.Bytes())
	for v.Lanes == 8 && len(k.memory) < rows*3-spare {
		k.memory = append(k.memory, AllocLocal(v.Bytes()))
	}
	done, left, n := GP64(), asm.Int("channels", 1), GP64()
	XORQ(done, done)
	Label("channels")
	MOVQ(U32(uint32(v.Lanes)), n)
	CMPQ(left, n)
	CMOVQLT(left, n)
	v.Columns(n, 1, "", func(cols asm.Columns, suffix string) {
		k.cols = cols
		k.channels(stride, done, suffix)
		JMP(LabelRef("next"))
	})
	Label("next")
	ADDQ(U32(uint32(v.Bytes())), done)
	SUBQ(U32(uint32(v.Lanes)), left)
	JG(LabelRef("channels"))
	VZEROUPPER()
	RET()
}

// channels computes a vector of channels, done bytes from the first.
func (k window) channels(stride int, done Register, suffix string) {
	k.x, k.y, k.add = asm.Int("x", 1), asm.Int("y", 1), asm.Int("add", 1)
	ADDQ(done, k.x)
	ADDQ(done, k.y)
	TESTQ(k.add, k.add)
	JZ(LabelRef("plain" + suffix))
	ADDQ(done, k.add)
	Label("plain" + suffix)
	bias := k.Zeros(1)[0]
	VMOVUPS(bias, k.bias)
	asm.Given("bias", suffix, func(p Register) { VMOVUPS(k.cols.Load(Mem{Base: p, Index: done, Scale: 1}, 0), k.bias) })
	k.weights = k.load(done)
	asm.Walk{
		Set: k.Set, Stride: stride, Suffix: suffix,
		Column: k.column,
		Move: func(columns int) {
			if columns < 0 {
				SUBQ(k.step, k.x)
			} else {
				ADDQ(k.step, k.x)
			}
		},
		Add:   VADDPS,
		Start: func(sum VecVirtual) { VMOVUPS(k.bias, sum) },
		Begin: func(t, sum VecVirtual) { VADDPS(k.bias, t, sum) },
		End: func(sum VecVirtual) {
			k.end(sum, fmt.Sprintf("_%d%s", k.ends, suffix))
			k.ends++
		},
	}.Row()
}

// load loads the weights.
func (k window) load(done Register) []Op {
	w := asm.Int("w", 1)
	ADDQ(done, w)
	var out []Op
	for i := range k.rows * 3 {
		r := k.cols.Load(Mem{Base: w}, 0)
		out = append(out, r)
		if at := i - k.rows*3 + len(k.memory); at >= 0 {
			VMOVUPS(r, k.memory[at])
			out[i] = k.memory[at]
		}
		ADDQ(k.step, w)
	}
	return out
}

func (k window) column(sums map[int]VecVirtual, fresh bool) {
	for i := range k.rows {
		m := Mem{Base: k.x}
		if i > 0 {
			m.Index, m.Scale = k.row, uint8(i)
		}
		in := k.cols.Load(m, 0)
		for j := range 3 {
			if sum, ok := sums[j]; ok && fresh && i == 0 {
				VMULPS(k.weights[j], in, sum)
			} else if ok {
				VFMADD231PS(k.weights[3*i+j], in, sum)
			}
		}
	}
}

// end adds what is to be added, clamps and stores an output.
func (k window) end(sum VecVirtual, name string) {
	TESTQ(k.add, k.add)
	JZ(LabelRef("alone" + name))
	VADDPS(k.cols.Load(Mem{Base: k.add}, 0), sum, sum)
	ADDQ(k.step, k.add)
	Label("alone" + name)
	VMAXPS(sum, k.lo, sum)
	VMINPS(sum, k.hi, sum)
	k.cols.Store(sum, Mem{Base: k.y}, 0)
	ADDQ(k.step, k.y)
}
