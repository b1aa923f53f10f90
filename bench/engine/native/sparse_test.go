package native

import (
	"testing"

	"assay/bench/engine"
	"assay/models/onnx"
	"assay/models/tensor"
)

// sparse is a tensor of which every tenth element is not zero.
func sparse(shape ...int) tensor.Tensor {
	t := f32(0.5, shape...)
	for i, v := 0, tensor.Of[float32](t); i < len(v); i++ {
		if i*7%10 != 3 {
			v[i] = 0
		}
	}
	return t
}

// TestSparse holds products and convolutions with few weights to the oracle:
// with what is fused into them, transposed and strided. All take the sparse
// kernels, which shows in the packed size.
func TestSparse(t *testing.T) {
	x, img := f32(1, 40, 64), f32(1, 1, 32, 14, 14)
	gemmInputs := func() *modelBuilder { return newModel().input("x", x).constant("c", f32(1, 48)) }
	for name, c := range map[string]struct {
		m       *onnx.Model
		weights int
	}{
		"gemm": {gemmInputs().constant("w", sparse(64, 48)).node("Gemm", []string{"x", "w", "c"}, []string{"d"}).
			node("Relu", []string{"d"}, []string{"y"}).output("y"), 64 * 48},
		"gemm transposed": {gemmInputs().constant("w", sparse(48, 64)).node("Gemm", []string{"x", "w", "c"}, []string{"y"}, onnx.IntAttr("transB", 1)).output("y"), 64 * 48},
		"matmul":          {newModel().input("x", x).constant("w", sparse(64, 48)).node("MatMul", []string{"x", "w"}, []string{"y"}).output("y"), 64 * 48},
		"strided": {newModel().input("x", img).constant("w", sparse(64, 32, 3, 3)).node("Conv", []string{"x", "w"}, []string{"y"},
			onnx.IntsAttr("strides", 2, 2), onnx.IntsAttr("pads", 1, 1, 1, 1)).output("y"), 64 * 32 * 9},
		"residual": {newModel().input("x", img).constant("w", sparse(32, 32, 3, 3)).
			node("Conv", []string{"x", "w"}, []string{"d"}, onnx.IntsAttr("pads", 1, 1, 1, 1)).node("Add", []string{"d", "x"}, []string{"e"}).
			node("Relu", []string{"e"}, []string{"y"}).output("y"), 32 * 32 * 9},
	} {
		in := img
		if len(c.m.Graph.Inputs[0].Shape) == 2 {
			in = x
		}
		want := oracle(t, c.m, in)["y"]
		for _, threads := range []int{1, 3} {
			compare(t, run(t, c.m, threads, in)[0], want, 1e-5)
		}
		b, err := plan(c.m, in.Shape[0], 1)
		if err != nil {
			t.Fatal(err)
		}
		if b.packed > 4*c.weights/2 {
			t.Errorf("%s: %d bytes for %d weights", name, b.packed, c.weights)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestSparseZoo: pruned weights take less memory than dense ones.
func TestSparseZoo(t *testing.T) {
	x := testImages(t, 1)
	for _, model := range []string{"resnet8", "mobilenetv2-mini"} {
		size := func(variant string) int64 {
			s, _ := open(t, zooDir+"/"+model+"/"+variant+".onnx", 1, x)
			return s.(engine.Sizer).PackedSize()
		}
		if dense, pruned := size("baseline"), size("sparse-90"); pruned > dense/2 {
			t.Errorf("%s: sparse-90 is packed in %d bytes, the baseline in %d", model, pruned, dense)
		}
	}
}
