package int4

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A job is a product with all that it is made of.
type job struct {
	k, n, m, block int
	x, scales      []float32
	q, zeros       []byte
	bias           []float32
}

func newJob(m, n, k, block int, zeros bool) *job {
	r := rand.New(rand.NewPCG(uint64(m*n), uint64(k+block)))
	blocks := (k + block - 1) / block
	j := &job{k: k, n: n, m: m, block: block, x: make([]float32, m*k), scales: make([]float32, n*blocks), q: make([]byte, n*blocks*block/2), bias: make([]float32, n)}
	for i := range j.x {
		j.x[i] = float32(r.NormFloat64())
	}
	for i := range j.scales {
		j.scales[i] = float32(r.NormFloat64()) / 50
	}
	for i := range j.q {
		j.q[i] = byte(r.Uint32())
	}
	for i := range j.bias {
		j.bias[i] = float32(r.NormFloat64())
	}
	if zeros {
		j.zeros = make([]byte, n*((blocks+1)/2))
		for i := range j.zeros {
			j.zeros[i] = byte(r.Uint32())
		}
	}
	return j
}

// weight returns a weight in parts, as the format says.
func (j *job) weight(col, i int) (q, zero, scale float64) {
	blocks := (j.k + j.block - 1) / j.block
	b := i / j.block
	zero = 8
	if j.zeros != nil {
		zero = float64(j.zeros[col*((blocks+1)/2)+b/2] >> (4 * (b % 2)) & 15)
	}
	return float64(j.q[(col*blocks*j.block+i)/2] >> (4 * (i % 2)) & 15), zero, float64(j.scales[col*blocks+b])
}

// want returns an element and how far a kernel may be from it. The kernels sum
// products with q and with the zero point apart: both count for the bound
// γ_k·Σ|x|(q+zero)|scale|, k + 4 roundings to a product (Higham 2002, §3.1).
// Quantized activations are off by half a step of their block, 1/254 of its
// largest, as well; three roundings of the step shift each by 3·2⁻²⁴ of 127
// steps at most.
func (j *job) want(row, col int, s8 bool) (sum, tol float64) {
	u := math.Ldexp(1, -24) * float64(j.k+4)
	for b := 0; b < j.k; b += j.block {
		top := 0.0
		for i := b; i < min(b+j.block, j.k); i++ {
			top = max(top, math.Abs(float64(j.x[row*j.k+i])))
		}
		for i := b; i < min(b+j.block, j.k); i++ {
			q, zero, scale := j.weight(col, i)
			x := float64(j.x[row*j.k+i])
			sum += x * (q - zero) * scale
			tol += u / (1 - u) * math.Abs(x) * (q + zero) * math.Abs(scale)
			if s8 {
				tol += top * (1.0/254 + 3*math.Ldexp(1, -24)) * (math.Abs(q-zero) + u*(q+zero)) * math.Abs(scale)
			}
		}
	}
	sum += float64(j.bias[col])
	return sum, tol + u*math.Abs(float64(j.bias[col]))
}

const guard = 12345

func (j *job) check(t *testing.T, v *variant) {
	t.Helper()
	p := v.pack(j.q, j.scales, j.zeros, j.k, j.n, j.block)
	y, scratch := make([]float32, j.m*j.n+2), make([]float32, p.Scratch(j.m)+2)
	y[j.m*j.n], scratch[p.Scratch(j.m)] = guard, guard
	p.Prepare(j.x, j.m, scratch[:p.Scratch(j.m)])
	half := p.Panels() / 2
	p.Run(y[:j.m*j.n], j.x, j.m, scratch[:p.Scratch(j.m)], j.bias, half, p.Panels())
	p.Run(y[:j.m*j.n], j.x, j.m, scratch[:p.Scratch(j.m)], j.bias, 0, half)
	if y[j.m*j.n] != guard || scratch[p.Scratch(j.m)] != guard {
		t.Fatalf("%s: wrote beyond the end", v.name)
	}
	for i := range j.m {
		for c := range j.n {
			want, tol := j.want(i, c, v.s8)
			if got := float64(y[i*j.n+c]); !(math.Abs(got-want) <= tol) {
				t.Fatalf("%s m=%d n=%d k=%d block=%d zeros=%v: y[%d,%d] = %v, want %v ± %v", v.name, j.m, j.n, j.k, j.block, j.zeros != nil, i, c, got, want, tol)
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
		for m := 1; m <= v.rows+1; m++ {
			for _, n := range []int{1, v.lanes - 1, v.lanes, v.lanes + 1, 3*v.lanes + 1} {
				for _, k := range []int{1, 16, 31, 160} {
					newJob(m, max(n, 1), k, 16<<(m%3), (m+n)%2 == 0).check(t, v)
				}
			}
		}
		for block := 16; block <= 256; block *= 2 {
			newJob(2, v.lanes+1, 3*block-5, block, true).check(t, v)
			newJob(3, v.lanes, block, block, false).check(t, v)
		}
	}
}

// TestSpecialValues: what is not finite in a row makes the row NaN or infinite,
// and no other.
func TestSpecialValues(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, special := range []float64{math.Inf(1), math.NaN()} {
			j := newJob(3, 5, 40, 16, true)
			j.x[40+7] = float32(special)
			p := v.pack(j.q, j.scales, j.zeros, j.k, j.n, j.block)
			y, scratch := make([]float32, 15), make([]float32, p.Scratch(3))
			p.Prepare(j.x, 3, scratch)
			p.Run(y, j.x, 3, scratch, nil, 0, p.Panels())
			for at, got := range y {
				if finite := !math.IsNaN(float64(got)) && !math.IsInf(float64(got), 0); finite == (at/5 == 1) {
					t.Errorf("%s: y[%d,%d] = %v with %v in row 1", v.name, at/5, at%5, got, special)
				}
			}
		}
	}
}

// TestZeroRow: a row of zeros has no largest value to scale by.
func TestZeroRow(t *testing.T) {
	for i := range variants {
		if v := &variants[i]; v.usable {
			j := newJob(2, 3, 32, 16, false)
			clear(j.x)
			j.check(t, v)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	for _, rough := range []bool{false, true} {
		j := newJob(5, 20, 64, 32, true)
		p := Pack(j.q, j.scales, j.zeros, j.k, j.n, j.block, rough)
		y, scratch := make([]float32, 100), make([]float32, p.Scratch(5))
		if n := testing.AllocsPerRun(10, func() {
			p.Prepare(j.x, 5, scratch)
			p.Run(y, j.x, 5, scratch, j.bias, 0, p.Panels())
		}); n != 0 {
			t.Errorf("rough %v: Run allocates %v times", rough, n)
		}
	}
}

func BenchmarkInt4(b *testing.B) {
	for i := range variants {
		v := &variants[i]
		for _, s := range [][3]int{{1, 1024, 32}, {1, 1024, 128}, {1, 4096, 32}, {128, 1024, 32}} {
			m, k, block := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("impl=%s/m=%d/n=%d/k=%d/block=%d", v.name, m, k, k, block), func(b *testing.B) {
				if !v.usable {
					b.Skip("not supported by this CPU")
				}
				j := newJob(m, k, k, block, false)
				p := v.pack(j.q, j.scales, nil, k, k, block)
				y, scratch := make([]float32, m*k), make([]float32, p.Scratch(m))
				for b.Loop() {
					p.Prepare(j.x, m, scratch)
					p.Run(y, j.x, m, scratch, nil, 0, p.Panels())
				}
				b.ReportMetric(2*float64(m*k*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		}
	}
}
