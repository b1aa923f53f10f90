// Command asm writes the amd64 micro-kernels of package int4: go generate
// ./bench/kernel/int4. A vector of packed weights has eight weights of each of
// its columns; they are unpacked in registers, for all rows of a tile at once,
// and added up block by block before the block's scales are applied.
package main

import (
	"fmt"
	"math"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A kind is the kernels for activations of one type with one instruction set.
type kind struct {
	asm.Set
	name    string
	rows    int
	bytes   int                 // of an activation
	latency int                 // sums in flight that hide it
	room    int                 // registers for sums
	setup   func() []VecVirtual // constants
	pair    func(k *kernel)     // adds sixteen weights of each column
}

// A kernel is what the parts of one share.
type kernel struct {
	kind
	x      asm.Rows
	w      Register
	consts []VecVirtual
	sums   [][]VecVirtual // sets of one per row
}

var kinds = []kind{
	{Set: asm.AVX512, name: "avx512_f32", rows: 12, bytes: 4, latency: 8, room: 24, setup: table, pair: floats512},
	{Set: asm.AVX512, name: "vnni_s8", rows: 12, bytes: 1, latency: 10, room: 24, setup: nibbles512, pair: bytes512},
	{Set: asm.AVX2, name: "avx2_f32", rows: 4, bytes: 4, latency: 8, room: 9, setup: nibbles2, pair: floats2},
	{Set: asm.AVX2, name: "avx2_s8", rows: 4, bytes: 1, latency: 1, room: 8, setup: nibblesOnes2, pair: bytes2},
}

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, k := range kinds {
		for rows := 1; rows <= k.rows; rows++ {
			write(k, rows)
		}
	}
	quantize(asm.AVX512)
	quantize(asm.AVX2)
	Generate()
}

func write(k kind, rows int) {
	name := fmt.Sprintf("%s_%dx%d", k.name, rows, k.Lanes)
	typ, what := "*float32", "s[b·%[2]d+j]·(Σ x[i·ldx+16·pairs·b+p]·q − zeros[b·%[2]d+j]·info[b·%[1]d+i])"
	if k.bytes == 1 {
		typ, what = "*int8", "s[b·%[2]d+j]·(info[b·2·%[1]d+i]·Σ x[i·ldx+16·pairs·b+p]·q − zeros[b·%[2]d+j]·info[(b·2+1)·%[1]d+i])"
	}
	TEXT(name, attr.NOSPLIT, "func(y *float32, ldy int, x "+typ+", ldx int, info *float32, w *byte, s *float32, zeros *byte, blocks, pairs, n int, bias *float32)")
	Doc(fmt.Sprintf("%[3]s computes y[i·ldy+j] = Σ "+what+" + bias[j] for i < %[1]d, j < n ≤ %[2]d, b < blocks, p < 16·pairs; q is the weight of column j for input 16·pairs·b+p: of the 4·%[2]d bytes of w for eight inputs, byte 4·j+p%%4 has it in the low half where p%%8 < 4, else in the high half. bias may be nil.", rows, k.Lanes, name))
	Pragma("noescape")
	f := k.Zeros(rows)
	c := &kernel{kind: k, w: asm.Int("w", 1), x: asm.NewRows(asm.Int("x", 1), asm.Int("ldx", k.bytes), rows), consts: k.setup()}
	s, zeros, info := asm.Int("s", 1), asm.Int("zeros", 1), asm.Int("info", 1)
	asm.Loop("block", asm.Int("blocks", 1), func() {
		c.sums = [][]VecVirtual{k.Zeros(rows)}
		for len(c.sums) < 4 && len(c.sums)*rows < k.latency && (2*len(c.sums)+1)*rows <= k.room {
			for range c.sums {
				c.sums = append(c.sums, k.Zeros(rows))
			}
		}
		pairs := asm.Int("pairs", 1)
		asm.Loop("pair", pairs, func() {
			k.pair(c)
			ADDQ(U32(uint32(2*k.Bytes())), c.w)
			c.x.Move(U32(uint32(16 * k.bytes)))
		})
		c.scale(f, s, zeros, info)
		ADDQ(U32(uint32(k.Bytes())), s)
		ADDQ(U32(uint32(k.Lanes)), zeros)
	})
	t := asm.Tile{Set: k.Set, Sums: f, Vectors: 1}
	t.Columns(asm.Int("n", 1), 1, "", func(cols asm.Columns, suffix string) {
		asm.Given("bias", suffix, func(bias Register) { t.Bias(bias, cols) })
		t.Store(asm.Int("y", 1), asm.Int("ldy", 4), cols)
		VZEROUPPER()
		RET()
	})
}

