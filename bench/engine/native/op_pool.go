package native

import (
	"fmt"
	"math"

	"assay/bench/kernel/conv"
	"assay/bench/kernel/pooling"
	"assay/models/tensor"
)

func init() {
	attrs := []string{"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"}
	register(opDef{min: 1, max: 1, attrs: append(attrs, "storage_order"), plan: planMaxPool}, "MaxPool")
	register(opDef{min: 1, max: 1, attrs: append(attrs, "count_include_pad"), plan: planAveragePool}, "AveragePool")
	register(opDef{min: 1, max: 1, plan: planGlobal}, "GlobalAveragePool")
	register(opDef{min: 1, max: 2, attrs: []string{"axes", "keepdims", "noop_with_empty_axes"}, plan: planReduceMean}, "ReduceMean")
}

// poolWindow returns the window of a pooling operator.
func poolWindow(n *node) (conv.Shape, error) {
	x, y := n.in[0], n.out[0]
	if !n.last {
		return conv.Shape{}, fmt.Errorf("input %v is no image", x.shape)
	}
	s, err := window(n, x, y, nil)
	if err == nil && s.M != s.C {
		err = fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	return s, err
}

func planMaxPool(b *builder, n *node) error {
	s, err := poolWindow(n)
	if err != nil {
		return err
	}
	x, y := n.in[0], n.out[0]
	if x.typ != y.typ {
		return want(x.typ, y)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	switch x.typ {
	case tensor.Float32:
		b.step(func() { pooling.Max(&s, view[float32](e, out), view[float32](e, in), float32(math.Inf(-1))) })
	case tensor.Uint8:
		b.step(func() { pooling.MaxBytes(&s, view[uint8](e, out), view[uint8](e, in)) })
	case tensor.Int8:
		b.step(func() { pooling.MaxBytes(&s, view[int8](e, out), view[int8](e, in)) })
	default:
		return want(tensor.Float32, x)
	}
	return nil
}

// planAveragePool plans AveragePool. With count_include_pad the divisor is
// how much of the window lies inside the padded image, which ceil_mode's last
// window may leave.
func planAveragePool(b *builder, n *node) error {
	if err := want(tensor.Float32, n.in[0], n.out[0]); err != nil {
		return err
	}
	s, err := poolWindow(n)
	if err != nil {
		return err
	}
	var divisor func(p int) int
	if n.attrs.Int("count_include_pad", 0) != 0 {
		divisor = included(n, s)
	}
	e, in, out := b.env, b.slot(n.in[0]), b.slot(n.out[0])
	b.step(func() { pooling.Average(&s, view[float32](e, out), view[float32](e, in), divisor) })
	return nil
}

// included returns how many elements of pixel p's window lie inside the
// padded image.
func included(n *node, s conv.Shape) func(p int) int {
	bottom, right := s.Top, s.Left // auto_pad: SAME pads at most one more behind
	if pads := n.attrs.Ints("pads", nil); len(pads) == 4 {
		bottom, right = int(pads[2]), int(pads[3])
	} else if len(pads) == 2 {
		bottom, right = 0, int(pads[1])
	}
	return func(p int) int { return pooling.Padded(&s, p, bottom, right) }
}

func planGlobal(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	if !n.last || len(x.shape) < 3 || x.len() == 0 {
		return fmt.Errorf("input %v is no image", x.shape)
	}
	return b.mean(y, x, x.shape[0], x.len()/(x.shape[0]*x.shape[len(x.shape)-1]), x.shape[len(x.shape)-1])
}

// mean adds a step that averages x, outer × reduced × inner, to y.
func (b *builder) mean(y, x *value, outer, reduced, inner int) error {
	if y.len() != outer*inner {
		return fmt.Errorf("output %v of input %v", y.shape, x.shape)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() { pooling.Global(view[float32](e, out), view[float32](e, in), outer, reduced, inner) })
	return nil
}

// planReduceMean plans a mean over neighbouring axes.
func planReduceMean(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	list, given, err := axes(n, 1, len(x.shape))
	if err != nil {
		return err
	}
	if !given {
		if n.attrs.Int("noop_with_empty_axes", 0) != 0 {
			return planCopy(b, n)
		}
		for i := range x.shape {
			list = append(list, i)
		}
	}
	drop := make([]bool, len(x.shape)+1)
	for _, a := range list {
		drop[a] = true
	}
	first := 0
	for first < len(x.shape) && !drop[first] {
		first++
	}
	last := first
	for last < len(x.shape) && drop[last] {
		last++
	}
	outer, reduced, inner := 1, 1, 1
	for i, d := range x.shape {
		switch {
		case i < first:
			outer *= d
		case i < last:
			reduced *= d
		case drop[i]:
			return planReduce[float32](b, n) // axes that are no neighbours
		default:
			inner *= d
		}
	}
	return b.mean(y, x, outer, reduced, inner)
}
