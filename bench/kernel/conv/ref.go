package conv

import "assay/bench/kernel/gemm"

// ref is the readable reference for every shape, depthwise ones included.
func ref(c *Conv, y, x, _ []float32, ep *gemm.Epilogue, from, to int) {
	cg, mg := c.C/c.Groups, c.M/c.Groups
	for p := from; p < to; p++ {
		ox, oy, n := p%c.OW, p/c.OW%c.OH, p/(c.OW*c.OH)
		for m := range c.M {
			g := m / mg
			var sum float32
			for ky := range c.KH {
				for kx := range c.KW {
					iy, ix := oy*c.SH+ky*c.DH-c.Top, ox*c.SW+kx*c.DW-c.Left
					if iy < 0 || iy >= c.H || ix < 0 || ix >= c.W {
						continue
					}
					for i := range cg {
						w := c.weights[(g*c.K()+(ky*c.KW+kx)*cg+i)*mg+m%mg]
						sum += x[((n*c.H+iy)*c.W+ix)*c.C+g*cg+i] * w
					}
				}
			}
			if ep.Bias != nil {
				sum += ep.Bias[m]
			}
			if ep.Add != nil {
				sum += ep.Add[p*c.M+m]
			}
			y[p*c.M+m] = sum
		}
		ep.Clamp(y[p*c.M:][:c.M])
	}
}
