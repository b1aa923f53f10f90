package onnx

import (
	"fmt"
	"math"
	"slices"

	"assay/models/tensor"
)

func init() {
	register(0, constantOp, "Constant")
	register(1, constantOfShape, "ConstantOfShape")
	register(1, shapeOf, "Shape")
	register(1, size, "Size")
	register(3, rangeOp, "Range")
	register(2, gather, "Gather")
	register(2, gatherElements, "GatherElements")
	register(2, gatherND, "GatherND")
	register(1, nonZero, "NonZero")
	register(3, oneHot, "OneHot")
}

// constantOp: the value is an attribute, one of several.
func constantOp(c *call) error {
	if len(c.out) == 0 {
		return nil
	}
	set := func(t tensor.Tensor) { c.out[0] = *constant(&t) }
	for i := range c.Attrs {
		switch a := &c.Attrs[i]; {
		case a.Name == "value" && a.T != nil:
			c.out[0] = *constant(a.T)
		case a.Name == "value_int":
			set(tensor.From(tensor.Int64, []int64{a.I}))
		case a.Name == "value_ints":
			set(tensor.From(tensor.Int64, a.Ints, len(a.Ints)))
		case a.Name == "value_float":
			set(tensor.From(tensor.Float32, []float32{a.F}))
		case a.Name == "value_floats":
			set(tensor.From(tensor.Float32, a.Floats, len(a.Floats)))
		case a.Name == "value_string":
			c.set(0, tensor.String, true, []Dim{})
		case a.Name == "value_strings":
			c.set(0, tensor.String, true, []Dim{fixed(int64(len(a.Strings)))})
		case a.Name == "sparse_value":
		default:
			continue
		}
		return nil
	}
	return fmt.Errorf("it has no value")
}

func constantOfShape(c *call) error {
	typ, fill := tensor.Float32, []datum(nil)
	if a := c.Attr("value"); a != nil && a.T != nil {
		typ = a.T.Type
		if a.T.Check() == nil && a.T.Len() == 1 {
			fill = contents(a.T)
		}
	}
	c.set(0, typ, false, nil)
	s := c.arg(0)
	if s.data == nil {
		n, err := s.vector()
		if n >= 0 {
			c.set(0, typ, true, unknowns(n))
		}
		return err
	}
	out := s.dims()
	for _, d := range s.data {
		if d.known && d.v < 0 {
			return fmt.Errorf("shape %v has a dimension %d", show(s.data), d.v)
		}
	}
	c.set(0, typ, true, out)
	if fill == nil || len(out) > 1 {
		return nil
	}
	n, err := product(out)
	if err == nil && n.known() && n.Value <= maxRank {
		c.data(slices.Repeat(fill, int(n.Value)))
	}
	return err
}

// shapeOf: the dimensions from start to end, as contents.
func shapeOf(c *call) error {
	x := c.arg(0)
	c.set(0, tensor.Int64, true, unknowns(1))
	if !x.ranked {
		return nil
	}
	n := int64(len(x.shape))
	from, count := cut(c.Int("start", 0), c.Int("end", math.MaxInt64), 1, n)
	data := make([]datum, 0, count)
	for _, d := range x.shape[from : from+count] {
		data = append(data, datum{v: max(d.Value, 0), known: d.known(), param: d.Param})
	}
	c.set(0, tensor.Int64, true, []Dim{fixed(count)})
	c.data(data)
	return nil
}

func size(c *call) error {
	c.set(0, tensor.Int64, true, []Dim{})
	x := c.arg(0)
	if !x.ranked {
		return nil
	}
	d, err := product(x.shape)
	if err != nil {
		return err
	}
	c.data([]datum{{v: max(d.Value, 0), known: d.known(), param: d.Param}})
	return nil
}

// rangeOp: start, limit, delta.
func rangeOp(c *call) error {
	typ := c.arg(0).typ
	c.set(0, typ, true, unknowns(1))
	if n, ok := c.floatRange(); ok {
		c.set(0, typ, true, []Dim{fixed(n)})
		return nil
	}
	var v [3]int64
	for i := range v {
		k, ok := c.arg(i).ints()
		if !ok || len(k) != 1 || k[0] > math.MaxInt32 || k[0] < math.MinInt32 {
			return nil
		}
		v[i] = k[0]
	}
	if v[2] == 0 {
		return fmt.Errorf("delta is 0")
	}
	span := v[1] - v[0]
	n := int64(0)
	if span != 0 && (span > 0) == (v[2] > 0) {
		n = (max(span, -span)-1)/max(v[2], -v[2]) + 1
	}
	c.set(0, typ, true, []Dim{fixed(n)})
	if n <= maxRank {
		data := make([]datum, n)
		for i := range data {
			data[i] = datum{v: v[0] + int64(i)*v[2], known: true}
		}
		c.data(data)
	}
	return nil
}

