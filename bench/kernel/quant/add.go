package quant

import "math"

// An Addition is the sum of two quantized tensors on a third grid: y =
// clamp(round(a·ra + (b·rb + fixed)), lo, hi), each part in parentheses rounded
// to float32 once, as the fused multiply-adds of ONNX Runtime's AVX2 kernel do
// (MLAS, qladd_avx2.cpp). a and b are the elements as they are stored; fixed
// holds the zero points' share.
type Addition struct {
	ra, rb, fixed float32
	signA, signB  bool
	lo, hi        float32
	a, b          [256]float64 // what each byte contributes
}

// NewAddition plans an addition of a and b, int8 where signed.
func NewAddition(ra, rb, fixed float32, signedA, signedB bool, lo, hi int32) *Addition {
	t := &Addition{ra: ra, rb: rb, fixed: fixed, signA: signedA, signB: signedB, lo: float32(lo), hi: float32(hi)}
	for i := range 256 {
		t.a[i] = value(i, signedA) * float64(ra)
		t.b[i] = float64(float32(value(i, signedB)*float64(rb) + float64(fixed)))
	}
	return t
}

// value returns what 8-bit pattern i stands for.
func value(i int, signed bool) float64 {
	if signed {
		return float64(int8(i))
	}
	return float64(i)
}

// exact reports whether sums of the tables, rounded to float32, are fused
// multiply-adds bit by bit: all parts are multiples of 2⁻³³ below 2¹⁹, so that
// float64 holds their sums.
func (t *Addition) exact() bool {
	const least, most = 1. / (1 << 10), 1 << 8
	fixed := math.Abs(float64(t.fixed))
	return min(t.ra, t.rb) >= least && max(t.ra, t.rb) <= most && (fixed == 0 || fixed >= least && fixed < 1<<18)
}

// Add computes what t plans for elements of y's length.
func Add[T Int8](t *Addition, y []T, a, b []byte) {
	a, b = a[:len(y)], b[:len(y)]
	if t.signA != t.signB || !t.exact() { // kernels are for operands of one type
		add(t, bytes(y), a, b)
		return
	}
	chosen.add(t, bytes(y), a, b)
}

func add(t *Addition, y, a, b []byte) {
	for i := range y {
		y[i] = byte(saturate(float32(t.a[a[i]]+t.b[b[i]]), t.lo, t.hi))
	}
}
