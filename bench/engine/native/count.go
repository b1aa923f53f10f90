package native

import (
	"errors"
	"fmt"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Count returns m's trainable parameters and its multiply-accumulate
// operations for the given batch. Parameters are the elements of the weights
// and biases of convolutions and products and of batch normalisation's scale
// and bias (not its running statistics), quantized ones included, each
// counted once; pruned zeros count. Only convolutions and products count as
// multiplications, taps over padding included, as in the published tables.
func Count(m *onnx.Model, batch int) (params, macs int64, err error) {
	bind, err := onnx.BindBatch(m, int64(batch))
	if err != nil {
		return 0, 0, err
	}
	inf, err := onnx.InferShapes(m, bind)
	if err != nil {
		return 0, 0, err
	}
	c := counter{inf, m.Graph.Producers(), map[string]*onnx.Initializer{}, map[string]bool{}}
	for _, t := range m.Graph.Initializers {
		c.init[t.Name] = t
	}
	for _, n := range m.Graph.Nodes {
		p, k, err := c.node(n)
		if err != nil {
			return 0, 0, fmt.Errorf("count %s %q: %w", n.Op, n.Name, err)
		}
		params, macs = params+p, macs+k
	}
	return params, macs, nil
}

type counter struct {
	inf  map[string]onnx.ValueInfo
	by   map[string]*onnx.Node
	init map[string]*onnx.Initializer
	seen map[string]bool // constants that were counted
}

// weightInputs are the inputs that hold parameters.
var weightInputs = map[string][]int{
	"Conv": {1, 2}, "ConvTranspose": {1, 2}, "Gemm": {1, 2}, "MatMul": {0, 1}, "ConvInteger": {1}, "MatMulInteger": {1},
	"QLinearConv": {3, 8}, "QLinearMatMul": {3}, "QGemm": {3, 6}, "BatchNormalization": {1, 2}, "Add": {0, 1},
}

func (c *counter) node(n *onnx.Node) (params, macs int64, err error) {
	for _, i := range weightInputs[n.Op] {
		if i < len(n.Inputs) {
			params += c.parameters(n.Inputs[i])
		}
	}
	var per int64 // multiplications for each element of the output
	switch n.Op {
	case "Conv", "ConvInteger":
		per, err = c.size(n, 1, 1)
	case "QLinearConv":
		per, err = c.size(n, 3, 1)
	case "Gemm":
		if per, err = c.dim(n, 0, 1); n.Int("transA", 0) != 0 && err == nil {
			per, err = c.dim(n, 0, 0)
		}
	case "MatMul", "MatMulInteger", "QLinearMatMul", "QGemm":
		per, err = c.dim(n, 0, -1)
	case "MatMulNBits":
		per = n.Int("K", 0)
		if len(n.Inputs) > 1 && c.parameters(n.Inputs[1]) > 0 { // packed: two to a byte, blocks filled up
			params += per * n.Int("N", 0)
		}
	default:
		return params, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if len(n.Outputs) == 0 {
		return 0, 0, errors.New("it has no output")
	}
	out, err := c.elements(n.Outputs[0], 0)
	return params, per * out, err
}

// parameters returns how many elements the constant called name has, looking
// through what only converts it; 0 if it is none, or was counted before.
func (c *counter) parameters(name string) int64 {
	for range 8 { // longer chains are not seen
		if t := c.init[name]; t != nil {
			if c.seen[name] {
				return 0
			}
			c.seen[name] = true
			return int64(t.Len())
		}
		n := c.by[name]
		if n == nil || len(n.Inputs) == 0 {
			break
		}
		switch n.Op {
		case "DequantizeLinear", "Identity", "Reshape", "Transpose", "Cast", "Unsqueeze", "Squeeze":
			name = n.Inputs[0]
		default:
			return 0
		}
	}
	return 0
}

// elements returns the product of name's dimensions from first on.
func (c *counter) elements(name string, first int) (int64, error) {
	vi := c.inf[name]
	if !vi.HasShape || len(vi.Shape) < first {
		return 0, fmt.Errorf("the shape of %q is not known", name)
	}
	var shape []int
	for _, d := range vi.Shape[first:] {
		if d.Param != "" || d.Value < 0 {
			return 0, fmt.Errorf("the shape of %q is not known", name)
		}
		shape = append(shape, int(d.Value))
	}
	n, err := tensor.Elements(shape)
	return int64(n), err
}

func (c *counter) size(n *onnx.Node, input, first int) (int64, error) {
	if input >= len(n.Inputs) {
		return 0, fmt.Errorf("input %d is missing", input)
	}
	return c.elements(n.Inputs[input], first)
}

// dim returns one dimension of an input; axis −1 is the last.
func (c *counter) dim(n *onnx.Node, input, axis int) (int64, error) {
	if input >= len(n.Inputs) {
		return 0, fmt.Errorf("input %d is missing", input)
	}
	vi := c.inf[n.Inputs[input]]
	if axis < 0 {
		axis += len(vi.Shape)
	}
	if !vi.HasShape || axis < 0 || axis >= len(vi.Shape) || vi.Shape[axis].Value < 0 || vi.Shape[axis].Param != "" {
		return 0, fmt.Errorf("the shape of %q is not known", n.Inputs[input])
	}
	return vi.Shape[axis].Value, nil
}
