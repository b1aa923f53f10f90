//go:build amd64 && !noasm

package gemm

import "assay/bench/kernel/isa"

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg gemm

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
