package conv

import "assay/bench/kernel/gemm"

// transformed are the transforms in plain Go, in every build.
var transformed = transforms{transformIn, transformOut}

func transformIn(dst []float32, plane int, src []float32, line, channels int) {
	for c := range channels {
		var t [4][4]float32 // d·B
		for i := range t {
			d := src[i*line+c:]
			d0, d1, d2, d3 := d[0], d[channels], d[2*channels], d[3*channels]
			t[i] = [4]float32{d0 - d2, d1 + d2, d2 - d1, d1 - d3}
		}
		for j := range 4 {
			out := dst[j*plane+c:]
			out[0], out[4*plane], out[8*plane], out[12*plane] = t[0][j]-t[2][j], t[1][j]+t[2][j], t[2][j]-t[1][j], t[1][j]-t[3][j]
		}
	}
}

func transformOut(y []float32, below int, src []float32, plane, channels int, ep gemm.Epilogue) {
	for c := range channels {
		var t [2][4]float32 // Aᵀ·z
		for j := range 4 {
			z := src[j*plane+c:]
			z0, z1, z2, z3 := z[0], z[4*plane], z[8*plane], z[12*plane]
			t[0][j], t[1][j] = z0+z1+z2, z1-z2-z3
		}
		for i, r := range t {
			for j, v := range [2]float32{r[0] + r[1] + r[2], r[1] - r[2] - r[3]} {
				at := i*below + j*channels + c
				if ep.Bias != nil {
					v += ep.Bias[c]
				}
				if ep.Add != nil {
					v += ep.Add[at]
				}
				y[at] = v
			}
		}
	}
	for i := range 2 {
		ep.Clamp(y[i*below:][:2*channels])
	}
}
