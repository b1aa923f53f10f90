package onnx

import "slices"

// Trailing returns how many dimensions of 1 the second operand of n, of rank y,
// would have behind its own to broadcast to the first, of rank x, as NumPy does.
// Before operator set 7 attribute "axis" said where it begins, and slopes of
// PRelu were per channel (onnx/docs/Changelog.md).
func Trailing(n *Node, opset int64, x, y int) int {
	if opset >= 7 || domain(n.Domain) != "" || !Aligns(n.Op) {
		return 0
	}
	at := int64(x - y)
	switch {
	case n.Op == "PRelu" && y == 1:
		at = 1
	case n.Int("broadcast", 0) != 0:
		if at = n.Int("axis", at); at < 0 {
			at += int64(x)
		}
	}
	return int(max(int64(x-y)-max(at, 0), 0))
}

// Aligns reports whether op aligned its operands by an attribute.
func Aligns(op string) bool {
	return slices.Contains([]string{"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Less", "Greater", "PRelu"}, op)
}

// align gives the second operand the dimensions of 1 that it needs.
func (c *call) align() {
	if !c.has(0) || !c.has(1) || !c.arg(0).ranked || !c.arg(1).ranked {
		return
	}
	if k := Trailing(c.Node, c.opset, len(c.arg(0).shape), len(c.arg(1).shape)); k > 0 {
		v := *c.arg(1)
		v.shape = slices.Concat(v.shape, slices.Repeat([]Dim{fixed(1)}, k))
		c.in[1] = &v
	}
}
