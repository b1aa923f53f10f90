// Command asm writes the amd64 kernels of package qconv: go generate
// ./bench/kernel/qconv. A depthwise convolution has no products to share among
// channels: what it can share is the bytes of a tap's column. Lines of the
// image are interleaved first, so that the taps of a column that one
// instruction adds up (four uint8 with VNNI, two int16 without) lie after each
// other; then some pixels of a row are computed at once, channel by channel
// vector, and the weights are loaded once for all of them. Without VNNI, lines
// of a 3×3 kernel are interleaved in registers instead, each once.
package main

import (
	"fmt"

	"assay/bench/kernel/asm"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, v := range []asm.Set{asm.VNNI, asm.AVX2} {
		for pixels := 1; pixels <= 8; pixels++ {
			depthwise(v, pixels)
		}
	}
	interleave4()
	interleave2("u8", VPMOVZXBW)
	interleave2("s8", VPMOVSXBW)
	for _, stride := range []int{1, 2} {
		walk("u8", VPMOVZXBW, VPMOVZXBD, stride)
		walk("s8", VPMOVSXBW, VPMOVSXBD, stride)
	}
	Generate()
}

func depthwise(v asm.Set, pixels int) {
	name, what := fmt.Sprintf("%s_%dxc", v.ISA, pixels), "two int16"
	if v.ISA == asm.VNNI.ISA {
		what = "four uint8 of x and int8 of w"
	}
	TEXT(name, attr.NOSPLIT, "func(y *int32, x, w *byte, channels, groups, kw, pixel, col, skip int, sums *int32, zero int32, repeat int)")
	Doc(fmt.Sprintf("%s computes y[p·channels+c] = Σ x[p·pixel+g·(kw·col+skip)+j·col+4c]·w[4·((g·kw+j)·channels+c)] − zero·sums[c] for p < %d·repeat, c < channels, g < groups, j < kw; a product is that of %s. sums may be nil.", name, pixels, what))
	Pragma("noescape")
	pixel, col := asm.Int("pixel", 1), asm.Int("col", 1)
	row := asm.Int("channels", 4) // bytes of all channels
	yStep, xStep := GP64(), GP64()
	IMUL3Q(U32(uint32(pixels)), row, yStep)
	IMUL3Q(U32(uint32(pixels)), pixel, xStep)
	asm.Again(map[string]Register{"y": yStep, "x": xStep}, func() { some(v, pixels, pixel, col, row) })
	VZEROUPPER()
	RET()
}

// some computes so many pixels.
func some(v asm.Set, pixels int, pixel, col, row Register) {
	y, x, w, left := asm.Int("y", 1), asm.Int("x", 1), asm.Int("w", 1), asm.Int("channels", 1)
	v.Channels(left, []Register{y, x, w}, v.Lanes == 16, func(vectors int, cols asm.Columns, suffix string) {
		t := asm.Tile{Set: v, Sums: v.Zeros(pixels * vectors), Vectors: vectors}
		at, wp := GP64(), GP64()
		MOVQ(x, at)
		MOVQ(w, wp)
		in := asm.NewRows(at, pixel, pixels)
		asm.Loop("group"+suffix, asm.Int("groups", 1), func() {
			asm.Loop("tap"+suffix, asm.Int("kw", 1), func() {
				for j := range vectors {
					weights := cols.Load(Mem{Base: wp, Disp: j * v.Bytes()}, j)
					for p := range pixels {
						v.Dot(weights, cols.Load(in.At(p, j*v.Bytes()), j), t.Sums[p*vectors+j])
					}
				}
				in.Move(col)
				ADDQ(row, wp)
			})
			in.Move(asm.Argument("skip"))
		})
		done := GP64() // bytes of the channels that are finished
		MOVQ(left, done)
		NEGQ(done)
		ADDQ(asm.Argument("channels"), done)
		SHLQ(Imm(2), done)
		t.Less(done, suffix, cols)
		out := GP64()
		MOVQ(y, out)
		t.Store(out, row, cols)
	})
}

// interleave4 puts 16 bytes of each line into 128 bits of one register, and
// transposes words of four bytes first, then bytes.
func interleave4() {
	TEXT("vnni_interleave", attr.NOSPLIT, "func(dst, a, b, c, d *byte, blocks int, flip uint32)")
	Doc("vnni_interleave computes dst[4i] … dst[4i+3] = a[i], b[i], c[i], d[i], each ^ flip, a byte four times, for i < 16·blocks.")
	Pragma("noescape")
	words := GLOBL("words", attr.RODATA|attr.NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i%4*4+i/4)))
	}
	order := GLOBL("order", attr.RODATA|attr.NOPTR)
	for i := range 16 {
		first := uint32(i % 4)
		DATA(4*i, U32(first|(first+4)<<8|(first+8)<<16|(first+12)<<24))
	}
	dst, blocks := asm.Int("dst", 1), asm.Int("blocks", 1)
	lines := []Register{asm.Int("a", 1), asm.Int("b", 1), asm.Int("c", 1), asm.Int("d", 1)}
	toWords, toBytes, flip, z := ZMM(), ZMM(), asm.VNNI.Int32("flip"), ZMM()
	VMOVDQU32(words, toWords)
	VMOVDQU32(order, toBytes)
	asm.Loop("block", blocks, func() {
		VMOVDQU(Mem{Base: lines[0]}, z.AsX())
		VINSERTI128(Imm(1), Mem{Base: lines[1]}, z.AsY(), z.AsY())
		for i := 2; i < 4; i++ {
			VINSERTI32X4(Imm(uint64(i)), Mem{Base: lines[i]}, z, z)
		}
		VPERMD(z, toWords, z)
		VPSHUFB(toBytes, z, z)
		VPXORD(flip, z, z)
		VMOVDQU32(z, Mem{Base: dst})
		for _, p := range lines {
			ADDQ(U32(16), p)
		}
		ADDQ(U32(64), dst)
	})
	VZEROUPPER()
	RET()
}

func interleave2(typ string, widen func(...Op)) {
	name := "avx2_interleave_" + typ
	TEXT(name, attr.NOSPLIT, "func(dst, a, b *byte, blocks int, zero int32)")
	Doc(name + " computes int16 dst[2i], dst[2i+1] = a[i] − zero, b[i] − zero for i < 16·blocks.")
	Pragma("noescape")
	dst, a, b, blocks := asm.Int("dst", 1), asm.Int("a", 1), asm.Int("b", 1), asm.Int("blocks", 1)
	zero, x, y, low, high, out := asm.AVX2.Int32("zero"), YMM(), YMM(), YMM(), YMM(), YMM()
	VPACKSSDW(zero, zero, zero) // zero points fit int16
	asm.Loop("block", blocks, func() {
		widen(Mem{Base: a}, x)
		widen(Mem{Base: b}, y)
		VPSUBW(zero, x, x)
		VPSUBW(zero, y, y)
		VPUNPCKLWD(y, x, low) // elements 0–3 and 8–11
		VPUNPCKHWD(y, x, high)
		VPERM2I128(Imm(0x20), high, low, out)
		VMOVDQU(out, Mem{Base: dst})
		VPERM2I128(Imm(0x31), high, low, out)
		VMOVDQU(out, Mem{Base: dst, Disp: 32})
		ADDQ(U32(16), a)
		ADDQ(U32(16), b)
		ADDQ(U32(64), dst)
	})
	VZEROUPPER()
	RET()
}
