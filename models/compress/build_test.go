package compress

import (
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A net is a model under construction: x is its input, [N 2 6 6] unless shape
// says otherwise; add appends nodes.
type net struct {
	m *onnx.Model
	r *rand.Rand
}

func newNet(shape ...int64) *net {
	if shape == nil {
		shape = []int64{-1, 2, 6, 6}
	}
	v := onnx.ValueInfo{Name: "x", Type: tensor.Float32, HasShape: true}
	for _, d := range shape {
		if d < 0 {
			v.Shape = append(v.Shape, onnx.Dim{Value: -1, Param: "N"})
		} else {
			v.Shape = append(v.Shape, onnx.Dim{Value: d})
		}
	}
	return &net{&onnx.Model{
		IRVersion: 8, Producer: "test", Opsets: []onnx.Opset{{Version: 13}},
		Graph: &onnx.Graph{Name: "main", Inputs: []onnx.ValueInfo{v}},
	}, rand.New(rand.NewPCG(1, 2))}
}

// node adds op(in...) → out.
func (b *net) node(op, out string, in []string, attrs ...onnx.Attr) *onnx.Node {
	n := &onnx.Node{Name: op + "_" + out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs}
	b.m.Graph.Nodes = append(b.m.Graph.Nodes, n)
	return n
}

// conv adds a 3×3 convolution with padding 1 and a bias.
func (b *net) conv(out, in string, cin, cout int, attrs ...onnx.Attr) *onnx.Node {
	b.random(out+".w", 1, cout, cin, 3, 3)
	b.random(out+".b", 0.5, cout)
	return b.node("Conv", out, []string{in, out + ".w", out + ".b"}, append(attrs, onnx.IntsAttr("pads", 1, 1, 1, 1))...)
}

// norm adds a BatchNormalization of c channels.
func (b *net) norm(out, in string, c int) *onnx.Node {
	b.random(out+".g", 1, c)
	b.random(out+".b", 1, c)
	b.random(out+".m", 1, c)
	v := b.random(out+".v", 1, c)
	for i := range v {
		v[i] = v[i]*v[i] + 0.1
	}
	return b.node("BatchNormalization", out, []string{in, out + ".g", out + ".b", out + ".m", out + ".v"})
}

// random adds a constant, uniform in [−top, top], and returns its elements.
func (b *net) random(name string, top float64, shape ...int) []float32 {
	t := tensor.New(tensor.Float32, shape...)
	v := tensor.Of[float32](t)
	for i := range v {
		v[i] = float32(top * (2*b.r.Float64() - 1))
	}
	b.m.Graph.AddInitializer(name, t)
	return v
}

func (b *net) constant(name string, v ...float32) {
	b.m.Graph.AddInitializer(name, tensor.From(tensor.Float32, v, len(v)))
}

func (b *net) output(names ...string) *onnx.Model {
	for _, s := range names {
		b.m.Graph.Outputs = append(b.m.Graph.Outputs, onnx.ValueInfo{Name: s, Type: tensor.Float32})
	}
	return b.m
}

// tiny returns conv → norm → relu → pool → flatten → gemm.
func tiny() *onnx.Model {
	b := newNet()
	b.conv("c", "x", 2, 4)
	b.norm("n", "c", 4)
	b.node("Relu", "r", []string{"n"})
	b.node("GlobalAveragePool", "p", []string{"r"})
	b.node("Flatten", "f", []string{"p"})
	b.random("fc.w", 1, 3, 4)
	b.random("fc.b", 1, 3)
	b.node("Gemm", "y", []string{"f", "fc.w", "fc.b"}, onnx.IntAttr("transB", 1))
	return b.output("y")
}

// sets yields n inputs of the given shape, uniform in [−1, 1].
func sets(n int, shape ...int) iter.Seq2[[]tensor.Tensor, error] {
	if shape == nil {
		shape = []int{4, 2, 6, 6}
	}
	return func(yield func([]tensor.Tensor, error) bool) {
		r := rand.New(rand.NewPCG(3, 4))
		for range n {
			t := tensor.New(tensor.Float32, shape...)
			v := tensor.Of[float32](t)
			for i := range v {
				v[i] = float32(2*r.Float64() - 1)
			}
			if !yield([]tensor.Tensor{t}, nil) {
				return
			}
		}
	}
}

func options() Options { return Options{Forward: interpret, Calibration: sets(16)} }

// examples returns every technique, those with a number at 50.
func examples(t *testing.T) []Technique {
	t.Helper()
	var out []Technique
	for _, tech := range Techniques() {
		e, err := Lookup(strings.Replace(tech.Name, "-N", "-50", 1))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// apply runs the technique called name and requires success.
func apply(t *testing.T, name string, m *onnx.Model, opt Options) (*onnx.Model, *Report) {
	t.Helper()
	tech, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	out, r, err := tech.Apply(t.Context(), m, opt)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out, r
}

// run returns m's value called name on the sets of opt, one after the other.
func run(t *testing.T, m *onnx.Model, name string, opt Options) []float64 {
	t.Helper()
	f, err := interpret(m, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for set := range opt.Calibration {
		got, err := f(set)
		if err != nil {
			t.Fatal(err)
		}
		v, err := got[name].Floats()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v...)
	}
	return out
}

// sqnr returns 10·log₁₀(Σx² / Σ(x−y)²).
func sqnr(x, y []float64) float64 {
	var signal, noise float64
	for i := range x {
		signal, noise = signal+x[i]*x[i], noise+(x[i]-y[i])*(x[i]-y[i])
	}
	return 10 * math.Log10(signal/noise)
}

// encode returns m's bytes.
func encode(t *testing.T, m *onnx.Model) string {
	t.Helper()
	b, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
