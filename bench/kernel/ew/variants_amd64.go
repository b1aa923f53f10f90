//go:build amd64 && !noasm

package ew

import (
	"math"
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg ew

// kernels are those of one instruction set; kernels_amd64.go tells what they
// compute. They take whole blocks of lanes elements.
type kernels struct {
	lanes                    int
	zip                      [4][3]func(y, a, b *float32, blocks int) // of an Op: on two vectors, a number first, a number second
	clamp                    func(y, x *float32, blocks int, lo, hi float32)
	sigmoid, tanh, hardSwish func(y, x *float32, blocks int)
	erf, gelu                func(y, x *float32, blocks int)
	top                      func(x *float32, blocks int, least float32) float32
	exp                      func(y, x *float32, blocks int, shift float32) float32
	scale                    func(y *float32, blocks int, by float32)
}

func archVariants() []variant {
	avx512 := kernels{16, [4][3]func(y, a, b *float32, blocks int){
		{avx512_add, avx512_add_a, avx512_add_b},
		{avx512_sub, avx512_sub_a, avx512_sub_b},
		{avx512_mul, avx512_mul_a, avx512_mul_b},
		{avx512_div, avx512_div_a, avx512_div_b},
	}, avx512_clamp, avx512_sigmoid, avx512_tanh, avx512_hardswish, avx512_erf, avx512_gelu, avx512_top, avx512_exp, avx512_scale}
	avx2 := kernels{8, [4][3]func(y, a, b *float32, blocks int){
		{avx2_add, avx2_add_a, avx2_add_b},
		{avx2_sub, avx2_sub_a, avx2_sub_b},
		{avx2_mul, avx2_mul_a, avx2_mul_b},
		{avx2_div, avx2_div_a, avx2_div_b},
	}, avx2_clamp, avx2_sigmoid, avx2_tanh, avx2_hardswish, avx2_erf, avx2_gelu, avx2_top, avx2_exp, avx2_scale}
	return []variant{
		avx512.variant("avx512_16", isa.Has("avx512")),
		avx2.variant("avx2_8", isa.Has("avx2") && isa.Has("fma")),
	}
}

// variant completes blocks by what the reference does with the rest.
func (k kernels) variant(name string, usable bool) variant {
	return variant{
		name, usable, k.zipped, k.clamped,
		k.mapped(k.sigmoid, sigmoid), k.mapped(k.tanh, tanh), k.mapped(k.hardSwish, hardSwish), k.mapped(k.erf, erf), k.mapped(k.gelu, gelu),
		k.most, k.exponentials, k.scaled,
	}
}

// zipped computes y[i] = a[i·sa] op b[i·sb], sa and sb each 0 or 1, not both 0
// for more than the rest.
func (k kernels) zipped(op Op, y, a, b []float32, sa, sb int) {
	n := len(y) / k.lanes
	if n == 0 || sa+sb == 0 {
		row(op, y, a, b, sa, sb)
		return
	}
	kind := 0
	switch {
	case sa == 0:
		kind = 1
	case sb == 0:
		kind = 2
	}
	last := len(y) - 1
	k.zip[op][kind](&y[0], &a[:last*sa+1][0], &b[:last*sb+1][0], n)
	n *= k.lanes
	row(op, y[n:], a[n*sa:], b[n*sb:], sa, sb)
}

func (k kernels) clamped(y, x []float32, lo, hi float32) {
	n := len(x) / k.lanes
	k.clamp(unsafe.SliceData(y[:len(x)]), unsafe.SliceData(x), n, lo, hi)
	n *= k.lanes
	clamp(y[n:], x[n:], lo, hi)
}

func (k kernels) mapped(f func(y, x *float32, blocks int), one func(float32) float32) func(y, x []float32) {
	rest := each(one)
	return func(y, x []float32) {
		n := len(x) / k.lanes
		f(unsafe.SliceData(y[:len(x)]), unsafe.SliceData(x), n)
		n *= k.lanes
		rest(y[n:], x[n:])
	}
}

func (k kernels) most(x []float32) float32 {
	n := len(x) / k.lanes
	return max(k.top(unsafe.SliceData(x), n, float32(math.Inf(-1))), top(x[n*k.lanes:]))
}

func (k kernels) exponentials(y, x []float32, shift float32) float64 {
	n := len(x) / k.lanes
	sum := float64(k.exp(unsafe.SliceData(y[:len(x)]), unsafe.SliceData(x), n, shift))
	n *= k.lanes
	return sum + exp(y[n:], x[n:], shift)
}

func (k kernels) scaled(y []float32, by float32) {
	n := len(y) / k.lanes
	k.scale(unsafe.SliceData(y), n, by)
	scale(y[n*k.lanes:], by)
}
