package ort

import (
	"bytes"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/models/tensor"
)

// TestTrace reads some events that ONNX Runtime 1.30.0 wrote for three
// inferences of the zoo's resnet8, int8-qdq.
func TestTrace(t *testing.T) {
	tr, err := readTrace("testdata/trace.json")
	if err != nil {
		t.Fatal(err)
	}
	if tr.runs != 3 || len(tr.nodes) != 4 {
		t.Fatalf("%d runs, %d nodes", tr.runs, len(tr.nodes))
	}
	n := tr.nodes[1]
	if n.name != "/stem/Conv_token_3" || n.op != "QLinearConv" || n.provider != "CPUExecutionProvider" || n.typ() != "uint8" || len(n.us) != 3 ||
		!slices.Equal(n.out[0].shape, []int64{1, 28, 28, 16}) || n.bytes < 784+12544 {
		t.Errorf("node %+v", n)
	}
	for _, c := range []struct {
		us   []int64
		runs int
		want float64 // ns
	}{
		{[]int64{900, 4, 4, 5, 4}, 5, 4500},                        // the cold one is left out, and the highest and lowest of the four others
		{[]int64{7}, 1, 7500},                                      // nothing but a cold one
		{[]int64{9, 9, 1, 2, 3, 4, 1, 2}, 4, 1000*(13.0/3) + 1000}, // two calls per inference, sums 3, 7, 3
		{[]int64{7}, 2, 0},                                         // ran in one inference of two: not told
		{nil, 0, 0},
	} {
		if got := (&traced{us: c.us}).ns(c.runs); got != c.want {
			t.Errorf("%v in %d runs: %v ns, want %v", c.us, c.runs, got, c.want)
		}
	}
}

func TestBadTrace(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "no array",
		`{"a":1}`:                  "no array",
		`[{"cat":"Node"},`:         "event at byte",
		`[{"cat":"Node"}`:          "cut off",
		`[{"dur":"soon"}]`:         "event at byte",
		`[{"args":{"op_name":7}}]`: "event at byte",
	} {
		if _, err := parseTrace(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, wanted %q", in, err, want)
		}
	}
}

// FuzzTrace feeds the reader anything: it must return numbers or an error.
func FuzzTrace(f *testing.F) {
	b, err := os.ReadFile("testdata/trace.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		tr, err := parseTrace(bytes.NewReader(in))
		if err != nil {
			return
		}
		for i := range tr.nodes {
			n := &tr.nodes[i]
			if v := n.ns(tr.runs); math.IsNaN(v) || v < 0 || n.bytes < -1 {
				t.Errorf("node %+v: %v ns", n, v)
			}
			for _, s := range n.out {
				if s.elements() < -1 {
					t.Errorf("shape %v has %d elements", s.shape, s.elements())
				}
			}
		}
	})
}

// TestProfile profiles committed networks: every convolution is found in the
// file, with its window and its multiplications, though the profile leaves out
// packed weights.
func TestProfile(t *testing.T) {
	need(t)
	for variant, quantized := range map[string]bool{"baseline": false, "int8-qdq": true} {
		s, err := openModel(t, strings.Replace(zoo(t), "baseline", variant, 1), 1)
		if err != nil {
			t.Fatal(err)
		}
		p := s.(engine.Profiler)
		if _, err := p.Profile(1); err == nil {
			t.Errorf("%s: a profile without inputs", variant)
		}
		x, y := tensors(t, s)
		if err := s.Bind([][]tensor.Tensor{x, x}, y); err != nil {
			t.Fatal(err)
		}
		got, err := p.Profile(9)
		if err != nil {
			t.Fatal(err)
		}
		macs, convs, sum := int64(0), 0, 0.0
		for _, n := range got.Nodes {
			macs += n.MACs
			sum += n.NS
			if strings.Contains(n.Op, "Conv") {
				convs++
				if len(n.Window) != 2 || n.Groups != 1 || (n.Type == "uint8") != quantized || n.Bytes <= 0 {
					t.Errorf("%s: %+v", variant, n)
				}
			}
		}
		// models/zoo/resnet8.yaml: 9,345,920 multiplications; the network has nine convolutions.
		if macs != 9_345_920 || convs != 9 || got.Runs != 9 || got.NS <= 0 || sum <= 0 {
			t.Errorf("%s: %d MACs, %d convolutions, %d runs, %v ns, nodes %v ns", variant, macs, convs, got.Runs, got.NS, sum)
		}
		if err := s.Run(1); err != nil { // what was bound stays bound
			t.Error(err)
		}
	}
}
