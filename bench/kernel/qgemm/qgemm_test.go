package qgemm

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

var shapes = [][3]int{{784, 16, 144}, {196, 32, 288}, {49, 64, 576}, {49, 192, 48}, {1, 128, 784}} // as gemm's

func random(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	out := make([]byte, n)
	for i := range out {
		switch r.IntN(4) {
		case 0: // the extremes, where sums are largest
			out[i] = []byte{0, 127, 128, 255}[r.IntN(4)]
		default:
			out[i] = byte(r.Uint32())
		}
	}
	return out
}

func weights(n int) []int8 {
	out := make([]int8, n)
	for i, v := range random(n, 7) {
		out[i] = int8(v)
	}
	return out
}

// exact is an independent sum in int64.
func exact(a Matrix, b []int8, i, j, k int, at func(p, j int) int) int64 {
	var sum int64
	for p := range k {
		v := int64(a.Data[i*a.Stride+p])
		if a.Signed {
			v = int64(int8(a.Data[i*a.Stride+p]))
		}
		sum += (v - int64(a.Zero)) * int64(b[at(p, j)])
	}
	return sum
}

const guard = 0x1234567

func check(t *testing.T, v *variant, m, n, k int, signed, trans bool) {
	t.Helper()
	a := Matrix{Data: random(m*(k+2), 3)[:max((m-1)*(k+2)+k, 0)], Stride: k + 2, Signed: signed, Zero: 255}
	if signed {
		a.Zero = -128
	}
	b := weights(k * n)
	p := v.new(k, n)
	buf := make([]int8, v.packedLen(k, n)+1)
	buf[len(buf)-1] = 77
	p.Fill(buf, b, trans, nil)
	if buf[len(buf)-1] != 77 {
		t.Fatalf("%s: pack wrote beyond its end", v.name)
	}
	ldc := n + 1
	c := make([]int32, m*ldc+3)
	for i := range c {
		c[i] = guard
	}
	v.f(p, c, ldc, a, m, make([]int64, ScratchLen(k)))
	at := func(p, j int) int { return p*n + j }
	if trans {
		at = func(p, j int) int { return j*k + p }
	}
	for i := range m {
		for j := range n {
			if want := exact(a, b, i, j, k, at); int64(c[i*ldc+j]) != want {
				t.Fatalf("%s %dx%dx%d signed %v trans %v: c[%d,%d] = %d, want %d", v.name, m, n, k, signed, trans, i, j, c[i*ldc+j], want)
			}
		}
		if c[i*ldc+n] != guard {
			t.Fatalf("%s: wrote beyond row %d", v.name, i)
		}
	}
	if c[m*ldc] != guard || c[m*ldc+2] != guard {
		t.Fatalf("%s: wrote beyond the matrix", v.name)
	}
}

func TestVariants(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, m := range []int{v.mr - 1, v.mr, v.mr + 1, 3*v.mr + 2} {
			for _, n := range []int{v.nr - 1, v.nr, v.nr + 1, 3*v.nr + 1} {
				for _, k := range []int{0, 1, 2, 20, 63} {
					for x := range 4 {
						check(t, v, m, n, k, x&1 != 0, x&2 != 0)
					}
				}
			}
		}
		check(t, v, 3, 2, chunk+5, false, false) // beyond one chunk
	}
}

// TestRuns multiplies overlapping rows of several runs, as convolutions do.
func TestRuns(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable || v.form == nil {
			continue
		}
		for _, m := range []int{1, v.mr, 3*v.mr + 2} {
			for _, each := range []int{4, 12, 36} {
				for _, signed := range []bool{false, true} {
					checkRuns(t, v, m, 2*v.nr+1, 3, each, signed)
				}
			}
		}
	}
}

func checkRuns(t *testing.T, v *variant, m, n, runs, each int, signed bool) {
	t.Helper()
	zero, stride, skip := int32(200), 3, each+7 // in elements
	if signed {
		zero = -7
	}
	src := random((m-1)*stride+(runs-1)*skip+each, 3)
	f, k := v.form, runs*each
	a := Runs{Data: make([]byte, f.Size*len(src)), Stride: f.Size * stride, Runs: runs, Skip: f.Size * skip, Zero: f.Zero(signed, zero)}
	f.Copy(a.Data, src, signed, zero)
	b := weights(k * n)
	p := v.new(k, n)
	p.Fill(make([]int8, v.packedLen(k, n)), b, false, nil)
	c := make([]int32, m*n+1)
	c[m*n] = guard
	at := 0
	for _, part := range p.Cut(1) { // a panel each
		part.MulRuns(c[at:], n, a, m)
		at += part.N
	}
	for i := range m {
		var row []byte
		for r := range runs {
			row = append(row, src[i*stride+r*skip:][:each]...)
		}
		for j := range n {
			want := exact(Matrix{Data: row, Signed: signed, Zero: zero}, b, 0, j, k, func(p, j int) int { return p*n + j })
			if int64(c[i*n+j]) != want {
				t.Fatalf("%s %d runs of %d, signed %v: c[%d,%d] = %d, want %d", v.name, runs, each, signed, i, j, c[i*n+j], want)
			}
		}
	}
	if c[m*n] != guard {
		t.Fatalf("%s: wrote beyond the matrix", v.name)
	}
}

// TestLargestSums puts the extremes everywhere: lanes must not spill.
func TestLargestSums(t *testing.T) {
	k := chunk
	a := Matrix{Data: make([]byte, 2*k), Stride: k, Zero: 255} // −255 everywhere
	b := make([]int8, k)
	for i := range b {
		b[i] = -128
	}
	c := make([]int32, 2)
	Pack(b, k, 1, false, nil).Mul(c, 1, a, 2, make([]int64, ScratchLen(k)))
	if want := int32(k * 255 * 128); c[0] != want || c[1] != want {
		t.Errorf("got %v, want %d twice", c, want)
	}
}

func TestZeroPointsOfB(t *testing.T) {
	a := Matrix{Data: []byte{1, 2, 3, 250, 0, 7}, Stride: 3, Zero: 4}
	b := []int8{1, -2, 3, 4, 5, -128}
	zero := []int32{3, -100}
	c := make([]int32, 4)
	p := Pack(b, 3, 2, false, zero)
	p.Mul(c, 2, a, 2, make([]int64, ScratchLen(3)))
	for i := range 2 {
		for j := range 2 {
			var want int32
			for k := range 3 {
				want += (int32(a.Data[i*3+k]) - 4) * (int32(b[k*2+j]) - zero[j])
			}
			if c[i*2+j] != want {
				t.Errorf("c[%d,%d] = %d, want %d", i, j, c[i*2+j], want)
			}
		}
	}
	scratch := make([]int64, ScratchLen(3))
	if n := testing.AllocsPerRun(10, func() { p.Mul(c, 2, a, 2, scratch) }); n != 0 {
		t.Errorf("Mul allocates %v times", n)
	}
}

func BenchmarkInt8(b *testing.B) {
	for i := range variants {
		v := &variants[i]
		for _, s := range shapes {
			m, n, k := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("impl=%s/m=%d/n=%d/k=%d", v.name, m, n, k), func(b *testing.B) {
				if !v.usable {
					b.Skip("not supported by this CPU")
				}
				a := Matrix{Data: random(m*k, 3), Stride: k, Zero: 3}
				p := v.new(k, n)
				p.Fill(make([]int8, v.packedLen(k, n)), weights(k*n), false, nil)
				c, scratch := make([]int32, m*n), make([]int64, ScratchLen(k))
				for b.Loop() {
					v.f(p, c, n, a, m, scratch)
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		}
	}
}
