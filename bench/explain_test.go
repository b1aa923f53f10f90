package bench

import (
	"strings"
	"testing"
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
		{"int8 on native", facts{quantized: 9}, "native", vnni, "only Go references"},
	} {
		got := strings.Join(causes(c.f, c.engine, c.features), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
