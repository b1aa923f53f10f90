//go:build (amd64 || arm64) && !noasm

package gemm

import "unsafe"

// A micro computes a tile of as many rows as its place in a list says, counted
// from 1; the stubs of the architecture tell what it reads and writes.
type micro func(c *float32, ldc int, a *float32, lda, runs, skip int, b *float32, k, n int, bias, add *float32, lo, hi float32)

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
