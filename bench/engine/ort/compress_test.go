package ort

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"assay/models/compress"
	"assay/models/onnx"
	"assay/models/tensor"

	"golang.org/x/sys/cpu"
)

// forward runs models for compression on the library.
func forward(t *testing.T) func(*onnx.Model, []string) (compress.Forward, error) {
	return func(m *onnx.Model, want []string) (compress.Forward, error) {
		return func(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
			return values(t, m, want, in), nil
		}, nil
	}
}

// values returns values of m for one set of inputs, inner ones among them.
func values(t *testing.T, m *onnx.Model, want []string, in []tensor.Tensor) map[string]tensor.Tensor {
	t.Helper()
	out := map[string]tensor.Tensor{}
	k := m.Clone()
	inf, err := onnx.InferShapes(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if name == m.Graph.Inputs[0].Name {
			out[name] = in[0]
		} else if !m.Graph.IsOutput(name) {
			k.Graph.Outputs = append(k.Graph.Outputs, inf[name])
		}
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnx.WriteFile(path, k); err != nil {
		t.Fatal(err)
	}
	s, err := openModel(t, path, in[0].Shape[0])
	if err != nil {
		t.Fatal(err)
	}
	_, descs := s.IO()
	var bound []tensor.Tensor
	for _, d := range descs {
		bound = append(bound, tensor.New(d.Type, d.Shape...))
		out[d.Name] = bound[len(bound)-1]
	}
	if err := s.Bind([][]tensor.Tensor{in}, bound); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(0); err != nil {
		t.Fatal(err)
	}
	return out
}

func random(r *rand.Rand, shape ...int) tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	v := tensor.Of[float32](x)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return x
}

