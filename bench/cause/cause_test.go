package cause

import (
	"slices"
	"strings"
	"testing"

	"assay/bench/engine"
)

func conv(name, kernel, typ string, ns float64) engine.Node {
	return engine.Node{Name: name, Op: "Conv", Kernel: kernel, Type: typ, Window: []int{3, 3}, Groups: 1, NS: ns, MACs: 1000, Bytes: 100}
}

// TestCompare lays invented profiles side by side: every cause appears where
// its evidence is, and nowhere else.
func TestCompare(t *testing.T) {
	vnni := []string{"avx512_vnni"}
	roof := &engine.Roof{Float: 1e12, Int8: 4e12, Copy: []engine.Rate{{Set: 1 << 20, Rate: 1e9}}} // 100 bytes take 100 ns
	zeros := Facts{"c": {weights: 100, zeros: 90}}
	for _, c := range []struct {
		name          string
		base, variant engine.Node
		facts         Facts
		env           Env
		word, why     string // part of the causes; "" is none
	}{
		{"faster", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 500), zeros, Env{}, Pays, ""},
		{"as fast", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 1040), nil, Env{}, Equal, ""},
		{"slower", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 1100), nil, Env{}, Costs, ""},
		{"zeros", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 1000), zeros, Env{Engine: "onnxruntime"}, Equal, "no kernel: 90 % of the weights are zero, and onnxruntime multiplies"},
		{"zeros, with a sparse kernel beside", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 1000), zeros, Env{Sparse: true}, Equal, "below break-even: 90 % of the weights are zero, and the engine chose the dense kernel (a_1)"},
		{"zeros, skipped", conv("c", "a_1", "float32", 1000), conv("c", "sparse_1", "float32", 1000), zeros, Env{Sparse: true}, Equal, ""},
		{"few zeros", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 1000), Facts{"c": {weights: 100, zeros: 20}}, Env{}, Equal, ""},
		{"unfused", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "float32", 1000), Facts{"c": {weights: 100, dequantized: true}}, Env{}, Equal, "Q/DQ not fused: 1 of 1"},
		{"no dot product", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "uint8", 1000), nil, Env{Features: []string{"avx2"}}, Equal, "no int8 dot product"},
		{"a dot product", conv("c", "a_1", "float32", 1000), conv("c", "a_1", "uint8", 1000), nil, Env{Features: vnni}, Equal, ""},
		{"plain Go", conv("c", "gemm avx2_6x16", "float32", 1000), conv("c", "gemm go_4x4", "uint8", 3000), nil, Env{Features: vnni}, Costs, "no kernel: plain Go (gemm go_4x4), the baseline ran gemm avx2_6x16"},
		{"plain Go on both", conv("c", "go_2x4", "float32", 1000), conv("c", "go_4x4", "uint8", 3000), nil, Env{Features: vnni}, Costs, ""},
		{"memory", conv("c", "a_1", "float32", 150), conv("c", "a_1", "float32", 150), nil, Env{Roof: roof}, Equal, "memory-bound: moves 100 B at 67 % of the bandwidth"},
		{"not memory", conv("c", "a_1", "float32", 1500), conv("c", "a_1", "float32", 1500), nil, Env{Roof: roof}, Equal, ""},
		{"fallback", conv("c", "", "float32", 1000), engine.Node{Name: "c", Op: "Conv", Window: []int{3, 3}, Provider: "CPUExecutionProvider", NS: 1000}, nil, Env{}, Equal, "fallback: Conv ran on CPUExecutionProvider"},
	} {
		rows := Compare(Side{Profile: engine.Profile{Resolution: 10, Nodes: []engine.Node{c.base}}}, Side{Profile: engine.Profile{Nodes: []engine.Node{c.variant}}, Facts: c.facts}, c.env)
		if len(rows) != 1 || rows[0].Class != "Conv 3×3" {
			t.Errorf("%s: rows %+v", c.name, rows)
			continue
		}
		if got := strings.Join(rows[0].Why, "; "); rows[0].Word != c.word || (c.why == "") != (got == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, rows[0].Word, got, c.word, c.why)
		}
	}
}

// TestAdded: what only one of the two has, and what it is there for.
func TestAdded(t *testing.T) {
	base := engine.Profile{Nodes: []engine.Node{{Op: "Conv", NS: 100, Depthwise: true, Window: []int{3, 3}, Groups: 8}, {Op: "Relu", NS: 10}, {Op: "Reshape"}}}
	variant := engine.Profile{Nodes: []engine.Node{
		{Op: "DynamicQuantizeLinear", NS: 50},
		{Op: "ConvInteger", NS: 40, Depthwise: true, Window: []int{3, 3}, Groups: 8, MACs: -1, Bytes: -1},
		{Op: "Cast", NS: 30},
		{Op: "DequantizeLinear", NS: 20},
		{Op: "Expand", NS: 5},
	}}
	rows := Compare(Side{Profile: base}, Side{Profile: variant}, Env{})
	var got []string
	for _, r := range rows {
		got = append(got, r.Class+" "+r.Word+": "+strings.Join(r.Why, "; "))
	}
	want := []string{
		"depthwise 3×3 pays: ",
		"quantize added: activations are quantized anew in every inference (1 DynamicQuantizeLinear)",
		"Cast added: ConvInteger leaves int32, which Cast, Mul and Add turn into floats",
		"dequantize added: not fused: 1 DequantizeLinear by itself",
		"activation gone: ",
		"Expand added: the baseline runs no Expand by itself",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if rows[0].Variant.MACs != -1 || rows[0].SpeedUp() != 2.5 || rows[4].SpeedUp() != 0 {
		t.Errorf("rows %+v", rows)
	}
}

// TestFacts reads committed models, whose cards say how they were made.
func TestFacts(t *testing.T) {
	check := func(file, node string, zero float64, dequantized bool) {
		t.Helper()
		facts, err := factsOf("../../models/zoo/resnet8/" + file)
		if err != nil {
			t.Fatal(err)
		}
		f := facts[node]
		if got := float64(f.zeros) / float64(f.weights); f.weights == 0 || got < zero || got > zero+0.1 || f.dequantized != dequantized {
			t.Errorf("%s: %+v of %s", file, f, node)
		}
	}
	const node = "/blocks/blocks.2/conv2/Conv"
	check("baseline.onnx", node, 0, false)
	check("sparse-90.onnx", node, 0.9, false)
	check("int8-qdq.onnx", node, 0, true)
	if _, err := factsOf("nowhere.onnx"); err == nil {
		t.Error("facts of a file that is not there")
	}
}
