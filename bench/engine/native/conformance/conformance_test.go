package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// suite writes tests that each have one node, op(x) → y, with its data.
func suite(t *testing.T, tests map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	value := func(name string) onnx.ValueInfo {
		return onnx.ValueInfo{Name: name, Type: tensor.Float32, HasShape: true, Shape: []onnx.Dim{{Value: 2}}}
	}
	for name, op := range tests {
		g := &onnx.Graph{Name: "g", Nodes: []*onnx.Node{{Op: op, Inputs: []string{"x"}, Outputs: []string{"y"}}}, Inputs: []onnx.ValueInfo{value("x")}, Outputs: []onnx.ValueInfo{value("y")}}
		set := filepath.Join(dir, name, "test_data_set_0")
		if err := os.MkdirAll(set, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := onnx.WriteFile(filepath.Join(dir, name, "model.onnx"), &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}); err != nil {
			t.Fatal(err)
		}
		// TensorProto: dims 2, data_type 1, raw_data of two floats: −1 and 2.
		x := "\x08\x02\x10\x01\x4a\x08\x00\x00\x80\xbf\x00\x00\x00\x40"
		y := "\x08\x02\x10\x01\x4a\x08\x00\x00\x00\x00\x00\x00\x00\x40" // 0 and 2: what Relu makes of it
		for file, b := range map[string]string{"input_0.pb": x, "output_0.pb": y} {
			if err := os.WriteFile(filepath.Join(set, file), []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// TestConform: what passes, what is wrong, what is refused and what is left
// out are told apart, and the list only grows.
func TestConform(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list.txt")
	check := func(tests map[string]string, code int, args []string, stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := run(append([]string{"-data", suite(t, tests), "-list", list}, args...), &out, &errs)
		if got != code || !strings.HasSuffix(out.String(), stdout) || !strings.Contains(errs.String(), stderr) {
			t.Errorf("%v: exit %d, %q, %q", tests, got, out.String(), errs.String())
		}
	}
	all := map[string]string{"test_relu": "Relu", "test_unknown": "NoSuchOperator", "test_sequence": "SequenceLength"}
	check(all, 0, []string{"-update"}, "1 passed, 0 failed, 1 unsupported\n", "")
	if b, err := os.ReadFile(list); err != nil || string(b) != "test_relu\n" {
		t.Errorf("list %q, %v", b, err)
	}
	check(all, 0, nil, "\n3 tests, 1 excluded (strings, sequences, optional, training); 0 of those passed with small inputs as constants\n1 passed, 0 failed, 1 unsupported\n", "")
	all["test_wrong"] = "Abs"
	check(all, 1, nil, "1 passed, 1 failed, 1 unsupported\n", "1 tests give wrong outputs")
	check(map[string]string{"test_other": "Relu"}, 1, []string{"-update"}, "1 passed, 0 failed, 0 unsupported\n", "tests that passed before do not pass: test_relu")
	if b, err := os.ReadFile(list); err != nil || string(b) != "test_other\ntest_relu\n" {
		t.Errorf("list %q, %v", b, err)
	}
	check(nil, 1, nil, "", "no tests in")
}
