//go:build amd64 && !noasm

package quant

import (
	"math"
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg quant

// kernels are those of one instruction set; kernels_amd64.go tells what they
// read and write. They take whole blocks of lanes elements, or rows of any
// length.
type kernels struct {
	lanes                      int
	quantize                   func(y *byte, x *float32, blocks int, scale, lo, hi float32, zero int32)
	dequantizeU8, dequantizeS8 func(y *float32, x *byte, blocks int, scale float32, zero int32)
	extent                     func(x *float32, blocks int) (lo, hi float32, top uint32)
	addU8, addS8               func(y, a, b *byte, blocks int, ra, rb, fixed, lo, hi float32)
	requantize                 func(y *byte, acc, bias *int32, scale *float32, rows, n int, lo, hi float32, zero int32)
	scale                      func(y *float32, acc, bias *int32, scale, shift *float32, rows, n int, lo, hi float32)
}

func archVariants() []variant {
	return []variant{
		kernels{
			16, avx512_quantize, avx512_dequantize_u8, avx512_dequantize_s8, avx512_extent,
			avx512_add_u8, avx512_add_s8, avx512_requantize, avx512_scale,
		}.variant("avx512_16", isa.Has("avx512")),
		kernels{
			8, avx2_quantize, avx2_dequantize_u8, avx2_dequantize_s8, avx2_extent,
			avx2_add_u8, avx2_add_s8, avx2_requantize, avx2_scale,
		}.variant("avx2_8", isa.Has("avx2") && isa.Has("fma")),
	}
}

// variant completes blocks by what the reference does with the rest.
func (k kernels) variant(name string, usable bool) variant {
	return variant{name, usable, k.quantized, k.dequantized, k.bounds, k.finished, k.scaled, k.added}
}

func (k kernels) quantized(y []byte, x []float32, scale float32, zero, lo, hi int32) {
	n := len(x) / k.lanes
	k.quantize(unsafe.SliceData(y[:len(x)]), unsafe.SliceData(x), n, scale, float32(lo-zero), float32(hi-zero), zero)
	n *= k.lanes
	quantize(y[n:], x[n:], scale, zero, lo, hi)
}

func (k kernels) dequantized(y []float32, x []byte, signed bool, scale float32, zero int32) {
	n, f := len(x)/k.lanes, k.dequantizeU8
	if signed {
		f = k.dequantizeS8
	}
	f(unsafe.SliceData(y[:len(x)]), unsafe.SliceData(x), n, scale, zero)
	n *= k.lanes
	dequantize(y[n:], x[n:], signed, scale, zero)
}

func (k kernels) bounds(x []float32) (lo, hi float32) {
	n := len(x) / k.lanes
	lo, hi, top := k.extent(unsafe.SliceData(x), n)
	if top > math.Float32bits(float32(math.Inf(1))) {
		lo = float32(math.NaN())
		return lo, lo
	}
	l, h := extent(x[n*k.lanes:])
	return min(lo, l), max(hi, h)
}

func (k kernels) added(t *Addition, y, a, b []byte) {
	n, f := len(y)/k.lanes, k.addU8
	if t.signA {
		f = k.addS8
	}
	f(unsafe.SliceData(y), unsafe.SliceData(a[:len(y)]), unsafe.SliceData(b[:len(y)]), n, t.ra, t.rb, t.fixed, t.lo, t.hi)
	n *= k.lanes
	add(t, y[n:], a[n:], b[n:])
}

func (k kernels) finished(y []byte, acc, bias []int32, scale []float32, zero, lo, hi int32) {
	if n := len(scale); len(acc) >= n && n > 0 {
		k.requantize(&y[:len(acc)][0], &acc[0], &bias[:n][0], &scale[0], len(acc)/n, n, float32(lo-zero), float32(hi-zero), zero)
	}
}

func (k kernels) scaled(y []float32, acc, bias []int32, scale, shift []float32, lo, hi float32) {
	if n := len(scale); len(acc) >= n && n > 0 {
		k.scale(&y[:len(acc)][0], &acc[0], &bias[:n][0], &scale[0], &shift[:n][0], len(acc)/n, n, lo, hi)
	}
}
