// Command neon writes the arm64 kernels of package conv: go generate
// ./bench/kernel/conv. A depthwise kernel computes some pixels of a row at
// once, four channels after four, so that a tap's weights are loaded once for
// all of them; it is bound by the loads of the input.
package main

import (
	"fmt"

	"assay/bench/kernel/asm/neon"
)

// Registers beside those of the epilogue: a pointer for each pixel is R0 to R7.
const (
	x     = "R8" // at the next channel
	w     = "R9" // at the next channel
	left  = "R10"
	pixel = "R11"
	col   = "R12"
	row   = neon.LDC // bytes of a pixel's channels
	tap   = "R20"
	rows  = "R21"
	taps  = "R22"
	kh    = "R23"
	kw    = "R24"
	skip  = "R25"
	skipW = "R26"
)

// Vector registers: sums are V0 to V7, pixels V8 to V15.
const weights, temp, lo, hi = 16, 17, 18, 19

const params = "y, x, w *float32, channels, kh, kw, pixel, col, skip, skipW int, bias, add *float32, lo, hi float32, repeat int"

func main() {
	var f neon.File
	for pixels := 1; pixels <= 8; pixels++ {
		depthwise(&f, pixels)
	}
	f.Write()
}

func depthwise(f *neon.File, pixels int) {
	f.Func(fmt.Sprintf("neon_%dxc", pixels), params,
		fmt.Sprintf("computes y[p·channels+c] = clamp(Σ x[p·pixel+i·(kw·col+skip)+j·col+c]·w[i·(kw·channels+skipW)+j·channels+c] + bias[c] + add[p·channels+c], lo, hi) for p < %d, c < channels, i < kh, j < kw. kh and kw may be 0, bias and add nil; NaN stays NaN; repeat is 1 and not read.", pixels))
	for _, a := range []struct {
		name, reg string
		size      int
	}{
		{"y", neon.C, 1},
		{"x", x, 1},
		{"w", w, 1},
		{"channels", left, 1},
		{"channels", row, 4},
		{"kh", kh, 1},
		{"kw", kw, 1},
		{"pixel", pixel, 4},
		{"col", col, 4},
		{"skip", skip, 4},
		{"skipW", skipW, 4},
		{"bias", neon.Extra, 1},
		{"add", neon.Add, 1},
	} {
		f.Int(a.name, a.reg, a.size)
	}
	neon.Epilogue{File: f, Temp: temp, Lo: lo, Hi: hi}.Load()
	f.Label("block")
	f.Op("CMP $4, %s", left)
	f.Op("BLT lane")
	block(f, pixels, 16, "")
	f.Op("SUB $4, %s", left)
	f.Op("B block")
	f.Label("lane")
	f.Op("CBZ %s, done", left)
	block(f, pixels, 4, "_lane")
	f.Op("SUB $1, %s", left)
	f.Op("B lane")
	f.Label("done")
	f.Op("RET")
}

// block computes channels of so many bytes, 16 for four and 4 for one, and
// moves on to the next.
func block(f *neon.File, pixels, bytes int, label string) {
	sums := make([]int, pixels)
	f.Op("MOVD %s, R0", x)
	for p := range sums {
		sums[p] = p
		if p > 0 {
			f.Op("ADD %s, R%d, R%d", pixel, p-1, p)
		}
	}
	f.Zero(sums)
	f.Op("MOVD %s, %s", w, tap)
	f.Op("CBZ %s, summed%s", kw, label)
	f.Op("CBZ %s, summed%s", kh, label)
	f.Op("MOVD %s, %s", kh, rows)
	f.Label("row" + label)
	f.Op("MOVD %s, %s", kw, taps)
	f.Label("tap" + label)
	load := map[int]string{16: "VLD1", 4: "VLD1R"}[bytes]
	f.Op("%s.P (%s)(%s), [V%d.S4]", load, tap, row, weights)
	for p := range pixels {
		f.Op("%s.P (R%d)(%s), [V%d.S4]", load, p, col, 8+p)
		f.Op("VFMLA V%d.S4, V%d.S4, V%d.S4", weights, 8+p, p)
	}
	f.Op("SUBS $1, %s", taps)
	f.Op("BNE tap%s", label)
	for p := range pixels {
		f.Op("ADD %s, R%d", skip, p)
	}
	f.Op("ADD %s, %s", skipW, tap)
	f.Op("SUBS $1, %s", rows)
	f.Op("BNE row%s", label)
	f.Label("summed" + label)
	neon.Epilogue{File: f, Temp: temp, Lo: lo, Hi: hi}.Column(sums, bytes, label)
	f.Op("ADD $%d, %s", bytes, x)
	f.Op("ADD $%d, %s", bytes, w)
}
