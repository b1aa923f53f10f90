package onnx

import (
	"fmt"
	"slices"
)

func init() { register(2, reshape, "Reshape") }

// reshape: 0 copies the dimension (unless allowzero), −1 takes the rest.
func reshape(c *call) error {
	x, s := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if s.data == nil {
		n, err := s.vector()
		if n >= 0 {
			c.set(0, x.typ, true, unknowns(n))
		}
		return err
	}
	out := s.dims()
	zeros := c.Int("allowzero", 0) != 0
	infer := -1
	num, den := slices.Clone(x.shape), []Dim{} // what remains of both sides
	for i, d := range s.data {
		switch {
		case d.known && d.v == -1 && infer >= 0:
			return fmt.Errorf("shape %v infers two dimensions", show(s.data))
		case d.known && d.v == -1:
			infer = i
		case d.known && d.v < 0:
			return fmt.Errorf("shape %v has a dimension %d", show(s.data), d.v)
		case d.known && d.v == 0 && !zeros && x.ranked:
			if i >= len(x.shape) {
				return fmt.Errorf("shape %v copies dimension %d, the data have the shape %v", show(s.data), i, x.shape)
			}
			out[i], num[i] = x.shape[i], fixed(1)
		case d.known && d.v == 0 && !zeros:
			out[i] = unknown
		default:
			den = append(den, out[i])
		}
	}
	c.set(0, x.typ, true, out)
	if !x.ranked {
		return nil
	}
	if err := rest(num, den, out, infer); err != nil {
		return fmt.Errorf("%w: the data have the shape %v, wanted is %v", err, x.shape, show(s.data))
	}
	if len(out) <= 1 && len(x.shape) <= 1 {
		c.data(x.data)
	}
	return nil
}

// show prints contents as dimensions.
func show(d []datum) []Dim {
	out := make([]Dim, len(d))
	for i, x := range d {
		out[i] = Dim{Value: x.v, Param: x.param}
		if x.known && x.v < 0 {
			out[i].Param = fmt.Sprint(x.v)
		}
	}
	return out
}

// rest checks that num and den hold equally many elements, as far as known,
// and sets dimension infer of out, if any, to what den leaves of num.
func rest(num, den, out []Dim, infer int) error {
	// Symbolic dimensions on both sides cancel, whatever they are.
	den = slices.DeleteFunc(den, func(d Dim) bool {
		k := slices.Index(num, d)
		if k < 0 || d.Param == "" {
			return false
		}
		num[k] = fixed(1)
		return true
	})
	below, err := product(den)
	if err != nil {
		return err
	}
	symbol := Dim{Value: 1} // of the data, where just one is left
	if k := slices.IndexFunc(num, func(d Dim) bool { return d.Param != "" }); k >= 0 && infer >= 0 {
		symbol = num[k]
		num[k] = fixed(1)
	}
	above, err := product(num)
	if err != nil {
		return err
	}
	if !above.known() || !below.known() {
		return nil
	}
	switch {
	case infer < 0:
		if above.Value != below.Value {
			return fmt.Errorf("%d elements do not fit into %d", above.Value, below.Value)
		}
	case below.Value == 0:
		if above.Value != 0 {
			return fmt.Errorf("%d elements do not fit into 0", above.Value)
		}
	case symbol.Param != "":
		if above.Value == below.Value {
			out[infer] = symbol
		}
	case above.Value%below.Value != 0:
		return fmt.Errorf("%d elements do not divide by %d", above.Value, below.Value)
	default:
		out[infer] = fixed(above.Value / below.Value)
	}
	return nil
}
