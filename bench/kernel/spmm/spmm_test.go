package spmm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"assay/bench/kernel/gemm"
)

// weights returns a k×n matrix of which a share is zero, in groups of so many
// columns.
func weights(k, n, columns int, zeros float64) []float32 {
	r := rand.New(rand.NewPCG(uint64(k), uint64(n)))
	w := make([]float32, k*n)
	for i := range k {
		for j := 0; j < n; j += columns {
			if r.Float64() < zeros {
				continue
			}
			for x := j; x < min(j+columns, n); x++ {
				w[i*n+x] = float32(r.NormFloat64())
			}
		}
	}
	return w
}

func random(n int) []float32 { return weights(1, n, 1, 0) }

const guard = 12345

// guarded returns n elements to be written and three that must not be.
func guarded(n int) []float32 {
	out := make([]float32, n+3)
	for i := range out {
		out[i] = guard
	}
	return out
}

func untouched(t *testing.T, name string, b []float32) {
	t.Helper()
	for _, v := range b {
		if v != guard {
			t.Fatalf("%s: wrote %v where nothing belongs", name, v)
		}
	}
}

// A job is one strip: pixels from first on in lines of pitch, of which width
// count, by w, k×n, whose inputs are planes apart.
type job struct {
	m     *Matrix
	w, x  []float32 // x pixels × k
	n, k  int
	plane int
	strip Strip
}

// newJob makes a strip of all vectors of v but less pixels at its end.
func newJob(v *variant, k, n, vectors, less, reach int, w []float32) *job {
	pixels := v.lanes * vectors
	j := &job{m: v.matrix(w, k, n), w: w, x: random(pixels * k), n: n, k: k, plane: pixels + 5}
	j.m.Pack(func(i int) int { return i * j.plane }, reach*j.plane)
	tile := make([]float32, k*j.plane+pixels)
	for p := 0; p < pixels; p += v.lanes {
		v.turn(tile[p:], j.plane, j.x[p*k:], k, k)
	}
	j.strip = Strip{X: tile, Vectors: vectors, First: 2, End: 2 + pixels - less, Pitch: 7, Width: 6}
	return j
}

// check computes the strip and compares with the sums in float64. The error of
// a sum of k products in any order is at most γ_k·|A||B| with γ_k = ku/(1−ku),
// u = 2⁻²⁴ (Higham 2002, §3.1); the bias and the addend are two more.
func (j *job) check(t *testing.T, name string, ep *gemm.Epilogue) {
	t.Helper()
	ldy, rows := j.n+1, (j.strip.End/7+1)*6
	y, scratch := guarded(rows*ldy), guarded(j.m.Scratch())
	j.m.Sum(y[:rows*ldy], ldy, &j.strip, scratch[:j.m.Scratch()], ep)
	untouched(t, name, y[rows*ldy:])
	untouched(t, name, scratch[j.m.Scratch():])
	u := math.Ldexp(1, -24) * float64(j.k+2)
	done := map[int]bool{}
	for q := j.strip.First; q < j.strip.End; q++ {
		if q%7 == 6 {
			continue
		}
		row := q/7*6 + q%7
		done[row] = true
		untouched(t, name, y[row*ldy+j.n:][:1])
		for c := range j.n {
			sum, size := j.product(q-j.strip.First, c)
			if ep.Bias != nil {
				sum, size = sum+float64(ep.Bias[c]), size+math.Abs(float64(ep.Bias[c]))
			}
			if ep.Add != nil {
				a := float64(ep.Add[row*ldy+c])
				sum, size = sum+a, size+math.Abs(a)
			}
			sum = max(float64(ep.Lo), min(float64(ep.Hi), sum))
			got := float64(y[row*ldy+c])
			if same := got == sum || math.IsNaN(got) && math.IsNaN(sum); !same && !(math.Abs(got-sum) <= u/(1-u)*size) {
				t.Fatalf("%s: pixel %d, column %d is %v, want %v ± %v", name, q, c, got, sum, u/(1-u)*size)
			}
		}
	}
	for row := range rows {
		if !done[row] {
			untouched(t, name, y[row*ldy:][:ldy])
		}
	}
}

// product returns the exact product of a pixel and a column, zeros left out.
func (j *job) product(pixel, column int) (sum, size float64) {
	for i := range j.k {
		if w := j.w[i*j.n+column]; w != 0 {
			v := float64(j.x[pixel*j.k+i]) * float64(w)
			sum, size = sum+v, size+math.Abs(v)
		}
	}
	return sum, size
}

func TestVariants(t *testing.T) {
	inf := float32(math.Inf(1))
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for vectors := 1; vectors <= v.vectors; vectors++ {
			for _, n := range []int{1, v.lanes - 1, v.lanes, v.lanes + 1, 3*v.lanes + 2} {
				for _, k := range []int{1, 4, 7, 64} {
					for reach := range 3 {
						j := newJob(v, k, max(n, 1), vectors, (n+k)%v.lanes, []int{k, 1, 3}[reach], weights(k, max(n, 1), 1+k%2, 0.3*float64(reach+1)))
						name := fmt.Sprintf("%s k=%d n=%d vectors=%d reach=%d", v.name, k, n, vectors, reach)
						none := gemm.None()
						j.check(t, name, &none)
						bias, add := random(j.n), random((j.strip.End/7+1)*6*(j.n+1))
						j.check(t, name+" bias", &gemm.Epilogue{Bias: bias, Lo: 0, Hi: inf})
						j.check(t, name+" all", &gemm.Epilogue{Bias: bias, Add: add, Lo: -1, Hi: 1})
					}
				}
			}
		}
	}
}

