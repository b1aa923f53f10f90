package native

import (
	"math"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// bytesOf returns n patterns that cover all of int8 and uint8.
func bytesOf(typ tensor.Type, shape ...int) tensor.Tensor {
	t := tensor.New(typ, shape...)
	for i := range t.Data {
		t.Data[i] = byte(i*37 + 11)
	}
	return t
}

// qdqModel quantizes x, convolves, adds, averages and multiplies on grids, in
// the form that models/compress and ONNX Runtime's tools write.
func qdqModel(x tensor.Tensor, act tensor.Type) *onnx.Model {
	zero := func(v int) tensor.Tensor {
		if act == tensor.Int8 {
			return one(act, int8(v-128))
		}
		return one(act, uint8(v))
	}
	b := newModel().input("x", x)
	grid := func(v string, scale float32, z int) { b.constant(v+"_s", scalar(scale)).constant(v+"_z", zero(z)) }
	pair := func(in, out string) {
		b.node("QuantizeLinear", []string{in, out + "_s", out + "_z"}, []string{out + "_q"}).
			node("DequantizeLinear", []string{out + "_q", out + "_s", out + "_z"}, []string{out})
	}
	// Scales are powers of two: then float32 and float64 round alike, and the
	// oracle must be met exactly.
	grid("a", 1./64, 128)
	grid("c", 1./16, 100)
	grid("d", 1./8, 90)
	grid("p", 1./32, 3)
	ws := tensor.From(tensor.Float32, []float32{1. / 64, 1. / 128, 1. / 256, 1. / 64}, 4)
	bs := tensor.From(tensor.Float32, []float32{1. / 4096, 1. / 8192, 1. / 16384, 1. / 4096}, 4)
	b.constant("w_q", bytesOf(tensor.Int8, 4, 4, 3, 3)).constant("w_s", ws).constant("w_z", tensor.New(tensor.Int8, 4)).
		constant("b_q", tensor.From(tensor.Int32, []int32{500, -700, 900, -100}, 4)).constant("b_s", bs).constant("b_z", tensor.New(tensor.Int32, 4)).
		constant("f_q", bytesOf(tensor.Int8, 3, 4)).constant("f_s", scalar(1./64)).constant("f_z", one(tensor.Int8, int8(0))).
		constant("k_q", tensor.From(tensor.Int32, []int32{50, -70, 90}, 3)).constant("k_s", scalar(1./2048)).constant("k_z", one(tensor.Int32, int32(0)))
	pair("x", "a")
	b.node("DequantizeLinear", []string{"w_q", "w_s", "w_z"}, []string{"w"}, onnx.IntAttr("axis", 0)).
		node("DequantizeLinear", []string{"b_q", "b_s", "b_z"}, []string{"b"}, onnx.IntAttr("axis", 0)).
		node("Conv", []string{"a", "w", "b"}, []string{"conv"}, onnx.IntsAttr("pads", 1, 1, 1, 1))
	b.node("Relu", []string{"conv"}, []string{"act"})
	pair("act", "c")
	b.node("Add", []string{"c", "a"}, []string{"sum"})
	pair("sum", "d")
	b.node("GlobalAveragePool", []string{"d"}, []string{"mean"})
	pair("mean", "p")
	b.node("Flatten", []string{"p"}, []string{"flat"}).
		node("DequantizeLinear", []string{"f_q", "f_s", "f_z"}, []string{"f"}).
		node("DequantizeLinear", []string{"k_q", "k_s", "k_z"}, []string{"k"}).
		node("Gemm", []string{"flat", "f", "k"}, []string{"y"}, onnx.IntAttr("transB", 1))
	return b.output("y", "c_q", "d_q", "p_q")
}

func TestQDQ(t *testing.T) {
	x := f32(2, 2, 4, 4, 8) // 32 pixels: their mean is exact too
	for _, act := range []tensor.Type{tensor.Uint8, tensor.Int8} {
		m := qdqModel(x, act)
		want := oracle(t, m, x)
		for _, threads := range []int{1, 2} {
			for i, got := range run(t, m, threads, x) {
				compare(t, got, want[m.Graph.Outputs[i].Name], 0)
			}
		}
		g, err := load(m, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.optimize(); err != nil {
			t.Fatal(err)
		}
		s := g.String()
		for _, op := range []string{"QLinearConv", "QLinearAdd", "QLinearGlobalAveragePool", "QGemm"} {
			if !strings.Contains(s, op) {
				t.Errorf("no %s in the optimized graph:\n%s", op, s)
			}
		}
		if strings.Contains(s, "Dequantize") || strings.Count(s, "QuantizeLinear") != 1 {
			t.Errorf("quantization is left in the optimized graph:\n%s", s)
		}
	}
}

// TestDynamic: DynamicQuantizeLinear → ConvInteger and MatMulInteger → Cast →
// Mul → Add, weights unsigned with a zero point in the convolution.
func TestDynamic(t *testing.T) {
	x := f32(3, 1, 4, 5, 5)
	m := newModel().input("x", x).constant("w", bytesOf(tensor.Uint8, 3, 4, 3, 3)).constant("wz", one(tensor.Uint8, uint8(131))).
		constant("ws", scalar(1./64)).constant("bias", f32(1, 1, 3, 1, 1)).
		node("DynamicQuantizeLinear", []string{"x"}, []string{"q", "s", "z"}).
		node("ConvInteger", []string{"q", "w", "z", "wz"}, []string{"i"}, onnx.IntsAttr("pads", 1, 1, 1, 1)).
		node("Cast", []string{"i"}, []string{"f"}, onnx.IntAttr("to", 1)).
		node("Mul", []string{"s", "ws"}, []string{"sw"}).
		node("Mul", []string{"f", "sw"}, []string{"g"}).
		node("Add", []string{"g", "bias"}, []string{"h"}).
		node("GlobalAveragePool", []string{"h"}, []string{"p"}).node("Flatten", []string{"p"}, []string{"r"}).
		constant("u", bytesOf(tensor.Int8, 3, 5)).constant("us", scalar(1./64)).
		node("DynamicQuantizeLinear", []string{"r"}, []string{"rq", "rs", "rz"}).
		node("MatMulInteger", []string{"rq", "u", "rz"}, []string{"ri"}).
		node("Cast", []string{"ri"}, []string{"rf"}, onnx.IntAttr("to", 1)).
		node("Mul", []string{"rs", "us"}, []string{"ru"}).
		node("Mul", []string{"rf", "ru"}, []string{"y"}).output("y", "h", "q")
	want := oracle(t, m, x)
	for _, threads := range []int{1, 2} {
		out := run(t, m, threads, x)
		compare(t, out[2], want["q"], 0)
		compare(t, out[1], want["h"], 1e-5)
		compare(t, out[0], want["y"], 1e-2) // quantized twice: a step may be taken differently
	}
}

// TestQOperators runs the operators of ONNX's own quantized form.
func TestQOperators(t *testing.T) {
	x := bytesOf(tensor.Uint8, 2, 3)
	w := tensor.From(tensor.Int8, []int8{1, -2, 3, 4, -5, 60}, 3, 2)
	m := newModel().input("x", x).constant("xs", scalar(0.5)).constant("xz", one(tensor.Uint8, uint8(7))).
		constant("w", w).constant("ws", scalar(0.25)).constant("wz", one(tensor.Int8, int8(-1))).
		constant("ys", scalar(4)).constant("yz", one(tensor.Int8, int8(3))).
		node("QLinearMatMul", []string{"x", "xs", "xz", "w", "ws", "wz", "ys", "yz"}, []string{"y"}).output("y")
	var want []float64
	for i := range 2 {
		for j := range 2 {
			var s float64
			for k := range 3 {
				s += (float64(x.Data[i*3+k]) - 7) * 0.5 * (float64(tensor.Of[int8](w)[k*2+j]) + 1) * 0.25
			}
			want = append(want, min(max(math.RoundToEven(s/4)+3, -128), 127))
		}
	}
	near(t, "QLinearMatMul", run(t, m, 1, x)[0], want)
}

// TestLookup puts functions between grids: a table of 256 entries each.
func TestLookup(t *testing.T) {
	x := tensor.New(tensor.Float32, 256)
	for i := range 256 {
		tensor.Of[float32](x)[i] = float32(i-100) / 16
	}
	for op, f := range map[string]func(float64) float64{
		"Relu": func(v float64) float64 { return max(v, 0) }, "Tanh": math.Tanh,
		"HardSwish": func(v float64) float64 { return v * max(0, min(1, v/6+0.5)) },
	} {
		m := newModel().input("x", x).constant("s", scalar(1./16)).constant("z", one(tensor.Uint8, uint8(100))).
			constant("t", scalar(1./8)).constant("u", one(tensor.Int8, int8(-5))).
			node("QuantizeLinear", []string{"x", "s", "z"}, []string{"q"}).node("DequantizeLinear", []string{"q", "s", "z"}, []string{"d"}).
			node(op, []string{"d"}, []string{"f"}).node("QuantizeLinear", []string{"f", "t", "u"}, []string{"y"}).output("y")
		var want []float64
		for _, v := range tensor.Of[float32](x) {
			want = append(want, min(max(math.RoundToEven(f(float64(v))*8)-5, -128), 127))
		}
		near(t, op, run(t, m, 1, x)[0], want)
		g, err := load(m, 256)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.optimize(); err != nil || !strings.Contains(g.String(), "Lookup") {
			t.Errorf("%v, no table in:\n%s", err, g)
		}
	}
}

// TestFuseDynamic: what is and is not folded into the sums, and that results
// stay those of the operators by themselves.
func TestFuseDynamic(t *testing.T) {
	x := f32(3, 1, 4, 5, 5)
	for name, c := range map[string]struct {
		scale, bias tensor.Tensor
		extra       string // a value that is an output too
		left        string // operators that stay
	}{
		"one scale":         {scalar(1. / 64), f32(1, 1, 3, 1, 1), "", "Mul "},
		"scale per channel": {f32(2, 3, 1, 1), f32(1, 3, 1, 1), "", "Mul "},
		"one bias":          {scalar(1. / 64), scalar(2), "", "Mul "},
		"bias per pixel":    {scalar(1. / 64), f32(1, 1, 3, 5, 5), "", "Mul Add "},
		"scale per pixel":   {f32(2, 5, 1), f32(1, 1, 3, 1, 1), "", "Cast Mul Mul Add "},
		"sums are read":     {scalar(1. / 64), f32(1, 1, 3, 1, 1), "i", "Cast Mul Mul Add "},
		"floats are read":   {scalar(1. / 64), f32(1, 1, 3, 1, 1), "g", "Mul Add "},
	} {
		m := newModel().input("x", x).constant("w", bytesOf(tensor.Int8, 3, 4, 3, 3)).
			constant("ws", c.scale).constant("bias", c.bias).
			node("DynamicQuantizeLinear", []string{"x"}, []string{"q", "s", "z"}).
			node("ConvInteger", []string{"q", "w", "z"}, []string{"i"}, onnx.IntsAttr("pads", 1, 1, 1, 1)).
			node("Cast", []string{"i"}, []string{"f"}, onnx.IntAttr("to", 1)).
			node("Mul", []string{"s", "ws"}, []string{"sw"}).
			node("Mul", []string{"sw", "f"}, []string{"g"}).
			node("Add", []string{"g", "bias"}, []string{"h"}).
			node("Relu", []string{"h"}, []string{"y"})
		out := m.output("y")
		if c.extra != "" {
			out = m.output("y", c.extra)
		}
		want := oracle(t, out, x)
		compare(t, run(t, out, 2, x)[0], want["y"], 1e-5)
		g, err := load(out, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.optimize(); err != nil {
			t.Fatal(err)
		}
		left := ""
		for _, n := range g.nodes {
			if n.is("Cast", "Mul", "Add", "Relu") {
				left += n.op + " "
			}
		}
		if left != c.left {
			t.Errorf("%s: %q are left, want %q:\n%s", name, left, c.left, g)
		}
	}
}
