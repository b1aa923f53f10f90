package compress

import (
	"errors"
	"iter"
	"math"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// once yields one set.
func once(in ...tensor.Tensor) iter.Seq2[[]tensor.Tensor, error] {
	return func(yield func([]tensor.Tensor, error) bool) { yield(in, nil) }
}

// badInputs lists what spoils a model or its options, and what the error says.
var badInputs = []struct {
	name    string
	spoil   func(m *onnx.Model, opt *Options)
	want    string
	dynamic bool // whether int8-dynamic must refuse it too
}{
	{"NaN weight", func(m *onnx.Model, _ *Options) {
		tensor.Of[float32](m.Graph.Initializer("fc.w").Tensor)[5] = float32(math.NaN())
	}, `weight "fc.w": element 5`, true},
	{"infinite bias", func(m *onnx.Model, _ *Options) {
		tensor.Of[float32](m.Graph.Initializer("fc.b").Tensor)[1] = float32(math.Inf(-1))
	}, `bias "fc.b": element 1`, true},
	{"no data", func(_ *onnx.Model, o *Options) { o.Calibration = nil }, "no calibration data", false},
	{"empty data", func(_ *onnx.Model, o *Options) { o.Calibration = sets(0) }, "empty", false},
	{"data that fail", func(_ *onnx.Model, o *Options) {
		o.Calibration = func(yield func([]tensor.Tensor, error) bool) { yield(nil, errors.New("disk on fire")) }
	}, "set 0: disk on fire", true},
	{"wrong rank", func(_ *onnx.Model, o *Options) {
		o.Calibration = once(tensor.New(tensor.Float32, 1, 72))
	}, `input "x" has shape [1 72], the model wants [N 2 6 6]`, true},
	{"wrong size", func(_ *onnx.Model, o *Options) {
		o.Calibration = once(tensor.New(tensor.Float32, 1, 2, 6, 7))
	}, `[1 2 6 7]`, true},
	{"wrong type", func(_ *onnx.Model, o *Options) {
		o.Calibration = once(tensor.New(tensor.Uint8, 1, 2, 6, 6))
	}, `is uint8, the model wants float32`, true},
	{"too many inputs", func(_ *onnx.Model, o *Options) {
		o.Calibration = once(tensor.New(tensor.Float32, 1, 2, 6, 6), tensor.New(tensor.Float32, 1))
	}, "2 inputs, the model has 1", true},
	{"empty batch", func(_ *onnx.Model, o *Options) {
		o.Calibration = once(tensor.New(tensor.Float32, 0, 2, 6, 6))
	}, "empty", true},
	{"NaN in data", func(_ *onnx.Model, o *Options) {
		x := tensor.New(tensor.Float32, 1, 2, 6, 6)
		tensor.Of[float32](x)[3] = float32(math.NaN())
		o.Calibration = once(x)
	}, "element 3", true},
	{"overflow in float", func(m *onnx.Model, _ *Options) {
		for _, name := range []string{"fc.w", "n.b"} {
			v := tensor.Of[float32](m.Graph.Initializer(name).Tensor)
			for i := range v {
				v[i] = 1e25
			}
		}
	}, "overflows", false},
	{"unknown range", func(_ *onnx.Model, o *Options) { o.Range = "middle" }, `range "middle" (have minmax`, true},
	{"percentile", func(_ *onnx.Model, o *Options) { o.Percentile = 0.99 }, "percentile 0.99", true},
	{"forward without the value", func(_ *onnx.Model, o *Options) {
		o.Forward = func(*onnx.Model, []string) (Forward, error) {
			return func([]tensor.Tensor) (map[string]tensor.Tensor, error) { return nil, nil }, nil
		}
	}, "did not return it", false},
	{"a Conv without weights", func(m *onnx.Model, _ *Options) {
		m.Graph.Nodes[0].Inputs = m.Graph.Nodes[0].Inputs[:1]
	}, `Conv "Conv_c" has no input 1`, true},
	{"no graph", func(m *onnx.Model, _ *Options) { m.Graph = nil }, "no graph", true},
}

// TestBadInput wants a clear error that names the culprit.
func TestBadInput(t *testing.T) {
	for _, c := range badInputs {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"int8-qdq", "int8-dynamic"} {
				m, opt := tiny(), options()
				c.spoil(m, &opt)
				tech, err := Lookup(name)
				if err != nil {
					t.Fatal(err)
				}
				_, _, err = tech.Apply(t.Context(), m, opt)
				if name == "int8-dynamic" && !c.dynamic {
					continue
				}
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), name+": ") {
					t.Errorf("%s: got %v, want %q", name, err, c.want)
				}
			}
		})
	}
}

