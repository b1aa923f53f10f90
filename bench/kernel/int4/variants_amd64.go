//go:build amd64 && !noasm

package int4

import (
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg int4

// A micro computes as many rows as its place in a list says, counted from 1;
// kernels_amd64.go tells what it reads and writes.
type micro[T float32 | int8] func(y *float32, ldy int, x *T, ldx int, info *float32, w *byte, s *float32, zeros *byte, blocks, pairs, n int, bias *float32)

var (
	avx512 = []micro[float32]{
		avx512_f32_1x16, avx512_f32_2x16, avx512_f32_3x16, avx512_f32_4x16, avx512_f32_5x16, avx512_f32_6x16,
		avx512_f32_7x16, avx512_f32_8x16, avx512_f32_9x16, avx512_f32_10x16, avx512_f32_11x16, avx512_f32_12x16,
	}
	vnni = []micro[int8]{
		vnni_s8_1x16, vnni_s8_2x16, vnni_s8_3x16, vnni_s8_4x16, vnni_s8_5x16, vnni_s8_6x16,
		vnni_s8_7x16, vnni_s8_8x16, vnni_s8_9x16, vnni_s8_10x16, vnni_s8_11x16, vnni_s8_12x16,
	}
	avx2   = []micro[float32]{avx2_f32_1x8, avx2_f32_2x8, avx2_f32_3x8, avx2_f32_4x8}
	avx2s8 = []micro[int8]{avx2_s8_1x8, avx2_s8_2x8, avx2_s8_3x8, avx2_s8_4x8}
)

// archVariants lists the assembly of this architecture, best first.
func archVariants() []variant {
	has2 := isa.Has("avx2") && isa.Has("fma")
	return []variant{
		{"avx512_12x16", 12, 16, false, isa.Has("avx512"), by(avx512), nil},
		{"avx2_4x8", 4, 8, false, has2, by(avx2), nil},
		{"vnni_12x16", 12, 16, true, isa.Has("avx512_vnni"), by(vnni), quantizeBy(avx512_quantize)},
		{"avx2_s8_4x8", 4, 8, true, has2, by(avx2s8), quantizeBy(avx2_quantize)},
	}
}

// by runs the micro-kernel for the tile's rows.
func by[T float32 | int8](micros []micro[T]) func(t tile) {
	return func(t tile) {
		m, lanes := t.m, t.m.v.lanes
		at := t.panel * lanes * m.blocks
		x := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.x))), 4*len(t.x)/int(unsafe.Sizeof(T(0))))
		micros[t.rows-1](&t.y[0], t.ldy, &x[:(t.rows-1)*t.ldx+m.padded()][0], t.ldx, &t.info[0], &m.data[at*m.Block/2 : (at+lanes*m.blocks)*m.Block/2][0],
			&m.scales[at:][:lanes*m.blocks][0], &m.zeros[at:][:lanes*m.blocks][0], m.blocks, m.Block/16, t.cols, unsafe.SliceData(t.bias))
	}
}

// quantizeBy quantizes by f.
func quantizeBy(f func(dst *int8, x, info *float32, step, blocks, pairs int)) func(dst []int8, x, info []float32, step, blocks, block int) {
	return func(dst []int8, x, info []float32, step, blocks, block int) {
		if blocks > 0 {
			f(&dst[:blocks*block][0], &x[:blocks*block][0], &info[:(2*blocks-1)*step+1][0], step, blocks, block/16)
		}
	}
}
