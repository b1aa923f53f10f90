package compress

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

// A grid says which real numbers the integers of one tensor stand for:
// Scale·(q−Zero), q in [lo, hi] (ONNX, QuantizeLinear).
type grid struct {
	typ    tensor.Type
	lo, hi int
	scale  float32
	zero   int
}

// dead is the widest range that counts as zero; its scale is then deadStep,
// never 0 or NaN, and no product of two scales can leave float32. ONNX
// Runtime's quantizer takes 1, which costs the next layer's bias 8 bits.
const (
	dead     = 1.0 / (1 << 40)
	deadStep = 1.0 / (1 << 8)
)

// limits returns the smallest and largest integer of an 8-bit type.
func limits(t tensor.Type) (lo, hi int) {
	if t == tensor.Uint8 {
		return 0, 255
	}
	return -128, 127
}

// affine returns the grid that covers [low, high] and 0: scale =
// (high−low)/(hi−lo), zero = round(lo − low/scale), ties to even.
func affine(low, high float64, t tensor.Type) grid {
	lo, hi := limits(t)
	low, high = min(low, 0), max(high, 0)
	scale := deadStep
	if high-low > dead {
		scale = (high - low) / float64(hi-lo)
	}
	zero := math.RoundToEven(float64(lo) - low/scale) // before scale is rounded to float32
	return grid{typ: t, lo: lo, hi: hi, scale: float32(scale), zero: int(min(max(zero, float64(lo)), float64(hi)))}
}

// quantize returns saturate(round(x/scale) + zero), ties to even, in float32
// as engines compute it. NaN gives zero.
func (g grid) quantize(x float32) int {
	q := math.RoundToEven(float64(x / g.scale))
	if math.IsNaN(q) {
		return g.zero
	}
	return int(min(max(q+float64(g.zero), float64(g.lo)), float64(g.hi)))
}

// real returns the number that q stands for.
func (g grid) real(q int) float32 { return float32(q-g.zero) * g.scale }

// low and high return the ends of the range that g covers.
func (g grid) low() float64  { return float64(g.real(g.lo)) }
func (g grid) high() float64 { return float64(g.real(g.hi)) }

// pack returns the integers in q as a tensor of g's type.
func pack(t tensor.Type, q []int, shape ...int) tensor.Tensor {
	out := tensor.New(t, shape...)
	for i, v := range q {
		out.Data[i] = byte(v) // two's complement for int8
	}
	return out
}

// finite reports the first NaN or infinity of a float32 tensor; other types
// have none or are not looked at.
func finite(t tensor.Tensor) error {
	if t.Type != tensor.Float32 {
		return nil
	}
	for i, v := range tensor.Of[float32](t) {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("element %d of %v%v is %v", i, t.Type, t.Shape, v)
		}
	}
	return nil
}
