// Command neon writes the arm64 micro-kernels of package gemm: go generate
// ./bench/kernel/gemm. Every kernel computes a tile of C = A·B, mr rows by nr
// columns, kept in registers: four elements of each of mr rows of A are loaded
// at once, and each step multiplies a row of B's panel with one of them (FMLA
// by element).
package main

import (
	"fmt"

	"assay/bench/kernel/asm/neon"
)

// 6×16 is 24 sums, 6 rows of A and 2 registers that B takes in turn; 8×8 is 16
// sums, 8 rows and 8 registers.
var tiles = []struct{ rows, vectors int }{{6, 4}, {8, 2}}

const params = "c *float32, ldc int, a *float32, lda, runs, skip int, b *float32, k, n int, bias, add *float32, lo, hi float32"

func main() {
	var f neon.File
	for _, t := range tiles {
		for mr := 1; mr <= t.rows; mr++ {
			kernel(&f, mr, t.vectors)
		}
	}
	f.Write()
}

func kernel(f *neon.File, mr, vectors int) {
	nr := 4 * vectors
	f.Func(fmt.Sprintf("neon_%dx%d", mr, nr), params,
		fmt.Sprintf("computes c[i·ldc+j] = clamp(Σ a[i·lda+r·(k+skip)+p]·b[%d·(r·k+p)+j] + bias[j] + add[i·ldc+j], lo, hi) for i < %d, j < n ≤ %d, r < runs, p < k. runs and n are at least 1; k may be 0, bias and add nil; NaN stays NaN.", nr, mr, nr))
	t := neon.Tile{File: f, Rows: mr, Vectors: vectors}
	t.Product(4, neon.FMLA)
	t.Fold(func(sum, other int) { f.Word(neon.FADD(sum, sum, other)) })
	e := neon.Epilogue{File: f, Temp: t.Free(0), Lo: t.Free(1), Hi: t.Free(2)}
	e.Load()
	f.Int("bias", neon.Extra, 1)
	f.Int("add", neon.Add, 1)
	t.Columns(e.Column)
}
