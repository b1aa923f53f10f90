package conv

import (
	"math"
	"testing"

	"assay/bench/kernel/gemm"
)

// tiled returns what bounds the error of each output of F(2×2, 3×3): the
// absolute values of inputs, weights and transforms in the place of themselves,
// |Aᵀ|·[(|G|·|g|·|Gᵀ|) ⊙ (|Bᵀ|·|d|·|B|)]·|A|, summed over the inputs' channels
// (compare Higham 2002, §3.5). w is M × C × 3 × 3.
func tiled(s Shape, x, w []float32) []float64 {
	bt := [4][4]float64{{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}}
	at := [2][4]float64{{1, 1, 1, 0}, {0, 1, 1, 1}}
	g := [4][3]float64{{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}}
	u := make([][16]float64, s.M*s.C)
	for i := range u {
		for p := range 16 {
			for t := range 9 {
				u[i][p] += g[p/4][t/3] * g[p%4][t%3] * math.Abs(float64(w[9*i+t]))
			}
		}
	}
	out := make([]float64, s.Pixels()*s.M)
	for pixel := range s.Pixels() {
		ox, oy, n := pixel%s.OW, pixel/s.OW%s.OH, pixel/(s.OW*s.OH)
		for c := range s.C {
			var v [16]float64
			for t := range 16 {
				iy, ix := oy/2*2-s.Top+t/4, ox/2*2-s.Left+t%4
				if iy < 0 || iy >= s.H || ix < 0 || ix >= s.W {
					continue
				}
				d := math.Abs(float64(x[((n*s.H+iy)*s.W+ix)*s.C+c]))
				for p := range 16 {
					v[p] += bt[p/4][t/4] * bt[p%4][t%4] * d
				}
			}
			for m := range s.M {
				for p := range 16 {
					out[pixel*s.M+m] += at[oy%2][p/4] * at[ox%2][p%4] * u[m*s.C+c][p] * v[p]
				}
			}
		}
	}
	return out
}

// TestTransforms holds the transforms of this CPU to those in Go, to the bit.
func TestTransforms(t *testing.T) {
	const line, plane, below = 200, 50, 90
	for _, channels := range []int{1, 7, 8, 15, 16, 17, 33, 40} {
		src := random(3*line + 4*channels)
		got, want := make([]float32, 16*plane), make([]float32, 16*plane)
		chosen.in(got, plane, src, line, channels)
		transformed.in(want, plane, src, line, channels)
		equal(t, "in", channels, got, want)

		z := random(15*plane + channels)
		z[3] = float32(math.NaN())
		for _, ep := range []gemm.Epilogue{gemm.None(), {Bias: random(channels), Add: random(below + 2*channels), Lo: -1, Hi: 2}} {
			got, want = make([]float32, 2*below), make([]float32, 2*below)
			chosen.out(got, below, z, plane, channels, ep)
			transformed.out(want, below, z, plane, channels, ep)
			equal(t, "out", channels, got, want)
		}
	}
}

func equal(t *testing.T, name string, channels int, got, want []float32) {
	t.Helper()
	for i := range want {
		if g, w := got[i], want[i]; g != w && !(math.IsNaN(float64(g)) && math.IsNaN(float64(w))) {
			t.Fatalf("%s of %d channels: element %d is %v, want %v", name, channels, i, g, w)
		}
	}
}
