// Package quant converts between float32 and 8-bit integers: x ≈ s·(q − z)
// with scale s and zero point z (Jacob et al. 2018, §2.1), rounding half to
// even and saturating as ONNX's QuantizeLinear does. All implementations agree
// bit for bit.
package quant

import (
	"math"
	"unsafe"

	"assay/bench/kernel/isa"
)

// An Int8 is a quantized element.
type Int8 interface{ uint8 | int8 }

// A variant is one implementation of every operator. Quantized elements are
// bytes; signed says that they are int8.
type variant struct {
	name       string // <isa>_<elements at once>
	usable     bool
	quantize   func(y []byte, x []float32, scale float32, zero, lo, hi int32)
	dequantize func(y []float32, x []byte, signed bool, scale float32, zero int32)
	extent     func(x []float32) (lo, hi float32) // NaN where x holds one
	requantize func(y []byte, acc, bias []int32, scale []float32, zero, lo, hi int32)
	scale      func(y []float32, acc, bias []int32, scale, shift []float32, lo, hi float32)
	add        func(t *Addition, y, a, b []byte)
}

// variants lists every implementation in this build, best first.
var variants = append(archVariants(), variant{"ref_1", true, quantize, dequantize, extent, requantize, scaled, add})

var chosen = isa.First(variants, func(v *variant) bool { return v.usable })

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, op := range []string{"quant.Quantize", "quant.Dequantize", "quant.Dynamic", "quant.Requantize", "quant.Scale", "quant.Add"} {
		rows = append(rows, isa.Rows(op, len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })...)
	}
	return rows
}

// Range returns the least and the greatest T.
func Range[T Int8]() (lo, hi int32) {
	if ^T(0) < 0 {
		return math.MinInt8, math.MaxInt8
	}
	return 0, math.MaxUint8
}

func bytes[T Int8](x []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// Quantize computes y = saturate(round(x/scale) + zero); NaN becomes the
// least T.
func Quantize[T Int8](y []T, x []float32, scale float32, zero T) {
	lo, hi := Range[T]()
	chosen.quantize(bytes(y[:len(x)]), x, scale, int32(zero), lo, hi)
}

// Dequantize computes y = scale·(x − zero).
func Dequantize[T Int8](y []float32, x []T, scale float32, zero T) {
	lo, _ := Range[T]()
	chosen.dequantize(y[:len(x)], bytes(x), lo < 0, scale, int32(zero))
}

// Dequantize32 is Dequantize for int32, as biases are kept: they are folded
// where a model is loaded, so that there is one implementation.
func Dequantize32(y []float32, x []int32, scale float32, zero int32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = float32(v-zero) * scale
	}
}

// Parameters returns the scale and zero point of DynamicQuantizeLinear for x:
// the range of x, widened to hold 0, on 0…255.
func Parameters(x []float32) (scale float32, zero uint8) {
	lo, hi := chosen.extent(x)
	if lo == hi || lo != lo {
		return 1, 0
	}
	scale = (hi - lo) / 255
	return scale, uint8(saturate(-lo/scale, 0, 255))
}

// Requantize finishes rows of sums: y = clamp(round((acc+bias)·scale) + zero,
// lo, hi). A row has as many elements as bias and scale have. The product is
// rounded to float32 first, as ONNX Runtime does.
func Requantize[T Int8](y []T, acc, bias []int32, scale []float32, zero, lo, hi int32) {
	chosen.requantize(bytes(y[:len(acc)]), acc, bias[:len(scale)], scale, zero, lo, hi)
}

// Scale finishes rows of sums in float32: y = clamp((acc+bias)·scale + shift,
// lo, hi), every operation rounded. NaN stays NaN.
func Scale(y []float32, acc, bias []int32, scale, shift []float32, lo, hi float32) {
	chosen.scale(y[:len(acc)], acc, bias[:len(scale)], scale, shift[:len(scale)], lo, hi)
}

// A Lookup maps every 8-bit pattern to an 8-bit result.
type Lookup [256]byte

// Map applies the table.
func (t *Lookup) Map(y, x []byte) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = t[v]
	}
}
