package pooling

import (
	"math"
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
		Max(&s, yu, u, 0)
		Max(&s, yi, i8, -128)
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

func BenchmarkMax(b *testing.B) {
	s := conv.Shape{N: 1, H: 28, W: 28, C: 16, M: 16, OH: 14, OW: 14, KH: 2, KW: 2, SH: 2, SW: 2, DH: 1, DW: 1, Groups: 1}
	x, y := make([]float32, 28*28*16), make([]float32, 14*14*16)
	for b.Loop() {
		Max(&s, y, x, 0)
	}
	b.ReportMetric(float64(4*(len(x)+len(y)))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
}
