package cause

import (
	"strings"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Facts are what a model's file tells of its nodes, by their name and by that
// of the value they make.
type Facts map[string]fact

// A fact is what is known of one node that has weights.
type fact struct {
	weights, zeros int
	dequantized    bool // its first input comes from a DequantizeLinear
}

// Read reads the facts of a model.
func Read(m *onnx.Model) Facts {
	f := Facts{}
	by := m.Graph.Producers()
	init := map[string]*onnx.Initializer{}
	for _, t := range m.Graph.Initializers {
		init[t.Name] = t
	}
	for _, n := range m.Graph.Nodes {
		if len(n.Inputs) < 2 || len(n.Outputs) == 0 {
			continue
		}
		at, zeroPoint := 1, ""
		switch {
		case strings.HasPrefix(n.Op, "QLinear") && len(n.Inputs) > 5, n.Op == "QGemm" && len(n.Inputs) > 5:
			at, zeroPoint = 3, n.Inputs[5]
		case strings.HasSuffix(n.Op, "Integer") && len(n.Inputs) > 3:
			zeroPoint = n.Inputs[3]
		}
		name := n.Inputs[at]
		if d := by[name]; d != nil && d.Op == "DequantizeLinear" && len(d.Inputs) > 0 {
			name, zeroPoint = d.Inputs[0], ""
			if len(d.Inputs) > 2 {
				zeroPoint = d.Inputs[2]
			}
		}
		var k fact
		if d := by[n.Inputs[0]]; d != nil {
			k.dequantized = d.Op == "DequantizeLinear"
		}
		if t := init[name]; t != nil && len(t.Shape) > 1 {
			k.weights = t.Len()
			k.zeros = zeros(t.Tensor, init[zeroPoint])
		}
		f[n.Outputs[0]] = k
		if n.Name != "" {
			f[n.Name] = k
		}
	}
	return f
}

// zeros counts the weights that are zero: those that equal the zero point
// where they are quantized with one for all.
func zeros(t tensor.Tensor, point *onnx.Initializer) int {
	zero := byte(0)
	if point != nil && len(point.Data) > 0 {
		for _, z := range point.Data {
			if z != point.Data[0] {
				return 0 // one per channel: not looked at
			}
		}
		zero = point.Data[0]
	}
	n := 0
	switch t.Type {
	case tensor.Float32:
		for _, v := range tensor.Of[float32](t) {
			if v == 0 {
				n++
			}
		}
	case tensor.Int8, tensor.Uint8:
		for _, v := range t.Data {
			if v == zero {
				n++
			}
		}
	}
	return n
}
