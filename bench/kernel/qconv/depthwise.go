package qconv

// depthwiseRow adds up one output pixel tap by tap, all channels of a tap
// after each other.
func depthwiseRow(c *Conv, y []int32, x Input, _ *Scratch, from, to int) {
	for p := from; p < to; p++ {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		out := y[(p-from)*c.C:][:c.C]
		clear(out)
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
				in, w := x.Data[((n*c.H+iy)*c.W+ix)*c.C:], c.weights[(ky*c.KW+kx)*c.C:]
				switch {
				case c.zero != nil:
					tapZero(out, in, w, c.zero, x)
				case x.Signed:
					tapSigned(out, in, w, x.Zero)
				default:
					tap(out, in, w, x.Zero)
				}
			}
		}
	}
}

// tap computes out[i] += (x[i] − zero)·w[i] for uint8 x.
func tap(out []int32, x []byte, w []int8, zero int32) {
	x, w = x[:len(out)], w[:len(out)]
	for i := range out {
		out[i] += (int32(x[i]) - zero) * int32(w[i])
	}
}

// tapSigned is tap for int8 x.
func tapSigned(out []int32, x []byte, w []int8, zero int32) {
	x, w = x[:len(out)], w[:len(out)]
	for i := range out {
		out[i] += (int32(int8(x[i])) - zero) * int32(w[i])
	}
}

// tapZero is tap for weights with zero points.
func tapZero(out []int32, x []byte, w []int8, zero []int32, in Input) {
	x, w, zero = x[:len(out)], w[:len(out)], zero[:len(out)]
	for i := range out {
		v := int32(x[i])
		if in.Signed {
			v = int32(int8(v))
		}
		out[i] += (v - in.Zero) * (int32(w[i]) - zero[i])
	}
}
