package onnx

import (
	"fmt"
	"slices"
)

func init() {
	register(1, concat, "Concat")
	register(1, split, "Split")
	register(1, slice, "Slice")
	register(1, pad, "Pad")
}

// concat joins along an axis; all other dimensions agree.
func concat(c *call) error {
	c.set(0, c.arg(0).typ, false, nil)
	var out []Dim
	a := -1
	for i := range c.in {
		x := c.arg(i)
		if !x.ranked {
			return nil
		}
		if a < 0 {
			if c.Attr("axis") == nil {
				return fmt.Errorf("attribute %q is missing", "axis")
			}
			var err error
			if a, err = axis(c.Int("axis", 0), len(x.shape)); err != nil {
				return err
			}
			out = slices.Clone(x.shape)
			continue
		}
		if len(x.shape) != len(out) {
			return fmt.Errorf("input %d has shape %v, input 0 has %v", i, x.shape, c.arg(0).shape)
		}
		for k, d := range x.shape {
			switch {
			case k == a && d.known() && out[k].known():
				out[k] = fixed(out[k].Value + d.Value) // each ≤ 2⁴⁰: node checks the sum
				if out[k].Value > maxAttr {
					return errLarge
				}
			case k == a:
				out[k] = unknown
			case d.differs(out[k]):
				return fmt.Errorf("input %d has shape %v, input 0 has %v: axis %d differs", i, x.shape, c.arg(0).shape, k)
			case !out[k].known():
				out[k] = d
			}
		}
	}
	c.set(0, c.arg(0).typ, true, out)
	return join(c, out)
}

// join concatenates the contents of vectors.
func join(c *call, out []Dim) error {
	if len(out) != 1 {
		return nil
	}
	data := []datum{}
	for i := range c.in {
		x := c.arg(i)
		if x.data == nil || len(data)+len(x.data) > maxRank {
			return nil
		}
		data = append(data, x.data...)
	}
	c.data(data)
	return nil
}

// split cuts an axis into the sizes of "split" (an input from operator set
// 13), or into equal parts, the last of which may be smaller.
func split(c *call) error {
	x := c.arg(0)
	for i := range c.out {
		c.set(i, x.typ, false, nil)
	}
	if !x.ranked || len(c.out) == 0 {
		return nil
	}
	a, err := axis(c.Int("axis", 0), len(x.shape))
	if err != nil {
		return err
	}
	sizes, ok := c.Ints("split", nil), true
	if c.opset >= 13 && c.has(1) {
		sizes, ok = c.arg(1).ints()
	}
	d, n := x.shape[a], int64(len(c.out))
	if ok && sizes == nil && d.known() {
		part := (d.Value + n - 1) / n
		for left := d.Value; len(sizes) < len(c.out); left -= min(part, left) {
			sizes = append(sizes, min(part, left))
		}
	}
	if ok && sizes != nil && len(sizes) != len(c.out) {
		return fmt.Errorf("%d sizes for %d outputs", len(sizes), len(c.out))
	}
	sum := int64(0)
	for i := range c.out {
		part := slices.Clone(x.shape)
		part[a] = unknown
		if ok && sizes != nil {
			if sizes[i] < 0 || sizes[i] > maxAttr-sum {
				return fmt.Errorf("sizes %v", sizes)
			}
			part[a] = fixed(sizes[i])
			sum += sizes[i]
		}
		c.set(i, x.typ, true, part)
	}
	if ok && sizes != nil && d.known() && sum != d.Value {
		return fmt.Errorf("sizes %v of axis %d, which has %v elements", sizes, a, d)
	}
	return nil
}

