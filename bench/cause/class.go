package cause

import (
	"slices"
	"strings"

	"assay/bench/engine"
	"assay/bench/unit"
)

// families name operators that do the same work in another form.
var families = map[string][]string{
	"quantize":   {"QuantizeLinear", "DynamicQuantizeLinear"},
	"dequantize": {"DequantizeLinear"},
	"Add":        {"Add", "Sum", "QLinearAdd"},
	"Mul":        {"Mul", "QLinearMul"},
	"Concat":     {"Concat", "QLinearConcat"},
	"Softmax":    {"Softmax", "QLinearSoftmax", "LogSoftmax"},
	"layout":     {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Copy", "ReorderInput", "ReorderOutput"},
	"activation": {
		"Relu", "Clip", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "HardSwish", "Gelu", "FastGelu", "QuickGelu", "Elu", "Selu", "Softplus",
		"Mish", "PRelu", "QLinearSigmoid", "QLinearLeakyRelu", "Lookup",
	},
}

// class names the kind of work that n does, the same for every engine and
// number format, so that baseline and variant can be laid side by side.
func class(n *engine.Node) string {
	switch {
	case strings.Contains(n.Op, "ConvTranspose"):
		return "ConvTranspose"
	case strings.Contains(n.Op, "Conv"):
		kind := "Conv"
		switch {
		case n.Depthwise:
			kind = "depthwise"
		case n.Groups > 1:
			kind = "grouped Conv"
		}
		var size []string
		for _, k := range n.Window {
			size = append(size, unit.Count(k))
		}
		return strings.TrimSpace(kind + " " + strings.Join(size, "×"))
	case strings.Contains(n.Op, "MatMul"), strings.Contains(n.Op, "Gemm"):
		return "product"
	case strings.Contains(n.Op, "Pool"):
		return "pooling"
	}
	for name, ops := range families {
		if slices.Contains(ops, n.Op) {
			return name
		}
	}
	return n.Op
}
