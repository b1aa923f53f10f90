//go:build amd64 && !noasm

package conv

import "assay/bench/kernel/isa"

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg conv

// repeats says that a line computes its pixels as often as it is told.
const repeats = true

func archDepthwise() []variant {
	avx512, avx2 := isa.Has("avx512"), isa.Has("avx2") && isa.Has("fma")
	lines512 := lines{avx512_1xc, avx512_2xc, avx512_3xc, avx512_4xc, avx512_5xc, avx512_6xc, avx512_7xc, avx512_8xc}
	lines2 := lines{avx2_1xc, avx2_2xc, avx2_3xc, avx2_4xc, avx2_5xc, avx2_6xc, avx2_7xc, avx2_8xc}
	windows512 := windows{[2][2]window{{avx512_2x3_1, avx512_3x3_1}, {avx512_2x3_2, avx512_3x3_2}}, lines512}
	windows2 := windows{[2][2]window{{avx2_2x3_1, avx2_3x3_1}, {avx2_2x3_2, avx2_3x3_2}}, lines2}
	return []variant{
		{"avx512_3x3", avx512, Shape.Windowed, packTaps, noScratch, windows512.row},
		{"avx512_8xc", avx512, Shape.Depthwise, packTaps, noScratch, lines512.row},
		{"avx2_3x3", avx2, Shape.Windowed, packTaps, noScratch, windows2.row},
		{"avx2_8xc", avx2, Shape.Depthwise, packTaps, noScratch, lines2.row},
	}
}