// TestBadInputEverywhere wants an error from every technique for what none can
// work with.
func TestBadInputEverywhere(t *testing.T) {
	for _, c := range badInputs {
		if !c.dynamic {
			continue
		}
		for _, tech := range examples(t) {
			m, opt := tiny(), options()
			c.spoil(m, &opt)
			if _, _, err := tech.Apply(t.Context(), m, opt); err == nil || !strings.HasPrefix(err.Error(), strings.TrimSuffix(tech.Name, "-50")+": ") {
				t.Errorf("%s: %s: %v", c.name, tech.Name, err)
			}
		}
	}
}

// oddInputs lists input that is odd and must work, with the SQNR it keeps.
var oddInputs = []struct {
	name  string
	spoil func(m *onnx.Model, opt *Options)
	floor float64 // dB
}{
	{"all weights of a layer are zero", func(m *onnx.Model, _ *Options) {
		clear(tensor.Of[float32](m.Graph.Initializer("fc.w").Tensor))
	}, 100}, // the bias is all that is left, kept to 24 bits
	{"a channel next to dead, with a large bias", func(m *onnx.Model, _ *Options) {
		w := tensor.Of[float32](m.Graph.Initializer("fc.w").Tensor)
		for i := range 4 {
			w[i] *= 1e-12
		}
		tensor.Of[float32](m.Graph.Initializer("fc.b").Tensor)[0] = 1000
	}, 60},
	{"a dead channel after folding", func(m *onnx.Model, _ *Options) {
		tensor.Of[float32](m.Graph.Initializer("n.g").Tensor)[1] = 0
	}, 30},
	{"an activation that is constantly zero", func(m *onnx.Model, _ *Options) {
		clear(tensor.Of[float32](m.Graph.Initializer("n.g").Tensor))
		b := tensor.Of[float32](m.Graph.Initializer("n.b").Tensor)
		for i := range b {
			b[i] = -1
		}
	}, 80}, // the bias has step 2⁻⁸/64: an error of 2⁻¹⁴/√12 against 0.58, 90 dB
	{"an activation that is constant", func(m *onnx.Model, _ *Options) {
		clear(tensor.Of[float32](m.Graph.Initializer("n.g").Tensor))
	}, 30},
	{"one sample", func(_ *onnx.Model, o *Options) { o.Calibration = sets(1, 1, 2, 6, 6) }, 25},
	{"initializers that are inputs", func(m *onnx.Model, _ *Options) {
		m.IRVersion = 3
		for _, t := range m.Graph.Initializers {
			v := onnx.ValueInfo{Name: t.Name, Type: t.Type, HasShape: true}
			for _, d := range t.Shape {
				v.Shape = append(v.Shape, onnx.Dim{Value: int64(d)})
			}
			m.Graph.Inputs = append(m.Graph.Inputs, v)
		}
	}, 30},
	{"a percentile", func(_ *onnx.Model, o *Options) { o.Percentile = 99.99 }, 30},
}

// TestSafeChoices covers input that is odd and must work.
func TestSafeChoices(t *testing.T) {
	for _, c := range oddInputs {
		t.Run(c.name, func(t *testing.T) {
			for _, tech := range examples(t) {
				m, opt := tiny(), options()
				c.spoil(m, &opt)
				out, r := apply(t, tech.Name, m, opt)
				for _, init := range out.Graph.Initializers {
					if err := finite(init.Tensor); err != nil {
						t.Errorf("%s: %s: %v", tech.Name, init.Name, err)
					}
				}
				m.Graph.Inputs = m.Graph.Inputs[:1] // for the interpreter
				if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < floor(tech, c.floor) {
					t.Errorf("%s: %.1f dB, want %.0f", tech.Name, got, c.floor)
				}
				if c.name == "one sample" && tech.Name == "int8-qdq" && len(r.Warnings) == 0 {
					t.Error("one sample of calibration gives no warning")
				}
			}
		})
	}
}

