package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
)

func init() {
	register(opDef{min: 1, max: 5, attrs: []string{"axes", "ends", "starts"}, plan: planSlice}, "Slice")
	register(opDef{min: 2, max: 2, attrs: []string{"axis"}, plan: planGather}, "Gather")
}

// listOf returns an integer-list attribute (older operator sets) or a
// constant input.
func listOf(n *node, attr string, input int) ([]int64, error) {
	if v := n.arg(input); v != nil {
		ints, ok := v.ints()
		if !ok {
			return nil, fmt.Errorf("%s %q are computed by the model: %w (constant ones are)", attr, v.name, errors.ErrUnsupported)
		}
		return ints, nil
	}
	return n.attrs.Ints(attr, nil), nil
}

// planSlice plans NumPy's x[start:end:step] in some axes. Ends are known from
// the output's shape.
func planSlice(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	rank := len(x.shape)
	starts, err := listOf(n, "starts", 1)
	if err != nil {
		return err
	}
	steps, err := listOf(n, "steps", 4)
	if err != nil {
		return err
	}
	list, given, err := axes(n, 3, rank)
	if err != nil {
		return err
	}
	if !given {
		for i := range starts {
			list = append(list, i)
		}
	}
	if len(list) != len(starts) || steps != nil && len(steps) != len(starts) || len(starts) > rank || len(y.shape) != rank || x.typ != y.typ {
		return fmt.Errorf("starts %v, steps %v, axes %v of %v", starts, steps, list, x.shape)
	}
	from := ew.Contiguous(x.shape)
	src, offset := append([]int{}, from...), 0
	for i, a := range list {
		step := 1
		if steps != nil {
			step = int(steps[i])
		}
		d := x.shape[a]
		start := starts[i]
		if start < 0 {
			start += int64(d)
		}
		at := int(min(max(start, 0), int64(d)))
		if step < 0 {
			at = min(at, d-1)
		}
		if last := at + (y.shape[a]-1)*step; y.shape[a] > 0 && (step == 0 || last < 0 || last >= d) {
			return fmt.Errorf("slice of axis %d from %d by %d leaves %v", a, at, step, x.shape)
		}
		src[a], offset = from[a]*step, offset+at*from[a]
	}
	for i := range y.shape {
		if src[i] == from[i] && y.shape[i] > x.shape[i] {
			return fmt.Errorf("slice %v of %v", y.shape, x.shape)
		}
	}
	b.move(y, x, ew.NewMove(x.typ.Bits()/8, y.shape, ew.Contiguous(y.shape), src, 0, offset))
	return nil
}

// maxGather bounds the steps that one Gather with constant indices becomes.
const maxGather = 1 << 16

// planGather plans a Gather with constant indices: one copy for each; others
// are read in every run.
func planGather(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	rank := len(x.shape)
	axis := int(n.attrs.Int("axis", 0))
	if axis < 0 {
		axis += rank
	}
	indices, ok := n.in[1].ints()
	if !ok || len(indices) > maxGather {
		return planGatherRun(b, n)
	}
	if axis < 0 || axis >= rank || x.typ != y.typ {
		return fmt.Errorf("axis %d of %v", axis, x.shape)
	}
	box := append([]int{}, x.shape...)
	box[axis] = len(indices)
	to, from := ew.Contiguous(box), ew.Contiguous(x.shape)
	box[axis] = 1
	if x.shape[axis] == 0 || y.len() != len(indices)*(x.len()/x.shape[axis]) {
		return fmt.Errorf("%d indices of axis %d of %v for %v", len(indices), axis, x.shape, y.shape)
	}
	for i, k := range indices {
		if k < 0 {
			k += int64(x.shape[axis])
		}
		if k < 0 || k >= int64(x.shape[axis]) {
			return fmt.Errorf("index %d of %d", indices[i], x.shape[axis])
		}
		b.move(y, x, ew.NewMove(x.typ.Bits()/8, box, to, from, i*to[axis], int(k)*from[axis]))
	}
	return nil
}
