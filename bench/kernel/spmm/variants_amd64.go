//go:build amd64 && !noasm

package spmm

import (
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg spmm

// A micro sums for as many vectors of pixels as its place in a list says,
// counted from 1; kernels_amd64.go tells what it reads and writes.
type micro func(dst *float32, ld int, x *float32, steps *uint16, values *float32, counts *int32, groups int, bias *float32, lo, hi float32)

var (
	avx512x1 = []micro{avx512_1x16, avx512_1x32, avx512_1x48, avx512_1x64, avx512_1x80, avx512_1x96, avx512_1x112, avx512_1x128}
	avx512x4 = []micro{avx512_4x16, avx512_4x32, avx512_4x48, avx512_4x64}
	avx2x1   = []micro{avx2_1x8, avx2_1x16, avx2_1x24, avx2_1x32, avx2_1x40, avx2_1x48}
	avx2x4   = []micro{avx2_4x8, avx2_4x16}
)

// archVariants lists the assembly of this architecture, best first.
func archVariants() []variant {
	avx512, avx2 := isa.Has("avx512"), isa.Has("avx2") && isa.Has("fma")
	turn512, store512 := turnBy(avx512_turn, 16), storeBy(avx512_store, 16)
	turn2, store2 := turnBy(avx2_turn, 8), storeBy(avx2_store, 8)
	return []variant{
		{"avx512_1x128", 1, 16, 8, avx512, Cost{1.6, 7, 12, 1.2}, sumsBy(avx512x1, 16), turn512, store512},
		{"avx512_4x64", 4, 16, 4, avx512, Cost{3.5, 6, 12, 1}, sumsBy(avx512x4, 16), turn512, store512},
		{"avx2_1x48", 1, 8, 6, avx2, Cost{1.3, 5, 10, 1}, sumsBy(avx2x1, 8), turn2, store2},
		{"avx2_4x16", 4, 8, 2, avx2, Cost{2.7, 14, 10, 1}, sumsBy(avx2x4, 8), turn2, store2},
	}
}

// sumsBy sums with the micro-kernel for the number of vectors.
func sumsBy(micros []micro, lanes int) summing {
	return func(vectors int, dst []float32, ld int, x []float32, s stream, bias []float32, lo, hi float32) {
		_ = dst[(lanes-1)*ld+vectors*lanes-1]
		micros[vectors-1](&dst[0], ld, &x[0], unsafe.SliceData(s.steps), unsafe.SliceData(s.values), &s.counts[0], len(s.counts), unsafe.SliceData(bias), lo, hi)
	}
}

// turnBy turns four channels at a time, and those that are left one by one.
func turnBy(f func(dst *float32, ld int, src *float32, stride, quads int), lanes int) turning {
	rest := turns(lanes)
	return func(dst []float32, ld int, src []float32, stride, channels int) {
		if n := channels &^ 3; n > 0 {
			_, _ = dst[(n-1)*ld+lanes-1], src[(lanes-1)*stride+n-1]
			f(&dst[0], ld, &src[0], stride, n/4)
			dst, src = dst[min(n*ld, len(dst)):], src[n:]
		}
		rest(dst, ld, src, stride, channels&3)
	}
}

// storeBy stores by f.
func storeBy(f func(y *float32, ldy int, src *float32, ld, pixels, channels int, add *float32, lo, hi float32), lanes int) storing {
	return func(y []float32, ldy int, src []float32, ld, pixels, channels int, add []float32, lo, hi float32) {
		if pixels == 0 {
			return
		}
		last := (pixels-1)*ldy + channels
		_ = src[(lanes-1)*ld+up(pixels, 4)-1]
		var a *float32
		if add != nil {
			a = &add[:last][0]
		}
		f(&y[:last][0], ldy, &src[0], ld, pixels, channels, a, lo, hi)
	}
}
