package native

import (
	"errors"
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

func fs(shape []int, v ...float32) tensor.Tensor { return tensor.From(tensor.Float32, v, shape...) }

func is(shape []int, v ...int64) tensor.Tensor { return tensor.From(tensor.Int64, v, shape...) }

func bools(v ...byte) tensor.Tensor {
	return tensor.Tensor{Type: tensor.Bool, Shape: []int{len(v)}, Data: v}
}

// TestPlainOperators wants literal results, worked out by hand after ONNX's
// definitions (Operators.md), of operators that have plain Go kernels. The
// first operand is the model's input, and so are the others where live is set;
// else they are constants. ONNX's own tests (make conformance) cover more.
func TestPlainOperators(t *testing.T) {
	row, nan, inf := fs([]int{3}, -2, 0.5, 3), float32(math.NaN()), float32(math.Inf(1))
	m23 := fs([]int{2, 3}, 1, 5, 3, 4, 2, 6)
	for _, c := range []struct {
		op    string
		in    []tensor.Tensor
		live  bool
		attrs []onnx.Attr
		want  []float64
	}{
		{"Abs", []tensor.Tensor{row}, false, nil, []float64{2, 0.5, 3}},
		{"Neg", []tensor.Tensor{is([]int{2}, -3, 4)}, false, nil, []float64{3, -4}},
		{"Sign", []tensor.Tensor{row}, false, nil, []float64{-1, 1, 1}},
		{"Round", []tensor.Tensor{row}, false, nil, []float64{-2, 0, 3}},
		{"Erf", []tensor.Tensor{row}, false, nil, []float64{-0.9953222650, 0.5204998778, 0.9999779095}}, // Abramowitz and Stegun, table 7.1
		{"Softplus", []tensor.Tensor{fs([]int{2}, 0, 1000)}, false, nil, []float64{math.Ln2, 1000}},
		{"Elu", []tensor.Tensor{row}, false, []onnx.Attr{onnx.FloatAttr("alpha", 2)}, []float64{2*math.Exp(-2) - 2, 0.5, 3}},
		{"Celu", []tensor.Tensor{row}, false, []onnx.Attr{onnx.FloatAttr("alpha", 2)}, []float64{2*math.Exp(-1) - 2, 0.5, 3}},
		{"Shrink", []tensor.Tensor{row}, false, []onnx.Attr{onnx.FloatAttr("bias", 1), onnx.FloatAttr("lambd", 1)}, []float64{-1, 0, 2}},
		{"Equal", []tensor.Tensor{row, fs([]int{1}, 3)}, true, nil, []float64{0, 0, 1}},
		{"Less", []tensor.Tensor{fs([]int{2}, nan, 1), fs([]int{2}, 1, 2)}, true, nil, []float64{0, 1}},
		{"GreaterOrEqual", []tensor.Tensor{is([]int{2}, 2, 1), is([]int{2}, 2, 2)}, true, nil, []float64{1, 0}},
		{"Xor", []tensor.Tensor{bools(0, 1, 1), bools(1, 1, 0)}, true, nil, []float64{1, 0, 1}},
		{"Not", []tensor.Tensor{bools(0, 1)}, false, nil, []float64{1, 0}},
		{"IsNaN", []tensor.Tensor{fs([]int{2}, nan, inf)}, false, nil, []float64{1, 0}},
		{"IsInf", []tensor.Tensor{fs([]int{3}, nan, inf, -inf)}, false, []onnx.Attr{onnx.IntAttr("detect_positive", 0)}, []float64{0, 0, 1}},
		{"Where", []tensor.Tensor{bools(1, 0, 1), row, fs([]int{1}, 9)}, true, nil, []float64{-2, 9, 3}},
		{"Mod", []tensor.Tensor{is([]int{3}, -7, 7, 7), is([]int{3}, 3, -3, 0)}, true, nil, []float64{2, -2, 0}},
		{"Mod", []tensor.Tensor{is([]int{2}, -7, 7), is([]int{2}, 3, -3)}, true, []onnx.Attr{onnx.IntAttr("fmod", 1)}, []float64{-1, 1}},
		{"Pow", []tensor.Tensor{is([]int{2}, -3, 3037000499), is([]int{2}, 3, 2)}, true, nil, []float64{-27, 9223372030926249001}}, // beyond 2⁵³
		{"PRelu", []tensor.Tensor{row, fs([]int{1}, 0.25)}, true, nil, []float64{-0.5, 0.5, 3}},
		{"Max", []tensor.Tensor{row, fs([]int{3}, 1, nan, 1), fs([]int{1}, 2)}, true, nil, []float64{2, math.NaN(), 3}},
		{"Mean", []tensor.Tensor{row, fs([]int{1}, 1)}, true, nil, []float64{-0.5, 0.75, 2}},
		{"ReduceL2", []tensor.Tensor{fs([]int{2, 2}, 3, 4, 6, 8)}, false, []onnx.Attr{onnx.IntsAttr("axes", 1)}, []float64{5, 10}},
		{"ReduceMax", []tensor.Tensor{m23}, false, []onnx.Attr{onnx.IntsAttr("axes", 0)}, []float64{4, 5, 6}},
		{"ReduceLogSumExp", []tensor.Tensor{fs([]int{2}, 1000, 1000)}, false, nil, []float64{1000 + math.Ln2}},
		{"ReduceMean", []tensor.Tensor{fs([]int{2, 1, 2}, 1, 2, 3, 6)}, false, []onnx.Attr{onnx.IntsAttr("axes", 0, 2)}, []float64{3}},
		{"ArgMax", []tensor.Tensor{fs([]int{4}, 1, 7, 7, 2)}, false, []onnx.Attr{onnx.IntAttr("select_last_index", 1)}, []float64{2}},
		{"ArgMin", []tensor.Tensor{m23}, false, []onnx.Attr{onnx.IntAttr("axis", 1)}, []float64{0, 1}},
		{"CumSum", []tensor.Tensor{fs([]int{3}, 1, 2, 3), is(nil, 0)}, false, []onnx.Attr{onnx.IntAttr("exclusive", 1), onnx.IntAttr("reverse", 1)}, []float64{5, 3, 0}},
		{"Softmax", []tensor.Tensor{fs([]int{2, 2}, 0, 1, 0, 3)}, false, []onnx.Attr{onnx.IntAttr("axis", 0)}, []float64{0.5, 0.1192029220, 0.5, 0.8807970780}},
		{"Expand", []tensor.Tensor{fs([]int{2, 1}, 1, 2), is([]int{2}, 2, 3)}, false, nil, []float64{1, 1, 1, 2, 2, 2}},
		{"Tile", []tensor.Tensor{fs([]int{1, 2}, 1, 2), is([]int{2}, 2, 2)}, false, nil, []float64{1, 2, 1, 2, 1, 2, 1, 2}},
		{"Trilu", []tensor.Tensor{fs([]int{2, 2}, 1, 2, 3, 4)}, false, []onnx.Attr{onnx.IntAttr("upper", 0)}, []float64{1, 0, 3, 4}},
		{"DepthToSpace", []tensor.Tensor{fs([]int{1, 4, 1, 1}, 1, 2, 3, 4)}, false, []onnx.Attr{onnx.IntAttr("blocksize", 2)}, []float64{1, 2, 3, 4}},
		{"SpaceToDepth", []tensor.Tensor{fs([]int{1, 1, 2, 4}, 1, 2, 3, 4, 5, 6, 7, 8)}, false, []onnx.Attr{onnx.IntAttr("blocksize", 2)}, []float64{1, 3, 2, 4, 5, 7, 6, 8}},
		{"Gather", []tensor.Tensor{m23, is([]int{2}, -1, 0)}, true, []onnx.Attr{onnx.IntAttr("axis", 1)}, []float64{3, 1, 6, 4}},
		{"GatherElements", []tensor.Tensor{m23, is([]int{2, 1}, 2, -3)}, true, []onnx.Attr{onnx.IntAttr("axis", 1)}, []float64{3, 4}},
		{"GatherND", []tensor.Tensor{m23, is([]int{2, 2}, 0, 1, -1, 2)}, true, nil, []float64{5, 6}},
		{"ScatterElements", []tensor.Tensor{m23, is([]int{1, 2}, 1, 0), fs([]int{1, 2}, 8, 9)}, true, nil, []float64{1, 9, 3, 8, 2, 6}},
		{"ScatterND", []tensor.Tensor{m23, is([]int{1, 1}, 1), fs([]int{1, 3}, 7, 8, 9)}, true, []onnx.Attr{onnx.StringAttr("reduction", "add")}, []float64{1, 5, 3, 11, 10, 15}},
		{"OneHot", []tensor.Tensor{is([]int{3}, 1, -1, 5), is([]int{1}, 3), fs([]int{2}, 2, 7)}, false, nil, []float64{2, 7, 2, 2, 2, 7, 2, 2, 2}},
		{"EyeLike", []tensor.Tensor{m23}, false, []onnx.Attr{onnx.IntAttr("k", 1)}, []float64{0, 1, 0, 0, 0, 1}},
		{"TopK", []tensor.Tensor{fs([]int{4}, 1, 7, 7, 2), is([]int{1}, 3)}, false, nil, []float64{7, 7, 2}},
		{"Pad", []tensor.Tensor{fs([]int{3}, 1, 2, 3), is([]int{2}, 2, 3)}, false, []onnx.Attr{onnx.StringAttr("mode", "reflect")}, []float64{3, 2, 1, 2, 3, 2, 1, 2}},
		{"Pad", []tensor.Tensor{is([]int{3}, 1, 2, 3), is([]int{2}, -1, 1)}, false, []onnx.Attr{onnx.StringAttr("mode", "edge")}, []float64{2, 3, 3}},
		{"Clip", []tensor.Tensor{is([]int{3}, -5, 1, 5), is(nil, -2), is(nil, 3)}, true, nil, []float64{-2, 1, 3}},
		{"Add", []tensor.Tensor{tensor.From(tensor.Uint8, []byte{250, 1}, 2), tensor.From(tensor.Uint8, []byte{10}, 1)}, true, nil, []float64{4, 11}}, // wraps
		{"LpNormalization", []tensor.Tensor{fs([]int{2}, 3, 4)}, false, nil, []float64{0.6, 0.8}},
		{"LayerNormalization", []tensor.Tensor{fs([]int{1, 2}, 1, 3), fs([]int{2}, 2, 2), fs([]int{2}, 0, 1)}, true, []onnx.Attr{onnx.FloatAttr("epsilon", 0)}, []float64{-2, 3}},
		{"InstanceNormalization", []tensor.Tensor{fs([]int{1, 1, 2}, 1, 3), fs([]int{1}, 2), fs([]int{1}, 1)}, true, []onnx.Attr{onnx.FloatAttr("epsilon", 0)}, []float64{-1, 3}},
		{"LRN", []tensor.Tensor{fs([]int{1, 2, 1, 1}, 1, 2)}, false, []onnx.Attr{onnx.IntAttr("size", 3), onnx.FloatAttr("alpha", 3), onnx.FloatAttr("beta", 1)}, []float64{1. / 6, 2. / 6}},
		{"NegativeLogLikelihoodLoss", []tensor.Tensor{fs([]int{2, 2}, -1, -2, -3, -4), is([]int{2}, 1, 0), fs([]int{2}, 1, 3)}, true, nil, []float64{(3*2 + 1*3) / 4.}},
		{"SoftmaxCrossEntropyLoss", []tensor.Tensor{fs([]int{1, 2}, 0, 0), is([]int{1}, 1)}, true, []onnx.Attr{onnx.StringAttr("reduction", "sum")}, []float64{math.Ln2}},
		{"Conv", []tensor.Tensor{fs([]int{1, 1, 3}, 1, 2, 3), fs([]int{1, 1, 2}, 1, 10), fs([]int{1}, 100)}, true, []onnx.Attr{onnx.IntsAttr("pads", 1, 0)}, []float64{110, 121, 132}},
		{"Conv", []tensor.Tensor{fs([]int{1, 2, 1, 1, 2}, 1, 2, 3, 4), fs([]int{2, 1, 1, 1, 2}, 1, 10, 2, 20)}, false, []onnx.Attr{onnx.IntAttr("group", 2)}, []float64{21, 86}},
		{"ConvTranspose", []tensor.Tensor{fs([]int{1, 1, 2}, 1, 2), fs([]int{1, 1, 3}, 1, 10, 100)}, true, []onnx.Attr{onnx.IntsAttr("strides", 2)}, []float64{1, 10, 102, 20, 200}},
		{"MatMulInteger", []tensor.Tensor{tensor.From(tensor.Uint8, []byte{200, 3}, 1, 2), tensor.From(tensor.Int8, []int8{-4, 5}, 2, 1), one(tensor.Uint8, uint8(1))}, true, nil, []float64{-796 + 10}},
		{"AveragePool", []tensor.Tensor{fs([]int{1, 1, 1, 1, 4}, 1, 2, 3, 6)}, false, []onnx.Attr{onnx.IntsAttr("kernel_shape", 1, 1, 2), onnx.IntsAttr("strides", 1, 1, 2)}, []float64{1.5, 4.5}},
		{"GlobalMaxPool", []tensor.Tensor{fs([]int{1, 2, 2, 1}, 1, 2, -5, -7)}, false, nil, []float64{2, -5}},
		{"MaxUnpool", []tensor.Tensor{fs([]int{1, 1, 1, 2}, 5, 6), is([]int{1, 1, 1, 2}, 1, 6)}, true, []onnx.Attr{onnx.IntsAttr("kernel_shape", 2, 2), onnx.IntsAttr("strides", 2, 2)}, []float64{0, 5, 0, 0, 0, 0, 6, 0}},
		{"Resize", []tensor.Tensor{fs([]int{1, 2}, 1, 3), {Type: tensor.Float32, Shape: []int{0}}, fs([]int{2}, 1, 2)}, false, []onnx.Attr{onnx.StringAttr("mode", "linear")}, []float64{1, 1.5, 2.5, 3}},
		{"Einsum", []tensor.Tensor{m23, fs([]int{3}, 1, 10, 100)}, true, []onnx.Attr{onnx.StringAttr("equation", "ij,j->i")}, []float64{351, 624}},
		{"GridSample", []tensor.Tensor{fs([]int{1, 1, 1, 2}, 1, 3), fs([]int{1, 1, 2, 2}, 0, 0, 1, 0)}, true, []onnx.Attr{onnx.IntAttr("align_corners", 1)}, []float64{2, 3}},
		{"Det", []tensor.Tensor{fs([]int{2, 2}, 0, 2, 3, 4)}, false, nil, []float64{-6}},
		{"RNN", []tensor.Tensor{fs([]int{2, 1, 1}, 1, 2), fs([]int{1, 1, 1}, 0.5), fs([]int{1, 1, 1}, 2)}, true, []onnx.Attr{onnx.IntAttr("hidden_size", 1)}, []float64{math.Tanh(0.5), math.Tanh(1 + 2*math.Tanh(0.5))}},
	} {
		b, names := newModel(), []string(nil)
		var live []tensor.Tensor
		for i, x := range c.in {
			name := string(rune('a' + i))
			names = append(names, name)
			if i == 0 || c.live {
				b.input(name, x)
				live = append(live, x)
			} else {
				b.constant(name, x)
			}
		}
		near(t, c.op, run(t, b.node(c.op, names, []string{"y"}, c.attrs...).output("y"), 1, live...)[0], c.want)
	}
}

// TestPlainRefuses: what cannot be right is refused when the model is opened,
// or makes the run an error where only its data tell.
func TestPlainRefuses(t *testing.T) {
	x := fs([]int{2, 2}, 1, 2, 3, 4)
	for name, m := range map[string]*onnx.Model{
		"training": newModel().input("a", x).constant("r", scalar(0.5)).constant("t", tensor.Tensor{Type: tensor.Bool, Data: []byte{1}}).
			node("Dropout", []string{"a", "r", "t"}, []string{"y"}).output("y"),
		"a size that is computed": newModel().input("n", is(nil, 4)).node("HannWindow", []string{"n"}, []string{"y"}).output("y"),
		"other activations": newModel().input("a", fs([]int{1, 1, 1}, 1)).constant("w", fs([]int{1, 1, 1}, 1)).
			node("RNN", []string{"a", "w", "w"}, []string{"y"}, onnx.IntAttr("hidden_size", 1), onnx.Attr{Name: "activations", Type: onnx.AttrStrings, Strings: [][]byte{[]byte("Relu")}}).output("y"),
	} {
		if _, err := newSession(m, 1, 1); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k := is([]int{1, 1}, 2)
	s, err := newSession(newModel().input("a", x).input("k", k).node("GatherElements", []string{"a", "k"}, []string{"y"}).output("y"), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bind([][]tensor.Tensor{{x, k}, {x, is([]int{1, 1}, 1)}}, []tensor.Tensor{fs([]int{1, 1}, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(0); !errors.Is(err, errIndex) {
		t.Errorf("index 2 of 2: %v", err)
	}
	if err := s.Run(1); err != nil {
		t.Errorf("index 1 of 2, afterwards: %v", err)
	}
}

// TestHalves rounds to float16 as IEEE 754 does.
func TestHalves(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want uint16
	}{
		{0, 0},
		{math.Copysign(0, -1), 0x8000},
		{1, 0x3c00},
		{-2, 0xc000},
		{65504, 0x7bff},
		{65519, 0x7bff},
		{65520, 0x7c00},
		{math.Inf(-1), 0xfc00},
		{0x1p-24, 1},
		{0x1p-25, 0},
		{1.5 * 0x1p-24, 2},
		{0x1p-14, 0x0400},
		{0x1p-14 - 0x1p-26, 0x0400}, // the halves between go to the even one
		{1 + 0x1p-11, 0x3c00},
		{1 + 3*0x1p-11, 0x3c02},
		{2 - 0x1p-12, 0x4000},
		{math.NaN(), 0x7e00},
	} {
		if got := halfOf(c.v); got != c.want {
			t.Errorf("%v: %#04x, want %#04x", c.v, got, c.want)
		}
	}
}
