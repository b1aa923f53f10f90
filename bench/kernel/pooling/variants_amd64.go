//go:build amd64 && !noasm

package pooling

import (
	"math"
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg pooling

// kernels are those of one instruction set; kernels_amd64.go tells what they
// read and write.
type kernels struct {
	lanes        int
	maximum      func(y, x *float32, n, kh, kw, col, skip int, least float32)
	sum          func(y, x *float32, rows, n int)
	sumU8, sumS8 func(y *int32, x *byte, rows, stride, blocks int)
}

func archVariants() []variant {
	return []variant{
		kernels{16, avx512_max, avx512_sum, avx512_sum_u8, avx512_sum_s8}.variant("avx512_1xc", isa.Has("avx512")),
		kernels{8, avx2_max, avx2_sum, avx2_sum_u8, avx2_sum_s8}.variant("avx2_1xc", isa.Has("avx2")),
	}
}

func (k kernels) variant(name string, usable bool) variant {
	return variant{name, usable, k.max, maxBlocks, k.sums, k.sumBlocks}
}

// end is behind the last element of a window of n channels.
func (w window) end(n int) int { return w.at + w.kh*(w.kw*w.col+w.skip) - w.skip - w.col + n }

func (k kernels) max(y, x []float32, w window, least float32) {
	if w.kh == 0 || len(y) == 0 {
		maximum(y, x, w, least)
		return
	}
	k.maximum(&y[0], &x[w.at:w.end(len(y))][0], len(y), w.kh, w.kw, 4*w.col, 4*w.skip, least)
}

// maxBlocks takes 16 channels at once, whatever the instruction set, and does
// the rest as the reference does.
func maxBlocks(y, x []byte, w window, signed bool) {
	n := len(y) &^ 15
	if w.kh > 0 && n > 0 {
		in := &x[w.at:w.end(n)][0]
		if signed {
			const least = math.MaxUint8/2 + 1 // the pattern of −128
			avx2_max_s8(&y[0], in, n/16, w.kh, w.kw, w.col, w.skip, least*0x01010101)
		} else {
			avx2_max_u8(&y[0], in, n/16, w.kh, w.kw, w.col, w.skip, 0)
		}
	} else {
		n = 0
	}
	w.at += n
	maximumBytes(y[n:], x, w, signed)
}

func (k kernels) sums(y, x []float32, rows int) {
	if rows == 0 || len(y) == 0 {
		clear(y)
		return
	}
	k.sum(&y[0], &x[:rows*len(y)][0], rows, len(y))
}

func (k kernels) sumBlocks(y []int32, x []byte, signed bool, rows int) {
	f, blocks, stride := k.sumU8, len(y)/k.lanes, len(y)
	if signed {
		f = k.sumS8
	}
	f(unsafe.SliceData(y), unsafe.SliceData(x[:rows*stride]), rows, stride, blocks)
	if n := blocks * k.lanes; n < stride {
		sumColumns(y[n:], x[min(n, len(x)):], signed, rows, stride)
	}
}
