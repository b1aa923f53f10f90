// Command asm writes the amd64 micro-kernels of package gemm: go generate
// ./bench/kernel/gemm. Every kernel computes a tile of C = A·B, mr rows by nr
// columns, kept in registers: a step loads a row of B's panel and multiplies
// it with mr elements of A, each broadcast (Goto and van de Geijn 2008,
// "Anatomy of high-performance matrix multiplication").
package main

import (
	"fmt"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A tile is the kernels of one instruction set: of 1 to rows rows.
type tile struct {
	asm.Set
	rows    int
	vectors int // of a row
}

// 12×32 and 12×16 leave 32 registers room for B and a broadcast; 6×16 does so
// with 16 (12 sums, 2 of B, 1 broadcast).
var tiles = []tile{{asm.AVX512, 12, 2}, {asm.AVX512, 12, 1}, {asm.AVX2, 6, 2}}

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, s := range tiles {
		for mr := 1; mr <= s.rows; mr++ {
			kernel(s, mr)
		}
	}
	Generate()
}

// enough sums in flight hide the latency of 4 cycles of two multipliers.
const enough = 8

func kernel(s tile, mr int) {
	nr := s.vectors * s.Lanes
	name := fmt.Sprintf("%s_%dx%d", s.ISA, mr, nr)
	TEXT(name, attr.NOSPLIT, "func(c *float32, ldc int, a *float32, lda, runs, skip int, b *float32, k, n int, bias, add *float32, lo, hi float32)")
	Doc(fmt.Sprintf("%s computes c[i·ldc+j] = clamp(Σ a[i·lda+r·(k+skip)+p]·b[%d·(r·k+p)+j] + bias[j] + add[i·ldc+j], lo, hi) for i < %d, j < n ≤ %d, r < runs, p < k. k may be 0, bias and add nil; NaN stays NaN.", name, nr, mr, nr))
	Pragma("noescape")
	b := asm.Int("b", 1)
	a := asm.NewRows(asm.Int("a", 1), asm.Int("lda", 4), mr)

	sums := s.Unroll(mr*s.vectors, enough)
	asm.Loop("run", asm.Int("runs", 1), func() {
		sums.Loop(asm.Int("k", 1), func(sums []VecVirtual, u int) { step(s, sums, a, b, u) }, func(steps int) {
			a.Move(U32(uint32(4 * steps)))
			ADDQ(U32(uint32(4*steps*nr)), b)
		})
		a.Move(asm.Int("skip", 4))
	})
	finish(asm.Tile{Set: s.Set, Sums: sums.Fold(VADDPS), Vectors: s.vectors})
}

func step(s tile, sums []VecVirtual, a asm.Rows, b Register, u int) {
	panel := make([]VecVirtual, s.vectors)
	for j := range panel {
		panel[j] = s.New()
		VMOVUPS(Mem{Base: b, Disp: s.Bytes() * (u*s.vectors + j)}, panel[j])
	}
	x := s.New()
	for i := range len(sums) / s.vectors {
		VBROADCASTSS(a.At(i, 4*u), x)
		for j := range panel {
			VFMADD231PS(x, panel[j], sums[i*s.vectors+j])
		}
	}
}

// finish adds what is to be added to the sums, clamps and stores them.
func finish(t asm.Tile) {
	t.Columns(asm.Int("n", 1), t.Vectors, "", func(cols asm.Columns, suffix string) {
		c, ldc := asm.Int("c", 1), asm.Int("ldc", 4)
		asm.Given("bias", suffix, func(bias Register) { t.Bias(bias, cols) })
		asm.Given("add", suffix, func(add Register) { t.Add(add, ldc, cols) })
		t.Clamp(c, ldc, cols)
		VZEROUPPER()
		RET()
	})
}
