//go:build arm64 && !noasm

package conv

import "assay/bench/kernel/isa"

// repeats says that a line computes its pixels as often as it is told; these
// do once.
const repeats = false

func archDepthwise() []variant {
	return []variant{
		{"neon_8xc", isa.Has("asimd"), Shape.Depthwise, packTaps, noScratch, lines{neon_1xc, neon_2xc, neon_3xc, neon_4xc, neon_5xc, neon_6xc, neon_7xc, neon_8xc}.row},
	}
}
