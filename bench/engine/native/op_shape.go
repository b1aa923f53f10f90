package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 2, attrs: []string{"shape", "allowzero"}, plan: planAlias}, "Reshape")
	register(opDef{min: 1, max: 2, attrs: []string{"axes"}, plan: planAlias}, "Squeeze", "Unsqueeze")
	register(opDef{min: 1, max: 1, attrs: []string{"axis"}, plan: planAlias}, "Flatten")
	register(opDef{min: 1, max: 1, plan: planAlias}, "Identity")
	register(opDef{min: 1, max: 3, attrs: []string{"is_test", "ratio", "seed"}, outs: 2, plan: planDropout}, "Dropout")
	register(opDef{min: 0, max: 0, attrs: []string{"value", "value_float", "value_floats", "value_int", "value_ints"}, plan: planConstant}, "Constant")
	register(opDef{min: 1, max: 1, attrs: []string{"start", "end"}, plan: planKnown}, "Shape")
	register(opDef{min: 1, max: 1, attrs: []string{"perm"}, plan: planTranspose}, "Transpose")
	register(opDef{min: 1, max: 1 << 16, attrs: []string{"axis"}, plan: planConcat}, "Concat")
	registerIn(internal, opDef{min: 1, max: 1, plan: planCopy}, "Copy")
}

// planAlias plans what changes the shape of a value and none of its bytes.
func planAlias(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if x.typ != y.typ || x.len() != y.len() {
		return fmt.Errorf("input %v%v and output %v%v differ in size", x.typ, x.shape, y.typ, y.shape)
	}
	b.alias(y, x)
	return nil
}

// planDropout plans one that drops nothing, for an engine infers or the share
// that it drops is constant and 0; its mask is true everywhere.
func planDropout(b *builder, n *node) error {
	if trains(n) {
		return fmt.Errorf("training mode: %w (inference is)", errors.ErrUnsupported)
	}
	if len(n.out) > 1 && n.out[1] != nil {
		if err := want(tensor.Bool, n.out[1]); err != nil {
			return err
		}
		e, mask := b.env, b.slot(n.out[1])
		b.step(func() {
			for i := range e.buf[mask] {
				e.buf[mask][i] = 1
			}
		})
	}
	return planAlias(b, n)
}

func planCopy(b *builder, n *node) error {
	e, x, y := b.env, b.slot(n.in[0]), b.slot(n.out[0])
	b.step(func() { copy(e.buf[y], e.buf[x]) })
	return nil
}

// planKnown is for operators whose result inference must have found.
func planKnown(*builder, *node) error {
	return errors.New("its result is not known beforehand")
}

// planConstant plans a Constant, which constant folding evaluates.
func planConstant(b *builder, n *node) error {
	v, err := constantOf(n.attrs)
	if err != nil {
		return err
	}
	if y := n.out[0]; v.Type != y.typ || v.Len() != y.len() {
		return fmt.Errorf("value %v%v for output %v%v", v.Type, v.Shape, y.typ, y.shape)
	}
	b.alias(n.out[0], fromTensor(n.out[0].name, v))
	return nil
}

// constantOf returns the tensor of whichever attribute a Constant has.
func constantOf(n *onnx.Node) (tensor.Tensor, error) {
	for i := range n.Attrs {
		a := &n.Attrs[i]
		switch a.Name {
		case "value":
			if a.T != nil {
				return *a.T, a.T.Check()
			}
		case "value_float":
			return tensor.From(tensor.Float32, []float32{a.F}), nil
		case "value_floats":
			return tensor.From(tensor.Float32, a.Floats, len(a.Floats)), nil
		case "value_int":
			return tensor.From(tensor.Int64, []int64{a.I}), nil
		case "value_ints":
			return tensor.From(tensor.Int64, a.Ints, len(a.Ints)), nil
		}
	}
	return tensor.Tensor{}, errors.New("a Constant without a value")
}

// axes reads attribute or input "axes" of n for a tensor of the given rank.
func axes(n *node, input, rank int) ([]int, bool, error) {
	list := n.attrs.Ints("axes", nil)
	if v := n.arg(input); v != nil {
		ints, ok := v.ints()
		if !ok {
			return nil, false, fmt.Errorf("axes %q are computed by the model: %w (constant ones are)", v.name, errors.ErrUnsupported)
		}
		list = ints
	}
	var out []int
	for _, a := range list {
		if a < 0 {
			a += int64(rank)
		}
		if a < 0 || a >= int64(rank) {
			return nil, false, fmt.Errorf("axis %d of %d dimensions", a, rank)
		}
		out = append(out, int(a))
	}
	return out, len(out) > 0, nil
}

func planTranspose(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	rank := len(x.shape)
	perm := n.attrs.Ints("perm", nil)
	if perm == nil {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	if len(perm) != rank || len(y.shape) != rank || x.typ != y.typ {
		return fmt.Errorf("permutation %v of %v", perm, x.shape)
	}
	from, src := ew.Contiguous(x.shape), make([]int, rank)
	used := make([]bool, rank)
	for i, p := range perm {
		if p < 0 || p >= int64(rank) || used[p] || y.shape[i] != x.shape[p] {
			return fmt.Errorf("permutation %v of %v", perm, x.shape)
		}
		used[p] = true
		src[i] = from[p]
	}
	b.move(y, x, ew.NewMove(x.typ.Bits()/8, y.shape, ew.Contiguous(y.shape), src, 0, 0))
	return nil
}

// move adds the step of m from x to y.
func (b *builder) move(y, x *value, m *ew.Move) {
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() { m.Run(e.buf[out], e.buf[in]) })
}

func planConcat(b *builder, n *node) error {
	y := n.out[0]
	rank := len(y.shape)
	axis := int(n.attrs.Int("axis", 1))
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank {
		return fmt.Errorf("axis %d of %d dimensions", axis, rank)
	}
	to := ew.Contiguous(y.shape)
	at := 0
	for _, x := range n.in {
		if x == nil || len(x.shape) != rank || x.typ != y.typ {
			return errors.New("operands differ in type or rank")
		}
		for i, d := range x.shape {
			if i != axis && d != y.shape[i] {
				return fmt.Errorf("operand %v for output %v", x.shape, y.shape)
			}
		}
		if at+x.shape[axis] > y.shape[axis] {
			return fmt.Errorf("operands are longer than output %v", y.shape)
		}
		b.move(y, x, ew.NewMove(y.typ.Bits()/8, x.shape, to, ew.Contiguous(x.shape), at*to[axis], 0))
		at += x.shape[axis]
	}
	return nil
}
