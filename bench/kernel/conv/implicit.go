package conv

import "assay/bench/kernel/gemm"

// implicit computes a convolution as products of gathered patches with the
// packed weights, a few pixels at a time (implicit GEMM; Chetlur et al. 2014,
// cuDNN, §3). A pointwise one needs no gathering.
func implicit(c *Conv, y, x, scratch []float32, ep *gemm.Epilogue, from, to int) {
	mg, k := c.M/c.Groups, c.K()
	e := *ep
	if c.Pointwise() {
		cg := c.C / c.Groups
		for g, b := range c.groups {
			slice(&e, ep, from*c.M+g*mg, g*mg, mg)
			b.Mul(y[from*c.M+g*mg:], c.M, gemm.A{Data: x[from*c.C+g*cg:], Stride: c.C}, to-from, &e)
		}
		return
	}
	rows := c.PatchRows(4)
	for p := from; p < to; p += rows {
		q := min(p+rows, to)
		for g, b := range c.groups {
			Gather(&c.Shape, scratch, x, 0, g, p, q)
			slice(&e, ep, p*c.M+g*mg, g*mg, mg)
			b.Mul(y[p*c.M+g*mg:], c.M, gemm.A{Data: scratch, Stride: k}, q-p, &e)
		}
	}
}

func patchScratch(c *Conv) int {
	if c.Pointwise() {
		return 0
	}
	return c.PatchRows(4) * c.K()
}

// slice makes dst the part of ep that starts at element at of y and channel ch.
func slice(dst, ep *gemm.Epilogue, at, ch, n int) {
	if ep.Bias != nil {
		dst.Bias = ep.Bias[ch:][:n]
	}
	if ep.Add != nil {
		dst.Add = ep.Add[at:]
	}
}