// sliceArgs returns starts, ends, axes and steps: attributes before operator
// set 10, inputs from then on. ok is false where the graph computes them.
func sliceArgs(c *call, rank int) (starts, ends, list, steps []int64, ok bool) {
	if c.opset < 10 {
		starts, ends, list = c.Ints("starts", nil), c.Ints("ends", nil), c.Ints("axes", nil)
		ok = true
	} else {
		var a, b bool
		starts, a = c.arg(1).ints()
		ends, b = c.arg(2).ints()
		ok = a && b
		for i, dst := range []*[]int64{&list, &steps} {
			if c.has(3 + i) {
				*dst, a = c.arg(3 + i).ints()
				ok = ok && a
			}
		}
	}
	if list == nil {
		for i := range min(len(starts), rank) {
			list = append(list, int64(i))
		}
	}
	if steps == nil {
		steps = slices.Repeat([]int64{1}, len(starts))
	}
	return starts, ends, list, steps, ok
}

func slice(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	starts, ends, list, steps, ok := sliceArgs(c, len(x.shape))
	if !ok {
		c.set(0, x.typ, true, unknowns(len(x.shape)))
		return nil
	}
	if len(ends) != len(starts) || len(list) != len(starts) || len(steps) != len(starts) {
		return fmt.Errorf("%d starts, %d ends, %d axes and %d steps", len(starts), len(ends), len(list), len(steps))
	}
	if _, err := axes(list, len(x.shape)); err != nil {
		return err
	}
	out := slices.Clone(x.shape)
	data := x.data
	for i, v := range list {
		a, _ := axis(v, len(x.shape)) // axes has checked it
		if steps[i] == 0 {
			return fmt.Errorf("step of axis %d is 0", a)
		}
		d := x.shape[a]
		if !d.known() {
			if starts[i] != 0 || steps[i] != 1 || ends[i] < maxAttr {
				out[a] = unknown
			}
			continue
		}
		from, n := cut(starts[i], ends[i], steps[i], d.Value)
		out[a] = fixed(n)
		if data != nil && int64(len(data)) == d.Value {
			part := make([]datum, 0, n)
			for k := range n {
				part = append(part, data[from+k*steps[i]])
			}
			data = part
		}
	}
	c.set(0, x.typ, true, out)
	c.data(data)
	return nil
}

// cut returns the first index and the number of elements that start:end:step
// takes from an axis of n elements (ONNX, Slice: negative ones count from the
// end, both are clamped).
func cut(start, end, step, n int64) (from, count int64) {
	if start < 0 {
		start += n
	}
	if end < 0 {
		end += n
	}
	if step > 0 {
		start, end = min(max(start, 0), n), min(max(end, 0), n)
		if end <= start {
			return 0, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = min(max(start, 0), n-1), min(max(end, -1), n-1)
	if end >= start {
		return 0, 0
	}
	if step == -step { // the least integer has no opposite
		return start, 1
	}
	return start, (start-end-1)/-step + 1
}

// pad: pads are [begin…, end…], of all axes or of those in input 3.
func pad(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	pads, ok := c.Ints("pads", nil), true
	if c.opset >= 11 {
		pads, ok = c.arg(1).ints()
	}
	out := unknowns(len(x.shape))
	list := make([]int64, len(x.shape))
	for i := range list {
		list[i] = int64(i)
	}
	if ok && c.has(3) {
		list, ok = c.arg(3).ints()
	}
	if !ok {
		c.set(0, x.typ, true, out)
		return nil
	}
	if len(pads) != 2*len(list) {
		return fmt.Errorf("%d pads for %d axes", len(pads), len(list))
	}
	if _, err := axes(list, len(x.shape)); err != nil {
		return err
	}
	copy(out, x.shape)
	for i, v := range list {
		a, _ := axis(v, len(x.shape)) // axes has checked it
		before, after := pads[i], pads[len(list)+i]
		if max(before, after) > maxAttr || min(before, after) < -maxAttr {
			return fmt.Errorf("pads %v", pads)
		}
		switch d := x.shape[a]; {
		case before == 0 && after == 0:
		case !d.known():
			out[a] = unknown
		case d.Value+before+after < 0:
			return fmt.Errorf("pads %v leave nothing of axis %d of %v", pads, a, x.shape)
		default:
			out[a] = fixed(d.Value + before + after)
		}
	}
	c.set(0, x.typ, true, out)
	return nil
}
