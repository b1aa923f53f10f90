package qconv

// ref is the readable reference for every shape, depthwise ones included.
func ref(c *Conv, y []int32, x Input, _ *Scratch, from, to int) {
	cg, mg := c.C/c.Groups, c.M/c.Groups
	for p := from; p < to; p++ {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		for m := range c.M {
			g := m / mg
			var sum, zero int32
			if c.zero != nil {
				zero = c.zero[m]
			}
			for ky := range c.KH {
				for kx := range c.KW {
					iy, ix := oy*c.SH+ky*c.DH-c.Top, ox*c.SW+kx*c.DW-c.Left
					if iy < 0 || iy >= c.H || ix < 0 || ix >= c.W {
						continue // padding holds the zero point
					}
					for i := range cg {
						v := int32(x.Data[((n*c.H+iy)*c.W+ix)*c.C+g*cg+i])
						if x.Signed {
							v = int32(int8(v))
						}
						w := int32(c.weights[(g*c.K()+(ky*c.KW+kx)*cg+i)*mg+m%mg])
						sum += (v - x.Zero) * (w - zero)
					}
				}
			}
			y[(p-from)*c.M+m] = sum
		}
	}
}
