package search_test

import (
	"slices"
	"strings"
	"testing"

	"assay/bench/engine/native"
	"assay/models/compress"
	"assay/models/compress/search"
	"assay/models/onnx"
)

// TestTag wants every node beside a layer to say so: quantization with the
// layer that it is for, the rest with the layer whose result it works on.
func TestTag(t *testing.T) {
	opt := compress.Options{Forward: func(m *onnx.Model, want []string) (compress.Forward, error) { return native.Forward(m, want) }, Calibration: samples()}
	dyn, err := compress.Lookup("int8-dynamic")
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := dyn.Apply(t.Context(), perceptron(), opt)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"layer0", "layer1", "layer2", "layer3"}
	var got []string
	for _, n := range search.Tag(m, names).Graph.Nodes {
		got = append(got, search.Owner(n.Name)[len("layer"):]+n.Op)
	}
	var want []string
	for _, l := range []string{"0", "1", "2", "3"} {
		for _, op := range strings.Fields("DynamicQuantizeLinear MatMulInteger Cast Mul Mul Relu") {
			if l != "3" || op != "Relu" {
				want = append(want, l+op)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("tagged as\n%s, want\n%s", got, want)
	}
	// 32×32 bytes of weights, 32 scales and 32 zero points of a byte, shared.
	b := search.Bytes(m, names)
	if b["layer0"] != 1024+128+32 || b["layer1"] != 1024+128 {
		t.Errorf("bytes %v", b)
	}
}
