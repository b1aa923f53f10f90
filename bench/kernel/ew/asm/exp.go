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
		const less, limit = 1, 0.625 * 0.625
		if v.Lanes == 16 {
			small := K()
			VCMPPS(Imm(less), asm.Const(limit), square, small)
			VMOVUPS(near, small, p)
		} else {
			small := v.New()
			VCMPPS(Imm(less), asm.Const(limit), square, small)
			VBLENDVPS(small, near, p, p)
		}
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