// fold adds all sets of sums to the first.
func (k *kernel) fold() []VecVirtual {
	add := VADDPS
	if k.bytes == 1 {
		add = VPADDD
	}
	for u := len(k.sums) / 2; u > 0; u /= 2 {
		for v := range u {
			for i, r := range k.sums[v] {
				add(k.sums[v+u][i], r, r)
			}
		}
	}
	return k.sums[0]
}

// scale adds the block's sums to f, scaled, less the share of the zero points.
func (k *kernel) scale(f []VecVirtual, s, zeros, info Register) {
	sums, rows := k.fold(), len(f)
	scale, z, b := k.New(), k.New(), k.New()
	VMOVUPS(Mem{Base: s}, scale)
	VPMOVZXBD(Mem{Base: zeros}, z)
	VCVTDQ2PS(z, z)
	VMULPS(scale, z, z)
	for i, r := range sums {
		at := 0
		if k.bytes == 1 {
			at = 4 * rows
			VCVTDQ2PS(r, r)
			VBROADCASTSS(Mem{Base: info, Disp: 4 * i}, b)
			VMULPS(b, r, r)
		}
		VFMADD231PS(scale, r, f[i])
		VBROADCASTSS(Mem{Base: info, Disp: at + 4*i}, b)
		VFNMADD231PS(b, z, f[i])
	}
	ADDQ(U32(uint32(4*rows*(2-k.bytes/4))), info)
}

// constant returns a vector with v in every lane.
func constant(s asm.Set, v uint32) VecVirtual {
	r, x, out := GP32(), XMM(), s.New()
	MOVL(U32(v), r)
	VMOVD(r, x)
	VPBROADCASTD(x, out)
	return out
}

// table is the floats 0 to 15, which VPERMPS looks up by the low four bits.
func table() []VecVirtual {
	if tabled == nil {
		m := GLOBL("nibbles", attr.RODATA|attr.NOPTR)
		for i := range 16 {
			DATA(4*i, U32(math.Float32bits(float32(i))))
		}
		tabled = &m
	}
	out := ZMM()
	VMOVUPS(*tabled, out)
	return []VecVirtual{out}
}

var tabled *Mem

func nibbles512() []VecVirtual { return []VecVirtual{constant(asm.AVX512, 0x0f0f0f0f)} }

func nibbles2() []VecVirtual { return []VecVirtual{constant(asm.AVX2, 15)} }

func nibblesOnes2() []VecVirtual {
	return []VecVirtual{constant(asm.AVX2, 0x0f0f0f0f), constant(asm.AVX2, 0x00010001)}
}

// shift of weight t of the eight in a lane.
func shift(t int) uint64 { return uint64(8*(t%4) + 4*(t/4)) }

func floats512(k *kernel) {
	w, v := ZMM(), ZMM()
	for q := range 2 {
		VMOVDQU32(Mem{Base: k.w, Disp: 64 * q}, w)
		for t := range 8 {
			from := w
			if t > 0 {
				VPSRLD(Imm(shift(t)), w, v)
				from = v
			}
			VPERMPS(k.consts[0], from, v)
			for i, r := range k.sums[t%len(k.sums)] {
				VFMADD231PS_BCST(k.x.At(i, 4*(8*q+t)), v, r)
			}
		}
	}
}

func bytes512(k *kernel) {
	w, lo, hi := ZMM(), ZMM(), ZMM()
	for q := range 2 {
		VMOVDQU32(Mem{Base: k.w, Disp: 64 * q}, w)
		VPANDD(k.consts[0], w, lo)
		VPSRLD(Imm(4), w, hi)
		VPANDD(k.consts[0], hi, hi)
		for h, v := range []VecVirtual{lo, hi} {
			for i, r := range k.sums[(2*q+h)%len(k.sums)] {
				dot(k.x.At(i, 8*q+4*h), v, r)
			}
		}
	}
}

// dot is VPDPBUSD with four int8 broadcast, for which avo has no constructor.
func dot(s, u, sum Op) {
	Instruction(&ir.Instruction{Opcode: "VPDPBUSD.BCST", Operands: []Op{s, u, sum}, Inputs: []Op{s, u, sum}, Outputs: []Op{sum}, ISA: []string{"AVX512VNNI"}})
}

func floats2(k *kernel) {
	w, v, x := YMM(), YMM(), YMM()
	for q := range 2 {
		VMOVDQU(Mem{Base: k.w, Disp: 32 * q}, w)
		for t := range 8 {
			VPSRLD(Imm(shift(t)), w, v)
			VPAND(k.consts[0], v, v)
			VCVTDQ2PS(v, v)
			for i, r := range k.sums[t%len(k.sums)] {
				VBROADCASTSS(k.x.At(i, 4*(8*q+t)), x)
				VFMADD231PS(x, v, r)
			}
		}
	}
}

