package native

import (
	"errors"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// nbits is a model of one MatMulNBits: 40 inputs in blocks of 16, 20 columns.
func nbits(x tensor.Tensor, attrs ...onnx.Attr) *modelBuilder {
	q, zeros := tensor.New(tensor.Uint8, 20, 3, 8), tensor.New(tensor.Uint8, 20*2)
	for i := range q.Data {
		q.Data[i] = byte(i * 37)
	}
	for i := range zeros.Data {
		zeros.Data[i] = byte(i * 59)
	}
	b := newModel().input("x", x).constant("q", q).constant("s", f32(0.1, 60)).constant("z", zeros).constant("b", f32(1, 20))
	b.m.Opsets = append(b.m.Opsets, onnx.Opset{Domain: microsoft, Version: 1})
	b.node("MatMulNBits", []string{"x", "q", "s", "z", "", "b"}, []string{"y"}, append([]onnx.Attr{
		onnx.IntAttr("K", 40), onnx.IntAttr("N", 20), onnx.IntAttr("bits", 4), onnx.IntAttr("block_size", 16),
	}, attrs...)...)
	b.m.Graph.Nodes[0].Domain = microsoft
	return b
}

// TestMatMulNBits wants the sums written out. With accuracy level 4 activations
// are off by 1/254 of the largest of their block.
func TestMatMulNBits(t *testing.T) {
	x := f32(1, 2, 3, 40)
	in, scales, bias := tensor.Of[float32](x), tensor.Of[float32](f32(0.1, 60)), tensor.Of[float32](f32(1, 20))
	for _, level := range []int64{0, 4} {
		m := nbits(x, onnx.IntAttr("accuracy_level", level)).output("y")
		want := newArr(2, 3, 20)
		for row := range 6 {
			for j := range 20 {
				sum := float64(bias[j])
				for i := range 40 {
					at, b := (j*3+i/16)*8+i%16/2, j*3+i/16
					q := byte(at*37) >> (4 * (i % 2)) & 15
					zero := byte((j*2+i/32)*59) >> (4 * (i / 16 % 2)) & 15
					sum += float64(in[row*40+i]) * (float64(q) - float64(zero)) * float64(scales[b])
				}
				want.v[row*20+j] = sum
			}
		}
		tol := 1e-5
		if level == 4 {
			tol = 2e-2
		}
		for _, threads := range []int{1, 3} {
			compare(t, run(t, m, threads, x)[0], want, tol)
		}
	}
	params, macs, err := Count(nbits(x).output("y"), 2)
	if err != nil || params != 40*20 || macs != 6*40*20 {
		t.Errorf("%d parameters, %d multiplications, %v; want 800 and 4800", params, macs, err)
	}
}

func TestMatMulNBitsRefuses(t *testing.T) {
	x := f32(1, 1, 3, 40)
	for name, c := range map[string]struct {
		spoil  func(m *onnx.Model)
		absent bool // not built, rather than wrong
	}{
		"8 bits":          {func(m *onnx.Model) { m.Graph.Nodes[0].SetAttr(onnx.IntAttr("bits", 8)) }, true},
		"group indices":   {func(m *onnx.Model) { m.Graph.Nodes[0].Inputs[4] = "z" }, true},
		"blocks of 24":    {func(m *onnx.Model) { m.Graph.Nodes[0].SetAttr(onnx.IntAttr("block_size", 24)) }, false},
		"blocks of 32":    {func(m *onnx.Model) { m.Graph.Nodes[0].SetAttr(onnx.IntAttr("block_size", 32)) }, false},
		"many columns":    {func(m *onnx.Model) { m.Graph.Nodes[0].SetAttr(onnx.IntAttr("N", 1<<39)) }, false},
		"float zeros":     {func(m *onnx.Model) { m.Graph.Nodes[0].Inputs[3] = "s" }, true},
		"a bias too long": {func(m *onnx.Model) { m.Graph.Nodes[0].Inputs[5] = "s" }, false},
	} {
		m := nbits(x).output("y")
		c.spoil(m)
		_, err := newSession(m, 1, 1)
		if err == nil || errors.Is(err, errors.ErrUnsupported) != c.absent {
			t.Errorf("%s: %v", name, err)
		}
	}
}
