package onnx

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"assay/models/tensor"
)

// known builds an inference input: shape "N 3 8 8", "?" for unknown.
func info(name string, typ tensor.Type, shape string) ValueInfo {
	v := ValueInfo{Name: name, Type: typ, HasShape: true}
	for _, s := range strings.Fields(shape) {
		var n int64
		switch _, err := fmt.Sscan(s, &n); {
		case s == "?":
			v.Shape = append(v.Shape, Dim{Value: -1})
		case err != nil:
			v.Shape = append(v.Shape, Dim{Value: -1, Param: s})
		default:
			v.Shape = append(v.Shape, Dim{Value: n})
		}
	}
	return v
}

// ints64 is a constant vector.
func ints64(v ...int64) tensor.Tensor { return tensor.From(tensor.Int64, v, len(v)) }

func floats32(v ...float32) tensor.Tensor { return tensor.From(tensor.Float32, v, len(v)) }

// an op test: in are "type shape" of inputs, tensors, or nil for an omitted one.
type opTest struct {
	op     string
	opset  int64
	in     []any
	attrs  []Attr
	want   string // "float32[1 2]" of each output, or the text of the error
	ints   []int64
	domain string
}

const f = "float32 "

// opTests follow the text of the operator's specification (ONNX Operators.md);
// sizes of windows are those of well-known layers or worked out beside them.
var opTests = []opTest{
	{op: "Conv", in: []any{f + "N 3 224 224", f + "64 3 7 7"}, attrs: []Attr{IntsAttr("strides", 2, 2), IntsAttr("pads", 3, 3, 3, 3)}, want: "float32[N 64 112 112]"}, // ResNet's stem
	{op: "Conv", in: []any{f + "1 32 112 112", f + "32 1 3 3"}, attrs: []Attr{IntAttr("group", 32), StringAttr("auto_pad", "SAME_UPPER"), IntsAttr("strides", 2, 2)}, want: "float32[1 32 56 56]"},
	{op: "Conv", in: []any{f + "1 1 H W", f + "4 1 3 3"}, attrs: []Attr{IntsAttr("pads", 1, 1, 1, 1)}, want: "float32[1 4 H W]"},
	{op: "Conv", in: []any{f + "1 1 H W", f + "4 1 3 3"}, attrs: []Attr{IntsAttr("strides", 2, 2)}, want: "float32[1 4 ? ?]"},
	{op: "Conv", in: []any{f + "1 1 10 10", f + "4 1 3 3"}, attrs: []Attr{IntsAttr("dilations", 2, 3), StringAttr("auto_pad", "VALID")}, want: "float32[1 4 6 4]"},
	{op: "Conv", in: []any{f + "1 2 9", f + "4 2 3"}, want: "float32[1 4 7]"},
	{op: "Conv", in: []any{f + "1 3 9 9", f + "4 2 3 3"}, want: "data have 3 channels, the weights [4 2 3 3] want 2 × group 1"},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 2 3 3"}, attrs: []Attr{IntAttr("group", 2)}, want: "5 output channels do not divide into 2 groups"},
	{op: "Conv", in: []any{f + "1 4 2 2", f + "5 4 3 3"}, want: "kernel spans 3, the padded input only 2"},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 4 3 3"}, attrs: []Attr{IntsAttr("kernel_shape", 5, 5)}, want: "kernel_shape [5 5], the weights have [3 3]"},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 4 3 3"}, attrs: []Attr{IntsAttr("pads", 1, 1)}, want: `attribute "pads" has 2 elements, wants 4`},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 4 3 3"}, attrs: []Attr{IntsAttr("strides", 0, 1)}, want: `attribute "strides": 0 is out of range`},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 4 3 3"}, attrs: []Attr{IntsAttr("pads", 1<<62, 1<<62, 0, 0)}, want: "is out of range"},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 4 3 3"}, attrs: []Attr{StringAttr("auto_pad", "FULL")}, want: `auto_pad "FULL" is unknown`},
	{op: "Conv", in: []any{f + "1 4 9 9", f + "5 4 3"}, want: "data of shape [1 4 9 9], weights of shape [5 4 3]"},
	{op: "Conv", in: []any{f + "1 4 9 9"}, want: "input 1 is missing, it takes at least 2"},
	{op: "ConvInteger", in: []any{"uint8 1 1 5 5", "uint8 2 1 3 3"}, want: "int32[1 2 3 3]"},
	{op: "QLinearConv", in: []any{"uint8 1 1 5 5", f, "uint8 ", "int8 2 1 3 3", f, "int8 ", f, "uint8 "}, want: "uint8[1 2 3 3]"},
	{op: "ConvTranspose", in: []any{f + "1 8 7 7", f + "8 4 4 4"}, attrs: []Attr{IntsAttr("strides", 2, 2), IntsAttr("pads", 1, 1, 1, 1)}, want: "float32[1 4 14 14]"}, // 2·6 + 4 − 2
	{op: "MaxPool", in: []any{f + "1 8 112 112"}, attrs: []Attr{IntsAttr("kernel_shape", 3, 3), IntsAttr("strides", 2, 2), IntsAttr("pads", 1, 1, 1, 1)}, want: "float32[1 8 56 56] int64[1 8 56 56]"},
	{op: "MaxPool", in: []any{f + "1 8 7 7"}, attrs: []Attr{IntsAttr("kernel_shape", 2, 2), IntsAttr("strides", 2, 2), IntAttr("ceil_mode", 1)}, want: "float32[1 8 4 4] int64[1 8 4 4]"},
	{op: "AveragePool", in: []any{f + "1 8 2 2"}, attrs: []Attr{IntsAttr("kernel_shape", 1, 1), IntsAttr("strides", 3, 3), IntAttr("ceil_mode", 1)}, want: "float32[1 8 1 1]"}, // the second window would start outside
	{op: "AveragePool", in: []any{f + "1 8 2 2"}, want: `attribute "kernel_shape" is missing`},
	{op: "GlobalAveragePool", in: []any{f + "N 8 7 7"}, want: "float32[N 8 1 1]"},

	{op: "Gemm", in: []any{f + "N 64", f + "10 64", f + "10"}, attrs: []Attr{IntAttr("transB", 1)}, want: "float32[N 10]"},
	{op: "Gemm", in: []any{f + "N 64", f + "65 10"}, want: "64 columns meet 65 rows"},
	{op: "Gemm", in: []any{f + "2 64", f + "64 10", f + "3 10"}, want: "input 2 of shape [3 10] does not broadcast to [2 10]"},
	{op: "Gemm", in: []any{f + "2 8 8", f + "64 10"}, want: "it takes matrices"},
	{op: "MatMul", in: []any{f + "B 12 S 64", f + "B 12 64 S"}, want: "float32[B 12 S S]"},
	{op: "MatMul", in: []any{f + "5", f + "7 5 3"}, want: "float32[7 3]"},
	{op: "MatMul", in: []any{f + "7 3 5", f + "5"}, want: "float32[7 3]"},
	{op: "MatMul", in: []any{f + "5", f + "5"}, want: "float32[]"},
	{op: "MatMul", in: []any{f + "2 5", f + "6 5"}, want: "5 columns meet 6 rows"},
	{op: "MatMul", in: []any{f, f + "6 5"}, want: "neither may be a scalar"},
	{op: "MatMulInteger", in: []any{"uint8 2 5", "int8 5 3"}, want: "int32[2 3]"},
	{op: "QLinearMatMul", in: []any{"int8 2 5", f, "int8 ", "int8 5 3", f, "int8 ", f, "int8 "}, want: "int8[2 3]"},
	{op: "Einsum", in: []any{f + "B 3 4", f + "B 4 5"}, attrs: []Attr{StringAttr("equation", "bij, bjk -> bik")}, want: "float32[B 3 5]"},
	{op: "Einsum", in: []any{f + "3 4", f + "4 5"}, attrs: []Attr{StringAttr("equation", "zj,jk")}, want: "float32[5 3]"}, // k before z
	{op: "Einsum", in: []any{f + "3 4", f + "6 5"}, attrs: []Attr{StringAttr("equation", "ij,jk->ik")}, want: "'j' is both 4 and 6"},
	{op: "Einsum", in: []any{f + "3 4"}, attrs: []Attr{StringAttr("equation", "ij->ijk")}, want: "'k' is in no term"},
	{op: "Einsum", in: []any{f + "3 4"}, attrs: []Attr{StringAttr("equation", "ij,jk->ik")}, want: "has 2 terms for 1 inputs"},
	{op: "LSTM", in: []any{f + "7 N 3", f + "2 20 3", f + "2 20 5"}, attrs: []Attr{StringAttr("direction", "bidirectional"), IntAttr("hidden_size", 5)}, want: "float32[7 2 N 5] float32[2 N 5] float32[2 N 5]"},
	{op: "GRU", in: []any{f + "N 7 3", f + "1 15 3", f + "1 15 5"}, attrs: []Attr{IntAttr("layout", 1)}, want: "float32[N 7 1 5] float32[N 1 5]"},
	{op: "RNN", in: []any{f + "7 3", f + "1 15 3", f + "1 15 5"}, want: "data of shape [7 3], it takes [steps, batch, features]"},
	{op: "Neg", in: []any{ints64(3, -4)}, want: "int64[2]", ints: []int64{-3, 4}},
	{op: "MatMulNBits", domain: "com.microsoft", in: []any{f + "N 7 32", "uint8 16 1 16", f + "16"}, attrs: []Attr{IntAttr("K", 32), IntAttr("N", 16)}, want: "float32[N 7 16]"},

	{op: "Relu", in: []any{f + "N ? 3"}, want: "float32[N x:1 3]"},
	{op: "Add", in: []any{f + "N 8 7 7", f + "8 1 1"}, want: "float32[N 8 7 7]"},
	{op: "Mul", in: []any{f + "3 1", f + "1 4"}, want: "float32[3 4]"},
	{op: "Sub", in: []any{f + "3 2", f + "4"}, want: "shapes [3 2] and [4] do not broadcast"},
	{op: "Add", in: []any{f + "0", f + "1"}, want: "float32[0]"},
	{op: "Add", in: []any{f + "M", f + "N"}, want: "float32[?]"},
	{op: "Add", in: []any{f + "M", f + "3"}, want: "float32[3]"},
	{op: "Add", in: []any{f + "1073741824 1", f + "1 1073741824"}, want: "is too large"},
	{op: "Pow", in: []any{f + "2 2", "int64 "}, want: "float32[2 2]"},
	{op: "Equal", in: []any{f + "2 1", f + "3"}, want: "bool[2 3]"},
	{op: "Where", in: []any{"bool 2 1", f + "3", f}, want: "float32[2 3]"},
	{op: "Max", in: []any{f + "2 1", f + "3", f + "4 1 1"}, want: "float32[4 2 3]"},
	{op: "PRelu", in: []any{f + "2 3", f + "4 1 1"}, want: "slope of shape [4 1 1] does not broadcast to [2 3]"},
	{op: "Cast", in: []any{f + "2 3"}, attrs: []Attr{IntAttr("to", 10)}, want: "float16[2 3]"},
	{op: "Cast", in: []any{f + "2 3"}, attrs: []Attr{IntAttr("to", -1)}, want: "element type -1 is unknown"},
	{op: "Dropout", in: []any{f + "2 3"}, want: "float32[2 3] bool[2 3]"},
	{op: "BatchNormalization", in: []any{f + "N 8 4 4", f + "8", f + "8", f + "8", f + "8"}, want: "float32[N 8 4 4]"},
	{op: "BatchNormalization", in: []any{f + "N 8 4 4", f + "8", f + "8", f + "9", f + "8"}, want: "input 3 has shape [9], the data have 8 channels"},
	{op: "LayerNormalization", in: []any{f + "N 4 8", f + "8"}, want: "float32[N 4 8] float32[N 4 1] float32[N 4 1]"},
	{op: "LayerNormalization", in: []any{f + "N 4 8", f + "7"}, want: "scale of shape [7] does not fit [N 4 8]"},

	{op: "Flatten", in: []any{f + "N 8 2 2"}, want: "float32[N 32]"},
	{op: "Flatten", in: []any{f + "2 3 4"}, attrs: []Attr{IntAttr("axis", -1)}, want: "float32[6 4]"},
	{op: "Flatten", in: []any{f + "2 3 4"}, attrs: []Attr{IntAttr("axis", 4)}, want: "axis 4 of a tensor with 3 dimensions"},
	{op: "Reshape", in: []any{f + "N 8 2 2", ints64(0, -1)}, want: "float32[N 32]"},
	{op: "Reshape", in: []any{f + "N 8 2 2", ints64(-1, 32)}, want: "float32[N 32]"},
	{op: "Reshape", in: []any{f + "2 8", ints64(4, -1)}, want: "float32[4 4]"},
	{op: "Reshape", in: []any{f + "2 8", ints64(3, -1)}, want: "16 elements do not divide by 3"},
	{op: "Reshape", in: []any{f + "2 8", ints64(3, 5)}, want: "16 elements do not fit into 15"},
	{op: "Reshape", in: []any{f + "2 8", ints64(-1, -1)}, want: "shape [-1 -1] infers two dimensions"},
	{op: "Reshape", in: []any{f + "2 8", ints64(-2)}, want: "has a dimension -2"},
	{op: "Reshape", in: []any{f + "2 8", ints64(1, 1, 0)}, want: "copies dimension 2"},
	{op: "Reshape", in: []any{f + "0 8", ints64(0, 4)}, attrs: []Attr{IntAttr("allowzero", 1)}, want: "float32[0 4]"},
	{op: "Reshape", in: []any{f + "2 8", "int64 3"}, want: "float32[? ? ?]"},
	{op: "Reshape", in: []any{f + "2 8", "int64 1000"}, want: "a shape of 1000 dimensions"},
	{op: "Reshape", in: []any{f + "2 8", ints64(1<<62, 1<<62)}, want: "too large"},
	{op: "Transpose", in: []any{f + "N 8 2 3"}, attrs: []Attr{IntsAttr("perm", 0, 2, 3, 1)}, want: "float32[N 2 3 8]"},
	{op: "Transpose", in: []any{f + "1 2 3"}, want: "float32[3 2 1]"},
	{op: "Transpose", in: []any{f + "1 2 3"}, attrs: []Attr{IntsAttr("perm", 0, 0, 1)}, want: "perm [0 0 1] does not permute the shape [1 2 3]"},
	{op: "Transpose", in: []any{f + "1 2 3"}, attrs: []Attr{IntsAttr("perm", 0, 1)}, want: "does not permute"},
	{op: "Squeeze", in: []any{f + "N 1 3 1", ints64(1, -1)}, want: "float32[N 3]"},
	{op: "Squeeze", opset: 11, in: []any{f + "1 3 1"}, attrs: []Attr{IntsAttr("axes", 0)}, want: "float32[3 1]"},
	{op: "Squeeze", in: []any{f + "1 3 1"}, want: "float32[3]"},
	{op: "Squeeze", in: []any{f + "1 3", ints64(1)}, want: "axis 1 of [1 3] is not 1"},
	{op: "Unsqueeze", in: []any{f + "N 3", ints64(0, -1)}, want: "float32[1 N 3 1]"},
	{op: "Unsqueeze", in: []any{f + "N 3", ints64(0, 0)}, want: "axis 0 is listed twice"},
	{op: "Expand", in: []any{f + "3 1", ints64(2, 1, 6)}, want: "float32[2 3 6]"},
	{op: "Tile", in: []any{f + "2 N", ints64(3, 1)}, want: "float32[6 N]"},
	{op: "Tile", in: []any{f + "2 3", ints64(-1, 1)}, want: "repeats [-1 1]"},
	{op: "DepthToSpace", in: []any{f + "1 8 2 3"}, attrs: []Attr{IntAttr("blocksize", 2)}, want: "float32[1 2 4 6]"},
	{op: "SpaceToDepth", in: []any{f + "1 2 4 6"}, attrs: []Attr{IntAttr("blocksize", 2)}, want: "float32[1 8 2 3]"},

	{op: "Concat", in: []any{f + "N 3 4", f + "N 5 4"}, attrs: []Attr{IntAttr("axis", 1)}, want: "float32[N 8 4]"},
	{op: "Concat", in: []any{f + "2 3", f + "3 3"}, attrs: []Attr{IntAttr("axis", 1)}, want: "input 1 has shape [3 3], input 0 has [2 3]: axis 0 differs"},
	{op: "Concat", in: []any{ints64(1, 2), ints64(3)}, attrs: []Attr{IntAttr("axis", 0)}, want: "int64[3]", ints: []int64{1, 2, 3}},
	{op: "Split", opset: 11, in: []any{f + "N 6"}, attrs: []Attr{IntAttr("axis", 1), IntsAttr("split", 2, 4)}, want: "float32[N 2] float32[N 4]"},
	{op: "Split", opset: 18, in: []any{f + "7"}, attrs: []Attr{IntAttr("num_outputs", 3)}, want: "float32[3] float32[3] float32[1]"},
	{op: "Split", in: []any{f + "7", ints64(3, 3)}, want: "sizes [3 3] of axis 0, which has 7 elements"},
	{op: "Slice", in: []any{f + "N 20 10", ints64(0, -3), ints64(1000, 1000), ints64(1, 2)}, want: "float32[N 20 3]"},
	{op: "Slice", in: []any{f + "20", ints64(-1), ints64(-100), ints64(0), ints64(-3)}, want: "float32[7]"}, // 19, 16, … 1
	{op: "Slice", opset: 9, in: []any{f + "20 5"}, attrs: []Attr{IntsAttr("starts", 2), IntsAttr("ends", -1)}, want: "float32[17 5]"},
	{op: "Slice", in: []any{ints64(4, 5, 6, 7), ints64(-1), ints64(-9223372036854775808), ints64(0), ints64(-2)}, want: "int64[2]", ints: []int64{7, 5}},
	{op: "Slice", in: []any{f + "20", ints64(0), ints64(5), ints64(0), ints64(0)}, want: "step of axis 0 is 0"},
	{op: "Slice", in: []any{f + "20", ints64(0, 1), ints64(5)}, want: "2 starts, 1 ends"},
	{op: "Pad", in: []any{f + "1 3 8 8", ints64(0, 0, 1, 2, 0, 0, 3, -4)}, want: "float32[1 3 12 6]"},
	{op: "Pad", opset: 7, in: []any{f + "8"}, attrs: []Attr{IntsAttr("pads", 1, 1)}, want: "float32[10]"},
	{op: "Pad", opset: 18, in: []any{f + "1 8", ints64(1, 2), f, ints64(-1)}, want: "float32[1 11]"},
	{op: "Pad", in: []any{f + "8", ints64(-5, -5)}, want: "leave nothing of axis 0"},
	{op: "Resize", in: []any{f + "N 3 8 8", nil, floats32(1, 1, 2, 1.3)}, want: "float32[N 3 16 10]"},
	{op: "Resize", in: []any{f + "1 3 8 8", nil, nil, ints64(1, 3, 5, 9)}, want: "float32[1 3 5 9]"},
	{op: "Resize", in: []any{f + "1 3 8 8", nil, floats32(1, -2, 1, 1)}, want: "scales [1 -2 1 1]"},
	{op: "Upsample", opset: 9, in: []any{f + "1 3 8 8", floats32(1, 1, 2, 2)}, want: "float32[1 3 16 16]"},

	{op: "Gather", in: []any{f + "30 7", "int64 N 5"}, want: "float32[N 5 7]"},
	{op: "Gather", in: []any{ints64(4, 5, 6), tensor.From(tensor.Int64, []int64{-1})}, want: "int64[]", ints: []int64{6}},
	{op: "Gather", in: []any{f + "3", ints64(3)}, want: "index 3 of axis 0, which has 3 elements"},
	{op: "Gather", in: []any{f + "3", ints64(0)}, attrs: []Attr{IntAttr("axis", 1)}, want: "axis 1 of a tensor with 1 dimensions"},
	{op: "GatherND", in: []any{f + "2 3 4", "int64 5 2"}, want: "float32[5 4]"},
	{op: "GatherElements", in: []any{f + "3 3", "int64 2 3"}, want: "float32[2 3]"},
	{op: "Shape", in: []any{f + "2 3 4"}, want: "int64[3]", ints: []int64{2, 3, 4}},
	{op: "Shape", opset: 15, in: []any{f + "N 3 4"}, attrs: []Attr{IntAttr("start", -2)}, want: "int64[2]", ints: []int64{3, 4}},
	{op: "Size", in: []any{f + "2 3 4"}, want: "int64[]", ints: []int64{24}},
	{op: "Constant", attrs: []Attr{IntsAttr("value_ints", 7, 8)}, want: "int64[2]", ints: []int64{7, 8}},
	{op: "Constant", attrs: []Attr{FloatAttr("value_float", 7)}, want: "float32[]"},
	{op: "Constant", attrs: []Attr{TensorAttr("value", tensor.New(tensor.Uint8, 2, 2))}, want: "uint8[2 2]"},
	{op: "Constant", want: "it has no value"},
	{op: "ConstantOfShape", in: []any{ints64(2, 3)}, want: "float32[2 3]"},
	{op: "ConstantOfShape", in: []any{ints64(2)}, attrs: []Attr{TensorAttr("value", ints64(9))}, want: "int64[2]", ints: []int64{9, 9}},
	{op: "ConstantOfShape", in: []any{ints64(-2)}, want: "has a dimension -2"},
	{op: "Range", in: []any{tensor.From(tensor.Int64, []int64{1}), tensor.From(tensor.Int64, []int64{8}), tensor.From(tensor.Int64, []int64{3})}, want: "int64[3]", ints: []int64{1, 4, 7}},
	{op: "Range", in: []any{f, f, f}, want: "float32[?]"},
	{op: "Range", in: []any{tensor.From(tensor.Float32, []float32{1}), tensor.From(tensor.Float32, []float32{5}), tensor.From(tensor.Float32, []float32{1.5})}, want: "float32[3]"},
	{op: "Range", in: []any{tensor.From(tensor.Float32, []float32{1}), tensor.From(tensor.Float32, []float32{5}), tensor.From(tensor.Float32, []float32{0})}, want: "float32[?]"}, // endless
	{op: "OneHot", in: []any{"int64 N", tensor.From(tensor.Float32, []float32{7}), f + "2"}, want: "float32[N 7]"},
	{op: "EyeLike", in: []any{f + "2 3"}, attrs: []Attr{IntAttr("dtype", int64(tensor.Int32))}, want: "int32[2 3]"},
	{op: "GridSample", in: []any{f + "N 3 8 8", f + "N 4 5 2"}, want: "float32[N 3 4 5]"},
	{op: "GridSample", in: []any{f + "N 3 8 8", f + "N 4 5 3"}, want: "grid of shape"},
	{op: "RoiAlign", in: []any{f + "2 3 8 8", f + "R 4", "int64 R"}, attrs: []Attr{IntAttr("output_height", 7), IntAttr("output_width", 5)}, want: "float32[R 3 7 5]"},
	{op: "RoiAlign", in: []any{f + "2 3 8 8", f + "R 4", "int64 R"}, attrs: []Attr{IntAttr("output_height", -7)}, want: "an output of -7"},
	{op: "MaxUnpool", in: []any{f + "1 1 2 2", "int64 1 1 2 2"}, attrs: []Attr{IntsAttr("kernel_shape", 2, 2), IntsAttr("strides", 2, 2)}, want: "float32[1 1 4 4]"},
	{op: "MaxUnpool", in: []any{f + "1 1 2 2", "int64 1 1 2 2", ints64(1, 1, 5, 5)}, attrs: []Attr{IntsAttr("kernel_shape", 2, 2)}, want: "float32[1 1 5 5]"},
	{op: "Det", in: []any{f + "N 3 3"}, want: "float32[N]"},
	{op: "Det", in: []any{f + "N 3 4"}, want: "no square matrices"},
	{op: "HannWindow", in: []any{tensor.From(tensor.Int64, []int64{9})}, want: "float32[9]"},
	{op: "NegativeLogLikelihoodLoss", in: []any{f + "N 3 4", "int64 N 4"}, attrs: []Attr{StringAttr("reduction", "none")}, want: "float32[N 4]"},
	{op: "SoftmaxCrossEntropyLoss", in: []any{f + "N 3", "int64 N"}, want: "float32[]"},
	{op: "NonZero", in: []any{f + "2 3"}, want: "int64[2 ?]"},
	{op: "OneHot", in: []any{"int64 N", tensor.From(tensor.Int64, []int64{10}), f + "2"}, want: "float32[N 10]"},

	{op: "ReduceMean", in: []any{f + "N 3 4 5"}, attrs: []Attr{IntsAttr("axes", 2, 3), IntAttr("keepdims", 0)}, want: "float32[N 3]"},
	{op: "ReduceMean", opset: 18, in: []any{f + "N 3 4", ints64(-1)}, want: "float32[N 3 1]"},
	{op: "ReduceSum", in: []any{f + "N 3 4"}, attrs: []Attr{IntAttr("noop_with_empty_axes", 1)}, want: "float32[N 3 4]"},
	{op: "ReduceMax", in: []any{f + "N 3"}, attrs: []Attr{IntAttr("keepdims", 0)}, want: "float32[]"},
	{op: "ReduceMax", in: []any{f + "N 3"}, attrs: []Attr{IntsAttr("axes", 2)}, want: "axis 2 of a tensor with 2 dimensions"},
	{op: "ReduceProd", in: []any{ints64(2, 3, 4)}, attrs: []Attr{IntAttr("keepdims", 0)}, want: "int64[]", ints: []int64{24}},
	{op: "ArgMax", in: []any{f + "N 10"}, attrs: []Attr{IntAttr("axis", 1), IntAttr("keepdims", 0)}, want: "int64[N]"},
	{op: "TopK", in: []any{f + "N 10", ints64(5)}, want: "float32[N 5] int64[N 5]"},
	{op: "Softmax", in: []any{f + "N 10"}, want: "float32[N 10]"},

	{op: "QuantizeLinear", in: []any{f + "N 3", f, "int8 "}, want: "int8[N 3]"},
	{op: "QuantizeLinear", in: []any{f + "N 3", f}, want: "uint8[N 3]"},
	{op: "DequantizeLinear", in: []any{"int8 16 3", f + "16", "int8 16"}, attrs: []Attr{IntAttr("axis", 0)}, want: "float32[16 3]"},
	{op: "DequantizeLinear", in: []any{"int8 16 3", f + "15"}, attrs: []Attr{IntAttr("axis", 0)}, want: "input 1 has 15 elements, axis 0 of the data [16 3] has 16"},
	{op: "DynamicQuantizeLinear", in: []any{f + "N 3"}, want: "uint8[N 3] float32[] uint8[]"},
	{op: "NoSuchOperator", in: []any{f + "N 3"}, want: "type(0)?"},
}

