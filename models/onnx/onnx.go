// Package onnx holds ONNX models in memory: decode, check, edit, infer
// shapes, encode. The types mirror onnx.proto3 (ONNX IR, versions 3 to 11);
// names follow that file. Strings are interned Go strings, tensors alias the
// decoded bytes where they can.
package onnx

import "assay/models/tensor"

// A Model is one ONNX file.
type Model struct {
	IRVersion       int64
	Producer        string // producer_name
	ProducerVersion string
	Domain          string
	Version         int64
	Doc             string
	Opsets          []Opset
	Graph           *Graph
	Metadata        map[string]string

	extra []byte // fields that this package does not read, for Encode
	maps  []mapping
}

// An Opset is one imported operator set; the default domain is "".
type Opset struct {
	Domain  string
	Version int64
}

// A Graph is a list of nodes in topological order.
type Graph struct {
	Name         string
	Doc          string
	Nodes        []*Node
	Initializers []*Initializer
	Inputs       []ValueInfo // IR < 4 lists initializers here too
	Outputs      []ValueInfo
	Values       []ValueInfo // value_info: what the file says of inner values

	extra []byte
}

// An Initializer is a named constant.
type Initializer struct {
	Name string
	tensor.Tensor
	External bool // read from a file beside the model
	Sparse   bool // stored by its values that are not zero, where that is smaller
}

// A Node is one operator call. An empty input name is an omitted optional input.
type Node struct {
	Name    string
	Op      string // op_type
	Domain  string // "" is ai.onnx
	Inputs  []string
	Outputs []string
	Attrs   []Attr
	Doc     string

	extra []byte
}

// AttrType says which field of an Attr is set (AttributeProto.AttributeType).
type AttrType int32

// Attribute types, with ONNX's numbers.
const (
	AttrFloat   AttrType = 1
	AttrInt     AttrType = 2
	AttrString  AttrType = 3
	AttrTensor  AttrType = 4
	AttrGraph   AttrType = 5
	AttrFloats  AttrType = 6
	AttrInts    AttrType = 7
	AttrStrings AttrType = 8
	AttrTensors AttrType = 9
	AttrGraphs  AttrType = 10
)

// An Attr is a named constant argument of a node.
type Attr struct {
	Name    string
	Type    AttrType
	F       float32
	I       int64
	S       []byte
	T       *tensor.Tensor
	G       *Graph
	Floats  []float32
	Ints    []int64
	Strings [][]byte
	Tensors []*tensor.Tensor
	Graphs  []*Graph

	extra []byte
}

// A ValueInfo names a value and says its type and shape as far as known.
type ValueInfo struct {
	Name     string
	Type     tensor.Type
	Shape    []Dim
	HasShape bool // an empty Shape with HasShape is a scalar

	extra []byte
}

// A Dim is a fixed size, or a parameter such as "N" (Param != ""), or unknown
// (Value < 0 and no Param).
type Dim struct {
	Value int64
	Param string
}

// Attr returns the attribute called name, or nil.
func (n *Node) Attr(name string) *Attr {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return &n.Attrs[i]
		}
	}
	return nil
}

// Int returns the integer attribute called name, or def where it is absent.
func (n *Node) Int(name string, def int64) int64 {
	if a := n.Attr(name); a != nil && a.Type == AttrInt {
		return a.I
	}
	return def
}

// Float returns the float attribute called name, or def where it is absent.
func (n *Node) Float(name string, def float32) float32 {
	if a := n.Attr(name); a != nil && a.Type == AttrFloat {
		return a.F
	}
	return def
}

// Ints returns the integer-list attribute called name, or def where it is absent.
func (n *Node) Ints(name string, def []int64) []int64 {
	if a := n.Attr(name); a != nil && a.Type == AttrInts {
		return a.Ints
	}
	return def
}

// Floats returns the float-list attribute called name, or def where it is absent.
func (n *Node) Floats(name string, def []float32) []float32 {
	if a := n.Attr(name); a != nil && a.Type == AttrFloats {
		return a.Floats
	}
	return def
}

// Str returns the string attribute called name, or def where it is absent.
func (n *Node) Str(name, def string) string {
	if a := n.Attr(name); a != nil && a.Type == AttrString {
		return string(a.S)
	}
	return def
}

// Initializer returns the initializer called name, or nil.
func (g *Graph) Initializer(name string) *Initializer {
	for _, t := range g.Initializers {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Opset returns the version of the imported operator set, 0 where absent.
// "" and "ai.onnx" are the same domain.
func (m *Model) Opset(domain string) int64 {
	for _, o := range m.Opsets {
		if o.Domain == domain || domain == "" && o.Domain == "ai.onnx" {
			return o.Version
		}
	}
	return 0
}
