// Package ew computes element by element: activations, arithmetic with
// broadcasting, reductions of rows. Arithmetic, bounds and HardSwish agree in
// all implementations bit for bit. Sigmoid, Tanh, Erf, GELU and Softmax are
// computed by float32 polynomials in assembly, with the errors that their tests
// hold: Sigmoid, Tanh and Erf within 2⁻²¹ of the value, GELU within 2⁻²¹ of its
// argument, Softmax of n elements within
// (n/8 + 32)·2⁻²⁴ of it, or 1.2·10⁻³⁸, below which it does not fall.
package ew

import (
	"math"

	"assay/bench/kernel/isa"
)

// A variant is one implementation of what is vectorised.
type variant struct {
	name                     string // <isa>_<elements at once>
	usable                   bool
	zip                      func(op Op, y, a, b []float32, sa, sb int) // as row
	clamp                    func(y, x []float32, lo, hi float32)
	sigmoid, tanh, hardSwish func(y, x []float32)
	erf, gelu                func(y, x []float32)
	top                      func(x []float32) float32                   // NaN apart
	exp                      func(y, x []float32, shift float32) float64 // y = exp(x − shift), and its sum
	scale                    func(y []float32, by float32)
}

// variants lists every implementation in this build, best first.
var variants = append(archVariants(), variant{"ref_1", true, row[float32], clamp, each(sigmoid), each(tanh), each(hardSwish), each(erf), each(gelu), top, exp, scale})

var chosen = isa.First(variants, func(v *variant) bool { return v.usable })

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, op := range []string{"ew.Map", "ew.Zip", "ew.Softmax"} {
		rows = append(rows, isa.Rows(op, len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })...)
	}
	return rows
}

// Scale computes y[i] = x[i]·by.
func Scale(y, x []float32, by float32) {
	copy(y, x[:len(y)])
	chosen.scale(y, by)
}

// Softmax computes the softmax of every row of n elements, in place allowed;
// its logarithm where log is set.
func Softmax(y, x []float32, n int, log bool) {
	for len(x) >= n && n > 0 {
		row, out := x[:n], y[:n]
		if log {
			logSoftmax(out, row)
		} else {
			chosen.scale(out, float32(1/chosen.exp(out, row, chosen.top(row))))
		}
		x, y = x[n:], y[n:]
	}
}

// logSoftmax works in float64: its results are differences.
func logSoftmax(y, x []float32) {
	most := top(x)
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v - most))
	}
	shift := float64(most) + math.Log(sum)
	for i, v := range x {
		y[i] = float32(float64(v) - shift)
	}
}