// floatRange returns the length of a Range of constant floats.
func (c *call) floatRange() (int64, bool) {
	var v [3]float64
	for i := range v {
		t := c.arg(i).tensor
		if t == nil || t.Type != tensor.Float32 && t.Type != tensor.Float64 || t.Len() != 1 || t.Check() != nil {
			return 0, false
		}
		f, err := t.Floats()
		if err != nil {
			return 0, false
		}
		v[i] = f[0]
	}
	n := math.Ceil((v[1] - v[0]) / v[2])
	if !(n <= tensor.MaxBytes) { // not a number, or too many
		return 0, false
	}
	return int64(max(n, 0)), true
}

// gather: data[:axis] + indices + data[axis+1:].
func gather(c *call) error {
	x, k := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if !x.ranked || !k.ranked {
		return nil
	}
	a, err := axis(c.Int("axis", 0), len(x.shape))
	if err != nil {
		return err
	}
	idx, known := k.ints()
	if d := x.shape[a]; known && d.known() {
		for _, v := range idx {
			if v < -d.Value || v >= d.Value {
				return fmt.Errorf("index %d of axis %d, which has %v elements", v, a, d)
			}
		}
	}
	c.set(0, x.typ, true, slices.Concat(x.shape[:a], k.shape, x.shape[a+1:]))
	if !known || x.data == nil || len(x.shape) != 1 {
		return nil
	}
	data := make([]datum, len(idx))
	for i, v := range idx {
		if v < 0 {
			v += int64(len(x.data))
		}
		if v < 0 || v >= int64(len(x.data)) {
			return nil
		}
		data[i] = x.data[v]
	}
	c.data(data)
	return nil
}

// gatherElements: the shape of the indices.
func gatherElements(c *call) error {
	k := c.arg(1)
	c.set(0, c.arg(0).typ, k.ranked, k.shape)
	return nil
}

// gatherND: indices [.., n] pick slices of data behind batch_dims + n axes.
func gatherND(c *call) error {
	x, k := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if !x.ranked || !k.ranked || len(k.shape) == 0 || !k.shape[len(k.shape)-1].known() {
		return nil
	}
	n, b := k.shape[len(k.shape)-1].Value, c.Int("batch_dims", 0)
	if b < 0 || b > int64(len(x.shape)) || n > int64(len(x.shape))-b {
		return fmt.Errorf("indices of shape %v into data of shape %v", k.shape, x.shape)
	}
	c.set(0, x.typ, true, slices.Concat(k.shape[:len(k.shape)-1], x.shape[b+n:]))
	return nil
}

// nonZero: [rank, found].
func nonZero(c *call) error {
	c.set(0, tensor.Int64, true, unknowns(2))
	if x := c.arg(0); x.ranked {
		c.set(0, tensor.Int64, true, []Dim{fixed(int64(len(x.shape))), unknown})
	}
	return nil
}

// oneHot: indices, depth, values; depth becomes a new axis.
func oneHot(c *call) error {
	k, typ := c.arg(0), c.arg(2).typ
	c.set(0, typ, false, nil)
	if !k.ranked {
		return nil
	}
	a, err := axis(c.Int("axis", -1), len(k.shape)+1)
	if err != nil {
		return err
	}
	depth := unknown
	if d, ok := c.arg(1).ints(); ok && len(d) == 1 && d[0] >= 0 {
		depth = fixed(d[0])
	} else if t := c.arg(1).tensor; t != nil && t.Len() == 1 && t.Check() == nil {
		if f, err := t.Floats(); err == nil && f[0] >= 0 && f[0] <= tensor.MaxBytes {
			depth = fixed(int64(f[0])) // any number type is allowed
		}
	}
	c.set(0, typ, true, slices.Insert(slices.Clone(k.shape), a, depth))
	return nil
}
