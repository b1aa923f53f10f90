//go:build arm64 && !noasm

package qgemm

import "assay/bench/kernel/isa"

var (
	dotx16  = []micro{dot_1x16, dot_2x16, dot_3x16, dot_4x16, dot_5x16, dot_6x16}
	dotx8   = []micro{dot_1x8, dot_2x8, dot_3x8, dot_4x8, dot_5x8, dot_6x8, dot_7x8, dot_8x8}
	neonx16 = []micro{neon_1x16, neon_2x16, neon_3x16, neon_4x16}
)

// archVariants lists the assembly of this architecture, best first.
func archVariants() []variant {
	neon := isa.Has("asimd")
	dot := neon && isa.Has("asimddp")
	return []variant{
		tiles{dotx8, 8, &fours}.variant("dot_8x8", dot, halfPanel),
		tiles{dotx16, 16, &fours}.variant("dot_6x16", dot, always),
		tiles{neonx16, 16, &twos}.variant("neon_4x16", neon, always),
	}
}

// halfPanel is as gemm's.
func halfPanel(n int) bool { return (n+7)/8%2 == 1 }

// fours and twos are int8, read four or two at a time.
var (
	fours = Form{Size: 1, Together: 4, signed: true}
	twos  = Form{Size: 1, Together: 2, signed: true}
)
