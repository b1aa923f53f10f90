package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

// A typed is one plan for each element type; nil where there is none. It is
// filled with the instances of a generic plan.
type typed struct {
	f32, f64          func(b *builder, n *node) error
	i64, i32, i16, i8 func(b *builder, n *node) error
	u64, u32, u16, u8 func(b *builder, n *node) error
	boolean           func(b *builder, n *node) error // one byte, 0 or 1
}

// plan plans n for elements of type typ.
func (t *typed) plan(b *builder, n *node, typ tensor.Type) error {
	of := map[tensor.Type]func(b *builder, n *node) error{
		tensor.Float32: t.f32, tensor.Float64: t.f64, tensor.Int64: t.i64, tensor.Int32: t.i32, tensor.Int16: t.i16, tensor.Int8: t.i8,
		tensor.Uint64: t.u64, tensor.Uint32: t.u32, tensor.Uint16: t.u16, tensor.Uint8: t.u8, tensor.Bool: t.boolean,
	}
	if f := of[typ]; f != nil {
		return f(b, n)
	}
	return fmt.Errorf("elements of type %v: %w", typ, errors.ErrUnsupported)
}

// byFirst returns a plan that is chosen by the type of the first input.
func byFirst(t typed) func(b *builder, n *node) error {
	return func(b *builder, n *node) error { return t.plan(b, n, n.in[0].typ) }
}

// A spread walks a result element by element with the place that each of its
// operands has under NumPy's broadcasting (ONNX, Broadcasting.md).
type spread struct {
	dims, at []int
	steps    [][]int // of each operand, by dimension; 0 where it is repeated
	pos      []int
}

// newSpread plans a walk over a result of shape out. It refuses operands that
// do not broadcast to it.
func newSpread(out []int, operands ...[]int) (*spread, error) {
	s := &spread{dims: out, at: make([]int, len(out)), pos: make([]int, len(operands))}
	for _, o := range operands {
		steps, own, shift := make([]int, len(out)), ew.Contiguous(o), len(out)-len(o)
		for i, d := range o {
			if shift < 0 || d != 1 && d != out[shift+i] {
				return nil, fmt.Errorf("operand %v does not broadcast to %v", o, out)
			}
			if d != 1 {
				steps[shift+i] = own[i]
			}
		}
		s.steps = append(s.steps, steps)
	}
	return s, nil
}

// each calls f for every element i of the result; pos holds the operands'
// places and is the same slice in every call. It does not allocate.
func (s *spread) each(f func(i int, pos []int)) {
	n := 1
	for i, d := range s.dims {
		n *= d
		s.at[i] = 0
	}
	clear(s.pos)
	for i := range n {
		f(i, s.pos)
		for k := len(s.dims) - 1; k >= 0; k-- {
			s.at[k]++
			for o, steps := range s.steps {
				s.pos[o] += steps[k]
			}
			if s.at[k] < s.dims[k] {
				break
			}
			for o, steps := range s.steps {
				s.pos[o] -= steps[k] * s.dims[k]
			}
			s.at[k] = 0
		}
	}
}

// An axisView cuts a tensor along one axis: outer × count × inner.
type axisView struct{ outer, count, inner int }

// cutAt returns shape along axis, which may be negative.
func cutAt(shape []int, axis int) (axisView, error) {
	if axis < 0 {
		axis += len(shape)
	}
	if axis < 0 || axis >= len(shape) {
		return axisView{}, fmt.Errorf("axis %d of %d dimensions", axis, len(shape))
	}
	v := axisView{1, shape[axis], 1}
	for _, d := range shape[:axis] {
		v.outer *= d
	}
	for _, d := range shape[axis+1:] {
		v.inner *= d
	}
	return v, nil
}
