package conv

import "assay/bench/kernel/gemm"

// depthwiseRow adds up one output pixel tap by tap, all channels of a tap
// after each other: both the input and the output are contiguous there.
// Weights lie in the order of Taps.
func depthwiseRow(c *Conv, y, x, _ []float32, ep *gemm.Epilogue, from, to int) {
	for p := from; p < to; p++ {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		out := y[p*c.C:][:c.C]
		if ep.Bias != nil {
			copy(out, ep.Bias)
		} else {
			clear(out)
		}
		for ky := range c.KH {
			iy := oy*c.SH + ky*c.DH - c.Top
			if iy < 0 || iy >= c.H {
				continue
			}
			for kx := range c.KW {
				ix := ox*c.SW + kx*c.DW - c.Left
				if ix < 0 || ix >= c.W {
					continue
				}
				tap(out, x[((n*c.H+iy)*c.W+ix)*c.C:], c.weights[(ky*c.KW+kx)*c.C:])
			}
		}
		if ep.Add != nil {
			for i, v := range ep.Add[p*c.C:][:len(out)] {
				out[i] += v
			}
		}
		ep.Clamp(out)
	}
}

// tap computes out[i] += x[i]·w[i].
func tap(out, x, w []float32) {
	x, w = x[:len(out)], w[:len(out)]
	for i := range out {
		out[i] += x[i] * w[i]
	}
}

// Taps rewrites depthwise weights, channel × tap, to tap × channel.
func Taps[T Number](s *Shape, w []T) []T {
	out := make([]T, len(w))
	k := s.KH * s.KW
	for c := range s.C {
		for t := range k {
			out[t*s.C+c] = w[c*k+t]
		}
	}
	return out
}

// Even cuts n pixels into pieces of at most so many, as equally as can be:
// repeat pieces of size pixels come first, smaller ones after them.
func Even(n, most int) (size, repeat int) {
	pieces := (n + most - 1) / most
	size = (n + pieces - 1) / pieces
	return size, n - pieces*(size-1)
}
