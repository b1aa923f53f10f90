package onnx

import (
	"fmt"

	"assay/models/tensor"
)

func init() {
	register(1, eyeLike, "EyeLike")
	register(2, gridSample, "GridSample")
	register(3, roiAlign, "RoiAlign")
	register(2, maxUnpool, "MaxUnpool")
	register(1, det, "Det")
	register(1, signalWindow, "HannWindow", "HammingWindow", "BlackmanWindow")
	register(2, loss, "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
}

// eyeLike: the shape of the input, perhaps of another type.
func eyeLike(c *call) error {
	x := c.arg(0)
	typ, err := c.elementType("dtype", x.typ)
	c.set(0, typ, x.ranked, x.shape)
	return err
}

// gridSample: images N×C×H×W at a grid N×H'×W'×2 are N×C×H'×W'.
func gridSample(c *call) error {
	x, g := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if !x.ranked || !g.ranked {
		return nil
	}
	if len(x.shape) != 4 || len(g.shape) != 4 || x.shape[0].differs(g.shape[0]) || g.shape[3].differs(fixed(2)) {
		return fmt.Errorf("images of shape %v, grid of shape %v", x.shape, g.shape)
	}
	c.set(0, x.typ, true, []Dim{x.shape[0], x.shape[1], g.shape[1], g.shape[2]})
	return nil
}

// roiAlign: the channels of the images for every region, of the size that
// attributes say.
func roiAlign(c *call) error {
	x, r := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if !x.ranked || !r.ranked {
		return nil
	}
	if len(x.shape) != 4 || len(r.shape) != 2 {
		return fmt.Errorf("images of shape %v, regions of shape %v", x.shape, r.shape)
	}
	h, w := c.Int("output_height", 1), c.Int("output_width", 1)
	if h < 1 || w < 1 || h > maxAttr || w > maxAttr {
		return fmt.Errorf("an output of %d × %d", h, w)
	}
	c.set(0, x.typ, true, []Dim{r.shape[0], x.shape[1], fixed(h), fixed(w)})
	return nil
}

// maxUnpool: the third input says the shape; without one it is that of the
// image whose pool x is: (size − 1)·stride + kernel − pads.
func maxUnpool(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	if c.has(2) {
		if d := c.arg(2); len(d.data) == len(x.shape) {
			c.set(0, x.typ, true, d.dims())
		}
		return nil
	}
	n := len(x.shape) - 2
	if n < 1 {
		return fmt.Errorf("data of shape %v", x.shape)
	}
	kernel, err := c.sizes("kernel_shape", n, 1, 1)
	if err != nil {
		return err
	}
	stride, err := c.sizes("strides", n, 1, 1)
	if err != nil {
		return err
	}
	pads, err := c.sizes("pads", 2*n, 0, 0)
	if err != nil {
		return err
	}
	out := append([]Dim{}, x.shape...)
	for i := range n {
		d := &out[2+i]
		if !d.known() {
			*d = unknown
			continue
		}
		v, err := mul(d.Value-1, stride[i])
		if err != nil || d.Value < 1 || v+kernel[i] < pads[i]+pads[n+i] {
			return fmt.Errorf("data of shape %v, kernel %v, pads %v", x.shape, kernel, pads)
		}
		*d = fixed(v + kernel[i] - pads[i] - pads[n+i])
	}
	c.set(0, x.typ, true, out)
	return nil
}

// det: one number for every matrix.
func det(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	n := len(x.shape)
	if n < 2 || x.shape[n-1].differs(x.shape[n-2]) {
		return fmt.Errorf("data of shape %v are no square matrices", x.shape)
	}
	c.set(0, x.typ, true, x.shape[:n-2])
	return nil
}

// signalWindow: as many elements as the input says.
func signalWindow(c *call) error {
	typ, err := c.elementType("output_datatype", tensor.Float32)
	if err != nil {
		return err
	}
	d := unknown
	if v, ok := c.arg(0).ints(); ok && len(v) == 1 && v[0] >= 0 {
		d = fixed(v[0])
	}
	c.set(0, typ, true, []Dim{d})
	return nil
}

// loss: scores N×C×… and targets N×…; the loss of each target, or one number,
// and the scores' log probabilities.
func loss(c *call) error {
	x, t := c.arg(0), c.arg(1)
	c.set(0, x.typ, true, []Dim{})
	if c.Str("reduction", "mean") == "none" {
		c.set(0, x.typ, t.ranked, t.shape)
	}
	c.set(1, x.typ, x.ranked, x.shape)
	return nil
}
