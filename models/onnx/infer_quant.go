package onnx

import (
	"fmt"

	"assay/models/tensor"
)

func init() {
	register(2, quantizeLinear, "QuantizeLinear")
	register(2, dequantizeLinear, "DequantizeLinear")
	register(1, dynamicQuantizeLinear, "DynamicQuantizeLinear")
	registerIn("com.microsoft", 2, quantizeLinear, "QuantizeLinear")
	registerIn("com.microsoft", 2, dequantizeLinear, "DequantizeLinear")
}

// scaleFits checks a scale, or a zero point: one element, or a vector along
// the axis, or (blocked, opset 21) the rank of the data.
func scaleFits(c *call, i int) error {
	x, s := c.arg(0), c.arg(i)
	if !x.ranked || !s.ranked || len(s.shape) != 1 || s.shape[0].is(1) || !s.shape[0].known() {
		return nil
	}
	a, err := axis(c.Int("axis", 1), len(x.shape))
	if err != nil {
		return err
	}
	if c.Int("block_size", 0) == 0 && s.shape[0].differs(x.shape[a]) {
		return fmt.Errorf("input %d has %v elements, axis %d of the data %v has %v", i, s.shape[0], a, x.shape, x.shape[a])
	}
	return nil
}

func quantizeLinear(c *call) error {
	for i := 1; i < 3; i++ {
		if err := scaleFits(c, i); err != nil {
			return err
		}
	}
	typ, err := c.elementType("output_dtype", tensor.Undefined)
	if err != nil {
		return err
	}
	switch {
	case c.has(2):
		typ = c.arg(2).typ
	case typ == tensor.Undefined:
		typ = tensor.Uint8
	}
	x := c.arg(0)
	c.set(0, typ, x.ranked, x.shape)
	return nil
}

func dequantizeLinear(c *call) error {
	for i := 1; i < 3; i++ {
		if err := scaleFits(c, i); err != nil {
			return err
		}
	}
	typ, err := c.elementType("output_dtype", tensor.Undefined)
	if err != nil {
		return err
	}
	if typ == tensor.Undefined {
		typ = c.arg(1).typ
	}
	x := c.arg(0)
	c.set(0, typ, x.ranked, x.shape)
	return nil
}

// dynamicQuantizeLinear: y uint8 like x, its scale and its zero point.
func dynamicQuantizeLinear(c *call) error {
	x := c.arg(0)
	c.set(0, tensor.Uint8, x.ranked, x.shape)
	c.set(1, tensor.Float32, true, []Dim{})
	c.set(2, tensor.Uint8, true, []Dim{})
	return nil
}
