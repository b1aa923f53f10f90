// Command asm writes the amd64 micro-kernels of package spmm: go generate
// ./bench/kernel/spmm. Vectors run over pixels, which lie next to each other
// in a turned tile: a non-zero weight is broadcast and multiplied with the
// pixels of its channel (Elsen et al. 2020, "Fast Sparse ConvNets", §3.1), so
// that its place in the matrix may be any.
package main

import (
	"fmt"
	"math"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A tile is the kernels of one instruction set that compute some columns of
// the matrix at once, for 1 to vectors vectors of pixels.
type tile struct {
	asm.Set
	columns, vectors int
}

// Sums, a vector of pixels each and the weights of an entry fill the registers
// that there are: 4·4 + 4 + 4 of 32, or 4·2 + 2 + 4 of 16.
var tiles = []tile{{asm.AVX512, 1, 8}, {asm.AVX512, 4, 4}, {asm.AVX2, 1, 6}, {asm.AVX2, 4, 2}}

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, s := range tiles {
		for n := 1; n <= s.vectors; n++ {
			sums(s, n)
		}
	}
	for _, v := range []asm.Set{asm.AVX512, asm.AVX2} {
		turn(v)
		store(v)
	}
	Generate()
}

// enough sums in flight hide the latency of 4 cycles of two multipliers.
const enough = 8

func sums(s tile, vectors int) {
	name := fmt.Sprintf("%s_%dx%d", s.ISA, s.columns, vectors*s.Lanes)
	TEXT(name, attr.NOSPLIT, "func(dst *float32, ld int, x *float32, steps *uint16, values *float32, counts *int32, groups int, bias *float32, lo, hi float32)")
	Doc(fmt.Sprintf("%s computes dst[(%d·g+i)·ld+p] = clamp(Σ values[%d·e+i]·x[at(e)+p] + bias[%d·g+i], lo, hi) for g < groups, i < %d, p < %d over the counts[g] entries e of group g, those of the groups after each other; at(e) is the sum of the steps of its group up to e. Where bias is nil, dst itself is added.",
		name, s.columns, s.columns, s.columns, s.columns, vectors*s.Lanes))
	Pragma("noescape")
	dst, ld, x := asm.Int("dst", 1), asm.Int("ld", 4), asm.Int("x", 1)
	steps, values, counts := asm.Int("steps", 1), asm.Int("values", 1), asm.Int("counts", 1)
	bias := asm.Int("bias", 1)
	lo, hi := s.New(), s.New()
	VBROADCASTSS(asm.Argument("lo"), lo)
	VBROADCASTSS(asm.Argument("hi"), hi)
	asm.Loop("group", asm.Int("groups", 1), func() {
		at, n := GP64(), GP64()
		MOVQ(x, at)
		MOVL(Mem{Base: counts}, n.As32())
		ADDQ(Imm(4), counts)
		l := s.Unroll(s.columns*vectors, enough)
		begin(s, l.First(), vectors, dst, ld, bias)
		l.Loop(n, func(sums []VecVirtual, u int) { entry(s, sums, at, steps, values, u) }, func(n int) {
			ADDQ(Imm(uint64(2*n)), steps)
			ADDQ(Imm(uint64(4*n*s.columns)), values)
		})
		end(s, l.Fold(VADDPS), vectors, dst, ld, lo, hi)
	})
	VZEROUPPER()
	RET()
}

// begin starts the sums with the bias or what is in dst. Copies of a register
// cost nothing, unlike additions in the end.
func begin(s tile, sums []VecVirtual, vectors int, dst, ld, bias Register) {
	TESTQ(bias, bias)
	JZ(LabelRef("more"))
	for i, r := range sums {
		if i%vectors == 0 {
			VBROADCASTSS(Mem{Base: bias, Disp: 4 * (i / vectors)}, r)
		} else {
			VMOVAPS(sums[i/vectors*vectors], r)
		}
	}
	ADDQ(Imm(uint64(4*s.columns)), bias)
	JMP(LabelRef("begun"))
	Label("more")
	out := asm.NewRows(moved(dst), ld, s.columns)
	for i, r := range sums {
		VMOVUPS(out.At(i/vectors, s.Bytes()*(i%vectors)), r)
	}
	Label("begun")
}

// end bounds the sums, where there are bounds, and stores them.
func end(s tile, sums []VecVirtual, vectors int, dst, ld Register, lo, hi VecVirtual) {
	for _, b := range []struct {
		name  string
		none  float64
		bound func(...Op)
		value VecVirtual
	}{{"lo", math.Inf(-1), VMAXPS, lo}, {"hi", math.Inf(1), VMINPS, hi}} {
		CMPL(asm.Argument(b.name), U32(math.Float32bits(float32(b.none))))
		JEQ(LabelRef("no_" + b.name))
		for _, r := range sums {
			b.bound(r, b.value, r)
		}
		Label("no_" + b.name)
	}
	for i, r := range sums {
		VMOVUPS(r, Mem{Base: dst, Disp: s.Bytes() * (i % vectors)})
		if i%vectors == vectors-1 {
			ADDQ(ld, dst)
		}
	}
}

// moved returns a copy of p.
func moved(p Register) Register {
	q := GP64()
	MOVQ(p, q)
	return q
}

