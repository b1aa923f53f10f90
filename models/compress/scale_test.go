package compress

import (
	"math"
	"testing"

	"assay/models/tensor"
)

// Expected values follow ONNX's QuantizeLinear by hand: scale (high−low)/255,
// zero point round(lo − low/scale), the range widened to contain 0.
func TestAffine(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		typ       tensor.Type
		scale     float32
		zero      int
	}{
		{0, 255, tensor.Uint8, 1, 0},
		{0, 255, tensor.Int8, 1, -128},
		{-128, 127, tensor.Int8, 1, 0},
		{-255, 0, tensor.Uint8, 1, 255},
		{10, 255, tensor.Uint8, 1, 0},              // widened down to 0
		{-255, -10, tensor.Int8, 1, 127},           // widened up to 0
		{-1, 1, tensor.Uint8, 2.0 / 255, 128},      // 127.5 → 128, ties to even
		{-1, 1, tensor.Int8, 2.0 / 255, 0},         // −0.5 → 0, ties to even
		{-100.5, 154.5, tensor.Uint8, 1, 100},      // 100.5 → 100, ties to even
		{0, 0, tensor.Uint8, deadStep, 0},          // never 0
		{0, 0, tensor.Int8, deadStep, -128},        // never 0
		{-1e-13, 1e-13, tensor.Uint8, deadStep, 0}, // dead
	} {
		g := affine(c.low, c.high, c.typ)
		if g.scale != c.scale || g.zero != c.zero {
			t.Errorf("affine(%g, %g, %v) = %g, %d; want %g, %d", c.low, c.high, c.typ, g.scale, g.zero, c.scale, c.zero)
		}
		if g.quantize(0) != g.zero || g.real(g.zero) != 0 {
			t.Errorf("affine(%g, %g, %v): 0 is not represented exactly", c.low, c.high, c.typ)
		}
	}
}

func TestQuantize(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	u8, s8 := affine(0, 255, tensor.Uint8), affine(-64, 63.5, tensor.Int8) // scales 1 and ½
	for _, c := range []struct {
		g    grid
		x    float32
		want int
	}{
		{u8, 0.5, 0},
		{u8, 1.5, 2},
		{u8, 2.5, 2},
		{u8, 2.500001, 3}, // ties to even
		{u8, 254.5, 254},
		{u8, 255.5, 255},
		{u8, 1e30, 255},
		{u8, -0.6, 0},
		{u8, inf, 255},
		{u8, -inf, 0}, // saturates
		{s8, 0.25, 0},
		{s8, 0.75, 2},
		{s8, -0.25, 0},
		{s8, -0.75, -2},
		{s8, 64, 127},
		{s8, -65, -128},
		{u8, nan, 0},
	} {
		if got := c.g.quantize(c.x); got != c.want {
			t.Errorf("quantize(%g) at scale %g, zero %d = %d, want %d", c.x, c.g.scale, c.g.zero, got, c.want)
		}
	}
}

func TestCoarse(t *testing.T) {
	for _, c := range [][2]float64{{0, 0}, {1, 1}, {6, 6}, {255, 255}, {256, 256}, {257, 258}, {-257, -258}, {1.001, 1 + 1.0/128}, {5.99, 6}} {
		if got := coarse(c[0]); got != c[1] {
			t.Errorf("coarse(%g) = %g, want %g", c[0], got, c[1])
		}
	}
}

// TestSymmetric checks weights and biases by hand at input scale ½.
func TestSymmetric(t *testing.T) {
	w := &weights{value: []float32{1, -2, 4, 0, 0, 0, 1e-20, 0, 0}, shape: []int{3, 3}, bias: []float32{8, 3, 2}}
	q, scales := w.symmetric(0.5, 64)
	want := []int{16, -32, 64, 0, 0, 0, 0, 0, 0}
	for i := range want {
		if q[i] != want[i] {
			t.Errorf("q = %v, want %v", q, want)
			break
		}
	}
	if scales[0] != 4.0/64 {
		t.Errorf("scale of channel 0 is %g, want 1/16", scales[0])
	}
	ints, at := w.intBias(0.5, scales)
	if at[0] != 1.0/32 || ints[0] != 256 {
		t.Errorf("bias of channel 0 is %d at %g, want 256 at 1/32", ints[0], at[0])
	}
	for c, b := range w.bias { // dead and near-dead channels keep their bias
		if got := float64(ints[c]) * float64(at[c]); math.Abs(got-float64(b)) > 1e-6*float64(b) {
			t.Errorf("bias of channel %d is %g, want %g", c, got, b)
		}
		if ints[c] > biasRoom || ints[c] < -biasRoom {
			t.Errorf("bias of channel %d is %d: a sum could overflow", c, ints[c])
		}
	}
}

// TestSymmetricAxis checks that columns have their own scales.
func TestSymmetricAxis(t *testing.T) {
	w := &weights{value: []float32{1, 10, 100, -0.5, -5, -50}, shape: []int{2, 3}, axis: 1}
	q, scales := w.symmetric(1, 127)
	for c, want := range []float32{1.0 / 127, 10.0 / 127, 100.0 / 127} {
		if scales[c] != want || q[c] != 127 || q[3+c] != -64 { // −63.5, ties to even
			t.Errorf("column %d: %d, %d at %g; want 127, -64 at %g", c, q[c], q[3+c], scales[c], want)
		}
	}
}

// TestExtremes looks for a scale of 0, a NaN or an infinity over the whole
// range of float32, where products of scales could leave it.
func TestExtremes(t *testing.T) {
	sizes := []float32{0, math.SmallestNonzeroFloat32, 1e-38, 1e-30, 1e-10, 1, 1e10, 1e30, math.MaxFloat32}
	for _, act := range sizes {
		g := affine(-float64(act), float64(act), tensor.Uint8)
		for _, size := range sizes {
			for _, b := range []float32{0, 1e-38, 1, 1e6} {
				w := &weights{value: []float32{size, -size / 2}, shape: []int{1, 2}, bias: []float32{b}}
				q, scales := w.symmetric(g.scale, 127)
				ints, at := w.intBias(g.scale, scales)
				for _, s := range []float32{g.scale, scales[0], at[0]} {
					if !(s > 0) || math.IsInf(float64(s), 0) && float64(act)*float64(size) < 1e38 {
						t.Errorf("activations ±%g, weights ±%g, bias %g: scales %g, %g, %g", act, size, b, g.scale, scales[0], at[0])
					}
				}
				if q[0] > 127 || q[1] < -127 || ints[0] > biasRoom+128 || ints[0] < 0 {
					t.Errorf("activations ±%g, weights ±%g, bias %g: integers %v, %v", act, size, b, q, ints)
				}
			}
		}
	}
}
