package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

// floats returns n numbers around ±200 with halves of a step of 0.5, NaN,
// infinities and zeros of both signs among them; n decides which.
func floats(n int, special bool) []float32 {
	r := rand.New(rand.NewPCG(3, uint64(n)))
	out := make([]float32, n)
	for i := range out {
		switch r.IntN(8) {
		case 0:
			out[i] = float32(r.IntN(1600)-800) / 4
		case 1:
			if special {
				out[i] = []float32{nan, inf, -inf, 3e38, -3e38, 1e-40, float32(math.Copysign(0, -1))}[r.IntN(7)]
			}
		default:
			out[i] = float32(r.NormFloat64() * 80)
		}
	}
	return out
}

func patterns(n int) []byte {
	r := rand.New(rand.NewPCG(4, uint64(n)))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// sums returns n sums, the extremes among them.
func sums(n int) []int32 {
	r := rand.New(rand.NewPCG(5, uint64(n)))
	out := make([]int32, n)
	for i := range out {
		switch r.IntN(6) {
		case 0:
			out[i] = []int32{math.MaxInt32, math.MinInt32, 0, -1, 16777217, 5}[r.IntN(6)]
		default:
			out[i] = int32(r.IntN(1<<18) - 1<<17)
		}
	}
	return out
}

// same compares what a variant and the reference wrote, 3 guard elements
// behind n included.
func same[T comparable](t *testing.T, v *variant, what string, n int, f func(v *variant, y []T)) {
	t.Helper()
	got, want := make([]T, n+3), make([]T, n+3)
	f(v, got[:n:n])
	f(&variants[len(variants)-1], want[:n:n])
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s %s of %d: y[%d] = %v, want %v", v.name, what, n, i, got[i], want[i])
		}
	}
}

// bits are compared instead of floats, so that NaN equals itself.
func bits(y []float32, out []uint32) {
	for i, v := range y {
		out[i] = math.Float32bits(v)
		if v != v {
			out[i] = 1<<32 - 1
		}
	}
}

var lengths = []int{0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100}

// TestVariants holds every variant to the reference bit by bit.
func TestVariants(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, n := range lengths {
			checkElements(t, v, n)
			checkAdd(t, v, n)
			for _, rows := range []int{1, 2, 5} {
				checkRows(t, v, rows, n)
			}
		}
	}
}

func checkElements(t *testing.T, v *variant, n int) {
	t.Helper()
	x, q := floats(n+1, true)[1:], patterns(n + 1)[1:]
	for _, zero := range []int32{0, 77, 127, -128} {
		for _, scale := range []float32{0.5, 1, 0.013, 1e-30} {
			same(t, v, "quantize", n, func(v *variant, y []byte) { v.quantize(y, x, scale, zero&255, 0, 255) })
			same(t, v, "quantize", n, func(v *variant, y []byte) { v.quantize(y, x, scale, zero, -128, 127) })
			for _, signed := range []bool{false, true} {
				same(t, v, "dequantize", n, func(v *variant, out []uint32) {
					y := make([]float32, n)
					v.dequantize(y, q, signed, scale, zero)
					bits(y, out)
				})
			}
		}
	}
	for _, special := range []bool{false, true} {
		same(t, v, "extent", 2, func(v *variant, out []uint32) {
			lo, hi := v.extent(floats(n, special))
			bits([]float32{lo + 0, hi + 0}, out) // −0 + 0 is 0
		})
	}
	for k := range n { // one NaN, anywhere
		x := floats(n, false)
		x[k] = nan
		if lo, hi := v.extent(x); lo == lo || hi == hi {
			t.Fatalf("%s extent of %d: NaN at %d is lost", v.name, n, k)
		}
	}
}

func checkRows(t *testing.T, v *variant, rows, n int) {
	t.Helper()
	acc, bias, scale := sums(rows*n), sums(n + 1)[1:], make([]float32, n)
	for i := range scale {
		scale[i] = []float32{0.5, 0.001, 1, 3e38, 1e-45}[i%5]
	}
	for _, c := range [][3]int32{{0, -128, 127}, {-3, -100, 6}, {128, 0, 255}, {10, 10, 40}} { // zero, lo, hi
		same(t, v, "requantize", rows*n, func(v *variant, y []byte) { v.requantize(y, acc, bias, scale, c[0], c[1], c[2]) })
	}
	for _, c := range [][2]float32{{-inf, inf}, {0, 6}} {
		same(t, v, "scale", rows*n, func(v *variant, out []uint32) {
			y := make([]float32, rows*n)
			v.scale(y, acc, bias, scale, floats(n, true), c[0], c[1])
			bits(y, out)
		})
	}
}

