package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 2, plan: planExpand}, "Expand")
	register(opDef{min: 2, max: 2, plan: planTile}, "Tile")
	register(opDef{min: 1, max: 2, outs: 1 << 16, attrs: []string{"axis", "split", "num_outputs"}, plan: planSplit}, "Split")
	register(opDef{min: 1, max: 1, attrs: []string{"blocksize", "mode"}, plan: planDepth}, "DepthToSpace", "SpaceToDepth")
	register(opDef{min: 2, max: 2, attrs: []string{"batch_axis", "time_axis"}, plan: planReverse}, "ReverseSequence")
	register(opDef{min: 1, max: 2, attrs: []string{"upper"}, plan: planTrilu}, "Trilu")
}

// elementSize returns the bytes of one element of x, whose type y must have.
func elementSize(x, y *value) (int, error) {
	if x.typ != y.typ {
		return 0, want(x.typ, y)
	}
	return x.typ.Bits() / 8, nil
}

// planExpand plans NumPy's broadcast_to. Repeated dimensions have step 0.
func planExpand(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	s, err := newSpread(y.shape, x.shape)
	if err != nil {
		return err
	}
	b.move(y, x, ew.NewMove(size, y.shape, ew.Contiguous(y.shape), s.steps[0], 0, 0))
	return nil
}

// planTile plans repetitions along every axis: a result of twice the
// dimensions, in which every axis is preceded by its repetition.
func planTile(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	if len(x.shape) != len(y.shape) {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	var box, to, from []int
	dst, src := ew.Contiguous(y.shape), ew.Contiguous(x.shape)
	for i, d := range x.shape {
		if d == 0 || y.shape[i]%d != 0 {
			return fmt.Errorf("input %v does not repeat to %v", x.shape, y.shape)
		}
		box, to, from = append(box, y.shape[i]/d, d), append(to, d*dst[i], dst[i]), append(from, 0, src[i])
	}
	b.move(y, x, ew.NewMove(size, box, to, from, 0, 0))
	return nil
}

// planSplit plans parts of one axis; their sizes are those of the outputs.
func planSplit(b *builder, n *node) error {
	x := n.in[0]
	rank := len(x.shape)
	axis := int(n.attrs.Int("axis", 0))
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank {
		return fmt.Errorf("axis %d of %d dimensions", axis, rank)
	}
	from, at := ew.Contiguous(x.shape), 0
	for _, y := range n.out {
		if y == nil {
			return fmt.Errorf("an output that nobody wants: %w (Split wants all)", errors.ErrUnsupported)
		}
		size, err := elementSize(x, y)
		if err != nil {
			return err
		}
		for i, d := range y.shape {
			if len(y.shape) != rank || i != axis && d != x.shape[i] || i == axis && at+d > x.shape[i] {
				return fmt.Errorf("part %v of %v", y.shape, x.shape)
			}
		}
		b.move(y, x, ew.NewMove(size, y.shape, ew.Contiguous(y.shape), from, 0, at*from[axis]))
		at += y.shape[axis]
	}
	if at != x.shape[axis] {
		return fmt.Errorf("parts of %d of axis %d of %v", at, axis, x.shape)
	}
	return nil
}

// planDepth plans moves between channels and pixels of N×C×H×W images.
func planDepth(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	k := int(min(n.attrs.Int("blocksize", 0), maxSpatial))
	if len(x.shape) != 4 || len(y.shape) != 4 || k < 1 || x.len() != y.len() {
		return fmt.Errorf("blocks of %d, input %v, output %v", k, x.shape, y.shape)
	}
	wide, deep := y.shape, x.shape // of the two, the one with more pixels and the one with more channels
	if n.op == "SpaceToDepth" {
		wide, deep = deep, wide
	}
	if deep[1] != wide[1]*k*k || wide[2] != deep[2]*k || wide[3] != deep[3]*k {
		return fmt.Errorf("blocks of %d, input %v, output %v", k, x.shape, y.shape)
	}
	c, h, w := wide[1], deep[2], deep[3]
	box := []int{x.shape[0], c, h, k, w, k} // n, channel, row, row in block, column, column in block
	image := c * h * w * k * k
	inWide := []int{image, h * k * w * k, k * w * k, w * k, k, 1}
	inDeep := []int{image, h * w, w, k * c * h * w, 1, c * h * w} // the block's place comes before the channel ("DCR")
	switch mode := n.attrs.Str("mode", "DCR"); {
	case n.op == "SpaceToDepth" || mode == "DCR":
	case mode == "CRD": // and behind it
		inDeep = []int{image, k * k * h * w, w, k * h * w, 1, h * w}
	default:
		return fmt.Errorf("mode %q (have DCR, CRD)", mode)
	}
	to, from := inWide, inDeep
	if n.op == "SpaceToDepth" {
		to, from = from, to
	}
	b.move(y, x, ew.NewMove(size, box, to, from, 0, 0))
	return nil
}

// planReverse plans the reversal of the first elements of every sequence.
func planReverse(b *builder, n *node) error {
	x, lens, y := n.in[0], n.in[1], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	if err := want(tensor.Int64, lens); err != nil {
		return err
	}
	batch, time := n.attrs.Int("batch_axis", 1), n.attrs.Int("time_axis", 0)
	if batch+time != 1 || batch < 0 || time < 0 || len(x.shape) < 2 || lens.len() != x.shape[batch] {
		return fmt.Errorf("batch axis %d and time axis %d of %v with %d lengths", batch, time, x.shape, lens.len())
	}
	inner := size
	for _, d := range x.shape[2:] {
		inner *= d
	}
	steps := [2]int{x.shape[1] * inner, inner}
	e, in, out, l := b.env, b.slot(x), b.slot(y), b.slot(lens)
	times := x.shape[time]
	b.step(func() {
		for i, count := range view[int64](e, l) {
			count := int(min(max(count, 0), int64(times)))
			for t := range times {
				from := t
				if t < count {
					from = count - 1 - t
				}
				copy(e.buf[out][i*steps[batch]+t*steps[time]:][:inner], e.buf[in][i*steps[batch]+from*steps[time]:])
			}
		}
	})
	return nil
}

// planTrilu plans the triangle of every matrix on and above diagonal k, or on
// and below it, and zero elsewhere.
func planTrilu(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	k := 0
	if v := n.arg(1); v != nil {
		ints, ok := v.ints()
		if !ok || len(ints) != 1 {
			return fmt.Errorf("diagonal %q: %w (a constant one is)", v.name, errors.ErrUnsupported)
		}
		k = int(min(max(ints[0], -tensor.MaxBytes), tensor.MaxBytes))
	}
	rank := len(x.shape)
	if rank < 2 || x.len() != y.len() {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	rows, cols, upper := x.shape[rank-2], x.shape[rank-1], n.attrs.Int("upper", 1) != 0
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		copy(e.buf[out], e.buf[in])
		for i := 0; i < len(e.buf[out])/size; i++ {
			col, row := i%cols, i/cols%rows
			if upper && col-row < k || !upper && col-row > k {
				clear(e.buf[out][i*size:][:size])
			}
		}
	})
	return nil
}
