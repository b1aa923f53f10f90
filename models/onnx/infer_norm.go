package onnx

import (
	"fmt"

	"assay/models/tensor"
)

func init() {
	register(1, same, "LRN", "MeanVarianceNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization")
	register(5, batchNorm, "BatchNormalization")
	register(2, layerNorm, "LayerNormalization")
}

// batchNorm: X [N, C, …]; scale, B, mean, var [C].
func batchNorm(c *call) error {
	x := c.arg(0)
	if x.ranked && len(x.shape) >= 2 {
		for i := 1; i < 5; i++ {
			if s := c.arg(i); s.ranked && (len(s.shape) != 1 || s.shape[0].differs(x.shape[1])) {
				return fmt.Errorf("input %d has shape %v, the data have %v channels", i, s.shape, x.shape[1])
			}
		}
	}
	for i := 1; i < len(c.out); i++ {
		s := c.arg(min(i, 4)) // running mean and variance
		c.set(i, s.typ, s.ranked, s.shape)
	}
	return same(c)
}

// layerNorm: Y like X; Mean and InvStdDev with 1 from the axis on.
func layerNorm(c *call) error {
	x := c.arg(0)
	if x.ranked {
		a, err := axis(c.Int("axis", -1), len(x.shape))
		if err != nil {
			return err
		}
		stat := append([]Dim{}, x.shape...)
		for i := a; i < len(stat); i++ {
			stat[i] = fixed(1)
		}
		for i := 1; i < len(c.out); i++ {
			c.set(i, tensor.Float32, true, stat)
		}
		if s := c.arg(1); s.ranked {
			if b, err := broadcast(x.shape, s.shape); err != nil || len(b) != len(x.shape) {
				return fmt.Errorf("scale of shape %v does not fit %v", s.shape, x.shape)
			}
		}
	}
	return same(c)
}
