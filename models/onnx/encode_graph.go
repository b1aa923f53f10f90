package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"assay/models/tensor"
)

// putGraph appends a GraphProto.
func putGraph(b []byte, g *Graph) []byte {
	for _, n := range g.Nodes {
		b = message(b, 1, func(b []byte) []byte { return putNode(b, n) })
	}
	b = putString(b, 2, g.Name)
	var thin []func(b []byte) []byte
	for _, t := range g.Initializers {
		if t.Sparse {
			if values, places, ok := stored(t.Tensor); ok {
				thin = append(thin, func(b []byte) []byte { return putSparse(b, t.Name, values, places, t.Shape) })
				continue
			}
		}
		b = message(b, 5, func(b []byte) []byte { return putTensor(b, t.Name, t.Tensor) })
	}
	b = putString(b, 10, g.Doc)
	for _, l := range []struct {
		num  protowire.Number
		list []ValueInfo
	}{{11, g.Inputs}, {12, g.Outputs}, {13, g.Values}} {
		for _, v := range l.list {
			b = message(b, l.num, func(b []byte) []byte { return putInfo(b, v) })
		}
	}
	for _, put := range thin {
		b = message(b, 15, put)
	}
	return append(b, g.extra...)
}

// putNode appends a NodeProto.
func putNode(b []byte, n *Node) []byte {
	for _, s := range n.Inputs { // an empty name counts: it omits an input
		b = putBytes(b, 1, []byte(s))
	}
	for _, s := range n.Outputs {
		b = putBytes(b, 2, []byte(s))
	}
	b = putString(b, 3, n.Name)
	b = putString(b, 4, n.Op)
	for _, a := range n.Attrs {
		b = message(b, 5, func(b []byte) []byte { return putAttr(b, a) })
	}
	b = putString(b, 6, n.Doc)
	b = putString(b, 7, n.Domain)
	return append(b, n.extra...)
}

// putAttr appends an AttributeProto: its type and the field of that type.
func putAttr(b []byte, a Attr) []byte {
	b = putString(b, 1, a.Name)
	switch a.Type {
	case AttrFloat: // written even if zero, as the type says that it is set
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(a.F))
	case AttrInt:
		b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(a.I))
	case AttrString:
		b = putBytes(b, 4, a.S)
	case AttrTensor:
		b = message(b, 5, func(b []byte) []byte { return putTensor(b, "", *a.T) })
	case AttrGraph:
		b = message(b, 6, func(b []byte) []byte { return putGraph(b, a.G) })
	case AttrFloats:
		if len(a.Floats) > 0 {
			b = message(b, 7, func(b []byte) []byte {
				for _, v := range a.Floats {
					b = protowire.AppendFixed32(b, math.Float32bits(v))
				}
				return b
			})
		}
	case AttrInts:
		b = putInts(b, 8, a.Ints)
	case AttrStrings:
		for _, s := range a.Strings {
			b = putBytes(b, 9, s)
		}
	case AttrTensors:
		for _, t := range a.Tensors {
			b = message(b, 10, func(b []byte) []byte { return putTensor(b, "", *t) })
		}
	case AttrGraphs:
		for _, g := range a.Graphs {
			b = message(b, 11, func(b []byte) []byte { return putGraph(b, g) })
		}
	}
	b = putInt(b, 20, int64(a.Type))
	return append(b, a.extra...)
}

// putTensor appends a TensorProto with raw_data (strings: string_data).
func putTensor(b []byte, name string, t tensor.Tensor) []byte {
	b = putInts(b, 1, t.Shape)
	b = putInt(b, 2, int64(t.Type))
	if t.Type == tensor.String {
		list, _ := Strings(t) // checked by encodable
		for _, s := range list {
			b = putBytes(b, 6, s)
		}
		return putString(b, 8, name)
	}
	b = putString(b, 8, name)
	return putBytes(b, 9, t.Data)
}

// putInfo appends a ValueInfoProto.
func putInfo(b []byte, v ValueInfo) []byte {
	b = putString(b, 1, v.Name)
	if v.Type != tensor.Undefined || v.HasShape {
		b = message(b, 2, func(b []byte) []byte {
			return message(b, 1, func(b []byte) []byte {
				b = putInt(b, 1, int64(v.Type))
				if !v.HasShape {
					return b
				}
				return message(b, 2, func(b []byte) []byte { return putShape(b, v.Shape) })
			})
		})
	}
	return append(b, v.extra...)
}

// putShape appends a TensorShapeProto.
func putShape(b []byte, shape []Dim) []byte {
	for _, d := range shape {
		b = message(b, 1, func(b []byte) []byte {
			switch {
			case d.Param != "":
				return putString(b, 2, d.Param)
			case d.Value < 0:
				return b
			}
			return protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(d.Value))
		})
	}
	return b
}
