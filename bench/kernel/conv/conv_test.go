package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"assay/bench/kernel/gemm"
)

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(2, uint64(n)))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

// same returns a shape whose output size follows from padding pad on all sides.
func same(n, h, w, c, m, k, stride, dil, pad, groups int) Shape {
	size := func(in int) int { return (in+2*pad-dil*(k-1)-1)/stride + 1 }
	return Shape{
		N: n, H: h, W: w, C: c, M: m, OH: size(h), OW: size(w), KH: k, KW: k,
		SH: stride, SW: stride, DH: dil, DW: dil, Top: pad, Left: pad, Groups: groups,
	}
}

// layers are those of ResNet-8 and mobilenetv2-mini at 28×28.
var layers = []Shape{
	same(1, 28, 28, 1, 16, 3, 1, 1, 1, 1), same(1, 28, 28, 16, 16, 3, 1, 1, 1, 1), same(1, 14, 14, 32, 32, 3, 1, 1, 1, 1),
	same(1, 7, 7, 64, 64, 3, 1, 1, 1, 1), same(1, 14, 14, 96, 24, 1, 1, 1, 0, 1),
	same(1, 28, 28, 48, 48, 3, 2, 1, 1, 48), same(1, 7, 7, 192, 192, 3, 1, 1, 1, 192),
}

var edges = []Shape{
	same(2, 5, 6, 33, 37, 3, 1, 1, 1, 1), same(1, 4, 1, 32, 32, 3, 1, 1, 1, 1), same(1, 7, 8, 32, 40, 3, 1, 1, 0, 1), same(1, 3, 3, 40, 33, 3, 1, 1, 3, 1), // tiles
	{N: 1, H: 5, W: 6, C: 32, M: 32, OH: 5, OW: 5, KH: 3, KW: 3, SH: 1, SW: 1, DH: 1, DW: 1, Top: 2, Left: 1, Groups: 1},
	same(1, 4, 7, 64, 160, 3, 1, 1, 1, 1), // weights in two parts
	same(1, 1, 1, 1, 1, 1, 1, 1, 0, 1), same(2, 5, 4, 3, 5, 3, 1, 1, 1, 1), same(1, 9, 7, 4, 6, 3, 2, 1, 1, 2),
	same(1, 9, 9, 4, 8, 3, 1, 2, 2, 4), same(2, 6, 6, 5, 5, 3, 1, 1, 1, 5), same(1, 7, 7, 6, 6, 3, 2, 2, 1, 6),
	same(1, 11, 19, 17, 17, 5, 1, 1, 2, 17), same(1, 9, 21, 33, 33, 3, 2, 1, 1, 33), same(1, 7, 13, 15, 15, 3, 1, 2, 2, 15),
	same(2, 2, 3, 7, 7, 5, 1, 1, 2, 7), same(1, 1, 40, 16, 16, 3, 1, 1, 1, 16), same(1, 6, 12, 8, 8, 3, 1, 4, 4, 8),
	same(1, 8, 8, 6, 4, 1, 2, 1, 0, 2), same(3, 4, 4, 6, 9, 1, 1, 1, 0, 3), same(1, 3, 3, 2, 2, 5, 1, 1, 2, 1),
	same(1, 1, 7, 8, 8, 1, 1, 1, 1, 1), same(2, 1, 9, 5, 6, 1, 2, 1, 1, 1), same(1, 5, 40, 6, 7, 3, 3, 2, 1, 1),
	{N: 1, H: 1, W: 37, C: 5, M: 3, OH: 3, OW: 37, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1, Top: 1, Groups: 1},
	{N: 1, H: 5, W: 6, C: 2, M: 3, OH: 4, OW: 6, KH: 2, KW: 3, SH: 1, SW: 1, DH: 1, DW: 1, Left: 1, Groups: 1},
	same(1, 3, 4, 5, 5, 3, 1, 1, 1, 5), same(1, 3, 5, 6, 6, 3, 1, 1, 1, 6), same(1, 3, 8, 7, 7, 3, 1, 1, 1, 7), // 2, 3 and 6 pixels between the edges
}

// direct is an independent reference in float64; it also returns Σ|x·w| for
// the error bound. w is M × C/Groups × KH × KW.
func direct(s Shape, x, w []float32) (y, size []float64) {
	cg, mg := s.C/s.Groups, s.M/s.Groups
	y, size = make([]float64, s.Pixels()*s.M), make([]float64, s.Pixels()*s.M)
	for i := range y {
		m, p := i%s.M, i/s.M
		ox, oy, n := p%s.OW, p/s.OW%s.OH, p/(s.OW*s.OH)
		for c := range cg {
			for t := range s.KH * s.KW {
				iy, ix := oy*s.SH+t/s.KW*s.DH-s.Top, ox*s.SW+t%s.KW*s.DW-s.Left
				if iy < 0 || iy >= s.H || ix < 0 || ix >= s.W {
					continue
				}
				v := float64(x[((n*s.H+iy)*s.W+ix)*s.C+m/mg*cg+c]) * float64(w[(m*cg+c)*s.KH*s.KW+t])
				y[i] += v
				size[i] += math.Abs(v)
			}
		}
	}
	return y, size
}

