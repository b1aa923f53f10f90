// Command asm writes the amd64 kernels of package conv: go generate
// ./bench/kernel/conv. A depthwise kernel computes some pixels of a row at
// once, channel by channel vector, so that a tap's weights are loaded once for
// all of them; it is bound by the loads of the input. Those three columns wide
// have kernels that load every input once.
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
	for _, v := range []asm.Set{asm.AVX512, asm.AVX2} {
		for pixels := 1; pixels <= 8; pixels++ {
			depthwise(v, pixels)
		}
		transformIn(v)
		transformOut(v)
		for _, stride := range []int{1, 2} {
			for _, rows := range []int{2, 3} {
				walk(v, rows, stride)
			}
		}
	}
	Generate()
}

func depthwise(v asm.Set, pixels int) {
	name := fmt.Sprintf("%s_%dxc", v.ISA, pixels)
	TEXT(name, attr.NOSPLIT, "func(y, x, w *float32, channels, kh, kw, pixel, col, skip, skipW int, bias, add *float32, lo, hi float32, repeat int)")
	Doc(fmt.Sprintf(`%s computes y[p·channels+c] = clamp(Σ x[p·pixel+i·(kw·col+skip)+j·col+c]·w[i·(kw·channels+skipW)+j·channels+c] + bias[c] + add[p·channels+c], lo, hi) for p < %d·repeat, c < channels, i < kh, j < kw. kh and kw may be 0, bias and add nil; NaN stays NaN.`, name, pixels))
	Pragma("noescape")
	pixel, col := asm.Int("pixel", 4), asm.Int("col", 4)
	row := asm.Int("channels", 4) // bytes of a pixel's channels
	yStep, xStep := GP64(), GP64()
	IMUL3Q(U32(uint32(pixels)), row, yStep)
	IMUL3Q(U32(uint32(pixels)), pixel, xStep)
	asm.Again(map[string]Register{"y": yStep, "add": yStep, "x": xStep}, func() { some(v, pixels, pixel, col, row) })
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
		kh := asm.Int("kh", 1)
		asm.Loop("row"+suffix, kh, func() {
			kw := asm.Int("kw", 1)
			asm.Loop("tap"+suffix, kw, func() {
				for j := range vectors {
					weights := cols.Load(Mem{Base: wp, Disp: j * v.Bytes()}, j)
					for p := range pixels {
						cols.Fuse(in.At(p, j*v.Bytes()), weights, t.Sums[p*vectors+j], j)
					}
				}
				in.Move(col)
				ADDQ(row, wp)
			})
			skip := asm.Int("skip", 4)
			in.Move(skip)
			skip = asm.Int("skipW", 4)
			ADDQ(skip, wp)
		})
		done := GP64() // bytes of the channels that are finished
		MOVQ(left, done)
		NEGQ(done)
		ADDQ(asm.Argument("channels"), done)
		SHLQ(Imm(2), done)
		asm.Given("bias", suffix, func(p Register) {
			ADDQ(done, p)
			t.Bias(p, cols)
		})
		asm.Given("add", suffix, func(p Register) {
			ADDQ(done, p)
			t.Add(p, row, cols)
		})
		out := GP64()
		MOVQ(y, out)
		t.Clamp(out, row, cols)
	})
}
