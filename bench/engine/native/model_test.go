package native

import (
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// f32 is a tensor of 0.1, 0.2, … with alternating signs, scaled.
func f32(scale float32, shape ...int) tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i, v := 0, tensor.Of[float32](t); i < len(v); i++ {
		v[i] = scale * float32((i*7)%23-11) / 10
	}
	return t
}

func ints(v ...int64) tensor.Tensor { return tensor.From(tensor.Int64, v, len(v)) }

func scalar(v float32) tensor.Tensor { return tensor.From(tensor.Float32, []float32{v}) }

func one[T tensor.Number](typ tensor.Type, v T) tensor.Tensor { return tensor.From(typ, []T{v}) }

// A modelBuilder writes small models for tests.
type modelBuilder struct{ m *onnx.Model }

func newModel() *modelBuilder {
	return &modelBuilder{&onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{Name: "test"}}}
}

func info(name string, t tensor.Tensor) onnx.ValueInfo {
	v := onnx.ValueInfo{Name: name, Type: t.Type, HasShape: true}
	for _, d := range t.Shape {
		v.Shape = append(v.Shape, onnx.Dim{Value: int64(d)})
	}
	return v
}

func (b *modelBuilder) input(name string, t tensor.Tensor) *modelBuilder {
	b.m.Graph.Inputs = append(b.m.Graph.Inputs, info(name, t))
	return b
}

func (b *modelBuilder) constant(name string, t tensor.Tensor) *modelBuilder {
	b.m.Graph.AddInitializer(name, t)
	return b
}

func (b *modelBuilder) node(op string, in []string, out []string, attrs ...onnx.Attr) *modelBuilder {
	b.m.Graph.Nodes = append(b.m.Graph.Nodes, &onnx.Node{Name: "n_" + out[0], Op: op, Inputs: in, Outputs: out, Attrs: attrs})
	return b
}

func (b *modelBuilder) output(names ...string) *onnx.Model {
	for _, n := range names {
		b.m.Graph.Outputs = append(b.m.Graph.Outputs, onnx.ValueInfo{Name: n, Type: tensor.Float32})
	}
	return b.m
}

// run plans and runs m and returns its outputs.
func run(t *testing.T, m *onnx.Model, threads int, in ...tensor.Tensor) []tensor.Tensor {
	t.Helper()
	batch := 1
	if d := m.Graph.Inputs[0].Shape; len(d) > 0 && (d[0].Value < 0 || d[0].Param != "") {
		batch = in[0].Shape[0]
	}
	s, err := newSession(m, batch, threads)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out []tensor.Tensor
	for _, d := range s.out {
		x := tensor.New(d.Type, d.Shape...)
		for i := range x.Data {
			x.Data[i] = 0xa5 // what Run must overwrite
		}
		out = append(out, x)
	}
	if err := s.Bind([][]tensor.Tensor{in}, out); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(0); err != nil {
		t.Fatal(err)
	}
	// The Go runtime allocates now and then where threads go to sleep: not in every run.
	if n := testing.AllocsPerRun(8, func() { _ = s.Run(0) }); n != 0 {
		t.Errorf("Run allocates %v times", n)
	}
	return out
}

// near wants got to hold want within 1e-5, relative or absolute.
func near(t *testing.T, name string, got tensor.Tensor, want []float64) {
	t.Helper()
	g, err := got.Floats()
	if err != nil {
		t.Fatal(err)
	}
	if len(g) != len(want) {
		t.Fatalf("%s: %d elements, want %d", name, len(g), len(want))
	}
	for i, w := range want {
		if math.IsNaN(g[i]) != math.IsNaN(w) || math.Abs(g[i]-w) > 1e-5*max(1, math.Abs(w)) {
			t.Fatalf("%s: element %d is %v, want %v\ngot  %v\nwant %v", name, i, g[i], w, g, want)
		}
	}
}