// matrix returns x·w of k inputs; conv a convolution of 5 channels, 3×3.
func matrix(r *rand.Rand, k int) *onnx.Model {
	g := &onnx.Graph{
		Name: "g", Nodes: []*onnx.Node{{Name: "m", Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:  []onnx.ValueInfo{{Name: "x", Type: tensor.Float32, Shape: dims("N", k), HasShape: true}},
		Outputs: []onnx.ValueInfo{{Name: "y", Type: tensor.Float32, Shape: dims("N", 24), HasShape: true}},
	}
	g.AddInitializer("w", random(r, k, 24))
	return &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}
}

func conv(r *rand.Rand) *onnx.Model {
	g := &onnx.Graph{
		Name: "g", Nodes: []*onnx.Node{{Name: "c", Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:  []onnx.ValueInfo{{Name: "x", Type: tensor.Float32, Shape: dims("N", 5, 8, 8), HasShape: true}},
		Outputs: []onnx.ValueInfo{{Name: "y", Type: tensor.Float32, Shape: dims("N", 7, 6, 6), HasShape: true}},
	}
	g.AddInitializer("w", random(r, 7, 5, 3, 3))
	return &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}
}

func made(t *testing.T, name string, m *onnx.Model, set compress.Settings, x tensor.Tensor) *onnx.Model {
	t.Helper()
	tech, err := compress.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := tech.Apply(t.Context(), m, compress.Options{
		Forward: forward(t), Settings: set,
		Calibration: func(yield func([]tensor.Tensor, error) bool) { yield([]tensor.Tensor{x}, nil) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// first returns the first node with the operator op.
func first(m *onnx.Model, op string) *onnx.Node {
	for _, n := range m.Graph.Nodes {
		if n.Op == op {
			return n
		}
	}
	return nil
}

// TestMatMulNBits feeds the identity, so that each output is one weight times 1:
// the library's reading of our blocks must equal (q − zero)·scale bit for bit,
// as onnxruntime/docs/ContribOperators.md lays q and zero out.
func TestMatMulNBits(t *testing.T) {
	need(t)
	for _, name := range []string{"int4", "int4-hqq", "int4-gptq", "int8-weights"} {
		for _, k := range []int{32, 50} {
			for _, asymmetric := range []bool{false, true} {
				r := rand.New(rand.NewPCG(1, uint64(k)))
				m := made(t, name, matrix(r, k), compress.Settings{Asymmetric: asymmetric}, random(r, 64, k))
				n := first(m, "MatMulNBits")
				if n == nil {
					t.Fatalf("%s: no MatMulNBits", name)
				}
				n.SetAttr(onnx.IntAttr("accuracy_level", 1)) // float32: level 4 may round activations
				eye := tensor.New(tensor.Float32, k, k)
				for i := range k {
					tensor.Of[float32](eye)[i*k+i] = 1
				}
				got := tensor.Of[float32](values(t, m, []string{"y"}, []tensor.Tensor{eye})["y"])
				bits, per := int(n.Int("bits", 0)), (k+31)/32
				b := m.Graph.Initializer(n.Inputs[1]).Data
				scales := tensor.Of[float32](m.Graph.Initializer(n.Inputs[2]).Tensor)
				for i, v := range got {
					col, row := i%24, i/24
					block := col*per + row/32
					zero := float32(int(1) << (bits - 1))
					if len(n.Inputs) > 3 {
						z := m.Graph.Initializer(n.Inputs[3])
						switch {
						case z.Type == tensor.Float32:
							zero = tensor.Of[float32](z.Tensor)[block]
						case bits == 8:
							zero = float32(z.Data[block])
						default:
							zero = float32(z.Data[col*((per+1)/2)+row/32/2] >> (4 * (row / 32 % 2)) & 15)
						}
					}
					at := block*32 + row%32
					q := float32(b[at*bits/8])
					if bits == 4 {
						q = float32(b[at/2] >> (4 * (row % 2)) & 15)
					}
					want := (q - zero) * scales[block]
					slack := float32(0)
					if zero != float32(int(zero)) { // q·scale and zero·scale may be rounded each for itself
						slack = 1e-6 * float32(math.Abs(float64(zero*scales[block])))
					}
					if math.Abs(float64(v-want)) > float64(slack) {
						t.Fatalf("%s, %d inputs, asymmetric %v: weight [%d, %d] is %v, want %v", name, k, asymmetric, row, col, v, want)
					}
				}
			}
		}
	}
}

// TestBlockedConv looks at the weights that the library dequantizes.
func TestBlockedConv(t *testing.T) {
	need(t)
	for _, asymmetric := range []bool{false, true} {
		r := rand.New(rand.NewPCG(2, 2))
		m := made(t, "int4", conv(r), compress.Settings{Asymmetric: asymmetric}, random(r, 2, 5, 8, 8))
		n, out := first(m, "DequantizeLinear"), first(m, "Reshape").Outputs[0]
		got := tensor.Of[float32](values(t, m, []string{out}, []tensor.Tensor{random(r, 1, 5, 8, 8)})[out])
		q, s := m.Graph.Initializer(n.Inputs[0]), tensor.Of[float32](m.Graph.Initializer(n.Inputs[1]).Tensor)
		nibble := func(t *onnx.Initializer, i int) float32 {
			v := float32(t.Data[i/2] >> (4 * (i % 2)) & 15)
			if t.Type == tensor.Int4 && v > 7 {
				v -= 16
			}
			return v
		}
		for i, v := range got {
			block := i/45*2 + i%45/32
			zero := float32(0)
			if len(n.Inputs) > 2 {
				zero = nibble(m.Graph.Initializer(n.Inputs[2]), block)
			}
			if want := (nibble(q, i) - zero) * s[block]; v != want {
				t.Fatalf("asymmetric %v: weight %d is %v, want %v", asymmetric, i, v, want)
			}
		}
	}
}

// TestIntegers compares the library's integers in our int8 files with ONNX's
// formulas, bit for bit: the quantized activations, the zero point, the sums.
func TestIntegers(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(3, 3))
	x := random(r, 16, 40)
	sums(t, made(t, "int8-dynamic", matrix(r, 40), compress.Settings{}, x), x)
	// Without VNNI the library's products of weights in 8 bits saturate.
	if cpu.X86.HasAVX512VNNI || cpu.X86.HasAVXVNNI || cpu.ARM64.HasASIMDDP {
		sums(t, made(t, "int8-dynamic", matrix(r, 40), compress.Settings{FullRange: true}, x), x)
	}
	c := made(t, "int8-qdq", matrix(r, 40), compress.Settings{Range: "mse"}, x)
	n := first(c, "QuantizeLinear")
	s, z := tensor.Of[float32](c.Graph.Initializer(n.Inputs[1]).Tensor)[0], c.Graph.Initializer(n.Inputs[2]).Data[0]
	for i, v := range values(t, c, n.Outputs, []tensor.Tensor{x})[n.Outputs[0]].Data {
		e := tensor.Of[float32](x)[i]
		if want := uint8(min(max(math.RoundToEven(float64(e/s))+float64(z), 0), 255)); v != want {
			t.Fatalf("activation %d: %v is %d, want %d", i, e, v, want)
		}
	}
}

// TestEveryTechnique opens and runs what each technique makes.
func TestEveryTechnique(t *testing.T) {
	need(t)
	for _, tech := range compress.Techniques() {
		r := rand.New(rand.NewPCG(4, 4))
		name := strings.Replace(tech.Name, "-N", "-50", 1)
		made(t, name, matrix(r, 48), compress.Settings{}, random(r, 64, 48))
		made(t, name, conv(r), compress.Settings{}, random(r, 4, 5, 8, 8))
	}
}

// sums checks the integers of a matrix of 40 × 24 that quantizes x when it runs.
func sums(t *testing.T, m *onnx.Model, x tensor.Tensor) {
	t.Helper()
	dq, mm := first(m, "DynamicQuantizeLinear"), first(m, "MatMulInteger")
	got := values(t, m, []string{dq.Outputs[0], mm.Outputs[0]}, []tensor.Tensor{x})
	low, high := float32(0), float32(0)
	for _, v := range tensor.Of[float32](x) {
		low, high = min(low, v), max(high, v)
	}
	q, scale := got[dq.Outputs[0]].Data, (high-low)/255
	zero := uint8(math.RoundToEven(float64(-low / scale)))
	for i, v := range tensor.Of[float32](x) {
		if want := uint8(min(max(math.RoundToEven(float64(v/scale))+float64(zero), 0), 255)); q[i] != want {
			t.Fatalf("activation %d: %v is %d, want %d", i, v, q[i], want)
		}
	}
	w := m.Graph.Initializer(mm.Inputs[1]).Data
	for i, v := range tensor.Of[int32](got[mm.Outputs[0]]) {
		want := int32(0)
		for k := range 40 {
			want += (int32(q[i/24*40+k]) - int32(zero)) * int32(int8(w[k*24+i%24]))
		}
		if v != want {
			t.Fatalf("sum %d is %d, want %d", i, v, want)
		}
	}
}
