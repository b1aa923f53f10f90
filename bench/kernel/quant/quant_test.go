package quant

import (
	"math"
	"testing"
)

// quantized is QuantizeLinear's formula in float64 for scales that divide exactly.
func quantized(x, scale float64, zero, lo, hi int32) int32 {
	return int32(min(max(math.RoundToEven(x/scale)+float64(zero), float64(lo)), float64(hi)))
}

func TestQuantize(t *testing.T) {
	var x []float32
	for i := -700; i <= 700; i++ {
		x = append(x, float32(i)/4) // halves and quarters of a step of 0.5
	}
	x = append(x, float32(math.Inf(1)), float32(math.Inf(-1)), 3e38, -3e38, 1e-40)
	u, s := make([]uint8, len(x)), make([]int8, len(x))
	Quantize(u, x, 0.5, 77)
	Quantize(s, x, 0.5, -3)
	for i, v := range x {
		if want := quantized(float64(v), 0.5, 77, 0, 255); int32(u[i]) != want {
			t.Errorf("uint8 of %v is %d, want %d", v, u[i], want)
		}
		if want := quantized(float64(v), 0.5, -3, -128, 127); int32(s[i]) != want {
			t.Errorf("int8 of %v is %d, want %d", v, s[i], want)
		}
	}
	Quantize(u[:1], []float32{float32(math.NaN())}, 1, 9)
	if u[0] != 0 {
		t.Errorf("NaN becomes %d, want the least value", u[0])
	}
}

func TestDequantize(t *testing.T) {
	y := make([]float32, 3)
	Dequantize(y, []int8{-128, 0, 127}, 0.5, 127)
	for i, want := range []float32{-127.5, -63.5, 0} {
		if y[i] != want {
			t.Errorf("y[%d] = %v, want %v", i, y[i], want)
		}
	}
	Dequantize(y[:1], []int32{-70000}, 0.25, 0)
	if y[0] != -17500 {
		t.Errorf("got %v", y[0])
	}
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		x     []float32
		scale float32
		zero  uint8
	}{
		{nil, 1, 0},
		{[]float32{0, 0}, 1, 0},
		{[]float32{0, 255}, 1, 0},
		{[]float32{-255, -1}, 1, 255},
		{[]float32{-10, 245}, 1, 10},
		// the example of the operator's specification
		{[]float32{0, 2, -3, -2.5, 1.34, 0.5}, 0.019607844, 153},
	} {
		scale, zero := Parameters(c.x)
		if scale != c.scale || zero != c.zero {
			t.Errorf("Parameters(%v) = %v, %d; want %v, %d", c.x, scale, zero, c.scale, c.zero)
		}
	}
}

func TestRequantize(t *testing.T) {
	acc, bias, scale := []int32{5, -5, 1000, -1000, 3}, []int32{0, 0, 1, -1, 2}, []float32{0.5, 0.5, 1, 1, 0.125}
	s := make([]int8, 5)
	Requantize(s, acc, bias, scale, 1, -128, 127)
	for i, want := range []int8{3, -1, 127, -128, 2} { // 2.5 → 2, −2.5 → −2, 0.625 → 1
		if s[i] != want {
			t.Errorf("s[%d] = %d, want %d", i, s[i], want)
		}
	}
	u := make([]uint8, 5)
	Requantize(u, acc, nil, scale[:1], 10, 10, 40) // a fused Relu6-like clamp
	for i, want := range []uint8{12, 10, 40, 10, 12} {
		if u[i] != want {
			t.Errorf("u[%d] = %d, want %d", i, u[i], want)
		}
	}
	f := make([]float32, 5)
	Scale(f, acc, bias, scale, 0, 6)
	for i, want := range []float32{2.5, 0, 6, 0, 0.625} {
		if f[i] != want {
			t.Errorf("f[%d] = %v, want %v", i, f[i], want)
		}
	}
}

func TestAdd(t *testing.T) {
	tab := Addition{Lo: -128, Hi: 127}
	for i := range 256 {
		tab.A[i], tab.B[i] = float64(int8(i)), float64(i)/2-1 // zero point −1
	}
	y := make([]int8, 3)
	Add(&tab, y, []byte{255, 100, 128}, []byte{1, 200, 0}) // −1 + 0.5 − 1 = −1.5 is rounded to even
	for i, want := range []int8{-2, 127, -128} {
		if y[i] != want {
			t.Errorf("y[%d] = %d, want %d", i, y[i], want)
		}
	}
}
