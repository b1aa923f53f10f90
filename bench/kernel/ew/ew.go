// Package ew computes element by element: activations, arithmetic with
// broadcasting, reductions of rows. Its loops are bound by memory; they are
// plain Go in every build.
package ew

import (
	"math"

	"assay/bench/kernel/isa"
)

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, op := range []string{"ew.Map", "ew.Zip", "ew.Softmax"} {
		rows = append(rows, isa.Row{Operator: op, Variant: "ref_1", Usable: true, Chosen: true})
	}
	return rows
}

// Unary is an elementwise function of one float32.
type Unary func(float32) float32

// Map computes y[i] = f(x[i]).
func Map(y, x []float32, f Unary) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] = f(v)
	}
}

// Clamp returns min(max(x, lo), hi); NaN stays NaN.
func Clamp(lo, hi float32) Unary {
	return func(v float32) float32 {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		return v
	}
}

// LeakyRelu returns x where it is not negative, alpha·x where it is.
func LeakyRelu(alpha float32) Unary {
	return func(v float32) float32 {
		if v < 0 {
			return alpha * v
		}
		return v
	}
}

// Sigmoid returns 1/(1+e⁻ˣ).
func Sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }

// Tanh returns the hyperbolic tangent.
func Tanh(v float32) float32 { return float32(math.Tanh(float64(v))) }

// HardSigmoid returns max(0, min(1, alpha·x + beta)).
func HardSigmoid(alpha, beta float32) Unary {
	return func(v float32) float32 { return max(0, min(1, alpha*v+beta)) }
}

// HardSwish returns x·HardSigmoid(x) with alpha 1/6 and beta 1/2 (Howard et
// al. 2019, MobileNetV3, §5.2).
func HardSwish(v float32) float32 { return v * max(0, min(1, v/6+0.5)) }

// Softmax computes the softmax of every row of n elements, in place allowed;
// its logarithm where log is set.
func Softmax(y, x []float32, n int, log bool) {
	for len(x) >= n && n > 0 {
		row, out := x[:n], y[:n]
		top := row[0]
		for _, v := range row {
			top = max(top, v)
		}
		var sum float64
		for i, v := range row {
			e := math.Exp(float64(v - top))
			sum += e
			out[i] = float32(e)
		}
		if log {
			shift := float64(top) + math.Log(sum)
			for i, v := range row {
				out[i] = float32(float64(v) - shift)
			}
		} else {
			inv := 1 / sum
			for i := range out {
				out[i] = float32(float64(out[i]) * inv)
			}
		}
		x, y = x[n:], y[n:]
	}
}
