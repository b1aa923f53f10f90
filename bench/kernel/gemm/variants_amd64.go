//go:build amd64 && !noasm

package gemm

import (
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg gemm

// A micro computes a tile of as many rows as its place in a list says, counted
// from 1; kernels_amd64.go tells what it reads and writes.
type micro func(c *float32, ldc int, a *float32, lda, runs, skip int, b *float32, k, n int, bias, add *float32, lo, hi float32)

var (
	avx512x32 = []micro{
		avx512_1x32, avx512_2x32, avx512_3x32, avx512_4x32, avx512_5x32, avx512_6x32,
		avx512_7x32, avx512_8x32, avx512_9x32, avx512_10x32, avx512_11x32, avx512_12x32,
	}
	avx512x16 = []micro{
		avx512_1x16, avx512_2x16, avx512_3x16, avx512_4x16, avx512_5x16, avx512_6x16,
		avx512_7x16, avx512_8x16, avx512_9x16, avx512_10x16, avx512_11x16, avx512_12x16,
	}
	avx2x16 = []micro{avx2_1x16, avx2_2x16, avx2_3x16, avx2_4x16, avx2_5x16, avx2_6x16}
)

// archVariants lists the assembly of this architecture, best first.
func archVariants() []variant {
	avx512, avx2 := isa.Has("avx512"), isa.Has("avx2") && isa.Has("fma")
	return []variant{
		{"avx512_12x16", 12, 16, avx512, isa.HalfPanel, tiles(avx512x16, 16)},
		{"avx512_12x32", 12, 32, avx512, always, tiles(avx512x32, 32)},
		{"avx2_6x16", 6, 16, avx2, always, tiles(avx2x16, 16)},
	}
}

// tiles cuts C into tiles of micro-kernels, as equally high as can be.
func tiles(micros []micro, nr int) kernel {
	return func(c []float32, ldc int, a A, b []float32, m, n, k int, ep Epilogue) {
		runs, each := a.split(k)
		high := (m + len(micros) - 1) / len(micros) // tiles
		for j := 0; j < n; j += nr {
			panel, w := unsafe.SliceData(b[j*k:]), min(nr, n-j)
			var bias *float32
			if ep.Bias != nil {
				bias = &ep.Bias[j : j+w][0]
			}
			for i, left := 0, high; i < m; left-- {
				rows := (m - i + left - 1) / left
				first, last := i*ldc+j, (i+rows-1)*ldc+j+w
				var add *float32
				if ep.Add != nil {
					add = &ep.Add[first:last][0]
				}
				micros[rows-1](&c[first:last][0], ldc, unsafe.SliceData(a.row(i, rows, k)), a.Stride, runs, a.Skip-each, panel, each, w, bias, add, ep.Lo, ep.Hi)
				i += rows
			}
		}
	}
}
