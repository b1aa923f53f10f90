package pooling

import (
	"math"
	"slices"
	"testing"

	"assay/bench/kernel/conv"
)

var shapes = []conv.Shape{
	{N: 2, H: 5, W: 4, C: 3, M: 3, OH: 2, OW: 2, KH: 2, KW: 2, SH: 2, SW: 2, DH: 1, DW: 1, Groups: 1},
	{N: 1, H: 5, W: 6, C: 2, M: 2, OH: 3, OW: 3, KH: 3, KW: 3, SH: 2, SW: 2, DH: 1, DW: 1, Top: 1, Left: 1, Groups: 1},
	{N: 1, H: 7, W: 7, C: 1, M: 1, OH: 5, OW: 5, KH: 3, KW: 2, SH: 1, SW: 1, DH: 2, DW: 3, Top: 1, Left: 1, Groups: 1},
	{N: 1, H: 1, W: 1, C: 4, M: 4, OH: 1, OW: 1, KH: 9, KW: 9, SH: 1, SW: 1, DH: 1, DW: 1, Top: 4, Left: 4, Groups: 1},
	{N: 1, H: 2, W: 2, C: 1, M: 1, OH: 3, OW: 3, KH: 1, KW: 1, SH: 2, SW: 2, DH: 1, DW: 1, Top: 1, Left: 1, Groups: 1}, // windows in the padding
}

// taps lists the elements of a window one by one.
func taps(s conv.Shape, p, c int) (at []int) {
	ox, oy, n := p%s.OW, p/s.OW%s.OH, p/(s.OW*s.OH)
	for ky := range s.KH {
		for kx := range s.KW {
			y, x := oy*s.SH+ky*s.DH-s.Top, ox*s.SW+kx*s.DW-s.Left
			if y >= 0 && y < s.H && x >= 0 && x < s.W {
				at = append(at, ((n*s.H+y)*s.W+x)*s.C+c)
			}
		}
	}
	return at
}

func TestMaxAndAverage(t *testing.T) {
	for _, s := range shapes {
		x := make([]float32, s.N*s.H*s.W*s.C)
		u, i8 := make([]uint8, len(x)), make([]int8, len(x))
		for i := range x {
			x[i] = float32((i*37)%101) - 50
			u[i], i8[i] = uint8(i*37), int8(i*37)
		}
		n := s.Pixels() * s.C
		y, mean, yu, yi := make([]float32, n), make([]float32, n), make([]uint8, n), make([]int8, n)
		least := float32(math.Inf(-1))
		Max(&s, y, x, least)
		MaxBytes(&s, yu, u)
		MaxBytes(&s, yi, i8)
		Average(&s, mean, x, nil)
		for i := range y {
			top, topU, topI, sum := least, uint8(0), int8(-128), 0.0
			at := taps(s, i/s.C, i%s.C)
			for _, k := range at {
				top, topU, topI, sum = max(top, x[k]), max(topU, u[k]), max(topI, i8[k]), sum+float64(x[k])
			}
			if y[i] != top || yu[i] != topU || yi[i] != topI {
				t.Fatalf("%+v: max[%d] = %v, %d, %d; want %v, %d, %d", s, i, y[i], yu[i], yi[i], top, topU, topI)
			}
			if want := sum / float64(max(len(at), 1)); math.Abs(float64(mean[i])-want) > 1e-4 {
				t.Fatalf("%+v: mean[%d] = %v, want %v", s, i, mean[i], want)
			}
		}
	}
}

func TestNaN(t *testing.T) {
	s, nan := shapes[0], float32(math.NaN())
	x := make([]float32, s.N*s.H*s.W*s.C)
	x[0] = nan
	y := make([]float32, s.Pixels()*s.C)
	Max(&s, y, x, float32(math.Inf(-1)))
	for i, v := range y {
		if (v != v) != (i == 0) {
			t.Errorf("max[%d] = %v", i, v)
		}
	}
}