// entry adds one entry, u entries from the pointers, to the sums.
func entry(s tile, sums []VecVirtual, at, steps, values Register, u int) {
	vectors := len(sums) / s.columns
	step := GP64()
	MOVWQZX(Mem{Base: steps, Disp: 2 * u}, step)
	LEAQ(Mem{Base: at, Index: step, Scale: 4}, at)
	if s.columns == 1 {
		w := s.New()
		VBROADCASTSS(Mem{Base: values, Disp: 4 * u}, w)
		for v, r := range sums {
			VFMADD231PS(Mem{Base: at, Disp: s.Bytes() * v}, w, r)
		}
		return
	}
	x := make([]VecVirtual, vectors)
	for v := range x {
		x[v] = s.New()
		VMOVUPS(Mem{Base: at, Disp: s.Bytes() * v}, x[v])
	}
	w := s.New()
	for i := range s.columns {
		VBROADCASTSS(Mem{Base: values, Disp: 4 * (s.columns*u + i)}, w)
		for v := range x {
			VFMADD231PS(x[v], w, sums[i*vectors+v])
		}
	}
}

// quad loads four columns of as many rows as v has lanes, and returns each
// column as a vector: blocks of 4×4 lie beside each other once four rows are
// put into a register, and are transposed in place.
func quad(v asm.Set, rows asm.Rows) []VecVirtual {
	r := make([]VecVirtual, 4)
	for i := range r {
		r[i] = v.New()
		VMOVUPS(rows.At(i, 0), r[i].(interface{ AsX() Register }).AsX())
		for l := 1; l < v.Lanes/4; l++ {
			if v.Lanes == 16 {
				VINSERTF32X4(Imm(uint64(l)), rows.At(4*l+i, 0), r[i], r[i])
			} else {
				VINSERTF128(Imm(uint64(l)), rows.At(4*l+i, 0), r[i], r[i])
			}
		}
	}
	pair := func(f func(ops ...Op), a, b Op) VecVirtual {
		out := v.New()
		f(b, a, out)
		return out
	}
	l0, h0 := pair(VUNPCKLPS, r[0], r[1]), pair(VUNPCKHPS, r[0], r[1])
	l1, h1 := pair(VUNPCKLPS, r[2], r[3]), pair(VUNPCKHPS, r[2], r[3])
	return []VecVirtual{pair(VUNPCKLPD, l0, l1), pair(VUNPCKHPD, l0, l1), pair(VUNPCKLPD, h0, h1), pair(VUNPCKHPD, h0, h1)}
}

func turn(v asm.Set) {
	name := v.ISA + "_turn"
	TEXT(name, attr.NOSPLIT, "func(dst *float32, ld int, src *float32, stride, quads int)")
	Doc(fmt.Sprintf("%s computes dst[c·ld+p] = src[p·stride+c] for p < %d, c < 4·quads.", name, v.Lanes))
	Pragma("noescape")
	dst, ld := asm.Int("dst", 1), asm.Int("ld", 4)
	src := asm.NewRows(asm.Int("src", 1), asm.Int("stride", 4), v.Lanes)
	asm.Loop("quad", asm.Int("quads", 1), func() {
		for _, r := range quad(v, src) {
			VMOVUPS(r, Mem{Base: dst})
			ADDQ(ld, dst)
		}
		src.Move(Imm(16))
	})
	VZEROUPPER()
	RET()
}

func store(v asm.Set) {
	name := v.ISA + "_store"
	TEXT(name, attr.NOSPLIT, "func(y *float32, ldy int, src *float32, ld, pixels, channels int, add *float32, lo, hi float32)")
	Doc(fmt.Sprintf("%s computes y[p·ldy+c] = src[c·ld+p] for p < pixels, c < channels ≤ %d, or, where add is not nil, clamp(src[c·ld+p] + add[p·ldy+c], lo, hi). It reads all %d rows of src, and up to three pixels more.", name, v.Lanes, v.Lanes))
	Pragma("noescape")
	ldy := asm.Int("ldy", 4)
	src := asm.NewRows(asm.Int("src", 1), asm.Int("ld", 4), v.Lanes)
	v.Columns(asm.Int("channels", 1), 1, "", func(cols asm.Columns, suffix string) {
		y, left := asm.Int("y", 1), asm.Int("pixels", 1)
		add := asm.Int("add", 1)
		lo, hi := v.New(), v.New()
		VBROADCASTSS(asm.Argument("lo"), lo)
		VBROADCASTSS(asm.Argument("hi"), hi)
		Label("quad" + suffix)
		rows := quad(v, src)
		src.Move(Imm(16))
		TESTQ(add, add)
		JZ(LabelRef("plain" + suffix))
		for _, r := range rows {
			VADDPS(cols.Load(Mem{Base: add}, 0), r, r)
			VMAXPS(r, lo, r)
			VMINPS(r, hi, r)
			cols.Store(r, Mem{Base: y}, 0)
			ADDQ(ldy, y)
			ADDQ(ldy, add)
			DECQ(left)
			JZ(LabelRef("done" + suffix))
		}
		JMP(LabelRef("quad" + suffix))
		Label("plain" + suffix)
		for _, r := range rows {
			cols.Store(r, Mem{Base: y}, 0)
			ADDQ(ldy, y)
			DECQ(left)
			JZ(LabelRef("done" + suffix))
		}
		JMP(LabelRef("quad" + suffix))
		Label("done" + suffix)
		VZEROUPPER()
		RET()
	})
}