func eachVariant(s Shape, f func(v *variant)) {
	for _, table := range [][]variant{dense, pruned, depthwise} {
		for i := range table {
			if v := &table[i]; v.usable && v.takes(s) {
				f(v)
			}
		}
	}
}

// TestVariants bounds the error by γ_k·Σ|x·w| (Higham 2002, §3.1), with two
// more roundings for the bias and the residual.
func TestVariants(t *testing.T) {
	for i, s := range append(edges, layers...) {
		x, w, bias, add := random(s.N*s.H*s.W*s.C), random(s.M*s.K()), random(s.M), random(s.Pixels()*s.M + 1)[1:]
		prune(s, w, i%4)
		want, size := direct(s, x, w)
		for _, ep := range []gemm.Epilogue{gemm.None(), {Bias: bias, Add: add, Lo: -1, Hi: 1}} {
			eachVariant(s, func(v *variant) { checkVariant(t, v, s, x, w, want, size, &ep) })
		}
	}
}

func checkVariant(t *testing.T, v *variant, s Shape, x, w []float32, want, size []float64, ep *gemm.Epilogue) {
	t.Helper()
	c, err := build(v, s, w)
	if err != nil {
		t.Fatal(err)
	}
	const guard = 12345
	n := s.Pixels() * s.M
	y, scratch := make([]float32, n+4), make([]float32, c.Scratch()+4)
	copy(y[n:], []float32{guard, guard, guard, guard})
	copy(scratch[c.Scratch():], []float32{guard, guard, guard, guard})
	half := s.Pixels() / 2
	c.Run(y, x, scratch, ep, half, s.Pixels())
	// Of two runs, so that one allocation of the Go runtime's own does not count.
	if n := testing.AllocsPerRun(2, func() { c.Run(y, x, scratch, ep, 0, half) }); n != 0 {
		t.Errorf("%s %+v: Run allocates %v times", v.name, s, n)
	}
	for i := range 4 {
		if y[n+i] != guard || scratch[c.Scratch()+i] != guard {
			t.Fatalf("%s %+v: wrote beyond the end", v.name, s)
		}
	}
	k := float64(s.K() + 2)
	if v.name == "winograd" { // two roundings of inputs, one of weights, four of products
		size, k = tiled(s, x, w), float64(s.C+9)
	}
	u := math.Ldexp(1, -24)
	for i, g := range y[:n] {
		e, bound := want[i], size[i]
		if ep.Bias != nil {
			e += float64(ep.Bias[i%s.M])
			bound += math.Abs(float64(ep.Bias[i%s.M]))
		}
		if ep.Add != nil {
			e += float64(ep.Add[i])
			bound += math.Abs(float64(ep.Add[i]))
		}
		e = max(float64(ep.Lo), min(float64(ep.Hi), e))
		if tol := k * u / (1 - k*u) * bound; math.Abs(float64(g)-e) > tol {
			t.Fatalf("%s %+v: y[%d] = %v, want %v ± %v", v.name, s, i, g, e, tol)
		}
	}
}

// prune puts zeros into the weights of s: none, nine of ten wherever they are,
// nine of ten in groups of four output channels, or two of every four inputs.
func prune(s Shape, w []float32, pattern int) {
	r := rand.New(rand.NewPCG(3, uint64(len(w))))
	var group float64
	for i := range w {
		// Channels of a group follow each other for the same input.
		k, m := i/s.M, i%s.M
		if pattern != 2 || m%4 == 0 {
			group = r.Float64()
		}
		zero := group < 0.9
		if pattern == 3 {
			zero = (k+m)%4 < 2
		}
		if pattern > 0 && zero {
			w[m*s.K()+k] = 0
		}
	}
}

