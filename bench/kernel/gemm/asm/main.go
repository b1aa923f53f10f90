// Command asm writes the amd64 micro-kernels of package gemm: go generate
// ./bench/kernel/gemm. Every kernel computes a tile of C = A·B, mr rows by nr
// columns, kept in registers: a step loads a row of B's panel and multiplies
// it with mr elements of A, each broadcast (Goto and van de Geijn 2008,
// "Anatomy of high-performance matrix multiplication").
package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A set is the kernels of one instruction set: tiles of up to rows × vectors.
type set struct {
	isa     string
	rows    int
	vectors int // of a row of the tile
	lanes   int // floats of a vector
	vector  func() VecVirtual
}

// 12×32 and 12×16 leave 32 registers room for B and a broadcast; 6×16 do so
// with 16 (12 sums, 2 of B, 1 broadcast).
var sets = []set{
	{"avx512", 12, 2, 16, ZMM},
	{"avx512", 12, 1, 16, ZMM},
	{"avx2", 6, 2, 8, YMM},
}

func main() {
	Package("assay/bench/kernel/gemm")
	ConstraintExpr("amd64,!noasm")
	for _, s := range sets {
		for mr := 1; mr <= s.rows; mr++ {
			kernel(s, mr)
		}
	}
	Generate()
}

// enough sums in flight hide the latency of 4 cycles of two multipliers.
const enough = 8

func kernel(s set, mr int) {
	nr := s.vectors * s.lanes
	TEXT(fmt.Sprintf("%s_%dx%d", s.isa, mr, nr), attr.NOSPLIT, "func(c *float32, ldc int, a *float32, lda int, b *float32, k, n int, bias, add *float32, lo, hi float32)")
	Doc(fmt.Sprintf("%s_%dx%d computes c[i·ldc+j] = clamp(Σ a[i·lda+p]·b[%d·p+j] + bias[j] + add[i·ldc+j], lo, hi) for i < %d, j < n ≤ %d, p < k. k may be 0, bias and add nil; NaN stays NaN.", s.isa, mr, nr, nr, mr, nr))
	Pragma("noescape")
	k := GP64()
	Load(Param("k"), k)
	b := Load(Param("b"), GP64())
	lda := Load(Param("lda"), GP64())
	SHLQ(Imm(2), lda)
	a := rows(Load(Param("a"), GP64()), lda, mr)

	unroll := 1
	for unroll < 4 && mr*s.vectors*unroll < enough {
		unroll *= 2
	}
	sums := make([][]VecVirtual, unroll)
	for u := range sums {
		for range mr * s.vectors {
			r := s.vector()
			zero(s, r)
			sums[u] = append(sums[u], r)
		}
	}
	if unroll > 1 {
		few := GP64()
		MOVQ(k, few)
		ANDQ(Imm(uint64(unroll-1)), few)
		SHRQ(Imm(uint64(map[int]int{2: 1, 4: 2}[unroll])), k)
		loop("steps", k, func() {
			for u := range sums {
				step(s, sums[u], a, b, u)
			}
			advance(a, b, unroll, nr)
		})
		MOVQ(few, k)
	}
	loop("step", k, func() {
		step(s, sums[0], a, b, 0)
		advance(a, b, 1, nr)
	})
	for u := unroll / 2; u > 0; u /= 2 {
		for v := range u {
			for i, r := range sums[v] {
				VADDPS(sums[v+u][i], r, r)
			}
		}
	}
	finish(s, sums[0], mr)
}

