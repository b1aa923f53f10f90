//go:build amd64 && !noasm

package conv

import "assay/bench/kernel/isa"

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg conv

// repeats says that a line computes its pixels as often as it is told.
const repeats = true

func archDepthwise() []variant {
	return []variant{
		{"avx512_8xc", isa.Has("avx512"), Shape.Depthwise, packTaps, noScratch, lines{avx512_1xc, avx512_2xc, avx512_3xc, avx512_4xc, avx512_5xc, avx512_6xc, avx512_7xc, avx512_8xc}.row},
		{"avx2_8xc", isa.Has("avx2") && isa.Has("fma"), Shape.Depthwise, packTaps, noScratch, lines{avx2_1xc, avx2_2xc, avx2_3xc, avx2_4xc, avx2_5xc, avx2_6xc, avx2_7xc, avx2_8xc}.row},
	}
}
