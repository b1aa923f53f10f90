package native

import (
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestHalfWeights: 16-bit floats that a Cast widens are weights like others,
// and nothing of the Cast is left to run.
func TestHalfWeights(t *testing.T) {
	x := tensor.From(tensor.Float32, []float32{1, 2, 3}, 1, 3)
	for name, w := range map[string]tensor.Tensor{
		// 1, −2, 0.5, 65504, 2⁻²⁴, 0 as binary16 (IEEE 754, 3.6), and what bfloat16 has of them.
		"float16":  tensor.From(tensor.Float16, []uint16{0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0}, 3, 2),
		"bfloat16": tensor.From(tensor.BFloat16, []uint16{0x3f80, 0xc000, 0x3f00, 0x4780, 0x3380, 0}, 3, 2),
	} {
		large := map[string]float64{"float16": 65504, "bfloat16": 65536}[name]
		m := newModel().input("x", x).constant("w", w).node("Cast", []string{"w"}, []string{"f"}, onnx.IntAttr("to", 1)).
			node("MatMul", []string{"x", "f"}, []string{"y"}).output("y")
		near(t, name, run(t, m, 1, x)[0], []float64{1 + 2*0.5 + 3*0x1p-24, -2 + 2*large})
		g, err := load(m, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.optimize(); err != nil || len(g.nodes) != 1 {
			t.Errorf("%s: %v, left:\n%s", name, err, g)
		}
	}
}
