package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var shapes = [][3]int{ // m, n, k of layers of ResNet-8 at 28×28, of MobileNetV2's head and of an MLP
	{784, 16, 144}, {196, 32, 288}, {49, 64, 576}, {49, 192, 48}, {1, 128, 784},
}

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

const (
	guard = 12345
	pad   = 3 // elements between the rows of C
)

// run multiplies with v into a padded c and checks that nothing else is written.
func run(t *testing.T, v *variant, a, b []float32, m, n, k int, trans bool, ep Epilogue) []float32 {
	t.Helper()
	ldc := n + pad
	c := make([]float32, m*ldc+5)
	for i := range c {
		c[i] = guard
	}
	packed := make([]float32, (n+v.nr-1)/v.nr*v.nr*k+2)
	packed[len(packed)-1], packed[len(packed)-2] = guard, guard
	pack(packed[:len(packed)-2], b, k, n, v.nr, trans)
	if packed[len(packed)-1] != guard || packed[len(packed)-2] != guard {
		t.Errorf("%s: pack wrote beyond its end", v.name)
	}
	v.f(c, ldc, A{Data: a, Stride: k}, packed[:len(packed)-2], m, n, k, ep)
	out := make([]float32, 0, m*n)
	for i := range m {
		out = append(out, c[i*ldc:][:n]...)
		for _, g := range c[i*ldc+n:][:pad] {
			if g != guard {
				t.Fatalf("%s: wrote beyond row %d", v.name, i)
			}
		}
	}
	for _, g := range c[m*ldc:] {
		if g != guard {
			t.Fatalf("%s: wrote beyond the matrix", v.name)
		}
	}
	return out
}

// check compares with the product in float64. The error of a sum of k
// products in any order is at most γ_k·|A||B| with γ_k = ku/(1−ku), u = 2⁻²⁴
// (Higham 2002, §3.1).
func check(t *testing.T, v *variant, got, a, b []float32, m, n, k int, trans bool) {
	t.Helper()
	u := math.Ldexp(1, -24)
	gamma := float64(k) * u / (1 - float64(k)*u)
	for i := range m {
		for j := range n {
			var sum, size float64
			for p := range k {
				at := p*n + j
				if trans {
					at = j*k + p
				}
				x := float64(a[i*k+p]) * float64(b[at])
				sum += x
				size += math.Abs(x)
			}
			g := float64(got[i*n+j])
			same := g == sum || math.IsNaN(g) && math.IsNaN(sum)
			if !same && !(math.Abs(g-sum) <= gamma*size) {
				t.Fatalf("%s %dx%dx%d: c[%d,%d] = %v, want %v ± %v", v.name, m, n, k, i, j, g, sum, gamma*size)
			}
		}
	}
}

func TestVariants(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, m := range []int{v.mr - 1, v.mr, v.mr + 1, 3*v.mr + 1} {
			for _, n := range []int{v.nr - 1, v.nr, v.nr + 1, 3*v.nr + 1} {
				for _, k := range []int{0, 1, 2, 7, 64} {
					for _, trans := range []bool{false, true} {
						a, b := random(m*k), random(k*n)
						check(t, v, run(t, v, a, b, m, n, k, trans, None()), a, b, m, n, k, trans)
					}
				}
			}
		}
	}
}

// TestRuns multiplies overlapping rows made of runs, and holds the product to
// that of the same rows written out.
func TestRuns(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, each := range []int{1, 3, 8} {
			const runs, stride, skip = 3, 2, 40
			m, n, k := v.mr+1, v.nr+1, runs*each
			a := random((m-1)*stride + (runs-1)*skip + each) // no element more than needed
			var rows []float32
			for r := range m {
				for x := range runs {
					rows = append(rows, a[r*stride+x*skip:][:each]...)
				}
			}
			b, c := random(k*n), make([]float32, m*n)
			packed := make([]float32, (n+v.nr-1)/v.nr*v.nr*k)
			pack(packed, b, k, n, v.nr, false)
			v.f(c, n, A{a, stride, runs, skip}, packed, m, n, k, None())
			check(t, v, c, rows, b, m, n, k, false)
		}
	}
}

func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for i := range variants {
		v := &variants[i]
		for _, special := range []float32{inf, -inf, nan} {
			m, n, k := v.mr+1, v.nr+1, 5
			a, b := random(m*k), random(k*n)
			a[k+2], b[n+1] = special, special // one row of A, one column of B
			check(t, v, run(t, v, a, b, m, n, k, false, None()), a, b, m, n, k, false)
		}
	}
}

