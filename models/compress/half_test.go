package compress

import (
	"math"
	"slices"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestToHalf wants every float16 to survive, and what lies between two of them
// to become the nearer one, half way the even one.
func TestToHalf(t *testing.T) {
	for bits := range uint32(1 << 16) {
		h := uint16(bits)
		x := tensor.Half(h)
		if math.IsNaN(float64(x)) {
			continue
		}
		if got := toHalf(x); got != h {
			t.Fatalf("%#04x is %g and becomes %#04x", h, x, got)
		}
		next := tensor.Half(h + 1)
		if h&0x7fff >= 0x7bff || h == 0x8000 {
			continue // the next one is infinite, or of the other sign
		}
		middle := float32((float64(x) + float64(next)) / 2) // exact: 12 bits
		if want := h + h&1; toHalf(middle) != want {
			t.Fatalf("%g, between %#04x and the next, becomes %#04x, want %#04x", middle, h, toHalf(middle), want)
		}
	}
}

func TestToBrief(t *testing.T) {
	for _, c := range []struct {
		x    float32
		want uint16
	}{
		{1, 0x3f80},
		{-2, 0xc000},
		{0, 0},
		{math.MaxFloat32, 0x7f7f},
		{-math.MaxFloat32, 0xff7f},
		{math.Float32frombits(0x3f808000), 0x3f80}, // half way: even
		{math.Float32frombits(0x3f818000), 0x3f82},
		{math.Float32frombits(0x3f808001), 0x3f81},
	} {
		if got := toBrief(c.x); got != c.want {
			t.Errorf("%g becomes %#04x, want %#04x", c.x, got, c.want)
		}
	}
}

// TestHalfGraph checks the casts: inputs, outputs and blocked operators keep
// float32, weights out of range are clamped and counted.
func TestHalfGraph(t *testing.T) {
	b := newNet()
	w := b.conv("c", "x", 2, 4)
	tensor.Of[float32](b.m.Graph.Initializer(w.Inputs[1]).Tensor)[0] = 1e-9
	b.node("Relu", "r", []string{"c"})
	b.constant("zero", 0)
	b.node("Max", "m", []string{"r", "zero"})
	b.node("Sin", "y", []string{"m"})
	out, r := apply(t, "fp16", b.output("y", "r"), Options{Forward: func(*onnx.Model, []string) (Forward, error) { return nil, nil }})
	want := []string{"Cast", "Conv", "Relu", "Cast", "Max", "Cast", "Sin", "Cast"}
	if got := ops(out); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(r.Warnings) == 0 || r.Warnings[0].Error() != "1 weights are beyond float16 and were clamped to 5.96e-8…65504: compare the accuracy" {
		t.Errorf("warnings %v", r.Warnings)
	}
	for _, v := range append(out.Graph.Inputs, out.Graph.Outputs...) {
		if v.Type != tensor.Float32 {
			t.Errorf("%s is %v", v.Name, v.Type)
		}
	}
}
