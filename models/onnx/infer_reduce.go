package onnx

import (
	"fmt"

	"assay/models/tensor"
)

func init() {
	register(1, reduce, "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
		"ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
	register(1, argMax, "ArgMax", "ArgMin")
	register(2, topK, "TopK")
}

// axesOf returns the axes of attribute "axes", or of input i from operator
// set since on. all: none are given, so every axis is meant; ok false: they
// are computed by the graph.
func (c *call) axesOf(i int, since int64) (list []int64, all, ok bool) {
	if c.opset < since {
		list = c.Ints("axes", nil)
		return list, len(list) == 0, true
	}
	if !c.has(i) {
		return nil, true, true
	}
	list, ok = c.arg(i).ints()
	return list, ok && len(list) == 0, ok
}

// reduce drops the axes, or leaves 1 (keepdims).
func reduce(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	since := int64(18) // axes became an input
	if c.Op == "ReduceSum" {
		since = 13
	}
	keep := c.Int("keepdims", 1) != 0
	list, all, ok := c.axesOf(1, since)
	if !ok {
		if keep {
			c.set(0, x.typ, true, unknowns(len(x.shape)))
		}
		return nil
	}
	if all && c.Int("noop_with_empty_axes", 0) != 0 {
		return same(c)
	}
	set, err := axes(list, len(x.shape))
	if err != nil {
		return err
	}
	c.set(0, x.typ, true, drop(x.shape, keep, func(i int) bool { return all || set[i] }))
	if c.Op == "ReduceProd" && len(x.shape) == 1 && x.data != nil {
		p := datum{v: 1, known: true}
		for _, d := range x.data {
			p = compute("Mul", p, d)
		}
		c.data([]datum{p})
	}
	return nil
}

// drop returns shape without the axes for which gone says true, or with 1 there.
func drop(shape []Dim, keep bool, gone func(i int) bool) []Dim {
	out := []Dim{}
	for i, d := range shape {
		switch {
		case !gone(i):
			out = append(out, d)
		case keep:
			out = append(out, fixed(1))
		}
	}
	return out
}

func argMax(c *call) error {
	x := c.arg(0)
	c.set(0, tensor.Int64, false, nil)
	if !x.ranked {
		return nil
	}
	a, err := axis(c.Int("axis", 0), len(x.shape))
	if err != nil {
		return err
	}
	c.set(0, tensor.Int64, true, drop(x.shape, c.Int("keepdims", 1) != 0, func(i int) bool { return i == a }))
	return nil
}

// topK: values and indices, K along the axis.
func topK(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	c.set(1, tensor.Int64, false, nil)
	if !x.ranked {
		return nil
	}
	a, err := axis(c.Int("axis", -1), len(x.shape))
	if err != nil {
		return err
	}
	out := append([]Dim{}, x.shape...)
	out[a] = unknown
	if k, ok := c.arg(1).ints(); ok && len(k) == 1 {
		if k[0] < 0 || x.shape[a].known() && k[0] > x.shape[a].Value {
			return fmt.Errorf("k is %d, axis %d has %v elements", k[0], a, x.shape[a])
		}
		out[a] = fixed(k[0])
	}
	c.set(0, x.typ, true, out)
	c.set(1, tensor.Int64, true, out)
	return nil
}