// bytes2 adds up pairs of products in int16, which holds them: a pair is at
// most 2·15·127, and four pairs 15240.
func bytes2(k *kernel) {
	var weights []VecVirtual
	for q := range 2 {
		lo, hi := YMM(), YMM()
		VMOVDQU(Mem{Base: k.w, Disp: 32 * q}, lo)
		VPSRLD(Imm(4), lo, hi)
		VPAND(k.consts[0], lo, lo)
		VPAND(k.consts[0], hi, hi)
		weights = append(weights, lo, hi)
	}
	for i, r := range k.sums[0] {
		sum, x := YMM(), YMM()
		for h, v := range weights {
			VPBROADCASTD(k.x.At(i, 4*h), x)
			if h == 0 {
				VPMADDUBSW(x, v, sum)
				continue
			}
			VPMADDUBSW(x, v, x)
			VPADDW(x, sum, sum)
		}
		VPMADDWD(k.consts[1], sum, sum)
		VPADDD(sum, r, r)
	}
}

// quantize makes rows of int8, the largest of each block being ±127. What is
// not finite has larger bits than any number and so becomes the scale.
func quantize(v asm.Set) {
	name := v.ISA + "_quantize"
	TEXT(name, attr.NOSPLIT, "func(dst *int8, x, info *float32, step, blocks, pairs int)")
	Doc(name + " computes, for b < blocks, s = max |x[16·pairs·b+p]|/127, dst[16·pairs·b+p] = round(x[16·pairs·b+p]/s), info[2·b·step] = s and info[(2·b+1)·step] = s·Σ dst[16·pairs·b+p] for p < 16·pairs. Where s is below 2⁻¹⁰⁰, dst may be 0.")
	Pragma("noescape")
	dst, x, info, step := asm.Int("dst", 1), asm.Int("x", 1), asm.Int("info", 1), asm.Int("step", 4)
	abs, largest, least := constant(v, 1<<31-1), constant(v, math.Float32bits(127)), constant(v, math.Float32bits(127*0x1p-100))
	asm.Loop("block", asm.Int("blocks", 1), func() {
		top, sum, t := v.Zeros(1)[0], v.Zeros(1)[0], v.New()
		at := GP64()
		MOVQ(x, at)
		asm.Loop("top", asm.Int("pairs", 1), func() {
			for u := range 16 / v.Lanes {
				VANDPS(Mem{Base: at, Disp: v.Bytes() * u}, abs, t)
				VPMAXUD(t, top, top)
			}
			ADDQ(U32(64), at)
		})
		fold(v, top, VPMAXUD)
		scale, inverse := v.New(), v.New()
		VMAXPS(least, top, inverse)
		VDIVPS(inverse, largest, inverse)
		VDIVPS(largest, top, scale)
		asm.Loop("round", asm.Int("pairs", 1), func() {
			var q []VecVirtual
			for u := range 16 / v.Lanes {
				r := v.New()
				VMULPS(Mem{Base: x, Disp: v.Bytes() * u}, inverse, r)
				VCVTPS2DQ(r, r)
				VPADDD(r, sum, sum)
				q = append(q, r)
			}
			if v.Lanes == 16 {
				VPMOVSDB(q[0], Mem{Base: dst})
			} else {
				high := XMM()
				VPACKSSDW(q[1], q[0], q[0])
				VPERMQ(Imm(0xd8), q[0], q[0])
				VEXTRACTI128(Imm(1), q[0], high)
				VPACKSSWB(high, q[0].AsX(), high)
				VMOVDQU(high, Mem{Base: dst})
			}
			ADDQ(U32(64), x)
			ADDQ(U32(16), dst)
		})
		fold(v, sum, VPADDD)
		VCVTDQ2PS(sum, sum)
		VMULPS(scale, sum, sum)
		VMOVSS(scale.AsX(), Mem{Base: info})
		ADDQ(step, info)
		VMOVSS(sum.AsX(), Mem{Base: info})
		ADDQ(step, info)
	})
	VZEROUPPER()
	RET()
}

// fold makes every lane of r that f of all lanes.
func fold(v asm.Set, r VecVirtual, f func(...Op)) {
	t := v.New()
	for _, order := range []uint64{0x4e, 0xb1} { // halves of a vector, then of those
		if v.Lanes == 16 {
			VSHUFI32X4(Imm(order), r, r, t)
			f(t, r, r)
		} else if order == 0x4e {
			VPERM2I128(Imm(1), r, r, t)
			f(t, r, r)
		}
	}
	for _, order := range []uint64{0x4e, 0xb1} {
		VPSHUFD(Imm(order), r, t)
		f(t, r, r)
	}
}