// TestEmpty: a matrix of zeros, and one without inputs, give the bias.
func TestEmpty(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, k := range []int{0, 5} {
			newJob(v, k, 3, 1, 0, 9, make([]float32, 3*k)).check(t, v.name, &gemm.Epilogue{Bias: []float32{1, -2, 3}, Lo: -1, Hi: 9})
		}
	}
}

// TestSpecialValues: NaN and Inf in one pixel reach the columns with a weight
// for their input (of an entry with one: its zeros are multiplied), and no
// other pixel.
func TestSpecialValues(t *testing.T) {
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, special := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
			w := weights(9, 5, v.columns, 0.5)
			w[3*5+1] = float32(special)
			j := newJob(v, 9, 5, v.vectors, 0, 4, w)
			j.x[2] = float32(special)
			tile := j.strip.X
			tile[2*j.plane] = float32(special)
			ep := gemm.Epilogue{Lo: 0, Hi: 6}
			want := j.nans()
			y := make([]float32, (j.strip.End/7+1)*6*5)
			j.m.Sum(y, 5, &j.strip, make([]float32, j.m.Scratch()), &ep)
			for row := range len(y) / 5 {
				for c := range 5 {
					if got := math.IsNaN(float64(y[row*5+c])); got != want[row*5+c] {
						t.Fatalf("%s: pixel %d, column %d is %v with %v", v.name, row, c, y[row*5+c], special)
					}
				}
			}
		}
	}
}

// nans says which elements of the result are NaN.
func (j *job) nans() map[int]bool {
	out := map[int]bool{}
	for q := j.strip.First; q < j.strip.End; q++ {
		for c := range j.n {
			if sum, _ := j.product(q-j.strip.First, c); q%7 != 6 && math.IsNaN(sum) {
				out[(q/7*6+q%7)*j.n+c] = true
			}
		}
	}
	return out
}

// TestFarInputs packs inputs that lie further apart than a step reaches.
func TestFarInputs(t *testing.T) {
	const far = 3*math.MaxUint16 + 11
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		w := []float32{2, 0, 3, 5}
		m := v.matrix(w, 2, 2)
		m.Pack(func(k int) int { return (1 - k) * far }, 10*far)
		tile := make([]float32, far+v.lanes)
		tile[0], tile[far] = 7, 11 // inputs 1 and 0 of the first pixel
		s, ep, y := Strip{X: tile, Vectors: 1, End: 1, Pitch: 1, Width: 1}, gemm.None(), make([]float32, 2)
		m.Sum(y, 2, &s, make([]float32, m.Scratch()), &ep)
		if y[0] != 2*11+3*7 || y[1] != 5*7 {
			t.Errorf("%s: got %v, want [43 35]", v.name, y)
		}
	}
}

// TestChoice wants blocks where weights lie in blocks, of the same lanes.
func TestChoice(t *testing.T) {
	lone, blocks := New(weights(512, 512, 1, 0.9), 512, 512), New(weights(512, 512, 4, 0.9), 512, 512)
	if lone.v.columns != 1 {
		t.Errorf("scattered weights go to %s", lone.v.name)
	}
	if want := 512 * 512 / 10; lone.Entries < want*8/10 || lone.Entries > want*12/10 {
		t.Errorf("%d entries of scattered weights, want about %d", lone.Entries, want)
	}
	if blocks.v.lanes != lone.v.lanes || lone.v.lanes > 4 && blocks.v.columns != 4 {
		t.Errorf("blocks of weights go to %s", blocks.v.name)
	}
	if blocks.v.columns == 4 && 4*blocks.Entries > 512*512*2/10 {
		t.Errorf("%d entries for blocks", blocks.Entries)
	}
}

func TestSumAllocatesNothing(t *testing.T) {
	v := New(nil, 0, 0).v
	j, ep := newJob(v, 32, 40, v.vectors, 1, 8, weights(32, 40, 1, 0.8)), gemm.None()
	y, scratch := make([]float32, (j.strip.End/7+1)*6*40), make([]float32, j.m.Scratch())
	if n := testing.AllocsPerRun(10, func() { j.m.Sum(y, 40, &j.strip, scratch, &ep) }); n != 0 {
		t.Errorf("Sum allocates %v times", n)
	}
}

func BenchmarkF32(b *testing.B) {
	for i := range variants {
		v := &variants[i]
		for _, s := range [][2]int{{64, 64}, {128, 128}, {384, 64}} {
			for _, zeros := range []float64{0.5, 0.8, 0.9} {
				k, n := s[0], s[1]
				b.Run(fmt.Sprintf("impl=%s/k=%d/n=%d/zeros=%v", v.name, k, n, zeros), func(b *testing.B) {
					if !v.usable {
						b.Skip("not supported by this CPU")
					}
					j, ep := newJob(v, k, n, v.vectors, 0, k, weights(k, n, v.columns, zeros)), gemm.None()
					y, scratch := make([]float32, (j.strip.End/7+1)*6*n), make([]float32, j.m.Scratch())
					for b.Loop() {
						j.m.Sum(y, n, &j.strip, scratch, &ep)
					}
					macs := float64(j.m.Entries*v.columns) * float64(v.vectors*v.lanes) * float64(b.N)
					b.ReportMetric(2*macs/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
