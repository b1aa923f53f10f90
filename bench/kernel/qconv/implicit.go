package qconv

import (
	"assay/bench/kernel/conv"
	"assay/bench/kernel/qgemm"
)

func packGroups(c *Conv, w []int8, zero []int32) {
	mg := c.M / c.Groups
	n := c.K() * mg
	for g := range c.Groups {
		var z []int32
		if zero != nil {
			z = zero[g*mg:][:mg]
		}
		c.groups = append(c.groups, qgemm.Pack(w[g*n:][:n], c.K(), mg, false, z))
	}
}

func noScratch(*Conv) int { return 0 }

func patchScratch(c *Conv) int {
	if c.Pointwise() {
		return 0
	}
	return c.PatchRows(1) * c.K()
}

// implicit multiplies gathered patches with the packed weights.
func implicit(c *Conv, y []int32, x Input, s *Scratch, from, to int) {
	cg, mg := c.C/c.Groups, c.M/c.Groups
	a := qgemm.Matrix{Signed: x.Signed, Zero: x.Zero}
	if c.Pointwise() {
		for g, b := range c.groups {
			a.Data, a.Stride = x.Data[from*c.C+g*cg:], c.C
			b.Mul(y[g*mg:], c.M, a, to-from, s.Pairs)
		}
		return
	}
	a.Data, a.Stride = s.Bytes, c.K()
	rows := c.PatchRows(1)
	for p := from; p < to; p += rows {
		q := min(p+rows, to)
		for g, b := range c.groups {
			conv.Gather(&c.Shape, s.Bytes, x.Data, uint8(x.Zero), g, p, q)
			b.Mul(y[(p-from)*c.M+g*mg:], c.M, a, q-p, s.Pairs)
		}
	}
}
