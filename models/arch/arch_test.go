package arch

import (
	"slices"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// parameters counts what training changes: every float of more than one
// element but the running statistics.
func parameters(m *onnx.Model) int64 {
	n := int64(0)
	for _, t := range m.Graph.Initializers {
		if t.Type == tensor.Float32 && len(t.Shape) > 0 && !strings.HasSuffix(t.Name, runningMean) && !strings.HasSuffix(t.Name, runningVar) {
			n += int64(t.Len())
		}
	}
	return n
}

// macs multiplies out convolutions and products from inferred shapes.
func macs(t *testing.T, m *onnx.Model) int64 {
	t.Helper()
	inf, err := onnx.InferShapes(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	size := func(name string, from int) int64 {
		n := int64(1)
		for _, d := range inf[name].Shape[from:] {
			n *= d.Value
		}
		return n
	}
	sum := int64(0)
	for _, n := range m.Graph.Nodes {
		switch n.Op {
		case "Conv":
			sum += size(n.Outputs[0], 0) * size(n.Inputs[1], 1)
		case "MatMul", "Gemm":
			s := inf[n.Inputs[0]].Shape
			sum += size(n.Outputs[0], 0) * s[len(s)-1].Value
		}
	}
	return sum
}

// TestSizes wants the published parameters and multiplications.
func TestSizes(t *testing.T) {
	for _, a := range All {
		m, err := Build(a.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := onnx.Check(m); err != nil {
			t.Errorf("%s: %v", a.Name, err)
		}
		if p := parameters(m); p != a.Params {
			t.Errorf("%s has %d parameters, want %d", a.Name, p, a.Params)
		}
		if n := macs(t, m); n != a.MACs {
			t.Errorf("%s multiplies %d times, want %d", a.Name, n, a.MACs)
		}
		in := Inputs(m, 1)
		if len(in) != len(m.Graph.Inputs) {
			t.Errorf("%s: %d inputs", a.Name, len(in))
		}
	}
	if _, err := Build("resnet-19", 1); err == nil || !strings.Contains(err.Error(), "mobilenetv2-224") {
		t.Errorf("an unknown name: %v", err)
	}
}

// TestSeed: the same seed gives the same file, another one another.
func TestSeed(t *testing.T) {
	bytes := func(seed uint64) []byte {
		m, err := Build("mobilenetv2-224", seed)
		if err != nil {
			t.Fatal(err)
		}
		b, err := onnx.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if x := bytes(1); !slices.Equal(x, bytes(1)) || slices.Equal(x, bytes(2)) {
		t.Error("files do not follow the seed alone")
	}
}
