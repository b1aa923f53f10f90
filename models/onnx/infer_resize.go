package onnx

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() { register(1, resize, "Resize", "Upsample") }

// resize scales axes by factors, rounded down, or sets them to sizes.
// Upsample is its ancestor.
func resize(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	out := unknowns(len(x.shape))
	list, err := resizeAxes(c, len(x.shape))
	if err != nil {
		return err
	}
	if len(list) < len(x.shape) {
		copy(out, x.shape)
		for _, a := range list {
			out[a] = unknown
		}
	}
	scales, i := c.arg(1), 1
	switch {
	case c.Op == "Upsample" && c.opset < 9:
		scales, i = nil, -1
	case c.Op == "Resize" && c.opset >= 11:
		scales, i = c.arg(2), 2
	}
	if c.Op == "Resize" && c.opset >= 11 && c.has(3) {
		err = sized(c, x, out, list)
	} else {
		err = scaled(c, x, out, list, scales, i)
	}
	if err != nil {
		return err
	}
	c.set(0, x.typ, true, out)
	return nil
}

func resizeAxes(c *call, rank int) ([]int, error) {
	given := c.Ints("axes", nil)
	if given == nil {
		for i := range rank {
			given = append(given, int64(i))
		}
	}
	if _, err := axes(given, rank); err != nil {
		return nil, err
	}
	list := make([]int, len(given))
	for i, v := range given {
		list[i], _ = axis(v, rank) // axes has checked it
	}
	return list, nil
}

// sized sets the listed axes of out to input 3.
func sized(c *call, x *value, out []Dim, list []int) error {
	s := c.arg(3)
	if s.data == nil {
		return nil
	}
	if len(s.data) != len(list) {
		return fmt.Errorf("%d sizes for %d axes of %v", len(s.data), len(list), x.shape)
	}
	if p := c.Str("keep_aspect_ratio_policy", "stretch"); p != "stretch" {
		return nil // the sizes are bounds only
	}
	for i, d := range s.dims() {
		out[list[i]] = d
	}
	return nil
}

// scaled multiplies the listed axes by the constant scales: a value, or the
// attribute where it is nil.
func scaled(c *call, x *value, out []Dim, list []int, scales *value, input int) error {
	var f []float64
	switch {
	case scales == nil:
		for _, v := range c.Floats("scales", nil) {
			f = append(f, float64(v))
		}
	case scales.tensor == nil || scales.tensor.Type != tensor.Float32 || scales.tensor.Len() > maxRank || scales.tensor.Check() != nil:
		return nil
	default:
		f, _ = scales.tensor.Floats() // float32 always converts
	}
	if len(f) != len(list) {
		return fmt.Errorf("%d scales (input %d) for %d axes of %v", len(f), input, len(list), x.shape)
	}
	for i, v := range f {
		a := list[i]
		if v == 1 {
			out[a] = x.shape[a]
			continue
		}
		if !(v > 0) || math.IsInf(v, 1) {
			return fmt.Errorf("scales %v", f)
		}
		if d := x.shape[a]; d.known() {
			// ONNX Runtime computes in float32, and so does this.
			size := math.Floor(float64(float32(d.Value) * float32(v)))
			if size > tensor.MaxBytes {
				return errLarge
			}
			out[a] = fixed(int64(size))
		}
	}
	return nil
}
