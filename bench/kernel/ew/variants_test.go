package ew

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var lengths = []int{0, 1, 7, 8, 9, 15, 16, 17, 33, 100}

// floats returns n numbers up to about ±8, specials among them.
func floats(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64() * 4)
		if r.IntN(10) == 0 {
			out[i] = []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-40, 3e38, -3e38}[r.IntN(8)]
		}
	}
	return out
}

func eachVariant(f func(v, ref *variant)) {
	for i := range variants {
		if v := &variants[i]; v.usable {
			f(v, &variants[len(variants)-1])
		}
	}
}

// exactly wants the bits of the reference, 3 guard elements behind n included.
func exactly(t *testing.T, v, ref *variant, what string, n int, f func(v *variant, y []float32)) {
	t.Helper()
	got, want := make([]float32, n+3), make([]float32, n+3)
	f(v, got[:n:n])
	f(ref, want[:n:n])
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
			t.Fatalf("%s %s of %d: y[%d] = %v, want %v", v.name, what, n, i, got[i], want[i])
		}
	}
}

func TestVariants(t *testing.T) {
	eachVariant(func(v, ref *variant) {
		for _, n := range lengths {
			a, b := floats(n+1, 1)[1:], floats(n+1, 2)[1:]
			for _, op := range []Op{Add, Sub, Mul, Div} {
				for _, s := range [][2]int{{1, 1}, {0, 1}, {1, 0}} {
					exactly(t, v, ref, fmt.Sprint("zip ", op, s), n, func(v *variant, y []float32) { v.zip(op, y, a, b, s[0], s[1]) })
				}
			}
			if n > 0 {
				exactly(t, v, ref, "zip of numbers", n, func(v *variant, y []float32) { v.zip(Add, y, a, b, 0, 0) })
			}
			exactly(t, v, ref, "clamp", n, func(v *variant, y []float32) { v.clamp(y, a, 0, 6) })
			exactly(t, v, ref, "hardswish", n, func(v *variant, y []float32) { v.hardSwish(y, a) })
			exactly(t, v, ref, "scale", n, func(v *variant, y []float32) {
				copy(y, a)
				v.scale(y, 0.3)
			})
			exactly(t, v, ref, "top", 1, func(v *variant, y []float32) { y[0] = v.top(a) })
		}
	})
}

// TestFunctions holds Sigmoid, Tanh and the exponential to float64 on a fine
// net of numbers, and to NaN and infinities, with the errors that the package
// tells.
func TestFunctions(t *testing.T) {
	const least, relative = 1.2e-38, 1. / (1 << 21)
	var x []float32
	for i := -1 << 19; i <= 1<<19; i++ {
		x = append(x, float32(i)/(1<<12)) // ±128
	}
	for i := range 100 {
		x = append(x, float32(math.Ldexp(1, -i-10)), -float32(math.Ldexp(1.3, -i-10)))
	}
	x = append(x, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()))
	for len(x)%16 != 0 {
		x = append(x, 1) // so that no special number is left to the reference
	}
	y := make([]float32, len(x))
	check := func(v *variant, what string, f func(y, x []float32), want func(x float64) float64) {
		t.Helper()
		f(y, x)
		worst := 0.0
		for i, a := range x {
			w := want(float64(a))
			e := math.Abs(float64(y[i]) - w)
			if w != w && y[i] == y[i] || w == w && !(e <= least+relative*math.Abs(w)) {
				t.Fatalf("%s %s(%v) = %v, want %v", v.name, what, a, y[i], w)
			}
			if w > 1e-30 {
				worst = max(worst, e/w)
			}
		}
		t.Logf("%s %s: within %.3g", v.name, what, worst)
	}
	eachVariant(func(v, _ *variant) {
		check(v, "sigmoid", v.sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
		check(v, "tanh", v.tanh, math.Tanh)
		check(v, "erf", v.erf, math.Erf)
		check(v, "exp", func(y, x []float32) { // of what Softmax needs: no positive number
			below := make([]float32, len(x))
			for i, a := range x {
				below[i] = -float32(math.Abs(float64(a)))
			}
			v.exp(y, below, 0)
		}, func(x float64) float64 { return math.Exp(-math.Abs(x)) })
	})
}

// TestGelu holds it to float64 within 2⁻²¹ of its argument.
func TestGelu(t *testing.T) {
	eachVariant(func(v, _ *variant) {
		var x []float32
		for i := -1 << 15; i < 1<<15; i++ {
			x = append(x, float32(i)/(1<<11)) // ±16
		}
		x = append(x, 0, 1e-30, -1e-30, 1e30, -1e30, float32(math.Inf(1)), 5, 6)
		y := make([]float32, len(x))
		v.gelu(y, x)
		for i, a := range x {
			w := float64(a) * 0.5 * math.Erfc(-float64(a)/math.Sqrt2)
			if e := math.Abs(float64(y[i]) - w); !(e <= math.Abs(float64(a))/(1<<21)) && float64(y[i]) != w {
				t.Fatalf("%s: gelu(%v) = %v, want %v", v.name, a, y[i], w)
			}
		}
	})
}

// TestSoftmaxError holds rows to the error that the package tells.
func TestSoftmaxError(t *testing.T) {
	for _, n := range []int{1, 10, 16, 100, 1000} {
		r := rand.New(rand.NewPCG(9, uint64(n)))
		x, y := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64() * 8)
		}
		Softmax(y, x, n, false)
		most, sum := float64(top(x)), 0.0
		for _, v := range x {
			sum += math.Exp(float64(v) - most)
		}
		for i, v := range x {
			want := math.Exp(float64(v)-most) / sum
			if bound := (float64(n)/8+32)*math.Ldexp(want, -24) + 1e-37; !(math.Abs(float64(y[i])-want) <= bound) {
				t.Fatalf("row of %d: y[%d] = %v, want %v ± %v", n, i, y[i], want, bound)
			}
		}
	}
	nan := []float32{1, float32(math.NaN()), 3}
	Softmax(nan, nan, 3, false)
	for _, v := range nan {
		if v == v {
			t.Errorf("a row with NaN becomes %v", nan)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	x, y := floats(100, 1), make([]float32, 100)
	r := NewBroadcast([]int{10, 10}, []int{10, 10}, []int{10})
	f := Clamp(0, 6)
	if n := testing.AllocsPerRun(5, func() {
		Map(y, x, f)
		Map(y, x, Sigmoid)
		Zip(r, Add, y, x, x[:10])
		Softmax(y, x, 10, false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkEw takes the activations of a 28×28×64 image.
func BenchmarkEw(b *testing.B) {
	const n = 28 * 28 * 64
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(i%37)/4 - 4
	}
	for i := range variants {
		v := &variants[i]
		for _, op := range []struct {
			name string
			f    func()
		}{
			{"add", func() { v.zip(Add, y, x, x, 1, 1) }},
			{"clamp", func() { v.clamp(y, x, 0, 6) }},
			{"hardswish", func() { v.hardSwish(y, x) }},
			{"sigmoid", func() { v.sigmoid(y, x) }},
			{"tanh", func() { v.tanh(y, x) }},
			{"exp", func() { v.exp(y, x, 4) }},
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
