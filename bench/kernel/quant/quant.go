// Package quant converts between float32 and 8-bit integers: x ≈ s·(q − z)
// with scale s and zero point z (Jacob et al. 2018, §2.1), rounding half to
// even and saturating as ONNX's QuantizeLinear does.
package quant

import (
	"math"

	"assay/bench/kernel/isa"
)

// An Int8 is a quantized element.
type Int8 interface{ uint8 | int8 }

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, op := range []string{"quant.Quantize", "quant.Dequantize", "quant.Dynamic", "quant.Requantize"} {
		rows = append(rows, isa.Row{Operator: op, Variant: "ref_1", Usable: true, Chosen: true})
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

// magic, added to |v| < 2²², leaves v rounded half to even in the low bits of
// the sum's significand.
const magic = 3 << 22

// round rounds v, |v| < 2²², half to even.
func round(v float32) int32 {
	return int32(math.Float32bits(v+magic)) - int32(math.Float32bits(magic))
}

// saturate rounds v to the nearest integer and bounds it; NaN becomes lo.
func saturate(v, lo, hi float32) int32 {
	if !(v > lo) {
		return int32(lo)
	}
	if v > hi {
		return int32(hi)
	}
	return round(v)
}

// Quantize computes y = saturate(round(x/scale) + zero).
func Quantize[T Int8](y []T, x []float32, scale float32, zero T) {
	low, high := Range[T]()
	z := int32(zero)
	lo, hi := float32(low-z), float32(high-z)
	y = y[:len(x)]
	for i, v := range x {
		y[i] = T(saturate(v/scale, lo, hi) + z)
	}
}

// Dequantize computes y = scale·(x − zero).
func Dequantize[T Int8 | int32](y []float32, x []T, scale float32, zero T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = float32(int32(v)-int32(zero)) * scale
	}
}

// Parameters returns the scale and zero point of DynamicQuantizeLinear for x:
// the range of x, widened to hold 0, on 0…255.
func Parameters(x []float32) (scale float32, zero uint8) {
	var lo, hi float32
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo == hi || lo != lo {
		return 1, 0
	}
	scale = (hi - lo) / 255
	return scale, uint8(saturate(-lo/scale, 0, 255))
}

// Requantize finishes rows of n accumulators: y = clamp(round((acc+bias)·scale)
// + zero, lo, hi). bias is nil or has n elements, scale one or n. The product
// is rounded to float32 first, as ONNX Runtime does.
func Requantize[T Int8](y []T, acc, bias []int32, scale []float32, zero, lo, hi int32) {
	flo, fhi := float32(lo-zero), float32(hi-zero)
	y = y[:len(acc)]
	s := scale[0]
	for i, a := range acc {
		if bias != nil {
			a += bias[i]
		}
		if len(scale) > 1 {
			s = scale[i]
		}
		y[i] = T(saturate(float32(float32(a)*s), flo, fhi) + zero)
	}
}

// Scale computes y = clamp((acc+bias)·scale, lo, hi) in float32, with bias and
// scale as in Requantize.
func Scale(y []float32, acc, bias []int32, scale []float32, lo, hi float32) {
	y = y[:len(acc)]
	s := scale[0]
	for i, a := range acc {
		if bias != nil {
			a += bias[i]
		}
		if len(scale) > 1 {
			s = scale[i]
		}
		y[i] = min(max(float32(a)*s, lo), hi)
	}
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

// An Addition is the sum of two quantized tensors on a third grid, as two
// tables of what each operand's byte contributes in steps of the result. B
// holds the constant part too, the zero point included, rounded to float32.
type Addition struct {
	A, B   [256]float64
	Lo, Hi int32
}

// Add computes y = clamp(round(A[a] + B[b])), the sum rounded to float32 once:
// with tables of exact products this is the fused multiply-add of ONNX
// Runtime's AVX2 kernel (MLAS, qladd_avx2.cpp), bit by bit.
func Add[T Int8](t *Addition, y []T, a, b []byte) {
	lo, hi := float32(t.Lo), float32(t.Hi)
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = T(saturate(float32(t.A[a[i]]+t.B[b[i]]), lo, hi))
	}
}
