package ew

import "math"

// A Unary is an elementwise function of one float32.
type Unary struct {
	at     func(float32) float32
	slice  func(y, x []float32) // of many at once; nil for clamps
	lo, hi float32              // of a clamp
}

// At returns f(v).
func (f Unary) At(v float32) float32 { return f.at(v) }

// Map computes y[i] = f(x[i]).
func Map(y, x []float32, f Unary) {
	x = x[:len(y)]
	if f.slice == nil {
		chosen.clamp(y, x, f.lo, f.hi)
		return
	}
	f.slice(y, x)
}

// Of returns f as a Unary; it has no assembly.
func Of(f func(float32) float32) Unary { return Unary{at: f, slice: each(f)} }

// The functions without parameters. HardSwish is x·HardSigmoid(x) with alpha
// 1/6 and beta 1/2 (Howard et al. 2019, MobileNetV3, §5.2), Gelu x·(1 +
// erf(x/√2))/2 (Hendrycks and Gimpel 2016).
var (
	Sigmoid   = Unary{at: sigmoid, slice: chosen.sigmoid}
	Tanh      = Unary{at: tanh, slice: chosen.tanh}
	HardSwish = Unary{at: hardSwish, slice: chosen.hardSwish}
	Erf       = Unary{at: erf, slice: chosen.erf}
	Gelu      = Unary{at: gelu, slice: chosen.gelu}
)

// Clamp returns min(max(x, lo), hi); NaN stays NaN.
func Clamp(lo, hi float32) Unary {
	return Unary{lo: lo, hi: hi, at: func(v float32) float32 { return bounded(v, lo, hi) }}
}

// LeakyRelu returns x where it is not negative, alpha·x where it is.
func LeakyRelu(alpha float32) Unary {
	return Of(func(v float32) float32 {
		if v < 0 {
			return alpha * v
		}
		return v
	})
}

// HardSigmoid returns max(0, min(1, alpha·x + beta)).
func HardSigmoid(alpha, beta float32) Unary {
	return Of(func(v float32) float32 { return max(0, min(1, float32(alpha*v)+beta)) })
}

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }

func tanh(v float32) float32 { return float32(math.Tanh(float64(v))) }

func hardSwish(v float32) float32 { return v * max(0, min(1, v/6+0.5)) }

func erf(v float32) float32 { return float32(math.Erf(float64(v))) }

func gelu(v float32) float32 {
	return float32(float64(v) * (0.5 + 0.5*math.Erf(float64(v)/math.Sqrt2)))
}
