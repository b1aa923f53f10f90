package bench

import (
	"path/filepath"
	"strings"
	"testing"

	"assay/bench/metric"
	"assay/models"
)

func TestCauses(t *testing.T) {
	vnni := []string{"avx2", "avx512_vnni"}
	for _, c := range []struct {
		name     string
		f        facts
		engine   string
		features []string
		want     string // part of the causes, "" for none
	}{
		{"dense float", facts{}, "onnxruntime", nil, ""},
		{"zeros", facts{zeros: 0.9}, "onnxruntime", nil, "zeros at full price (90 %"},
		{"zeros on native", facts{zeros: 0.9}, "native", nil, ""},
		{"few zeros", facts{zeros: 0.1}, "onnxruntime", nil, ""},
		{"dynamic", facts{dynamic: 1}, "onnxruntime", vnni, "(1 DynamicQuantizeLinear node)"},
		{"int8 without VNNI", facts{quantized: 9}, "onnxruntime", []string{"avx2"}, "no int8 dot product"},
		{"int8 with VNNI", facts{quantized: 9}, "onnxruntime", vnni, ""},
		{"int8 on dotprod", facts{quantized: 9}, "onnxruntime", []string{"asimddp"}, ""},
		{"int8 on native with VNNI", facts{quantized: 9}, "native", vnni, ""},
		{"int8 on native with AVX-VNNI alone", facts{quantized: 9}, "native", []string{"avx2", "avx_vnni"}, "as int16 (AVX2)"},
		{"int8 on native with AVX2", facts{quantized: 9}, "native", []string{"avx2"}, "as int16 (AVX2)"},
		{"int8 on native elsewhere", facts{quantized: 9}, "native", []string{"asimddp"}, "plain Go on this CPU"},
		{"ConvInteger", facts{quantized: 9, convInteger: 9}, "onnxruntime", vnni, "9 ConvInteger nodes with Cast"},
		{"ConvInteger on native", facts{quantized: 9, convInteger: 9}, "native", vnni, ""},
	} {
		got := strings.Join(causes(c.f, c.engine, c.features), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestExplainer: a note ends with the command that tells more.
func TestExplainer(t *testing.T) {
	zoo, err := filepath.Abs("../models/zoo/resnet8")
	if err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(zoo, "sparse-90.onnx")
	explain := Explainer(nil)
	check := func(suite, path string, ratio float64, want string) {
		t.Helper()
		c := CaseResult{Case: Case{Suite: suite, Model: "resnet8", Variant: "sparse-90", Engine: "onnxruntime", Artifact: models.Artifact{Path: path}}}
		c.Against = []metric.Estimate{{Metric: metric.P50.Name, Unit: "ratio", Value: ratio, High: ratio}}
		g := &GroupResult{Cases: []CaseResult{{Case: Case{Artifact: models.Artifact{Path: filepath.Join(zoo, "base line.onnx")}}}}}
		notes := strings.Join(explain(g, &c), "\n")
		if want == "" && notes != "" || !strings.HasSuffix(notes, want) {
			t.Errorf("got %q, want %q", notes, want)
		}
	}
	check("quick", small, 1.02, "). See: assay why resnet8 sparse-90")
	check("", small, 1.02, `See: assay why "`+filepath.Join(zoo, "base line.onnx")+`" `+small)
	check("quick", small, 0.98, "")
	check("quick", small+"x", 1.02, "") // the file is gone: nothing is known
	t.Chdir(filepath.Dir(zoo))
	check("", small, 1.02, `See: assay why "resnet8/base line.onnx" resnet8/sparse-90.onnx`)
}
