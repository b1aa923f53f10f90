package compress

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// dump prints a graph: constants by type and shape, then nodes.
func dump(m *onnx.Model) string {
	var b strings.Builder
	fmt.Fprintf(&b, "opset %d\n", m.Opset(""))
	for _, v := range m.Graph.Inputs {
		fmt.Fprintf(&b, "input %s %v\n", v.Name, v.Type)
	}
	for _, t := range m.Graph.Initializers {
		fmt.Fprintf(&b, "constant %s %v%v", t.Name, t.Type, t.Shape)
		if t.Len() == 1 {
			if v, err := t.Floats(); err == nil {
				fmt.Fprintf(&b, " = %.7g", v[0])
			}
		}
		b.WriteByte('\n')
	}
	for _, n := range m.Graph.Nodes {
		fmt.Fprintf(&b, "%s(%s) -> %s", n.Op, strings.Join(n.Inputs, ", "), strings.Join(n.Outputs, ", "))
		for _, a := range n.Attrs {
			switch a.Type {
			case onnx.AttrInt:
				fmt.Fprintf(&b, " %s=%d", a.Name, a.I)
			case onnx.AttrInts:
				fmt.Fprintf(&b, " %s=%v", a.Name, a.Ints)
			default:
				fmt.Fprintf(&b, " %s", a.Name)
			}
		}
		b.WriteByte('\n')
	}
	for _, v := range m.Graph.Outputs {
		fmt.Fprintf(&b, "output %s %v\n", v.Name, v.Type)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it):\n%s", path, got)
	}
}

// residual returns two convolutions joined by an Add and a MaxPool, a value
// that is an output besides, an operator without integer form, and a MatMul.
func residual() *onnx.Model {
	b := newNet()
	b.conv("c1", "x", 2, 4)
	b.m.Graph.AddInitializer("zero", tensor.From(tensor.Float32, []float32{0}))
	b.m.Graph.AddInitializer("six", tensor.From(tensor.Float32, []float32{6}))
	b.node("Clip", "r1", []string{"c1", "zero", "six"})
	b.conv("c2", "r1", 4, 4, onnx.IntAttr("group", 4)).Inputs[1] = "dw"
	b.random("dw", 1, 4, 1, 3, 3)
	b.node("Add", "a", []string{"c2", "r1"})
	b.node("Relu", "r2", []string{"a"})
	b.node("MaxPool", "p", []string{"r2"}, onnx.IntsAttr("kernel_shape", 2, 2), onnx.IntsAttr("strides", 2, 2))
	b.node("Flatten", "f", []string{"p"})
	b.random("w", 1, 36, 5)
	b.node("MatMul", "h", []string{"f", "w"})
	b.node("Sin", "y", []string{"h"})
	return b.output("y", "r2")
}

func TestGolden(t *testing.T) {
	s8 := options()
	s8.Int8Activations, s8.FullRange = true, true
	for _, c := range []struct {
		name, technique string
		m               *onnx.Model
		opt             Options
	}{
		{"tiny-qdq", "int8-qdq", tiny(), options()},
		{"tiny-qdq-s8", "int8-qdq", tiny(), s8},
		{"tiny-dynamic", "int8-dynamic", tiny(), options()},
		{"residual-qdq", "int8-qdq", residual(), options()},
		{"residual-dynamic", "int8-dynamic", residual(), options()},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, r := apply(t, c.technique, c.m, c.opt)
			var b strings.Builder
			if _, err := r.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, dump(out)+"\n"+b.String())
		})
	}
}
