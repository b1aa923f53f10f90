package main

import (
	"assay/bench/kernel/asm"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// exponential computes eˣ as 2ⁿ·eʳ with a polynomial for |r| ≤ ln 2 / 2 (S.
// Moshier, Cephes, expf.c), x bounded to what has a normal result.
type exponential struct {
	asm.Set
	lo, hi VecVirtual
}

func newExponential(v asm.Set) exponential {
	return exponential{v, v.Constant(-87.33), v.Constant(88.37)}
}

// of returns e to the power x; x is lost. A NaN stays one.
func (e exponential) of(x VecVirtual) VecVirtual {
	n, p, square := e.New(), e.New(), e.New()
	VMAXPS(x, e.lo, x)
	VMINPS(x, e.hi, x)
	const magic = 3 << 22 // added, leaves an integer in the significand
	VMOVUPS(asm.Const(1.44269504088896341), n)
	VFMADD213PS(asm.Const(magic), x, n)
	VSUBPS(asm.Const(magic), n, n)
	VFNMADD231PS(asm.Const(0.693359375), n, x) // ln 2 in two parts
	VFNMADD231PS(asm.Const(-2.12194440e-4), n, x)
	VMOVUPS(asm.Const(1.9875691500e-4), p)
	for _, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		VFMADD213PS(asm.Const(c), x, p)
	}
	VMULPS(x, x, square)
	VFMADD213PS(x, square, p)
	VADDPS(asm.Const(1), p, p)
	VCVTPS2DQ(n, n)
	VPSLLD(Imm(23), n, n)
	VPADDD(n, p, p)
	return p
}

func sigmoid(v asm.Set) func(x VecVirtual) VecVirtual {
	e, zero, one := newExponential(v), v.Zeros(1)[0], v.Constant(1)
	return func(x VecVirtual) VecVirtual {
		VSUBPS(x, zero, x)
		p := e.of(x)
		VADDPS(one, p, p)
		VDIVPS(p, one, p)
		return p
	}
}

// tanh is 1 − 2/(e²ˣ + 1), and below 0.625, where that cancels, a polynomial
// (Cephes, tanhf.c).
func tanh(v asm.Set) func(x VecVirtual) VecVirtual {
	e, one := newExponential(v), v.Constant(1)
	return func(x VecVirtual) VecVirtual {
		square, near, double := v.New(), v.New(), v.New()
		VMULPS(x, x, square)
		VMOVUPS(asm.Const(-5.70498872745e-3), near)
		for _, c := range []float32{2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
			VFMADD213PS(asm.Const(c), square, near)
		}
		VMULPS(square, near, near)
		VFMADD213PS(x, x, near)
		VADDPS(x, x, double)
		p := e.of(double)
		VADDPS(one, p, p)
		VDIVPS(p, one, p)
		VADDPS(p, p, p)
		VSUBPS(p, one, p)
		where(v, square, asm.Const(0.625*0.625), near, p)
		return p
	}
}

// where replaces p by q wherever x < limit.
func where(v asm.Set, x VecVirtual, limit Op, q, p VecVirtual) {
	const less = 1
	if v.Lanes == 16 {
		small := K()
		VCMPPS(Imm(less), limit, x, small)
		VMOVUPS(q, small, p)
		return
	}
	small := v.New()
	VCMPPS(Imm(less), limit, x, small)
	VBLENDVPS(small, q, p, p)
}

// erf is 1 − e^(−x²)·p(1/(1 + 0.3275911·|x|)) with the sign of x (Abramowitz
// and Stegun 1964, 7.1.26), and below 1, where its relative error is larger, an
// odd polynomial (Cephes, ndtrf.c).
func erf(v asm.Set) func(x VecVirtual) VecVirtual {
	e, zero, one := newExponential(v), v.Zeros(1)[0], v.Constant(1)
	return func(x VecVirtual) VecVirtual {
		square, near, t, p := v.New(), v.New(), v.New(), v.New()
		VMULPS(x, x, square)
		VMOVUPS(asm.Const(7.853861353153693e-5), near)
		for _, c := range []float32{-8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2, 1.128358514861418e-1, -3.761262582423300e-1, 1.128379165726710} {
			VFMADD213PS(asm.Const(c), square, near)
		}
		VMULPS(x, near, near)
		VSUBPS(x, zero, t)
		VMAXPS(x, t, t) // |x|
		VMULPS(asm.Const(0.3275911), t, t)
		VADDPS(one, t, t)
		VDIVPS(t, one, t)
		VMOVUPS(asm.Const(1.061405429), p)
		for _, c := range []float32{-1.453152027, 1.421413741, -0.284496736, 0.254829592} {
			VFMADD213PS(asm.Const(c), t, p)
		}
		VMULPS(t, p, p)
		VSUBPS(square, zero, t)
		VFNMADD213PS(one, e.of(t), p)
		VSUBPS(p, zero, t)
		where(v, x, zero, t, p)
		where(v, square, one, near, p)
		return p
	}
}

// gelu is x·½·(1 + erf(x/√2)) (Hendrycks and Gimpel 2016).
func gelu(v asm.Set) func(x VecVirtual) VecVirtual {
	f := erf(v)
	return func(x VecVirtual) VecVirtual {
		t := v.New()
		VMULPS(asm.Const(0.70710678118654752), x, t)
		p := f(t)
		VADDPS(asm.Const(1), p, p)
		VMULPS(asm.Const(0.5), p, p)
		VMULPS(x, p, p)
		return p
	}
}

func hardSwish(v asm.Set) func(x VecVirtual) VecVirtual {
	zero := v.Zeros(1)[0]
	return func(x VecVirtual) VecVirtual {
		t := v.New()
		VDIVPS(asm.Const(6), x, t)
		VADDPS(asm.Const(0.5), t, t)
		VMINPS(asm.Const(1), t, t)
		VMAXPS(zero, t, t)
		VMULPS(x, t, t)
		return t
	}
}