// TestChoice wants the sparse kernel for weights that are mostly zero, in less
// memory, and the dense one for others and where there are few pixels.
func TestChoice(t *testing.T) {
	wide := same(1, 14, 14, 64, 64, 3, 1, 1, 1, 1)
	for _, c := range []struct {
		name    string
		s       Shape
		pattern int
		sparse  bool
	}{
		{"dense", wide, 0, false},
		{"nine of ten", wide, 1, true},
		{"groups", wide, 2, true},
		{"pointwise", same(1, 14, 14, 96, 96, 1, 1, 1, 0, 1), 1, true},
		{"a vector", same(1, 1, 1, 64, 10, 1, 1, 1, 0, 1), 1, false},
		{"far apart", same(1, 1<<12, 1<<12, 1, 16, 3, 1, 1<<11, 1<<11, 1), 1, false},
		{"grouped", same(1, 14, 14, 64, 64, 3, 1, 1, 1, 2), 1, false},
	} {
		w := random(c.s.M * c.s.K())
		prune(c.s, w, c.pattern)
		got, err := New(c.s, w)
		if err != nil {
			t.Fatal(err)
		}
		if got.Sparse() != c.sparse {
			t.Errorf("%s: sparse %v, want %v", c.name, got.Sparse(), c.sparse)
		}
		if got.Sparse() && got.Bytes() > 4*len(w)/4 {
			t.Errorf("%s: %d bytes for %d weights", c.name, got.Bytes(), len(w))
		}
	}
}

// TestSpecialValues puts NaN into one pixel: exactly its neighbours' sums are NaN.
func TestSpecialValues(t *testing.T) {
	for _, groups := range []int{1, 4} {
		s := same(1, 5, 5, 4, 4, 3, 1, 1, 1, groups)
		x, w := random(100), random(s.M*s.K())
		x[(2*5+2)*4] = float32(math.NaN()) // y 2, x 2, channel 0
		want, _ := direct(s, x, w)
		eachVariant(s, func(v *variant) {
			c, err := build(v, s, w)
			if err != nil {
				t.Fatal(err)
			}
			y, ep := make([]float32, 100), gemm.None()
			c.Run(y, x, make([]float32, c.Scratch()), &ep, 0, 25)
			for i := range y {
				if math.IsNaN(float64(y[i])) != math.IsNaN(want[i]) {
					t.Fatalf("%s, %d groups: y[%d] = %v, want %v", v.name, groups, i, y[i], want[i])
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := same(1, 4, 4, 2, 2, 3, 1, 1, 1, 1)
	for name, spoil := range map[string]func(s *Shape) int{
		"stride 0":        func(s *Shape) int { s.SH = 0; return 36 },
		"groups":          func(s *Shape) int { s.Groups = 3; return 36 },
		"no groups":       func(s *Shape) int { s.Groups = 0; return 36 },
		"too few weights": func(*Shape) int { return 35 },
		"negative pad":    func(s *Shape) int { s.Top = -1; return 36 },
	} {
		s := good
		n := spoil(&s)
		if _, err := New(s, make([]float32, n)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(good, make([]float32, 36)); err != nil {
		t.Error(err)
	}
}

func BenchmarkF32(b *testing.B) {
	for _, s := range layers {
		eachVariant(s, func(v *variant) {
			if v == &pruned[0] {
				return // for other weights: BenchmarkSparse
			}
			b.Run(fmt.Sprintf("impl=%s/hw=%d/c=%d/m=%d/k=%d/groups=%d", v.name, s.OH, s.C, s.M, s.KH, s.Groups), func(b *testing.B) {
				benchmark(b, v, s, random(s.M*s.K()))
			})
		})
	}
}

func benchmark(b *testing.B, v *variant, s Shape, w []float32) {
	c, err := build(v, s, w)
	if err != nil {
		b.Fatal(err)
	}
	x, y, scratch, ep := random(s.N*s.H*s.W*s.C), make([]float32, s.Pixels()*s.M), make([]float32, c.Scratch()), gemm.None()
	for b.Loop() {
		c.Run(y, x, scratch, &ep, 0, s.Pixels())
	}
	b.ReportMetric(2*float64(s.MACs())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkSparse is where SparsePays comes from: the sparse kernel beside the
// dense one that it takes the place of, by share of zeros. pattern is 1 for
// single weights, 2 for groups of four output channels.
func BenchmarkSparse(b *testing.B) {
	for _, s := range []Shape{
		same(1, 56, 56, 64, 64, 1, 1, 1, 0, 1), same(1, 28, 28, 128, 128, 1, 1, 1, 0, 1), same(1, 14, 14, 256, 256, 1, 1, 1, 0, 1),
		same(1, 28, 28, 128, 128, 3, 1, 1, 1, 1), same(1, 14, 14, 256, 256, 3, 1, 1, 1, 1), same(1, 14, 14, 32, 32, 3, 1, 1, 1, 1),
	} {
		for pattern := 1; pattern <= 2; pattern++ {
			w := random(s.M * s.K())
			prune(s, w, pattern)
			eachVariant(s, func(v *variant) {
				b.Run(fmt.Sprintf("impl=%s/hw=%d/c=%d/m=%d/k=%d/pattern=%d", v.name, s.OH, s.C, s.M, s.KH, pattern), func(b *testing.B) {
					if v.name == "ref_1x1" {
						b.Skip("the reference is no candidate")
					}
					benchmark(b, v, s, w)
				})
			})
		}
	}
}
