// Package asm is what the generators of amd64 kernels share: vectors of
// floats, the columns of a tile that there are, and the epilogue that ends a
// kernel. It writes with avo and runs only in generators, never in a kernel.
package asm

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A Set is the vector registers of one instruction set.
type Set struct {
	ISA   string // first part of the kernels' names
	Lanes int    // of 32 bits in a register
	New   func() VecVirtual
}

// The instruction sets: AVX-512 F, the same with VNNI, and AVX2 with FMA.
var (
	AVX512 = Set{"avx512", 16, ZMM}
	VNNI   = Set{"vnni", 16, ZMM}
	AVX2   = Set{"avx2", 8, YMM}
)

// Bytes of a register.
func (v Set) Bytes() int { return 4 * v.Lanes }

// Zeros returns n registers of zeros.
func (v Set) Zeros(n int) []VecVirtual {
	out := make([]VecVirtual, n)
	for i := range out {
		out[i] = v.New()
		if v.Lanes == 16 {
			VPXORD(out[i], out[i], out[i])
		} else {
			VXORPS(out[i], out[i], out[i])
		}
	}
	return out
}

// Loop runs body n times, which may be 0; n is used up.
func Loop(name string, n Register, body func()) {
	TESTQ(n, n)
	JZ(LabelRef(name + "_end"))
	Label(name)
	body()
	DECQ(n)
	JNZ(LabelRef(name))
	Label(name + "_end")
}

// Again runs body as often as the argument repeat says, at least once. After
// each round the pointer arguments of step are moved on by what it gives, where
// they are not nil: body loads them anew.
func Again(step map[string]Register, body func()) {
	Label("again")
	body()
	for _, param := range slices.Sorted(maps.Keys(step)) {
		CMPQ(Argument(param), Imm(0))
		JE(LabelRef("keep_" + param))
		ADDQ(step[param], Argument(param))
		Label("keep_" + param)
	}
	DECQ(Argument("repeat"))
	JNZ(LabelRef("again"))
}

// Argument is where an argument lies in the caller's frame.
func Argument(param string) Mem {
	b, err := Param(param).Resolve()
	if err != nil {
		panic(err) // a name that the signature lacks
	}
	return b.Addr
}

// Int loads an argument, times size where size is a power of two.
func Int(param string, size int) Register {
	r := Load(Param(param), GP64())
	shift := uint64(0)
	for ; size > 1; size /= 2 {
		shift++
	}
	if shift > 0 {
		SHLQ(Imm(shift), r)
	}
	return r
}

// Given runs body where a pointer argument is not nil.
func Given(param, suffix string, body func(Register)) {
	p := Load(Param(param), GP64())
	TESTQ(p, p)
	JZ(LabelRef("no_" + param + suffix))
	body(p)
	Label("no_" + param + suffix)
}

// Int32 returns a register with an int32 argument in every lane.
func (v Set) Int32(param string) VecVirtual {
	x, out := XMM(), v.New()
	r := GP32()
	MOVL(Argument(param), r)
	VMOVD(r, x)
	VPBROADCASTD(x, out)
	return out
}

// Float returns a register with a float32 argument in every lane.
func (v Set) Float(param string) VecVirtual {
	out := v.New()
	VBROADCASTSS(Argument(param), out)
	return out
}

// Narrow stores the lowest byte of every 32-bit lane of the vectors, which AVX2
// packs at a lower cost by twos. It changes them.
func (v Set) Narrow(m Mem, rs ...VecVirtual) {
	for ; v.Lanes == 8 && len(rs) > 1; rs = rs[2:] {
		VMOVDQU(v.pack(rs[0], rs[1]), m)
		m.Disp += 16
	}
	for _, r := range rs {
		if v.Lanes == 16 {
			VPMOVDB(r, m)
			m.Disp += 16
			continue
		}
		VMOVQ(v.pack(r, r), m)
	}
}

// pack returns the lowest bytes of two of AVX2's vectors after each other; it
// changes the first.
func (v Set) pack(a, b VecVirtual) VecVirtual {
	high := XMM()
	VPAND(lowest(), a, a)
	if b != a {
		VPAND(lowest(), b, b)
	}
	VPACKUSDW(b, a, a)
	VPERMQ(Imm(0b11_01_10_00), a, a) // it packs halves of vectors
	VEXTRACTI128(Imm(1), a, high)
	VPACKUSWB(high, a.AsX(), high)
	return high
}

// Dot adds products to every 32-bit lane of sum: with VNNI those of four uint8
// of x with four int8 of w, else those of two int16 (VPMADDWD, which unlike
// VPMADDUBSW saturates nowhere). avo has no constructor of VPDPBUSD.
func (v Set) Dot(w, x, sum VecVirtual) {
	if v.ISA == VNNI.ISA {
		Instruction(&ir.Instruction{Opcode: "VPDPBUSD", Operands: []Op{w, x, sum}, Inputs: []Op{w, x, sum}, Outputs: []Op{sum}, ISA: []string{"AVX512VNNI"}})
		return
	}
	product := v.New()
	VPMADDWD(w, x, product)
	VPADDD(product, sum, sum)
}

var constants = map[uint32]Mem{}

// lowest selects the lowest byte of every 32-bit lane.
func lowest() Mem { return Const(math.Float32frombits(0xFF)) }

// Const is f in every lane of the largest vector, an operand in memory, once
// per generator.
func Const(f float32) Mem {
	pattern := math.Float32bits(f)
	if _, ok := constants[pattern]; !ok {
		constants[pattern] = GLOBL(fmt.Sprintf("f32_%08x", pattern), attr.RODATA|attr.NOPTR)
		for i := range 16 {
			DATA(4*i, U32(pattern))
		}
	}
	return constants[pattern]
}

// Constant returns a register with f in every lane.
func (v Set) Constant(f float32) VecVirtual {
	r := v.New()
	VMOVUPS(Const(f), r)
	return r
}

// Fold combines all lanes of r by op into the first of the register returned.
func (v Set) Fold(r VecVirtual, op func(...Op)) VecVirtual {
	half := YMM()
	if v.Lanes == 16 {
		VEXTRACTF64X4(Imm(1), r, half)
		op(half, r.AsY(), half)
	} else {
		VMOVUPS(r, half)
	}
	low, other := half.AsX(), XMM()
	VEXTRACTF128(Imm(1), half, other)
	op(low, other, other)
	for _, order := range []uint64{0b01_00_11_10, 0b10_11_00_01} { // the other half, the neighbour
		moved := XMM()
		VPSHUFD(Imm(order), other, moved)
		op(moved, other, other)
	}
	return other
}
