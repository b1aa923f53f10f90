//go:build arm64 && !noasm

package gemm

import "assay/bench/kernel/isa"

var (
	neonx16 = []micro{neon_1x16, neon_2x16, neon_3x16, neon_4x16, neon_5x16, neon_6x16}
	neonx8  = []micro{neon_1x8, neon_2x8, neon_3x8, neon_4x8, neon_5x8, neon_6x8, neon_7x8, neon_8x8}
)

// archVariants lists the assembly of this architecture, best first.
func archVariants() []variant {
	neon := isa.Has("asimd")
	return []variant{
		{"neon_8x8", 8, 8, neon, halfPanel, tiles(neonx8, 8)},
		{"neon_6x16", 6, 16, neon, always, tiles(neonx16, 16)},
	}
}

// halfPanel reports whether n columns would fill half of their last panel of
// 16 or less: 8×8 loads 16 vectors for 64 multiplications, 6×16 22 for 96.
func halfPanel(n int) bool { return (n+7)/8%2 == 1 }
