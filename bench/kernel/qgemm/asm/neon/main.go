// Command neon writes the arm64 micro-kernels of package qgemm: go generate
// ./bench/kernel/qgemm. Every kernel computes a tile of C = A·B in int32: by
// SDOT, four int8 of A at a time, where the CPU has the dot product, else by
// SMULL, two int8 of A at a time, and SADALP.
package main

import (
	"fmt"

	"assay/bench/kernel/asm/neon"
)

// A tile is the kernels of one instruction set: of 1 to rows rows.
type tile struct {
	isa           string
	rows, vectors int
	together      int // elements of A's row in a step
}

// 4×16 without dot product is 16 sums, 2 registers of B, 4 rows of A and 10
// products that are in flight.
var tiles = []tile{{"dot", 6, 4, 4}, {"dot", 8, 2, 4}, {"neon", 4, 4, 2}}

const params = "c *int32, ldc int, a *byte, lda, runs, skip int, b *int8, k, n int, sums *int32, zero int32"

func main() {
	var f neon.File
	for _, t := range tiles {
		for mr := 1; mr <= t.rows; mr++ {
			kernel(&f, t, mr)
		}
	}
	f.Write()
}

func kernel(f *neon.File, s tile, mr int) {
	nr := 4 * s.vectors
	f.Func(fmt.Sprintf("%s_%dx%d", s.isa, mr, nr), params,
		fmt.Sprintf("computes c[i·ldc+j] = Σ a[i·lda+r·(%dk+skip)+%dp+q]·b[%d·(r·k+p)+%d·j+q] − zero·sums[j] for i < %d, j < n ≤ %d, r < runs, p < k, q < %d, where a holds int8 and lda and skip are bytes. runs and n are at least 1; k may be 0, sums nil.",
			s.together, s.together, nr*s.together, s.together, mr, nr, s.together))
	t := neon.Tile{File: f, Rows: mr, Vectors: s.vectors}
	if s.together == 4 {
		t.Product(1, neon.SDOT)
	} else {
		t.Pairs()
	}
	t.Fold(func(sum, other int) { f.Op("VADD V%d.S4, V%d.S4, V%d.S4", other, sum, sum) })
	zero, temp := t.Free(0), t.Free(1)
	f.Broadcast("zero", zero)
	f.Int("sums", neon.Extra, 1)
	t.Columns(func(sums []int, bytes int, label string) {
		f.Given(neon.Extra, label, func() {
			f.LoadColumn(neon.Extra, temp, bytes)
			f.Op("ADD $%d, %s", bytes, neon.Extra)
			f.Word(neon.MUL(temp, temp, zero))
			for _, x := range sums {
				f.Op("VSUB V%d.S4, V%d.S4, V%d.S4", temp, x, x)
			}
		})
		f.Store(sums, bytes)
	})
}
