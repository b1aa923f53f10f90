package native

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/kernel/ew"
)

func init() {
	register(opDef{min: 1, max: 4, attrs: []string{"mode", "pads", "value"}, plan: planPad}, "Pad")
}

// padSource returns which element of an axis of n elements is seen at place i,
// which may lie outside; −1 is the padding's own value.
var padSource = map[string]func(i, n int) int{
	"constant": func(i, n int) int {
		if i < 0 || i >= n {
			return -1
		}
		return i
	},
	"edge": func(i, n int) int { return min(max(i, 0), n-1) },
	"reflect": func(i, n int) int { // without repeating the edge
		if n == 1 {
			return 0
		}
		i = ((i % (2 * (n - 1))) + 2*(n-1)) % (2 * (n - 1))
		return min(i, 2*(n-1)-i)
	},
}

// planPad plans padding; a negative one cuts off. Every axis has a table of
// what its elements are in the input.
func planPad(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	mode := n.attrs.Str("mode", "constant")
	source := padSource[mode]
	if source == nil || n.arg(3) != nil {
		return fmt.Errorf("mode %q or axes: %w (constant, edge and reflect of all axes are)", mode, errors.ErrUnsupported)
	}
	pads, err := listOf(n, "pads", 1)
	if err != nil {
		return err
	}
	rank := len(x.shape)
	if len(pads) != 2*rank || len(y.shape) != rank || mode != "constant" && x.len() == 0 {
		return fmt.Errorf("pads %v of %v", pads, x.shape)
	}
	from := make([][]int, rank)
	for d, count := range x.shape {
		before, after := pads[d], pads[rank+d]
		if max(before, -before, after, -after) > math.MaxInt32 || int(before+after)+count != y.shape[d] {
			return fmt.Errorf("pads %v of %v do not give %v", pads, x.shape, y.shape)
		}
		from[d] = make([]int, y.shape[d])
		for i := range from[d] {
			from[d][i] = source(i-int(before), count)
		}
	}
	fill, err := b.padValue(n, size)
	if err != nil {
		return err
	}
	walk, err := newSpread(y.shape)
	if err != nil {
		return err
	}
	e, in, out, strides := b.env, b.slot(x), b.slot(y), ew.Contiguous(x.shape)
	b.step(func() {
		value := fill()
		walk.each(func(i int, _ []int) {
			at := 0
			for d, a := range walk.at {
				k := from[d][a]
				if k < 0 {
					copy(e.buf[out][i*size:][:size], value)
					return
				}
				at += k * strides[d]
			}
			copy(e.buf[out][i*size:][:size], e.buf[in][at*size:])
		})
	})
	return nil
}

// padValue returns how to read the bytes of the padding's value.
func (b *builder) padValue(n *node, size int) (func() []byte, error) {
	if v := n.arg(2); v != nil {
		if v.typ != n.in[0].typ || v.len() != 1 {
			return nil, fmt.Errorf("value %v%v for %v", v.typ, v.shape, n.in[0].typ)
		}
		e, at := b.env, b.slot(v)
		return func() []byte { return e.buf[at] }, nil
	}
	value := make([]byte, size)
	if f := n.attrs.Float("value", 0); f != 0 {
		if size != 4 {
			return nil, fmt.Errorf("value %v of %v: %w (of float32 it is)", f, n.in[0].typ, errors.ErrUnsupported)
		}
		for i := range value {
			value[i] = byte(math.Float32bits(f) >> (8 * i))
		}
	}
	return func() []byte { return value }, nil
}
