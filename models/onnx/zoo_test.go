package onnx

import (
	"path/filepath"
	"reflect"
	"testing"
)

// TestZoo decodes, checks, infers and encodes every committed model.
func TestZoo(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "zoo", "*", "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no committed models: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			m, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			bind, err := BindBatch(m, 2)
			if err != nil {
				t.Fatal(err)
			}
			inf, err := Infer(m, bind)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range m.Graph.Nodes {
				for _, s := range n.Outputs {
					v := inf.Values[s]
					if v.Type == 0 || !v.HasShape {
						t.Errorf("%s %q: %s", n.Op, s, describe(v))
					}
					for _, d := range v.Shape {
						if !d.known() {
							t.Errorf("%s %q: %s", n.Op, s, describe(v))
						}
					}
				}
			}
			for _, o := range m.Graph.Outputs { // what the exporter says
				got := inf.Values[o.Name]
				for i, d := range o.Shape {
					if n, ok := bind[d.Param]; ok {
						d = fixed(n)
					}
					if len(got.Shape) != len(o.Shape) || d.differs(got.Shape[i]) || got.Type != o.Type {
						t.Errorf("output %s, the file says %s", describe(got), describe(o))
						break
					}
				}
			}
			b := encode(t, m)
			again, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(again.Graph, m.Graph) {
				t.Error("the graph changed in a round trip")
			}
		})
	}
}
