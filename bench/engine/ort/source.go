package ort

import (
	"regexp"
	"strings"

	"assay/bench/engine"
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

// describe adds to d what the file tells of n: its name, its multiplications,
// a convolution's window and the weights that the trace does not count.
func (s *source) describe(d *engine.Node, n *traced) {
	d.MACs = unknown(n.op)
	k := s.node(n)
	if k == nil || len(n.out) == 0 {
		return
	}
	if k.Name != "" {
		d.Name = k.Name
	}
	w := s.weights(k)
	if d.Bytes >= 0 {
		d.Bytes += packed(n, w)
	}
	out := n.out[0].elements()
	switch {
	case out < 0:
	case strings.Contains(n.op, "Conv") && len(w) > 2 && w[0] > 0 && !strings.Contains(n.op, "Transpose"):
		d.MACs = out * elements(w[1:])
		d.Window, d.Groups = w[2:], int(k.Int("group", 1))
		d.Depthwise = d.Groups > 1 && w[1] == 1
	case isProduct(n.op) && len(w) == 2:
		inner := w[0]
		if k.Op == "Gemm" && k.Int("transB", 0) != 0 {
			inner = w[1]
		}
		d.MACs = out * int64(inner)
	}
}

// packed returns the bytes of weights of shape w where n's trace does not
// list them, since they were packed: their place is empty then.
func packed(n *traced, w []int) int64 {
	if len(w) < 2 {
		return 0
	}
	for _, in := range n.in[min(1, len(n.in)):] {
		if len(in.shape) > 1 {
			return 0
		}
	}
	if n.typ() == "uint8" || n.typ() == "int8" {
		return elements(w)
	}
	return 4 * elements(w)
}

func elements(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	return n
}

// unknown is −1 for operators that multiply, 0 for the others.
func unknown(op string) int64 {
	if strings.Contains(op, "Conv") || isProduct(op) || strings.Contains(op, "Attention") || strings.HasSuffix(op, "LSTM") || strings.HasSuffix(op, "GRU") {
		return -1
	}
	return 0
}

func isProduct(op string) bool { return strings.Contains(op, "MatMul") || strings.Contains(op, "Gemm") }
