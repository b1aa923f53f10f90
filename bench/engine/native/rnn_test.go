package native

import (
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestPackedCells: constant weights, which are packed, give what weights that
// the model is given do, which are multiplied one by one; those agree with
// ONNX's own tests (make conformance). Both directions, a bias, a first state,
// peepholes, and widths that fill no tile.
func TestPackedCells(t *testing.T) {
	const steps, batch, features, hidden = 5, 2, 7, 19
	x := f32(1, steps, batch, features)
	for _, c := range []struct {
		op    string
		gates int
		attrs []onnx.Attr
	}{
		{"RNN", 1, nil},
		{"GRU", 3, nil},
		{"GRU", 3, []onnx.Attr{onnx.IntAttr("linear_before_reset", 1)}},
		{"LSTM", 4, nil},
	} {
		w, r := f32(0.3, 2, c.gates*hidden, features), f32(0.2, 2, c.gates*hidden, hidden)
		build := func(packed bool) *onnx.Model {
			b := newModel().input("x", x).constant("b", f32(0.5, 2, 2*c.gates*hidden)).constant("h", f32(0.7, 2, batch, hidden))
			if packed {
				b.constant("w", w).constant("r", r)
			} else {
				b.input("w", w).input("r", r)
			}
			in := []string{"x", "w", "r", "b", "", "h"}
			if c.op == "LSTM" {
				b.constant("c", f32(0.4, 2, batch, hidden)).constant("p", f32(0.3, 2, 3*hidden))
				in = append(in, "c", "p")
			}
			attrs := append([]onnx.Attr{onnx.IntAttr("hidden_size", hidden), onnx.StringAttr("direction", "bidirectional")}, c.attrs...)
			return b.node(c.op, in, []string{"y", "last"}, attrs...).output("y", "last")
		}
		want := run(t, build(false), 1, x, w, r)
		for i, got := range run(t, build(true), 1, x) {
			f, err := want[i].Floats()
			if err != nil {
				t.Fatal(err)
			}
			near(t, c.op, got, f)
		}
	}
}

// BenchmarkLSTM is a layer of 128 cells over 98 frames of 40 (87,040
// parameters, 8.4 million multiplications).
func BenchmarkLSTM(b *testing.B) {
	x := f32(1, 98, 1, 40)
	m := newModel().input("x", x).constant("w", f32(0.1, 1, 512, 40)).constant("r", f32(0.1, 1, 512, 128)).constant("b", f32(0.1, 1, 1024)).
		node("LSTM", []string{"x", "w", "r", "b"}, []string{"y"}, onnx.IntAttr("hidden_size", 128)).output("y")
	s, err := newSession(m, 1, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	y := []tensor.Tensor{tensor.New(tensor.Float32, s.out[0].Shape...)}
	if err := s.Bind([][]tensor.Tensor{{x}}, y); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Run(0); err != nil {
			b.Fatal(err)
		}
	}
}
