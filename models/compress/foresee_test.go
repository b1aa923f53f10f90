package compress

import (
	"fmt"
	"strings"
	"testing"

	"assay/models/onnx"
)

// mixed returns a model with a dense, a depthwise and a pointwise convolution,
// an activation without an integer form, a matrix, and a MatMulNBits that
// somebody else made without accuracy_level.
func mixed() *onnx.Model {
	b := newNet(-1, 4, 6, 6)
	b.conv("c", "x", 4, 8)
	b.node("HardSwish", "h", []string{"c"})
	b.random("d.w", 1, 8, 1, 3, 3)
	b.node("Conv", "d", []string{"h", "d.w"}, onnx.IntAttr("group", 8))
	b.random("e.w", 1, 8, 8, 1, 1)
	b.node("Conv", "e", []string{"d", "e.w"})
	b.node("GlobalAveragePool", "p", []string{"e"})
	b.node("Flatten", "f", []string{"p"})
	b.random("g.w", 1, 8, 32)
	b.node("MatMul", "g", []string{"f", "g.w"})
	n := b.node("MatMulNBits", "y", []string{"g", "q.b", "q.s"}, onnx.IntAttr("K", 32), onnx.IntAttr("N", 2), onnx.IntAttr("bits", 4), onnx.IntAttr("block_size", 32))
	n.Domain = "com.microsoft"
	b.m.Opsets = append(b.m.Opsets, onnx.Opset{Domain: n.Domain, Version: 1})
	b.constant("q.b", make([]float32, 32)...)
	b.constant("q.s", 1, 1)
	return b.output("y")
}

func TestForesee(t *testing.T) {
	old, vnni, arm := []string{"avx2", "fma"}, []string{"avx2", "avx512_vnni"}, []string{"asimd", "asimddp"}
	for _, c := range []struct {
		technique, target string
		features          []string
		set               Settings
		want, never       string
	}{
		{technique: "fp16", target: "onnxruntime", want: "puts casts around the others"},
		{technique: "fp16", target: "onnxruntime/cuda", never: "float16"},
		{technique: "fp16", target: "native", want: "no float16 arithmetic"},
		{technique: "bf16", target: "native", want: "widened"},
		{technique: "int8-qdq", target: "native", set: Settings{PerTensor: true}, want: "Conv_d"},
		{technique: "int8-qdq", target: "native", never: "one scale"},
		{technique: "int8-qdq", target: "native", want: "1 nodes have no integer form (HardSwish 1)"},
		{technique: "int8-qdq", target: "onnxruntime", features: old, set: Settings{Int8Activations: true}, want: "not fused"},
		{technique: "int8-qdq", target: "onnxruntime", features: arm, set: Settings{Int8Activations: true}, never: "not fused"},
		{technique: "int8-qdq", target: "onnxruntime", features: old, set: Settings{FullRange: true}, want: "saturate"},
		{technique: "int8-qdq", target: "onnxruntime", features: vnni, set: Settings{FullRange: true}, never: "saturate"},
		{technique: "int8-qdq", target: "onnxruntime", features: arm, set: Settings{FullRange: true}, never: "saturate"},
		{technique: "int8-dynamic", target: "onnxruntime", features: vnni, want: "--full-range would gain"},
		{technique: "int8-dynamic", target: "onnxruntime", want: "2 convolutions become ConvInteger"},
		{technique: "int4", target: "native", want: "turned into floats before"},
		{technique: "int4", target: "native", set: Settings{ExcludeOps: []string{"Conv"}}, never: "turned into floats"},
		{technique: "int4", target: "native", set: Settings{ExcludeOps: []string{"Conv"}, Form: "qdq"}, want: "leave --form out"},
		{technique: "int4-gptq", target: "onnxruntime", want: "turned into floats before"},
		{technique: "int4", target: "onnxruntime/tensorrt", want: "no MatMulNBits: MatMul_g fall back"},
		{technique: "int8-weights", target: "native", want: "no MatMulNBits of 8 bits"},
		{technique: "sparsegpt-70", target: "onnxruntime", want: "no sparse kernels"},
		{technique: "sparse-70", target: "native", never: "sparse kernels"},
		{technique: "wanda-50", target: "native", set: Settings{Pattern: "2:4"}, want: "no CPU has instructions for 2:4"},
		{technique: "pruned-30+sparse-80+int8-qdq", target: "onnxruntime", want: "no sparse kernels"},
		{technique: "low-rank-95", target: "native", want: "1 convolutions may become two"},
		{technique: "fold", target: "native", want: "without accuracy_level 4 multiply in float32, at half the speed or less: MatMulNBits_y"},
	} {
		target, err := ParseTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		target.Features = c.features
		got, err := Foresee(mixed(), c.technique, c.set, []Target{target})
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(got); !strings.Contains(text, c.want) || c.never != "" && strings.Contains(text, c.never) {
			t.Errorf("%s on %s: %s; want %q, never %q", c.technique, c.target, text, c.want, c.never)
		}
	}
	m, _ := words()
	got, err := Foresee(m, "int4", Settings{}, []Target{{Engine: "native", Provider: "cpu"}})
	if err != nil || !strings.Contains(fmt.Sprint(got), "no GatherBlockQuantized: a file with Gather_e is refused") {
		t.Errorf("of a table: %v, %v", got, err)
	}
	if _, err := ParseTarget("tflite"); err == nil || !strings.Contains(err.Error(), "have native/cpu, onnxruntime/cpu") {
		t.Errorf("an unknown target: %v", err)
	}
}
