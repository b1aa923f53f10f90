package main

import (
	"fmt"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A window is a kernel three columns wide that moves along a row of outputs
// and loads every input once: a column of the input is multiplied with all
// columns of the weights at once, for the outputs that it is left, middle and
// right of. Sums of a column do not wait for those of the one before, so that
// the multipliers are never idle.
type window struct {
	asm.Set
	rows, stride int
	cols         asm.Columns
	suffix       string // of labels
	weights      []Op   // of rows × 3 taps: registers, or of memory where those are too few
	memory       []Mem
	bias         Mem
	lo, hi       VecVirtual

	x, row Register // at the column, and bytes from row to row
	step   Register // bytes from column to column
	y, add Register
}

// spare is how many of AVX2's 16 registers are left for weights: sums take 5,
// an input 1, the bounds 2, and a mask 1.
const spare = 7

func walk(v asm.Set, rows, stride int) {
	name := fmt.Sprintf("%s_%dx3_%d", v.ISA, rows, stride)
	TEXT(name, attr.NOSPLIT, "func(y, x, w *float32, channels, row, n, left, right int, bias, add *float32, lo, hi float32)")
	Doc(fmt.Sprintf(`%s computes y[p·channels+c] = clamp(Σ x[i·row+(%sp+j-1)·channels+c]·w[(3·i+j)·channels+c] + bias[c] + add[p·channels+c], lo, hi) for p < n, c < channels, i < %d, j < 3, without the first column (p = 0, j = 0) where left is 0 and without the last (p = n-1, j = 2) where right is 0. n is at least 1, bias and add may be nil; NaN stays NaN.`, name, map[int]string{1: "", 2: "2·"}[stride], rows))
	Pragma("noescape")
	k := window{Set: v, rows: rows, stride: stride, lo: v.New(), hi: v.New(), row: asm.Int("row", 4), step: asm.Int("channels", 4)}
	VBROADCASTSS(asm.Argument("lo"), k.lo)
	VBROADCASTSS(asm.Argument("hi"), k.hi)
	k.bias = AllocLocal(v.Bytes())
	for v.Lanes == 8 && len(k.memory) < rows*3-spare {
		k.memory = append(k.memory, AllocLocal(v.Bytes()))
	}
	done, left := GP64(), asm.Int("channels", 1)
	XORQ(done, done)
	Label("channels")
	n := GP64()
	MOVQ(U32(uint32(v.Lanes)), n)
	CMPQ(left, n)
	CMOVQLT(left, n)
	v.Columns(n, 1, "_1", func(cols asm.Columns, suffix string) {
		k.cols, k.suffix = cols, suffix
		k.channels(done)
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
func (k window) channels(done Register) {
	k.x, k.y, k.add = asm.Int("x", 1), asm.Int("y", 1), asm.Int("add", 1)
	ADDQ(done, k.x)
	ADDQ(done, k.y)
	TESTQ(k.add, k.add)
	JZ(LabelRef("plain" + k.suffix))
	ADDQ(done, k.add)
	Label("plain" + k.suffix)
	k.start(done)
	k.weights = k.load(done)
	left := k.New() // sum of the columns left of the next output's right one
	VMOVUPS(k.bias, left)
	k.without("left", func() {
		k.move(-1)
		k.column(map[int]VecVirtual{0: left})
		k.move(1)
	})
	n := asm.Int("n", 1)
	DECQ(n)
	if k.stride == 1 {
		next := k.New()
		VMOVUPS(k.bias, next)
		k.column(map[int]VecVirtual{0: next, 1: left})
		asm.Loop("pixel"+k.suffix, n, func() {
			k.move(1)
			t := []VecVirtual{k.New(), k.New(), k.New()}
			k.column(map[int]VecVirtual{0: t[0], 1: t[1], 2: t[2]}, t...)
			VADDPS(t[2], left, left)
			k.end(left)
			VADDPS(t[1], next, left)
			VADDPS(k.bias, t[0], next)
		})
	} else {
		asm.Loop("pixel"+k.suffix, n, func() {
			t := []VecVirtual{k.New(), k.New(), k.New()}
			k.column(map[int]VecVirtual{1: t[1]}, t...)
			VADDPS(t[1], left, left)
			k.move(1)
			k.column(map[int]VecVirtual{0: t[0], 2: t[2]}, t...)
			k.move(1)
			VADDPS(t[2], left, left)
			k.end(left)
			VADDPS(k.bias, t[0], left)
		})
		k.column(map[int]VecVirtual{1: left})
	}
	k.without("right", func() {
		k.move(1)
		k.column(map[int]VecVirtual{2: left})
	})
	k.end(left)
}

// start keeps the bias, or zeros, in memory.
func (k window) start(done Register) {
	bias := k.Zeros(1)[0]
	asm.Given("bias", k.suffix, func(p Register) { VMOVUPS(k.cols.Load(Mem{Base: p, Index: done, Scale: 1}, 0), bias) })
	VMOVUPS(bias, k.bias)
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

// move moves on by so many columns.
func (k window) move(columns int) {
	if columns < 0 {
		SUBQ(k.step, k.x)
	} else {
		ADDQ(k.step, k.x)
	}
}

// without does what body does unless the argument is 0.
func (k window) without(param string, body func()) {
	CMPQ(asm.Argument(param), Imm(0))
	JE(LabelRef("no_" + param + k.suffix))
	body()
	Label("no_" + param + k.suffix)
}

// column adds the products of the column at x with column j of the weights to
// sums[j]; those of fresh are set instead.
func (k window) column(sums map[int]VecVirtual, fresh ...VecVirtual) {
	for i := range k.rows {
		m := Mem{Base: k.x}
		if i > 0 {
			m.Index, m.Scale = k.row, uint8(i)
		}
		in := k.cols.Load(m, 0)
		for j := range 3 {
			sum, ok := sums[j]
			if !ok {
				continue
			}
			if w := k.weights[3*i+j]; i == 0 && len(fresh) > 0 {
				VMULPS(w, in, sum)
			} else {
				VFMADD231PS(w, in, sum)
			}
		}
	}
}

// end adds what is to be added, clamps and stores an output.
func (k window) end(sum VecVirtual) {
	name := fmt.Sprintf("_%d%s", ends, k.suffix)
	ends++
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

var ends int // that are written: labels are theirs
