package native

import (
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestAgainstOracle runs small graphs that the oracle knows.
func TestAgainstOracle(t *testing.T) {
	img, pads1 := f32(1, 2, 4, 7, 6), onnx.IntsAttr("pads", 1, 1, 1, 1)
	bn := func(b *modelBuilder, c int) *modelBuilder {
		variance := f32(1, c)
		for i, v := range tensor.Of[float32](variance) {
			tensor.Of[float32](variance)[i] = v*v + 0.5
		}
		return b.constant("g", f32(2, c)).constant("b", f32(1, c)).constant("m", f32(0.5, c)).constant("v", variance)
	}
	start := func() *modelBuilder { return newModel().input("x", img) }
	for name, m := range map[string]*onnx.Model{
		"conv": start().constant("w", f32(1, 6, 4, 3, 3)).constant("b", f32(1, 6)).
			node("Conv", []string{"x", "w", "b"}, []string{"y"}, pads1).output("y"),
		"conv stride, dilation": start().constant("w", f32(1, 5, 4, 3, 2)).
			node("Conv", []string{"x", "w"}, []string{"y"}, onnx.IntsAttr("strides", 2, 1), onnx.IntsAttr("dilations", 1, 2), onnx.IntsAttr("pads", 0, 1, 1, 0)).output("y"),
		"grouped conv": start().constant("w", f32(1, 6, 2, 3, 3)).
			node("Conv", []string{"x", "w"}, []string{"y"}, onnx.IntAttr("group", 2)).output("y"),
		"depthwise, clip": start().constant("w", f32(1, 4, 1, 3, 3)).constant("lo", scalar(0)).constant("hi", scalar(1.5)).
			node("Conv", []string{"x", "w"}, []string{"c"}, onnx.IntAttr("group", 4), pads1).
			node("Clip", []string{"c", "lo", "hi"}, []string{"y"}).output("y"),
		"conv bn relu": bn(start(), 6).constant("w", f32(1, 6, 4, 1, 1)).
			node("Conv", []string{"x", "w"}, []string{"c"}).
			node("BatchNormalization", []string{"c", "g", "b", "m", "v"}, []string{"d"}).
			node("Relu", []string{"d"}, []string{"y"}).output("y"),
		"bn alone": bn(start(), 4).node("BatchNormalization", []string{"x", "g", "b", "m", "v"}, []string{"y"}).output("y"),
		"residual": start().constant("w", f32(1, 4, 4, 3, 3)).
			node("Conv", []string{"x", "w"}, []string{"c"}, pads1).
			node("Add", []string{"x", "c"}, []string{"d"}).
			node("Relu", []string{"d"}, []string{"y"}).output("y"),
		"residual of two convs, one seen outside": start().constant("w", f32(1, 4, 4, 3, 3)).constant("u", f32(1, 4, 4, 1, 1)).
			node("Conv", []string{"x", "w"}, []string{"c"}, pads1).
			node("Conv", []string{"x", "u"}, []string{"d"}).
			node("Add", []string{"c", "d"}, []string{"e"}).
			node("Relu", []string{"e"}, []string{"y"}).output("y", "d"),
		"bias by a broadcast Add": start().constant("w", f32(1, 4, 4, 3, 3)).constant("b", f32(1, 4, 1, 1)).
			node("Conv", []string{"x", "w"}, []string{"c"}).
			node("Add", []string{"c", "b"}, []string{"y"}).output("y"),
		"head": start().constant("w", f32(1, 3, 4)).constant("b", f32(1, 3)).
			node("GlobalAveragePool", []string{"x"}, []string{"p"}).
			node("Flatten", []string{"p"}, []string{"f"}).
			node("Gemm", []string{"f", "w", "b"}, []string{"y"}, onnx.IntAttr("transB", 1)).output("y"),
		"flatten of an image": start().constant("w", f32(1, 4, 4, 1, 1)).constant("u", f32(1, 168, 2)).
			node("Conv", []string{"x", "w"}, []string{"c"}).
			node("Flatten", []string{"c"}, []string{"f"}).
			node("Gemm", []string{"f", "u"}, []string{"y"}).output("y"),
		"output that is also read": start().node("Relu", []string{"x"}, []string{"a"}).
			node("Identity", []string{"a"}, []string{"b"}).
			node("Relu", []string{"b"}, []string{"y"}).output("y", "b", "a"),
	} {
		want := oracle(t, m, img)
		for _, threads := range []int{1, 3} {
			for i, got := range run(t, m, threads, img) {
				compare(t, got, want[m.Graph.Outputs[i].Name], 1e-5)
			}
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestOperators wants literal results.
func TestOperators(t *testing.T) {
	x := tensor.From(tensor.Float32, []float32{-2, -1, 0, 1, 2, 8}, 2, 3)
	sig := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	for _, c := range []struct {
		op     string
		consts []tensor.Tensor
		attrs  []onnx.Attr
		want   []float64
	}{
		{"Relu", nil, nil, []float64{0, 0, 0, 1, 2, 8}},
		{"LeakyRelu", nil, []onnx.Attr{onnx.FloatAttr("alpha", 0.5)}, []float64{-1, -0.5, 0, 1, 2, 8}},
		{"Sigmoid", nil, nil, []float64{sig(-2), sig(-1), 0.5, sig(1), sig(2), sig(8)}},
		{"Tanh", nil, nil, []float64{math.Tanh(-2), math.Tanh(-1), 0, math.Tanh(1), math.Tanh(2), math.Tanh(8)}},
		{"HardSigmoid", nil, nil, []float64{0.1, 0.3, 0.5, 0.7, 0.9, 1}},
		{"HardSwish", nil, nil, []float64{-2. / 6, -2. / 6, 0, 4. / 6, 10. / 6, 8}},
		{"Clip", []tensor.Tensor{scalar(-1), scalar(2)}, nil, []float64{-1, -1, 0, 1, 2, 2}},
		{"Add", []tensor.Tensor{tensor.From(tensor.Float32, []float32{10, 20, 30}, 3)}, nil, []float64{8, 19, 30, 11, 22, 38}},
		{"Sub", []tensor.Tensor{tensor.From(tensor.Float32, []float32{1, 2}, 2, 1)}, nil, []float64{-3, -2, -1, -1, 0, 6}},
		{"Mul", []tensor.Tensor{scalar(3)}, nil, []float64{-6, -3, 0, 3, 6, 24}},
		{"Div", []tensor.Tensor{tensor.From(tensor.Float32, []float32{2}, 1)}, nil, []float64{-1, -0.5, 0, 0.5, 1, 4}},
		{"Softmax", nil, nil, []float64{0.0900305732, 0.244728471, 0.665240956, 0.000908800555, 0.00247037604, 0.996620823}},
		{"LogSoftmax", nil, nil, []float64{-2.40760596, -1.40760596, -0.407605964, -7.0033849, -6.0033849, -0.0033848989}},
		{"ReduceMean", nil, []onnx.Attr{onnx.IntsAttr("axes", 1)}, []float64{-1, 11. / 3}},
		{"ReduceMean", nil, []onnx.Attr{onnx.IntsAttr("axes", 0), onnx.IntAttr("keepdims", 0)}, []float64{-0.5, 0.5, 4}},
		{"ReduceMean", nil, nil, []float64{8. / 6}},
		{"Transpose", nil, nil, []float64{-2, 1, -1, 2, 0, 8}},
		{"Reshape", []tensor.Tensor{ints(3, -1)}, nil, []float64{-2, -1, 0, 1, 2, 8}},
		{"Unsqueeze", []tensor.Tensor{ints(0)}, nil, []float64{-2, -1, 0, 1, 2, 8}},
		{"Concat", []tensor.Tensor{tensor.From(tensor.Float32, []float32{5, 6}, 2, 1)}, []onnx.Attr{onnx.IntAttr("axis", 1)}, []float64{-2, -1, 0, 5, 1, 2, 8, 6}},
		{"Slice", []tensor.Tensor{ints(2), ints(0), ints(1), ints(-1)}, nil, []float64{0, -1, 8, 2}},
		{"Slice", []tensor.Tensor{ints(-1), ints(100), ints(0)}, nil, []float64{1, 2, 8}},
		{"Gather", []tensor.Tensor{ints(2, -3)}, []onnx.Attr{onnx.IntAttr("axis", 1)}, []float64{0, -2, 8, 1}},
		{"Pad", []tensor.Tensor{ints(0, 1, 1, 0), scalar(9)}, nil, []float64{9, -2, -1, 0, 9, 1, 2, 8, 9, 9, 9, 9}},
		{
			"Gemm",
			[]tensor.Tensor{tensor.From(tensor.Float32, []float32{1, 0, 0, 1, 1, 1}, 3, 2), scalar(1)},
			[]onnx.Attr{onnx.FloatAttr("alpha", 2), onnx.FloatAttr("beta", 3)},
			[]float64{-1, 1, 21, 23},
		},
		{
			"Gemm",
			[]tensor.Tensor{tensor.From(tensor.Float32, []float32{1, 2}, 2, 1), tensor.From(tensor.Float32, []float32{1, 2, 3}, 3, 1)},
			[]onnx.Attr{onnx.IntAttr("transA", 1)},
			[]float64{1, 5, 19},
		},
		{"MatMul", []tensor.Tensor{tensor.From(tensor.Float32, []float32{1, 1, 1}, 3)}, nil, []float64{-3, 11}},
		{"Cast", nil, []onnx.Attr{onnx.IntAttr("to", int64(tensor.Int32))}, []float64{-2, -1, 0, 1, 2, 8}},
		{"Dropout", nil, nil, []float64{-2, -1, 0, 1, 2, 8}},
		{"Flatten", nil, []onnx.Attr{onnx.IntAttr("axis", 0)}, []float64{-2, -1, 0, 1, 2, 8}},
		{"QuantizeLinear", []tensor.Tensor{scalar(0.5), one[int8](tensor.Int8, 3)}, nil, []float64{-1, 1, 3, 5, 7, 19}},
		{
			"QuantizeLinear",
			[]tensor.Tensor{tensor.From(tensor.Float32, []float32{1, 0.5, 0.25}, 3), tensor.From(tensor.Uint8, []uint8{2, 2, 2}, 3)},
			nil,
			[]float64{0, 0, 2, 3, 6, 34},
		},
	} {
		b := newModel().input("x", x)
		in := []string{"x"}
		for i, k := range c.consts {
			name := string(rune('a' + i))
			b.constant(name, k)
			in = append(in, name)
		}
		m := b.node(c.op, in, []string{"y"}, c.attrs...).output("y")
		if c.op == "ReduceMean" || c.op == "Dropout" {
			m.Opsets[0].Version = 13
		}
		near(t, c.op, run(t, m, 2, x)[0], c.want)
	}
}

func TestPools(t *testing.T) {
	x := tensor.New(tensor.Float32, 1, 1, 4, 4)
	for i := range 16 {
		tensor.Of[float32](x)[i] = float32(i)
	}
	k2, s2, p1 := onnx.IntsAttr("kernel_shape", 2, 2), onnx.IntsAttr("strides", 2, 2), onnx.IntsAttr("pads", 1, 1, 1, 1)
	for _, c := range []struct {
		op    string
		attrs []onnx.Attr
		want  []float64
	}{
		{"MaxPool", []onnx.Attr{k2, s2}, []float64{5, 7, 13, 15}},
		{"AveragePool", []onnx.Attr{k2, s2}, []float64{2.5, 4.5, 10.5, 12.5}},
		{"AveragePool", []onnx.Attr{k2, s2, p1}, []float64{0, 1.5, 3, 6, 7.5, 9, 12, 13.5, 15}},
		{"AveragePool", []onnx.Attr{k2, s2, p1, onnx.IntAttr("count_include_pad", 1)}, []float64{0, 0.75, 0.75, 3, 7.5, 4.5, 3, 6.75, 3.75}},
		{"MaxPool", []onnx.Attr{onnx.IntsAttr("kernel_shape", 3, 3), s2, onnx.IntAttr("ceil_mode", 1)}, []float64{10, 11, 14, 15}},
		{"MaxPool", []onnx.Attr{onnx.IntsAttr("kernel_shape", 3, 3), s2, onnx.StringAttr("auto_pad", "SAME_UPPER")}, []float64{10, 11, 14, 15}},
		{"MaxPool", []onnx.Attr{onnx.IntsAttr("kernel_shape", 3, 3), s2, onnx.StringAttr("auto_pad", "SAME_LOWER")}, []float64{5, 7, 13, 15}},
		{"GlobalAveragePool", nil, []float64{7.5}},
	} {
		near(t, c.op, run(t, newModel().input("x", x).node(c.op, []string{"x"}, []string{"y"}, c.attrs...).output("y"), 1, x)[0], c.want)
	}
}

// TestBatchedMatMul compares with the sum written out: [2,1,2,3] · [3,3,2].
func TestBatchedMatMul(t *testing.T) {
	a, b := f32(1, 2, 1, 2, 3), f32(2, 3, 3, 2)
	var want []float64
	x, w := tensor.Of[float32](a), tensor.Of[float32](b)
	for p := range 2 {
		for q := range 3 {
			for i := range 2 {
				for j := range 2 {
					var s float64
					for k := range 3 {
						s += float64(x[(p*2+i)*3+k]) * float64(w[(q*3+k)*2+j])
					}
					want = append(want, s)
				}
			}
		}
	}
	near(t, "constant", run(t, newModel().input("a", a).constant("b", b).node("MatMul", []string{"a", "b"}, []string{"y"}).output("y"), 1, a)[0], want)
	m := newModel().input("a", a).input("z", f32(1, 2, 1)).constant("c", b).
		node("Relu", []string{"z"}, []string{"r"}).node("Mul", []string{"r", "zero"}, []string{"s"}).constant("zero", tensor.From(tensor.Float32, []float32{0}, 1)).
		constant("axes", ints(0)).node("ReduceMean", []string{"s"}, []string{"u"}, onnx.IntsAttr("axes", 0), onnx.IntAttr("keepdims", 0)).
		node("Add", []string{"c", "u"}, []string{"b"}).node("MatMul", []string{"a", "b"}, []string{"y"}).output("y")
	near(t, "computed", run(t, m, 2, a, f32(1, 2, 1))[0], want)
}

// TestReshapeChain: Shape, Gather, Unsqueeze and Concat as PyTorch exports a
// flattening; nothing of it is left to run.
func TestReshapeChain(t *testing.T) {
	x := f32(1, 2, 3, 2, 2)
	b := newModel().input("x", x).constant("zero", one[int64](tensor.Int64, 0)).constant("ax", ints(0)).constant("rest", ints(-1)).
		node("Shape", []string{"x"}, []string{"s"}).node("Gather", []string{"s", "zero"}, []string{"n"}).
		node("Unsqueeze", []string{"n", "ax"}, []string{"n1"}).node("Concat", []string{"n1", "rest"}, []string{"to"}, onnx.IntAttr("axis", 0)).
		node("Reshape", []string{"x", "to"}, []string{"f"}).node("Relu", []string{"f"}, []string{"y"})
	m := b.output("y")
	m.Graph.Inputs[0].Shape[0] = onnx.Dim{Param: "N"}
	want, _ := x.Floats()
	for i := range want {
		want[i] = max(want[i], 0)
	}
	near(t, "chain", run(t, m, 1, x)[0], want)
	g, err := load(m, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.optimize(); err != nil || len(g.nodes) != 2 {
		t.Errorf("%v, left:\n%s", err, g)
	}
}