// TestSubgraph checks that values which a subgraph reads keep their names.
func TestSubgraph(t *testing.T) {
	b := newNet()
	b.conv("c", "x", 2, 4)
	b.node("Relu", "r", []string{"c"})
	b.conv("y", "r", 4, 2)
	inner := &onnx.Graph{Name: "body", Nodes: []*onnx.Node{{Op: "Neg", Inputs: []string{"c"}, Outputs: []string{"neg"}}}, Outputs: []onnx.ValueInfo{{Name: "neg"}}}
	b.constant("yes", 1)
	b.node("If", "z", []string{"yes"}, onnx.GraphAttr("then_branch", inner), onnx.GraphAttr("else_branch", inner))
	m := b.output("y", "z")
	skip := func(n *onnx.Node) bool { return n.Op == "If" }
	opt := options()
	opt.Forward = func(m *onnx.Model, want []string) (Forward, error) { // the interpreter knows no If
		k := m.Clone()
		k.Graph.Nodes = nil
		for _, n := range m.Graph.Nodes {
			if !skip(n) {
				k.Graph.Nodes = append(k.Graph.Nodes, n)
			}
		}
		f, err := interpret(k, []string{"y"})
		for i, s := range want {
			if s == "z" {
				want = append(want[:i:i], want[i+1:]...)
			}
		}
		if err != nil {
			return nil, err
		}
		g, err := interpret(k, want)
		return func(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
			out, err := g(in)
			if err == nil {
				var y map[string]tensor.Tensor
				if y, err = f(in); err == nil {
					out["z"] = y["y"]
				}
			}
			return out, err
		}, err
	}
	out, r := apply(t, "int8-qdq", m, opt)
	if err := onnx.Check(out); err != nil {
		t.Error(err)
	}
	for _, n := range r.Nodes {
		if n.Op == "Relu" && n.Changed {
			t.Error("the Relu went although a subgraph reads its input")
		}
	}
}

// floor is what tech must keep of a layer where int8 keeps db: half of the
// weights of the smallest magnitude of a uniform distribution hold 1/8 of its
// energy (9 dB), of small layers more; 4 bits keep 20 dB.
func floor(tech Technique, db float64) float64 {
	switch {
	case strings.HasPrefix(tech.Name, "int8"), tech.Name == "fold", tech.Name == "fp16", tech.Name == "bf16":
		return min(db, 30)
	case strings.HasPrefix(tech.Name, "int4"):
		return min(db, 12)
	}
	return 0
}

// FuzzTechniques feeds every technique whatever decodes as a model, with a
// forward function that invents values: any outcome but a panic or a result
// that fails Check will do.
func FuzzTechniques(f *testing.F) {
	for _, m := range []*onnx.Model{tiny(), residual()} {
		b, err := onnx.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		m, err := onnx.Decode(b)
		if err != nil {
			return
		}
		opt := Options{Calibration: sets(1, 1, 2, 6, 6)}
		opt.Forward = func(_ *onnx.Model, want []string) (Forward, error) {
			return func([]tensor.Tensor) (map[string]tensor.Tensor, error) {
				out := map[string]tensor.Tensor{}
				for i, s := range want {
					out[s] = tensor.From(tensor.Float32, []float32{float32(i), -1}, 2)
				}
				return out, nil
			}, nil
		}
		for _, tech := range examples(t) {
			out, _, err := tech.Apply(t.Context(), m, opt)
			if err != nil {
				continue
			}
			if err := onnx.Check(out); err != nil {
				t.Errorf("%s: %v", tech.Name, err)
			}
		}
	})
}