func (tt opTest) model() *Model {
	m := &Model{IRVersion: 8, Opsets: []Opset{{"", tt.opset}, {"com.microsoft", 1}}, Graph: &Graph{}}
	if tt.opset == 0 {
		m.Opsets[0].Version = 13
	}
	n := &Node{Name: "n", Op: tt.op, Domain: tt.domain, Attrs: tt.attrs}
	for i, in := range tt.in {
		name := string("xyzuvwabc"[i])
		switch x := in.(type) {
		case tensor.Tensor:
			m.Graph.AddInitializer(name, x)
		case string:
			t, shape, _ := strings.Cut(x, " ")
			typ, err := tensor.ParseType(t)
			if err != nil {
				panic(err)
			}
			m.Graph.Inputs = append(m.Graph.Inputs, info(name, typ, shape))
		default:
			name = ""
		}
		n.Inputs = append(n.Inputs, name)
	}
	for i := range max(1, strings.Count(tt.want, "] ")+1) {
		n.Outputs = append(n.Outputs, fmt.Sprint("out", i))
	}
	m.Graph.Nodes = []*Node{n}
	return m
}

func describe(v ValueInfo) string {
	if !v.HasShape {
		return v.Type.String() + "?"
	}
	return v.Type.String() + fmt.Sprint(v.Shape)
}

