package onnx

import "assay/models/tensor"

// IntAttr returns an integer attribute.
func IntAttr(name string, v int64) Attr { return Attr{Name: name, Type: AttrInt, I: v} }

// IntsAttr returns an integer-list attribute.
func IntsAttr(name string, v ...int64) Attr { return Attr{Name: name, Type: AttrInts, Ints: v} }

// FloatAttr returns a float attribute.
func FloatAttr(name string, v float32) Attr { return Attr{Name: name, Type: AttrFloat, F: v} }

// FloatsAttr returns a float-list attribute.
func FloatsAttr(name string, v ...float32) Attr {
	return Attr{Name: name, Type: AttrFloats, Floats: v}
}

// StringAttr returns a string attribute.
func StringAttr(name, v string) Attr { return Attr{Name: name, Type: AttrString, S: []byte(v)} }

// TensorAttr returns a tensor attribute.
func TensorAttr(name string, t tensor.Tensor) Attr {
	return Attr{Name: name, Type: AttrTensor, T: &t}
}

// GraphAttr returns a subgraph attribute.
func GraphAttr(name string, g *Graph) Attr { return Attr{Name: name, Type: AttrGraph, G: g} }

// SetAttr adds a to n, in place of the attribute of the same name if there is one.
func (n *Node) SetAttr(a Attr) {
	if old := n.Attr(a.Name); old != nil {
		*old = a
		return
	}
	n.Attrs = append(n.Attrs, a)
}
