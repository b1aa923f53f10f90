// Command asm writes the amd64 micro-kernels of package qgemm: go generate
// ./bench/kernel/qgemm. Every kernel computes a tile of C = A·B in int32, from
// four bytes of A at a time, broadcast: four uint8 with VNNI, two int16
// without.
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
	rows     int
	vectors  int // of a row
	together int // elements of A's row in four bytes
}

var tiles = []tile{{asm.VNNI, 12, 2, 4}, {asm.VNNI, 12, 1, 4}, {asm.AVX2, 4, 2, 2}}

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, s := range tiles {
		for mr := 1; mr <= s.rows; mr++ {
			kernel(s, mr)
		}
	}
	widen()
	Generate()
}

// enough sums in flight hide the latency of 5 cycles of two multipliers.
const enough = 10

func kernel(s tile, mr int) {
	nr := s.vectors * s.Lanes
	name := fmt.Sprintf("%s_%dx%d", s.ISA, mr, nr)
	TEXT(name, attr.NOSPLIT, "func(c *int32, ldc int, a *byte, lda, runs, skip int, b *int8, k, n int, sums *int32, zero int32)")
	Doc(fmt.Sprintf("%s computes c[i·ldc+j] = Σ a[i·lda+r·(4k+skip)+4p+q]·b[%d·(r·k+p)+%d·j+q] − zero·sums[j] for i < %d, j < n ≤ %d, r < runs, p < k, q < %d, where a holds %s and lda and skip are bytes. sums may be nil.",
		name, nr*s.together, s.together, mr, nr, s.together, map[int]string{4: "uint8", 2: "int16"}[s.together]))
	Pragma("noescape")
	b := asm.Int("b", 1)
	a := asm.NewRows(asm.Int("a", 1), asm.Int("lda", 1), mr)
	sums := s.Unroll(mr*s.vectors, enough)
	asm.Loop("run", asm.Int("runs", 1), func() {
		sums.Loop(asm.Int("k", 1), func(sums []VecVirtual, u int) { step(s, sums, a, b, u) }, func(steps int) {
			a.Move(U32(uint32(4 * steps)))
			ADDQ(U32(uint32(s.together*nr*steps)), b)
		})
		a.Move(asm.Int("skip", 1))
	})
	finish(asm.Tile{Set: s.Set, Sums: sums.Fold(VPADDD), Vectors: s.vectors})
}

func step(s tile, sums []VecVirtual, a asm.Rows, b Register, u int) {
	panel := make([]VecVirtual, s.vectors)
	for j := range panel {
		panel[j] = s.New()
		m := Mem{Base: b, Disp: s.together * s.Lanes * (u*s.vectors + j)}
		if s.together == 4 {
			VMOVUPS(m, panel[j])
		} else {
			VPMOVSXBW(m, panel[j])
		}
	}
	x := s.New()
	for i := range len(sums) / s.vectors {
		VPBROADCASTD(a.At(i, 4*u), x)
		for j := range panel {
			s.Dot(panel[j], x, sums[i*s.vectors+j])
		}
	}
}

// finish takes the share of A's zero point away and stores the sums.
func finish(t asm.Tile) {
	t.Columns(asm.Int("n", 1), t.Vectors, "", func(cols asm.Columns, suffix string) {
		c, ldc := asm.Int("c", 1), asm.Int("ldc", 4)
		t.Less(nil, suffix, cols)
		t.Store(c, ldc, cols)
		VZEROUPPER()
		RET()
	})
}

// widen writes the kernels that make A's bytes int16.
func widen() {
	for _, signed := range []bool{false, true} {
		name, what, load := "avx2_widen_u8", "uint8", VPMOVZXBW
		if signed {
			name, what, load = "avx2_widen_s8", "int8", VPMOVSXBW
		}
		TEXT(name, attr.NOSPLIT, "func(dst, src *byte, blocks int, zero int32)")
		Doc(fmt.Sprintf("%s computes dst[i] = src[i] − zero for %s src, int16 dst and i < 16·blocks.", name, what))
		Pragma("noescape")
		dst, src, blocks := asm.Int("dst", 1), asm.Int("src", 1), asm.Int("blocks", 1)
		zero, v := asm.AVX2.Int32("zero"), YMM()
		VPACKSSDW(zero, zero, zero) // zero points fit int16
		asm.Loop("block", blocks, func() {
			load(Mem{Base: src}, v)
			VPSUBW(zero, v, v)
			VMOVDQU(v, Mem{Base: dst})
			ADDQ(U32(16), src)
			ADDQ(U32(32), dst)
		})
		VZEROUPPER()
		RET()
	}
}