func TestInferOperators(t *testing.T) {
	for _, tt := range opTests {
		t.Run(tt.op, func(t *testing.T) {
			m := tt.model()
			inf, err := Infer(m, nil)
			if err != nil {
				prefix := fmt.Sprintf(`infer shapes: node 0 "n": %s: `, tt.op)
				if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), prefix) {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				return
			}
			var got []string
			for _, name := range m.Graph.Nodes[0].Outputs {
				got = append(got, describe(inf.Values[name]))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
			if ints := inf.Ints["out0"]; !reflect.DeepEqual(ints, tt.ints) {
				t.Errorf("contents %v, want %v", ints, tt.ints)
			}
		})
	}
}

// TestInferChain follows a dynamic Reshape as PyTorch exports it:
// x.view(x.shape[0], -1), and Expand with a computed mask of −1.
func TestInferChain(t *testing.T) {
	m := &Model{IRVersion: 8, Opsets: []Opset{{"", 13}}, Graph: &Graph{
		Inputs: []ValueInfo{info("x", tensor.Float32, "N 8 4 4")},
		Initializers: []*Initializer{
			{Name: "zero", Tensor: tensor.From(tensor.Int64, []int64{0})},
			{Name: "axis0", Tensor: ints64(0)},
			{Name: "minus", Tensor: ints64(-1)},
			{Name: "one", Tensor: tensor.From(tensor.Int64, []int64{1})},
			{Name: "want", Tensor: ints64(-1, 8, 4, 4)},
			{Name: "four", Tensor: ints64(4)},
		},
		Nodes: []*Node{
			{Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"s"}},
			{Op: "Gather", Inputs: []string{"s", "zero"}, Outputs: []string{"n"}},
			{Op: "Unsqueeze", Inputs: []string{"n", "axis0"}, Outputs: []string{"nv"}},
			{Op: "Concat", Inputs: []string{"nv", "minus"}, Outputs: []string{"to"}, Attrs: []Attr{IntAttr("axis", 0)}},
			{Op: "Reshape", Inputs: []string{"x", "to"}, Outputs: []string{"flat"}},
			{Op: "Equal", Inputs: []string{"want", "minus"}, Outputs: []string{"eq"}},
			{Op: "ConstantOfShape", Inputs: []string{"four"}, Outputs: []string{"ones"}, Attrs: []Attr{TensorAttr("value", ints64(1))}},
			{Op: "Where", Inputs: []string{"eq", "ones", "want"}, Outputs: []string{"shape"}},
			{Op: "Expand", Inputs: []string{"x", "shape"}, Outputs: []string{"wide"}},
			{Op: "Cast", Inputs: []string{"nv"}, Outputs: []string{"cast"}, Attrs: []Attr{IntAttr("to", 7)}},
			{Op: "Div", Inputs: []string{"cast", "one"}, Outputs: []string{"div"}},
			{Op: "ConstantOfShape", Inputs: []string{"div"}, Outputs: []string{"zeros"}},
			{Op: "Custom", Inputs: []string{"flat"}, Outputs: []string{"odd"}},
			{Op: "Relu", Inputs: []string{"odd"}, Outputs: []string{"y"}},
		},
		Values: []ValueInfo{info("odd", tensor.Float32, "N 10")}, // known from the file only
	}}
	for _, tt := range []struct {
		bind map[string]int64
		want map[string]string
	}{
		{nil, map[string]string{"flat": "float32[N 128]", "wide": "float32[N 8 4 4]", "zeros": "float32[N]", "y": "float32[N 10]"}},
		{map[string]int64{"N": 3}, map[string]string{"flat": "float32[3 128]", "wide": "float32[3 8 4 4]", "zeros": "float32[3]", "y": "float32[3 10]"}},
	} {
		got, err := InferShapes(m, tt.bind)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range tt.want {
			if s := describe(got[name]); s != want {
				t.Errorf("bind %v: %s is %s, want %s", tt.bind, name, s, want)
			}
		}
	}
	if _, err := InferShapes(m, map[string]int64{"N": -1}); err == nil || !strings.Contains(err.Error(), "N = -1 is not a size") {
		t.Errorf("negative size: %v", err)
	}
	if _, err := InferShapes(m, map[string]int64{"N": 1 << 39}); err == nil || !strings.Contains(err.Error(), `input "x": `) {
		t.Errorf("huge size: %v", err)
	}
}

func TestBindBatch(t *testing.T) {
	m := &Model{Graph: &Graph{
		Inputs:       []ValueInfo{info("x", tensor.Float32, "N 3"), info("y", tensor.Float32, "? 3"), info("w", tensor.Float32, "5 3"), info("s", tensor.Float32, "")},
		Initializers: []*Initializer{{Name: "w"}},
	}}
	got, err := BindBatch(m, 4)
	if err != nil || !reflect.DeepEqual(got, map[string]int64{"N": 4, "y:0": 4}) {
		t.Errorf("bind %v, %v", got, err)
	}
	m.Graph.Initializers = nil
	if _, err := BindBatch(m, 4); err == nil || err.Error() != `input "w" has a fixed batch of 5, not 4` {
		t.Errorf("fixed batch: %v", err)
	}
}
