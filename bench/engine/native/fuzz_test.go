package native

import (
	"errors"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// FuzzOpen: whatever the file says, there is a session that runs, or an
// error. The committed corpus holds mutations that reached different code.
func FuzzOpen(f *testing.F) {
	x := f32(1, 1, 4, 4, 4)
	for _, m := range []*onnx.Model{
		newModel().input("x", x).constant("w", f32(1, 4, 4, 3, 3)).
			node("Conv", []string{"x", "w"}, []string{"c"}, onnx.IntsAttr("pads", 1, 1, 1, 1)).
			node("Add", []string{"c", "x"}, []string{"d"}).node("Relu", []string{"d"}, []string{"e"}).
			node("MaxPool", []string{"e"}, []string{"p"}, onnx.IntsAttr("kernel_shape", 2, 2), onnx.IntsAttr("strides", 2, 2)).
			node("Flatten", []string{"p"}, []string{"f"}).constant("u", f32(1, 16, 3)).
			node("Gemm", []string{"f", "u"}, []string{"g"}).node("Softmax", []string{"g"}, []string{"y"}).output("y"),
		newModel().input("x", x).constant("at", ints(1)).constant("pads", ints(0, 0, 1, 1, 0, 0, 1, 1)).
			node("Pad", []string{"x", "pads"}, []string{"a"}).node("Slice", []string{"a", "at", "to", "at"}, []string{"b"}).constant("to", ints(3)).
			node("Gather", []string{"b", "at"}, []string{"c"}, onnx.IntAttr("axis", 3)).node("Transpose", []string{"c"}, []string{"d"}).
			node("Concat", []string{"d", "d"}, []string{"e"}, onnx.IntAttr("axis", 0)).
			node("ReduceMean", []string{"e"}, []string{"y"}, onnx.IntsAttr("axes", 1, 2)).output("y"),
		qdqModel(f32(2, 1, 4, 4, 8), tensor.Uint8),
		newModel().input("x", x).input("k", is([]int{1, 4, 4, 4}, make([]int64, 64)...)).constant("n", ints(2)).constant("w", f32(1, 4, 2, 2, 2)).
			node("GatherElements", []string{"x", "k"}, []string{"a"}, onnx.IntAttr("axis", -1)).
			node("ConvTranspose", []string{"a", "w"}, []string{"b"}, onnx.IntsAttr("strides", 2, 1)).
			node("TopK", []string{"b", "n"}, []string{"c", "i"}, onnx.IntAttr("axis", 2)).
			node("Einsum", []string{"c", "c"}, []string{"d"}, onnx.StringAttr("equation", "abij,acij->abc")).
			node("Hardmax", []string{"d"}, []string{"e"}).node("CumSum", []string{"e", "n"}, []string{"y"}).output("y"),
		newModel().input("x", f32(1, 3, 2)).input("cond", truths(1)).constant("n", one(tensor.Int64, int64(2))).
			node("If", []string{"cond"}, []string{"a"}, onnx.GraphAttr("then_branch", body(nil, newModel().node("Neg", []string{"x"}, []string{"p"}), "p")),
				onnx.GraphAttr("else_branch", body(nil, newModel().node("Relu", []string{"x"}, []string{"q"}), "q"))).
			node("Loop", []string{"n", "", "a"}, []string{"b", "c"}, onnx.GraphAttr("body", body(loopInputs("s"), newModel().node("Add", []string{"s", "x"}, []string{"t"}).node("Relu", []string{"t"}, []string{"u"}), "c", "t", "u"))).
			node("Scan", []string{"b", "c"}, []string{"y", "z"}, onnx.IntAttr("num_scan_inputs", 1), onnx.GraphAttr("body", body(declared(tensor.Float32, "e", "f"), newModel().node("Mul", []string{"e", "f"}, []string{"g"}).node("Tanh", []string{"g"}, []string{"h"}), "g", "h"))).output("y", "z"),
		newModel().input("x", f32(1, 2, 1, 3)).constant("w", f32(1, 1, 8, 3)).constant("r", f32(1, 1, 8, 2)).constant("s", fs([]int{3}, 1, 2, 1.5)).constant("q", ints(1)).
			node("LSTM", []string{"x", "w", "r"}, []string{"a"}, onnx.IntAttr("hidden_size", 2)).
			node("Squeeze", []string{"a", "q"}, []string{"b"}).
			node("Resize", []string{"b", "", "s"}, []string{"c"}, onnx.StringAttr("mode", "cubic")).
			node("LayerNormalization", []string{"c", "g"}, []string{"d"}).constant("g", f32(1, 3)).
			node("ReduceLogSumExp", []string{"d"}, []string{"e"}, onnx.IntsAttr("axes", 0)).
			node("OneHot", []string{"e", "q", "t"}, []string{"y"}).constant("t", fs([]int{2}, 0, 1)).output("y"),
	} {
		b, err := onnx.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		m, err := onnx.Decode(b)
		if err != nil {
			return
		}
		if _, macs, err := Count(m, 1); err != nil || macs > 1e8 {
			return // right, but too long for a fuzzer
		}
		g, err := load(m, 1)
		if err != nil {
			return
		}
		for _, n := range g.nodes {
			if long(n) {
				return // it may never end, and must not
			}
			for _, v := range n.out {
				if v != nil && v.bytes() > 1<<24 {
					return
				}
			}
		}
		s, err := newSession(m, 1, 1)
		if err != nil {
			return
		}
		defer s.Close()
		var in, out []tensor.Tensor
		for _, d := range s.in {
			in = append(in, tensor.New(d.Type, d.Shape...))
		}
		for _, d := range s.out {
			out = append(out, tensor.New(d.Type, d.Shape...))
		}
		if err := s.Bind([][]tensor.Tensor{in}, out); err != nil {
			t.Fatal(err)
		}
		if err := s.Run(0); err != nil && !errors.Is(err, errIndex) {
			t.Fatal(err)
		}
	})
}