func checkAdd(t *testing.T, v *variant, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(6, uint64(n)))
	for range 50 {
		// Ratios of 2⁻⁶ to 2⁶, where exact holds.
		ra, rb := float32(math.Exp2(r.Float64()*12-6)), float32(math.Exp2(r.Float64()*12-6))
		fixed := float32(r.NormFloat64() * 100)
		for _, signed := range []bool{false, true} {
			lo, hi := int32(0), int32(255)
			if signed {
				lo, hi = -128, 127
			}
			tab := NewAddition(ra, rb, fixed, signed, signed, lo, hi)
			if !tab.exact() {
				t.Fatalf("%v, %v, %v are not exact", ra, rb, fixed)
			}
			a, b := patterns(n), patterns(n + 1)[1:]
			same(t, v, "add", n, func(v *variant, y []byte) { v.add(tab, y, a, b) })
		}
	}
}

// quantized is QuantizeLinear's formula in float64 for scales that divide exactly.
func quantized(x, scale float64, zero, lo, hi int32) int32 {
	return int32(min(max(math.RoundToEven(x/scale)+float64(zero), float64(lo)), float64(hi)))
}

func TestQuantize(t *testing.T) {
	var x []float32
	for i := -700; i <= 700; i++ {
		x = append(x, float32(i)/4) // halves and quarters of a step of 0.5
	}
	x = append(x, inf, -inf, 3e38, -3e38, 1e-40)
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
	Quantize(u[:1], []float32{nan}, 1, 9)
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
	Dequantize32(y[:1], []int32{-70000}, 0.25, 0)
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
		{append(make([]float32, 20), nan), 1, 0},
		{append([]float32{nan}, make([]float32, 40)...), 1, 0},
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
	Requantize(u, acc, []int32{0}, scale[:1], 10, 10, 40) // five rows, a fused Relu6-like clamp
	for i, want := range []uint8{12, 10, 40, 10, 12} {
		if u[i] != want {
			t.Errorf("u[%d] = %d, want %d", i, u[i], want)
		}
	}
	f := make([]float32, 5)
	Scale(f, acc, bias, scale, []float32{0, 3, 0, 0, 1}, 0, 6)
	for i, want := range []float32{2.5, 0.5, 6, 0, 1.625} {
		if f[i] != want {
			t.Errorf("f[%d] = %v, want %v", i, f[i], want)
		}
	}
}

func TestAdd(t *testing.T) {
	tab := NewAddition(1, 0.5, -1, true, false, -128, 127) // the constant part is −1
	y := make([]int8, 3)
	Add(tab, y, []byte{255, 100, 128}, []byte{1, 200, 0}) // −1 + 0.5 − 1 = −1.5 is rounded to even
	if want := []int8{-2, 127, -128}; !slices.Equal(y, want) {
		t.Errorf("y = %d, want %d", y, want)
	}
	if NewAddition(1e-6, 1, 0, true, true, -128, 127).exact() {
		t.Error("a ratio of 1e-6 is said to be exact")
	}
}

func TestNoAllocation(t *testing.T) {
	x, q, y, bias, scale := floats(100, true), patterns(100), make([]uint8, 100), sums(10), make([]float32, 10)
	acc, tab := sums(100), NewAddition(1, 0.5, -1, false, false, 0, 255)
	if n := testing.AllocsPerRun(5, func() {
		Quantize(y, x, 0.5, 3)
		Dequantize(x, q, 0.5, 3)
		Parameters(x)
		Requantize(y, acc, bias, scale, 0, 0, 255)
		Scale(x, acc, bias, scale, scale, 0, 6)
		Add(tab, y, q, q)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkInt8 takes 12,544 elements, as many as 14×14×64 have.
func BenchmarkInt8(b *testing.B) {
	const n, channels = 28 * 28 * 16, 64
	x, y, q, acc := floats(n, false), make([]byte, n), patterns(n), sums(n)
	bias, scale, tab := sums(channels), make([]float32, channels), NewAddition(0.7, 0.4, 3, false, false, 0, 255)
	for i := range variants {
		v := &variants[i]
		for _, op := range []struct {
			name string
			f    func()
		}{
			{"quantize", func() { v.quantize(y, x, 0.5, 3, 0, 255) }},
			{"dequantize", func() { v.dequantize(x, q, false, 0.5, 3) }},
			{"extent", func() { v.extent(x) }},
			{"requantize", func() { v.requantize(y, acc, bias, scale, 3, 0, 255) }},
			{"scale", func() { v.scale(x, acc, bias, scale, scale, 0, 6) }},
			{"add", func() { v.add(tab, y, q, q) }},
		} {
			b.Run("impl="+v.name+"/op="+op.name, func(b *testing.B) {
				if !v.usable {
					b.Skip("not supported by this CPU")
				}
				for b.Loop() {
					op.f()
				}
				b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gelements/s")
			})
		}
	}
}