func TestPadded(t *testing.T) {
	s := shapes[1] // 5×6, kernel 3, stride 2, one of padding before
	for _, c := range [][4]int{{0, 1, 1, 9}, {8, 0, 0, 6}, {8, 1, 1, 9}, {6, 0, 0, 6}} {
		if got := Padded(&s, c[0], c[1], c[2]); got != c[3] {
			t.Errorf("Padded(%d, %d, %d) = %d, want %d", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestGlobal(t *testing.T) {
	y := make([]float32, 4)
	Global(y, []float32{1, 10, 2, 20, 3, 30, 0, 0, 0, 0, 6, 3}, 2, 3, 2)
	for i, want := range []float32{2, 20, 2, 1} {
		if y[i] != want {
			t.Errorf("mean %d is %v, want %v", i, y[i], want)
		}
	}
	sums := make([]int32, 2)
	GlobalSum(sums, []int8{-128, 127, -128, 127}, -1, 1, 2, 2)
	if sums[0] != -254 || sums[1] != 256 {
		t.Errorf("sums %v", sums)
	}
}

// channels straddle the kernels' vectors of 8, 16 and 32.
var channels = []int{1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 65}

// TestVariants holds every variant to the reference: maxima and sums of
// integers, which are exact, with NaN among them.
func TestVariants(t *testing.T) {
	ref := &variants[len(variants)-1]
	for i := range variants {
		v := &variants[i]
		if !v.usable {
			continue
		}
		for _, c := range channels {
			for _, s := range shapes {
				s.C, s.M = c, c
				checkMax(t, v, ref, s)
			}
			for _, rows := range []int{0, 1, 2, 5, 49} {
				checkSums(t, v, ref, rows, c)
			}
		}
	}
}

const guard = 1234

func checkMax(t *testing.T, v, ref *variant, s conv.Shape) {
	t.Helper()
	n, nan := s.N*s.H*s.W*s.C, float32(math.NaN())
	x, q := make([]float32, n), make([]byte, n)
	for i := range x {
		x[i], q[i] = float32((i*37)%101)-50, byte(i*37+i/7)
		if i%97 == 5 {
			x[i] = nan
		}
	}
	for p := range s.Pixels() {
		w := windowOf(&s, p)
		got, want := make([]float32, s.C+1), make([]float32, s.C+1)
		v.max(got[:s.C:s.C], x, w, -60)
		ref.max(want[:s.C:s.C], x, w, -60)
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
				t.Fatalf("%s %+v, pixel %d: max[%d] = %v, want %v", v.name, s, p, i, got[i], want[i])
			}
		}
		for _, signed := range []bool{false, true} {
			got, want := make([]byte, s.C+1), make([]byte, s.C+1)
			v.maxBytes(got[:s.C:s.C], q, w, signed)
			ref.maxBytes(want[:s.C:s.C], q, w, signed)
			if !slices.Equal(got, want) {
				t.Fatalf("%s %+v, pixel %d, signed %v: %v, want %v", v.name, s, p, signed, got, want)
			}
		}
	}
}

func checkSums(t *testing.T, v, ref *variant, rows, c int) {
	t.Helper()
	x, q := make([]float32, rows*c), make([]byte, rows*c)
	for i := range x {
		x[i], q[i] = float32((i*37)%101)-50, byte(i*37+i/7)
	}
	if len(x) > 3 {
		x[len(x)/2] = float32(math.NaN())
	}
	got, want := append(make([]float32, c), guard), append(make([]float32, c), guard)
	v.sum(got[:c:c], x, rows)
	ref.sum(want[:c:c], x, rows)
	for i := range got {
		if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
			t.Fatalf("%s %d rows of %d: sum[%d] = %v, want %v", v.name, rows, c, i, got[i], want[i])
		}
	}
	for _, signed := range []bool{false, true} {
		got, want := append(make([]int32, c), guard), append(make([]int32, c), guard)
		v.sumBytes(got[:c:c], q, signed, rows)
		ref.sumBytes(want[:c:c], q, signed, rows)
		if !slices.Equal(got, want) {
			t.Fatalf("%s %d rows of %d, signed %v: %v, want %v", v.name, rows, c, signed, got, want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	s := shapes[0]
	x, y, q, sums := make([]float32, s.N*s.H*s.W*s.C), make([]float32, s.Pixels()*s.C), make([]uint8, s.N*s.H*s.W*s.C), make([]int32, s.C)
	if n := testing.AllocsPerRun(5, func() {
		Max(&s, y, x, 0)
		MaxBytes(&s, q[:len(y)], q)
		Average(&s, y, x, nil)
		Global(y, x, 1, s.H*s.W, s.C)
		GlobalSum(sums, q, 3, 1, s.H*s.W, s.C)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkPooling: the maximum behind ResNet-18's stem at half its size, and
// the mean in front of MobileNetV2's classifier.
func BenchmarkPooling(b *testing.B) {
	s := conv.Shape{N: 1, H: 56, W: 56, C: 64, M: 64, OH: 28, OW: 28, KH: 3, KW: 3, SH: 2, SW: 2, DH: 1, DW: 1, Top: 1, Left: 1, Groups: 1}
	x, y, sums := make([]float32, 56*56*64), make([]float32, 28*28*64), make([]int32, 1280)
	q, out := make([]byte, len(x)), make([]byte, len(y))
	for i := range variants {
		v := &variants[i]
		for _, op := range []struct {
			name string
			n    int // bytes read
			f    func()
		}{
			{"max", 4 * len(x), func() {
				for p := range s.Pixels() {
					v.max(y[p*s.C:][:s.C], x, windowOf(&s, p), 0)
				}
			}},
			{"max-uint8", len(x), func() {
				for p := range s.Pixels() {
					v.maxBytes(out[p*s.C:][:s.C], q, windowOf(&s, p), false)
				}
			}},
			{"sum", 4 * 49 * 1280, func() { v.sum(y[:1280], x, 49) }},
			{"sum-uint8", 49 * 1280, func() { v.sumBytes(sums, q, false, 49) }},
		} {
			b.Run("impl="+v.name+"/op="+op.name, func(b *testing.B) {
				if !v.usable {
					b.Skip("not supported by this CPU")
				}
				for b.Loop() {
					op.f()
				}
				b.ReportMetric(float64(op.n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			})
		}
	}
}