func zero(s set, r VecVirtual) {
	if s.lanes == 16 {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// loop runs body n times, which may be 0; n is used up.
func loop(name string, n GPVirtual, body func()) {
	TESTQ(n, n)
	JZ(LabelRef(name + "_end"))
	Label(name)
	body()
	DECQ(n)
	JNZ(LabelRef(name))
	Label(name + "_end")
}

// A matrix addresses rows of A three to a pointer: base, base + lda and
// base + 2·lda.
type matrix struct {
	base []Register
	lda  Register
}

func rows(a, lda Register, mr int) matrix {
	m := matrix{[]Register{a}, lda}
	for i := 3; i < mr; i += 3 {
		p := GP64()
		MOVQ(m.base[len(m.base)-1], p)
		for range 3 {
			ADDQ(lda, p)
		}
		m.base = append(m.base, p)
	}
	return m
}

// at is element p of row i, relative to the pointers.
func (m matrix) at(i, p int) Mem {
	x := Mem{Base: m.base[i/3], Disp: 4 * p}
	if i%3 > 0 {
		x.Index, x.Scale = m.lda, uint8(i%3)
	}
	return x
}

func step(s set, sums []VecVirtual, a matrix, b Register, u int) {
	panel := make([]VecVirtual, s.vectors)
	for j := range panel {
		panel[j] = s.vector()
		VMOVUPS(Mem{Base: b, Disp: 4 * s.lanes * (u*s.vectors + j)}, panel[j])
	}
	x := s.vector()
	for i := range len(sums) / s.vectors {
		VBROADCASTSS(a.at(i, u), x)
		for j := range panel {
			VFMADD231PS(x, panel[j], sums[i*s.vectors+j])
		}
	}
}

func advance(a matrix, b Register, steps, nr int) {
	for _, p := range a.base {
		ADDQ(U32(uint32(4*steps)), p)
	}
	ADDQ(U32(uint32(4*steps*nr)), b)
}

// finish adds what is to be added to the sums, clamps and stores them. With
// AVX-512 a mask leaves out the columns that there are not, at no cost; with
// AVX2 masks are slow (VMASKMOVPS), so that whole tiles have a path of their own.
func finish(s set, sums []VecVirtual, mr int) {
	n := Load(Param("n"), GP64())
	if s.lanes == 16 {
		epilogue(s, sums, mr, masks(s, n), "")
		return
	}
	CMPQ(n, U32(uint32(s.vectors*s.lanes)))
	JNE(LabelRef("part"))
	epilogue(s, sums, mr, whole{s}, "")
	Label("part")
	epilogue(s, sums, mr, window(s, n), "_part")
}

func epilogue(s set, sums []VecVirtual, mr int, l lanes, suffix string) {
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc)
	given("bias", suffix, func(bias Register) {
		for j := range s.vectors {
			b := l.load(Mem{Base: bias, Disp: 4 * s.lanes * j}, j)
			for i := range mr {
				VADDPS(b, sums[i*s.vectors+j], sums[i*s.vectors+j])
			}
		}
	})
	given("add", suffix, func(add Register) {
		tile(s, mr, add, ldc, func(k int, m Mem, vector int) { VADDPS(l.load(m, vector), sums[k], sums[k]) })
	})
	lo, hi := s.vector(), s.vector()
	VBROADCASTSS(argument("lo"), lo)
	VBROADCASTSS(argument("hi"), hi)
	tile(s, mr, c, ldc, func(k int, m Mem, vector int) {
		// Of two operands of which one is NaN, MAXPS and MINPS return the
		// second of Intel's order, which is the first here.
		VMAXPS(sums[k], lo, sums[k])
		VMINPS(sums[k], hi, sums[k])
		l.store(sums[k], m, vector)
	})
	VZEROUPPER()
	RET()
}

// argument is where an argument lies in the caller's frame.
func argument(param string) Mem {
	b, err := Param(param).Resolve()
	if err != nil {
		panic(err) // a name that the signature lacks
	}
	return b.Addr
}

// given runs body where a pointer argument is not nil.
func given(param, suffix string, body func(Register)) {
	p := Load(Param(param), GP64())
	TESTQ(p, p)
	JZ(LabelRef("no_" + param + suffix))
	body(p)
	Label("no_" + param + suffix)
}

// tile visits the vectors of mr rows from p on, which it moves; k counts them.
func tile(s set, mr int, p, ld Register, visit func(k int, m Mem, vector int)) {
	for i := range mr {
		for j := range s.vectors {
			visit(i*s.vectors+j, Mem{Base: p, Disp: 4 * s.lanes * j}, j)
		}
		if i+1 < mr {
			ADDQ(ld, p)
		}
	}
}

// Lanes are the columns of a tile that there are.
type lanes interface {
	load(m Mem, vector int) VecVirtual
	store(r VecVirtual, m Mem, vector int)
}

type whole struct{ set }

func (w whole) load(m Mem, _ int) VecVirtual {
	r := w.vector()
	VMOVUPS(m, r)
	return r
}

func (w whole) store(r VecVirtual, m Mem, _ int) { VMOVUPS(r, m) }

type masked struct {
	set
	k []Register
}

func masks(s set, n Register) masked {
	ones := GP64()
	MOVQ(U64(1<<63-1), ones)
	BZHIQ(n, ones, ones)
	m := masked{set: s}
	for range s.vectors {
		k := K()
		KMOVW(ones.As32(), k)
		SHRQ(Imm(16), ones)
		m.k = append(m.k, k)
	}
	return m
}

func (x masked) load(m Mem, vector int) VecVirtual {
	r := x.vector()
	VMOVUPS_Z(m, x.k[vector], r)
	return r
}

func (x masked) store(r VecVirtual, m Mem, vector int) { VMOVUPS(r, x.k[vector], m) }

type windowed struct {
	set
	mask []VecVirtual
}

// window makes masks of n set lanes: a window in a table of as many set as
// clear ones.
func window(s set, n Register) windowed {
	table, at := GP64(), GP64()
	LEAQ(tableOf(s), table)
	MOVQ(U32(uint32(s.vectors*s.lanes)), at)
	SUBQ(n, at)
	w := windowed{set: s}
	for j := range s.vectors {
		m := s.vector()
		VMOVUPS(Mem{Base: table, Index: at, Scale: 4, Disp: 4 * s.lanes * j}, m)
		w.mask = append(w.mask, m)
	}
	return w
}

func (w windowed) load(m Mem, vector int) VecVirtual {
	r := w.vector()
	VMASKMOVPS(m, w.mask[vector], r)
	return r
}

func (w windowed) store(r VecVirtual, m Mem, vector int) { VMASKMOVPS(r, w.mask[vector], m) }

var tables = map[int]Mem{}

func tableOf(s set) Mem {
	n := s.vectors * s.lanes
	m, ok := tables[n]
	if !ok {
		m = GLOBL(fmt.Sprintf("lanes_%d", n), attr.RODATA|attr.NOPTR)
		for i := range 2 * n {
			v := U32(0)
			if i < n {
				v = U32(1<<32 - 1)
			}
			DATA(4*i, v)
		}
		tables[n] = m
	}
	return m
}
