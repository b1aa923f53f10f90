package native

import (
	"os"
	"path/filepath"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestForward wants every inner value of the baselines as the oracle has it.
func TestForward(t *testing.T) {
	x := testImages(t, 2)
	baselines, err := filepath.Glob(zooDir + "/*/baseline.onnx")
	if err != nil || len(baselines) == 0 {
		t.Fatalf("no baselines: %v", err)
	}
	for _, path := range baselines {
		m, err := onnx.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		values := oracle(t, m, x)
		var want []string
		for _, n := range m.Graph.Nodes {
			if n.Op != "Constant" {
				want = append(want, n.Outputs[0])
			}
		}
		f, err := Forward(m, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f([]tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			compare(t, got[w], values[w], 1e-4)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestForwardRefusesUnknownValues(t *testing.T) {
	m, err := onnx.Load(filepath.Join(zooDir, "resnet8", "baseline.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := Forward(m, []string{"nothing"}); err == nil || err.Error() != `the model has no value "nothing"` {
		t.Errorf("got %v", err)
	}
}

// A layer is one convolution of a network: its parameters are added up from
// the architecture, not from the file.
type layer struct {
	in, out, k, size, groups int
	bias, bn                 bool
}

func total(layers []layer) (params, macs int64) {
	for _, l := range layers {
		w := l.out * l.in / l.groups * l.k * l.k
		params, macs = params+int64(w), macs+int64(w*l.size*l.size)
		if l.bias {
			params += int64(l.out)
		}
		if l.bn {
			params += int64(2 * l.out)
		}
	}
	return params, macs
}

// resnet8Layers and miniLayers follow models/train/nets.py.
func resnet8Layers() []layer {
	return []layer{
		{1, 16, 3, 28, 1, true, true},
		{16, 16, 3, 28, 1, true, true},
		{16, 16, 3, 28, 1, true, true},
		{16, 32, 3, 14, 1, true, true},
		{32, 32, 3, 14, 1, true, true},
		{16, 32, 1, 14, 1, true, false},
		{32, 64, 3, 7, 1, true, true},
		{64, 64, 3, 7, 1, true, true},
		{32, 64, 1, 7, 1, true, false},
		{64, 10, 1, 1, 1, true, false},
	}
}

func miniLayers() []layer {
	out := []layer{{1, 16, 3, 28, 1, false, true}}
	c, size := 16, 28
	for _, b := range [][3]int{{16, 24, 2}, {96, 24, 1}, {96, 24, 1}, {96, 48, 2}, {192, 48, 1}, {192, 48, 1}, {192, 48, 1}} {
		if b[0] != c {
			out = append(out, layer{c, b[0], 1, size, 1, false, true})
		}
		size /= b[2]
		out = append(out, layer{b[0], b[0], 3, size, b[0], false, true}, layer{b[0], b[1], 1, size, 1, false, true})
		c = b[1]
	}
	return append(out, layer{c, 192, 1, size, 1, false, true}, layer{192, 10, 1, 1, 1, true, false})
}

func TestCount(t *testing.T) {
	for name, layers := range map[string][]layer{"resnet8": resnet8Layers(), "mobilenetv2-mini": miniLayers()} {
		if _, err := os.Stat(filepath.Join(zooDir, name, "baseline.onnx")); err != nil {
			continue // this checkout has not got it; TestZoo wants at least one model
		}
		m, err := onnx.Load(filepath.Join(zooDir, name, "baseline.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		wantParams, wantMACs := total(layers)
		for _, batch := range []int{1, 3} {
			params, macs, err := Count(m, batch)
			if err != nil || params != wantParams || macs != wantMACs*int64(batch) {
				t.Errorf("%s, batch %d: %d parameters, %d MACs, %v; want %d, %d", name, batch, params, macs, err, wantParams, wantMACs*int64(batch))
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