// TestFinish holds the epilogue of every variant to the reference's, on the
// variant's own product, to the bit.
func TestFinish(t *testing.T) {
	inf := float32(math.Inf(1))
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, m := range []int{1, v.mr, v.mr + 1} {
			for _, n := range []int{1, v.nr - 1, v.nr, v.nr + 1} {
				if n == 0 {
					continue
				}
				k := 5
				a, b := random(m*k), random(k*n)
				a[0] = float32(math.NaN())
				bias, add := random(n), random((m-1)*(n+pad)+n) // no element more than needed
				for name, ep := range map[string]Epilogue{
					"relu6": {Lo: 0, Hi: 6},
					"bias":  {Bias: bias, Lo: -inf, Hi: inf},
					"add":   {Add: add, Lo: -inf, Hi: 0.5},
					"all":   {Bias: bias, Add: add, Lo: 0, Hi: inf},
				} {
					want := make([]float32, (m-1)*(n+pad)+n)
					product := run(t, v, a, b, m, n, k, false, None())
					for r := range m {
						copy(want[r*(n+pad):], product[r*n:][:n])
					}
					ep.apply(want, n+pad, 0, m, n)
					for at, g := range run(t, v, a, b, m, n, k, false, ep) {
						w := want[at/n*(n+pad)+at%n]
						if g != w && !(math.IsNaN(float64(g)) && math.IsNaN(float64(w))) {
							t.Fatalf("%s %dx%d %s: element %d is %v, want %v", v.name, m, n, name, at, g, w)
						}
					}
				}
			}
		}
	}
}

func TestEpilogue(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	a, b := []float32{1, 0, 0, 1}, []float32{1, -2, 3, 4, 5, nan} // I₂ · 2×3; 0·NaN is NaN
	add := []float32{1, 1, 1, -20, 1, 1}
	p := Pack(b, 2, 3, false)
	for _, c := range []struct {
		name string
		ep   Epilogue
		want []float32
	}{
		{"none", None(), []float32{1, -2, nan, 4, 5, nan}},
		{"relu", Epilogue{Lo: 0, Hi: inf}, []float32{1, 0, nan, 4, 5, nan}},
		{"all", Epilogue{Bias: []float32{1, 2, 3}, Add: add, Lo: 0, Hi: 6}, []float32{3, 1, nan, 0, 6, nan}},
	} {
		got := make([]float32, 6)
		p.Mul(got, 3, A{Data: a, Stride: 2}, 2, &c.ep)
		for i, w := range c.want {
			if got[i] != w && !(math.IsNaN(float64(w)) && math.IsNaN(float64(got[i]))) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
				break
			}
		}
	}
}

func TestMulAllocatesNothing(t *testing.T) {
	p, a, c, ep := Pack(random(64), 8, 8, false), random(64), make([]float32, 64), None()
	if n := testing.AllocsPerRun(10, func() { p.Mul(c, 8, A{Data: a, Stride: 8}, 8, &ep) }); n != 0 {
		t.Errorf("Mul allocates %v times", n)
	}
}

func BenchmarkF32(b *testing.B) {
	for i := range variants {
		v := &variants[i]
		for _, s := range shapes {
			m, n, k := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("impl=%s/m=%d/n=%d/k=%d", v.name, m, n, k), func(b *testing.B) {
				if !v.usable {
					b.Skip("not supported by this CPU")
				}
				x, w, z := random(m*k), random(k*n), make([]float32, m*n)
				packed := make([]float32, (n+v.nr-1)/v.nr*v.nr*k)
				pack(packed, w, k, n, v.nr, false)
				ep := None()
				for b.Loop() {
					v.f(z, n, A{Data: x, Stride: k}, packed, m, n, k, ep)
				}
				flop := 2 * float64(m*n*k) * float64(b.N)
				b.ReportMetric(flop/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// TestCut multiplies with the parts of a matrix, one after another.
func TestCut(t *testing.T) {
	const m, n, k = 5, 150, 9
	x, y := random(m*k), random(k*n)
	want, got := make([]float32, m*n), make([]float32, m*n)
	p, ep := Pack(y, k, n, false), None()
	p.Mul(want, n, A{Data: x, Stride: k}, m, &ep)
	for _, bytes := range []int{1, 4 * k * 70, 1 << 20} {
		clear(got)
		at, size := 0, 0
		for _, part := range p.Cut(bytes) {
			part.Mul(got[at:], n, A{Data: x, Stride: k}, m, &ep)
			at, size = at+part.N, size+part.Bytes()
		}
		if at != n || size != p.Bytes() || !slices.Equal(got, want) {
			t.Errorf("parts of %d bytes: %d columns of %d, %d bytes of %d, or other products", bytes, at, n, size, p.Bytes())
		}
	}
}
