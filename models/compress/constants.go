package compress

import (
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// moves lists the operators that only move elements, which foldConstants
// applies to constants: exporters put weights through them.
var moves = map[string]bool{"Flatten": true, "Reshape": true, "Squeeze": true, "Transpose": true, "Unsqueeze": true}

// foldConstants computes the nodes of moves whose inputs are constants.
func (d *draft) foldConstants() {
	if !slices.ContainsFunc(d.g.Nodes, d.moved) {
		return
	}
	shapes, err := onnx.InferShapes(d.Model, nil)
	if err != nil {
		return // an operator that inference does not know; nothing depends on this
	}
	d.g.Nodes = slices.DeleteFunc(d.g.Nodes, func(n *onnx.Node) bool {
		if !d.moved(n) {
			return false
		}
		out := n.Outputs[0]
		var shape []int
		for _, s := range shapes[out].Shape {
			if s.Param != "" || s.Value < 0 {
				return false
			}
			shape = append(shape, int(s.Value))
		}
		c := d.consts[n.Inputs[0]]
		if size, err := tensor.Elements(shape); err != nil || size != c.Len() || c.Type.Bits()%8 != 0 || c.Type.Bits() == 0 || !shapes[out].HasShape {
			return false
		}
		t := tensor.Tensor{Type: c.Type, Shape: shape, Data: c.Data}
		if n.Op == "Transpose" {
			var ok bool
			if t, ok = transposed(c.Tensor, n.Ints("perm", nil)); !ok || !slices.Equal(t.Shape, shape) {
				return false
			}
		}
		d.consts[out] = d.g.AddInitializer(out, t)
		return true
	})
}

// moved reports whether n moves the elements of a constant into one output that
// may become a constant.
func (d *draft) moved(n *onnx.Node) bool {
	return std(n) && moves[n.Op] && len(n.Outputs) == 1 && !d.g.IsOutput(n.Outputs[0]) && !d.captured[n.Outputs[0]] &&
		!slices.ContainsFunc(n.Inputs, func(s string) bool { return d.consts[s] == nil })
}

// transposed returns t with its axes in the order of perm, reversed where perm
// is nil; false where perm is no permutation.
func transposed(t tensor.Tensor, perm []int64) (tensor.Tensor, bool) {
	rank := len(t.Shape)
	if perm == nil {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	seen := make([]bool, rank)
	out := tensor.Tensor{Type: t.Type, Data: tensor.Aligned(len(t.Data))}
	strides := make([]int, rank)
	step := t.Type.Bits() / 8
	for i := rank - 1; i >= 0; i-- {
		strides[i], step = step, step*t.Shape[i]
	}
	if len(perm) != rank {
		return t, false
	}
	for _, p := range perm {
		if p < 0 || int(p) >= rank || seen[p] {
			return t, false
		}
		seen[p] = true
		out.Shape = append(out.Shape, t.Shape[p])
	}
	size := t.Type.Bits() / 8
	for i := range t.Len() {
		from, rest := 0, i
		for k := rank - 1; k >= 0; k-- {
			from += rest % out.Shape[k] * strides[perm[k]]
			rest /= out.Shape[k]
		}
		copy(out.Data[i*size:(i+1)*size], t.Data[from:from+size])
	}
	return out, true
}
