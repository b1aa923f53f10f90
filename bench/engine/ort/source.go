package ort

import (
	"regexp"
	"strings"

	"assay/models/onnx"
)

// A source finds the file's node behind one of the optimised graph, whose
// profile leaves out weights that were packed: their shapes are the file's.
type source struct {
	byName   map[string]*onnx.Node
	producer map[string]*onnx.Node
	init     map[string]*onnx.Initializer
}

func newSource(g *onnx.Graph) *source {
	s := &source{map[string]*onnx.Node{}, g.Producers(), map[string]*onnx.Initializer{}}
	for _, n := range g.Nodes {
		if n.Name != "" {
			s.byName[n.Name] = n
		}
	}
	for _, t := range g.Initializers {
		s.init[t.Name] = t
	}
	return s
}

// token is what ONNX Runtime adds to the name of a node that it rewrites.
var token = regexp.MustCompile(`_token_\d+$`)

// node returns the node of the file that n does: by its name, or by that of
// the value it makes, which is what nodes in blocked layout are called.
func (s *source) node(n *traced) *onnx.Node {
	name := token.ReplaceAllString(n.name, "")
	name = strings.TrimSuffix(name, "_nchwc")
	if k := s.byName[name]; k != nil {
		return k
	}
	k := s.producer[name]
	for k != nil && strings.Contains(n.op, "Conv") && k.Op != "Conv" && len(k.Inputs) > 0 {
		switch k.Op {
		case "Relu", "Clip", "BatchNormalization", "Sigmoid", "HardSigmoid", "HardSwish", "LeakyRelu", "QuantizeLinear", "DequantizeLinear":
			k = s.producer[k.Inputs[0]]
		default:
			return nil
		}
	}
	return k
}

// weights returns the shape of a node's constant second operand, looking
// through what dequantizes or transposes nothing; nil where there is none.
func (s *source) weights(n *onnx.Node) []int {
	at := 1
	if strings.HasPrefix(n.Op, "QLinear") || n.Op == "QGemm" {
		at = 3
	}
	if len(n.Inputs) <= at {
		return nil
	}
	name := n.Inputs[at]
	if k := s.producer[name]; k != nil && k.Op == "DequantizeLinear" && len(k.Inputs) > 0 {
		name = k.Inputs[0]
	}
	if t := s.init[name]; t != nil {
		return t.Shape
	}
	return nil
}

// work returns the multiplications of n, a convolution's window and its
// groups. −1 is unknown, as for an operator that multiplies in ways that are
// not looked at here.
func (s *source) work(n *traced) (macs int64, window []int, groups int) {
	k := s.node(n)
	if k == nil || len(n.out) == 0 {
		return unknown(n.op), nil, 0
	}
	out := n.out[0].elements()
	switch w := s.weights(k); {
	case out < 0:
	case strings.Contains(n.op, "Conv") && len(w) > 2 && w[0] > 0 && !strings.Contains(n.op, "Transpose"):
		per := int64(1)
		for _, d := range w[1:] {
			per *= int64(d)
		}
		return out * per, w[2:], int(k.Int("group", 1))
	case isProduct(n.op) && len(w) == 2:
		inner := w[0]
		if k.Op == "Gemm" && k.Int("transB", 0) != 0 {
			inner = w[1]
		}
		return out * int64(inner), nil, 0
	}
	return unknown(n.op), nil, 0
}

// packed returns the bytes of weights that n's trace does not list, since
// they were packed: it then names their place no more than an empty one.
func (s *source) packed(n *traced) int64 {
	k := s.node(n)
	if k == nil {
		return 0
	}
	for _, in := range n.in[min(1, len(n.in)):] {
		if len(in.shape) > 1 {
			return 0 // the weights are listed
		}
	}
	elements, size := int64(1), int64(4)
	w := s.weights(k)
	if n.typ() == "uint8" || n.typ() == "int8" {
		size = 1
	}
	for _, d := range w {
		elements *= int64(d)
	}
	if len(w) < 2 {
		return 0
	}
	return elements * size
}

// unknown is −1 for operators that multiply, 0 for the others.
func unknown(op string) int64 {
	if strings.Contains(op, "Conv") || isProduct(op) || strings.Contains(op, "Attention") || strings.HasSuffix(op, "LSTM") || strings.HasSuffix(op, "GRU") {
		return -1
	}
	return 0
}

func isProduct(op string) bool { return strings.Contains(op, "MatMul") || strings.Contains(op, "Gemm") }
