package native

import (
	"os"
	"slices"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/models"
	"assay/models/tensor"
)

// TestProfile profiles committed networks: all multiplications are found, and
// every node of the file runs or is part of one that does.
func TestProfile(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for variant, want := range map[string]struct {
		op    string // of the convolutions
		fused string // a node that one of them took in
	}{
		"baseline": {"Conv", "/bn/BatchNormalization (BatchNormalization)"},
		"int8-qdq": {"QLinearConv", "/Relu_output_0 (DequantizeLinear)"},
	} {
		s, _ := open(t, zooDir+"/resnet8/"+variant+".onnx", 1, testImages(t, 1))
		p, err := s.(engine.Profiler).Profile(5)
		if err != nil {
			t.Fatal(err)
		}
		macs, convs, fused := int64(0), 0, []string{}
		for _, n := range p.Nodes {
			macs += n.MACs
			fused = append(fused, n.Fused...)
			if n.Op == want.op {
				convs++
				if n.Kernel == "" || len(n.Window) != 2 || n.Groups != 1 || n.Bytes <= 0 || n.NS <= 0 || n.Share <= 0 {
					t.Errorf("%s: %+v", variant, n)
				}
			}
		}
		// models/zoo/resnet8.yaml: 9,345,920 multiplications; the network has nine convolutions.
		if macs != 9_345_920 || convs != 9 || p.NS <= 0 || p.Runs != 5 {
			t.Errorf("%s: %d MACs, %d convolutions, %v ns, %d runs", variant, macs, convs, p.NS, p.Runs)
		}
		if !slices.Contains(fused, want.fused) {
			t.Errorf("%s: %q is not fused into any node: %q", variant, want.fused, fused)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	e, err := Engine{}.Open(t.Context(), models.Artifact{Path: zooDir + "/resnet8/baseline.onnx"}, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(runs int, want string) {
		t.Helper()
		if _, err := e.(engine.Profiler).Profile(runs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("profile of %d runs: %v, wanted %q", runs, err, want)
		}
	}
	check(1, "nothing is bound")
	x := testImages(t, 1)
	if err := e.Bind([][]tensor.Tensor{{x}}, []tensor.Tensor{tensor.New(tensor.Float32, 1, 10)}); err != nil {
		t.Fatal(err)
	}
	check(0, "profile of 0 runs: 1 to")
	check(1<<30, "are possible")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	check(1, "closed")
}

// TestPeaks: what was measured once is read from the cache; what cannot be
// true is measured again.
func TestPeaks(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	first := peaks(nil)
	if first.Float <= 0 || first.Int8 <= 0 || len(first.Copy) == 0 || first.Threads != 1 {
		t.Fatalf("roof %+v", first)
	}
	name, err := peaksFile(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := readPeaks(name); !ok {
		t.Fatalf("%s does not hold what was measured", name)
	}
	for content, kept := range map[string]bool{
		`{"threads":1,"float":7,"int8":8,"copy":[{"set":1,"rate":2}]}`:                    true,
		`{"threads":2,"float":7,"int8":8,"copy":[{"set":1,"rate":2}]}`:                    false,
		`{"threads":1,"float":7,"int8":8,"copy":[{"set":2,"rate":2},{"set":1,"rate":2}]}`: false,
		`{"threads":1,"float":7,"int8":8}`:                                                false,
		`{"threads":1,"float":0,"int8":8,"copy":[{"set":1,"rate":2}]}`:                    false,
		`half of a fi`: false,
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := peaks(nil); (got.Float == 7) != kept {
			t.Errorf("%s: roof %+v", content, got)
		}
	}
}
