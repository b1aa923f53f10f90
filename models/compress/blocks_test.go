package compress

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// denseNet returns two matrices of k inputs with correlated inputs.
func denseNet(k int) *onnx.Model {
	b := newNet(-1, int64(k))
	b.random("w1", 1, k, 40)
	b.random("b1", 1, 40)
	b.node("Gemm", "h", []string{"x", "w1", "b1"})
	b.node("Relu", "r", []string{"h"})
	b.random("w2", 1, 8, 40)
	b.node("Gemm", "y", []string{"r", "w2"}, onnx.IntAttr("transB", 1))
	return b.output("y")
}

// TestBlocks holds the packed forms to the specification by way of the test's
// interpreter: what it computes from the file equals what the technique says
// that the weights became.
func TestBlocks(t *testing.T) {
	for _, name := range []string{"int4", "int4-hqq", "int4-gptq", "int8-weights"} {
		for _, k := range []int{16, 31, 50, 64} { // less than a block, odd, two blocks, full ones
			for _, asymmetric := range []bool{false, true} {
				m := denseNet(k)
				opt := options()
				opt.Calibration, opt.Asymmetric, opt.Block = sets(8, 16, k), asymmetric, 32
				out, r := apply(t, name, m, opt)
				if got := ops(out); !slices.Equal(got, []string{"MatMulNBits", "Add", "Relu", "MatMulNBits"}) {
					t.Fatalf("%s: %v", name, got)
				}
				worst := math.Inf(1)
				for _, n := range r.Nodes {
					if n.Before > 0 {
						worst = min(worst, n.SQNR)
					}
				}
				// Noise of two layers at the worst layer's level, 3 dB for the sum and
				// 3 for Relu, which halves the signal.
				if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < worst-6 {
					t.Errorf("%s, %d inputs, asymmetric %v: %.1f dB, the worst layer's weights keep %.1f", name, k, asymmetric, got, worst)
				}
			}
		}
	}
}

// TestConvBlocks does so for convolutions, whose nibbles are ONNX's own.
func TestConvBlocks(t *testing.T) {
	for _, name := range []string{"int4", "int4-hqq", "int4-gptq", "int8-weights"} {
		m := wideNet()
		out, r := apply(t, name, m, options())
		worst := math.Inf(1)
		for _, n := range r.Nodes {
			if n.Before > 0 {
				worst = min(worst, n.SQNR)
			}
		}
		if got := sqnr(run(t, m, "y", options()), run(t, out, "y", options())); got < worst-8 {
			t.Errorf("%s: %.1f dB, the worst layer's weights keep %.1f", name, got, worst)
		}
		if name == "int4" && out.Opset("") != 21 {
			t.Errorf("opset %d", out.Opset(""))
		}
	}
}

// TestBlockLayout compares packed bytes with ones worked out by hand from
// onnxruntime/docs/ContribOperators.md: the first nibble is the low one, blocks
// are padded, zero points of a row are padded to a byte.
func TestBlockLayout(t *testing.T) {
	b := newBlocks(4, 16, 2, 17, true)
	for i := range b.q {
		b.q[i] = uint8(i % 16)
	}
	copy(b.zeros, []float32{1, 2, 3, 4})
	row := []byte{0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe}
	want := slices.Concat(row, []byte{0x00, 0, 0, 0, 0, 0, 0, 0}, // element 16 is 16 % 16 = 0
		[]byte{0x21, 0x43, 0x65, 0x87, 0xa9, 0xcb, 0xed, 0x0f}, []byte{0x01, 0, 0, 0, 0, 0, 0, 0})
	if got := b.packed(); !slices.Equal(got, want) {
		t.Errorf("packed % x, want % x", got, want)
	}
	if got := b.packedZeros(); !slices.Equal(got, []byte{0x21, 0x43}) {
		t.Errorf("zero points % x", got)
	}
}

// TestNearestSigned checks the symmetric rule on one block by hand: −4 is the
// value of the largest magnitude, so the scale is −4/−8.
func TestNearestSigned(t *testing.T) {
	b := newBlocks(4, 16, 1, 4, false)
	b.nearest([]float64{-4, 3.5, 0.25, 0.75})
	if b.scales[0] != 0.5 || b.zeros[0] != 8 || !slices.Equal(b.q, []uint8{0, 15, 8, 10}) { // 0.5 and 1.5 go to even
		t.Errorf("scale %g, zero %g, %v", b.scales[0], b.zeros[0], b.q)
	}
	b.nearest([]float64{0, 0, 0, 0})
	if b.scales[0] != 1 || b.values()[0] != 0 {
		t.Errorf("a block of zeros has scale %g and value %g", b.scales[0], b.values()[0])
	}
}

// TestGPTQ wants less error of a layer's output than rounding to nearest
// leaves, on correlated inputs; HQQ less error of the weights than the
// asymmetric one that it starts from.
func TestGPTQ(t *testing.T) {
	m := wideNet()
	y := run(t, m, "y", options())
	keep := func(name string, asymmetric bool) float64 {
		opt := options()
		opt.Asymmetric = asymmetric
		out, _ := apply(t, name, m, opt)
		return sqnr(y, run(t, out, "y", options()))
	}
	if a, b := keep("int4", false), keep("int4-gptq", false); b < a+1 {
		t.Errorf("nearest keeps %.2f dB, GPTQ %.2f", a, b)
	}
	r := rand.New(rand.NewPCG(7, 8))
	w := make([]float64, 64*64)
	for i := range w {
		w[i] = r.NormFloat64()
	}
	loss := func(fill func(*blocks)) float64 {
		b := newBlocks(4, 32, 64, 64, true)
		fill(b)
		sum := 0.0
		for i, v := range b.values() {
			sum += (v - w[i]) * (v - w[i])
		}
		return sum
	}
	nearest := loss(func(b *blocks) { b.nearest(w) })
	for _, fine := range []bool{false, true} {
		if got := loss(func(b *blocks) { b.halfQuadratic(w, fine) }); got >= nearest && fine || got > nearest {
			t.Errorf("HQQ, fine %v: error %g, nearest %g", fine, got, nearest)
		}
	}
}

// TestInt4Tensor checks the order of nibbles.
func TestInt4Tensor(t *testing.T) {
	in := integers(tensor.Int4, []uint8{1, 0xff, 7}, 3)
	if !slices.Equal(in.Data, []byte{0xf1, 0x07}) {
		t.Errorf("% x", in.Data)
	}
}
