package compress

import (
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// wideNet returns conv (8→8 channels) → relu → conv (8→8) of random weights.
func wideNet() *onnx.Model {
	b := newNet()
	b.conv("a", "x", 2, 8)
	b.node("Relu", "ar", []string{"a"})
	b.conv("b", "ar", 8, 8)
	b.node("Relu", "br", []string{"b"})
	b.conv("y", "br", 8, 4)
	return b.output("y")
}

// zeros returns the share of zeros in each 4-D constant of m.
func zeros(m *onnx.Model) []float64 {
	var out []float64
	for _, w := range m.Graph.Initializers {
		if len(w.Shape) == 4 {
			n := 0
			for _, v := range tensor.Of[float32](w.Tensor) {
				if v == 0 {
					n++
				}
			}
			out = append(out, float64(n)/float64(w.Len()))
		}
	}
	return out
}

func TestSparsity(t *testing.T) {
	for _, name := range []string{"sparse-70", "wanda-70", "sparsegpt-70"} {
		out, _ := apply(t, name, wideNet(), options())
		for i, z := range zeros(out) {
			if math.Abs(z-0.7) > 0.03 { // wanda rounds row by row, of 18 weights
				t.Errorf("%s: layer %d has %.3f zeros", name, i, z)
			}
		}
	}
	for _, c := range []struct{ text, want string }{
		{"sparse-0", "more than 0"}, {"sparse-100", "less than 100"}, {"sparse-x", "percentage"}, {"sparse-1e1", "percentage"}, {"sparse-NaN", "percentage"},
	} {
		if _, err := Lookup(c.text); err == nil {
			t.Errorf("%s is accepted, want an error with %q", c.text, c.want)
		}
	}
}

// TestStorage expects the same weights from a file that stores what is left of
// them alone, which is smaller, and a report that says how much.
func TestStorage(t *testing.T) {
	size := map[string]int{}
	for _, storage := range []string{"dense", "sparse"} {
		opt := options()
		opt.Storage = storage
		out, r := apply(t, "sparse-90", wideNet(), opt)
		b := encode(t, out)
		size[storage] = len(b)
		back, err := onnx.Decode([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		apart := 0
		for _, w := range back.Graph.Initializers {
			if was := out.Graph.Initializer(w.Name); string(w.Data) != string(was.Data) {
				t.Errorf("%s: %s is read otherwise than it was written", storage, w.Name)
			}
			if w.Sparse {
				apart++
			}
		}
		if (apart == 3) != (storage == "sparse") {
			t.Errorf("%s: %d weights are stored apart, want those of 3 layers or none", storage, apart)
		}
		for _, n := range r.Nodes {
			if n.Changed && (n.After < n.Before) != (storage == "sparse") {
				t.Errorf("%s: %s has %d bytes, was %d", storage, n.Name, n.After, n.Before)
			}
		}
	}
	if size["sparse"] >= size["dense"] {
		t.Errorf("%d bytes stored sparse, %d dense", size["sparse"], size["dense"])
	}
}

// TestPatterns checks 2:4 along input channels and 4×1 along outputs.
func TestPatterns(t *testing.T) {
	for _, name := range []string{"sparse-50", "wanda-50", "sparsegpt-50"} {
		opt := options()
		opt.Pattern = "2:4"
		out, r := apply(t, name, wideNet(), opt)
		if r.Nodes[0].Changed {
			t.Errorf("%s: a layer of 2 channels has 2:4", name)
		}
		for _, w := range out.Graph.Initializers {
			if len(w.Shape) != 4 || w.Shape[1] != 8 {
				continue
			}
			v := tensor.Of[float32](w.Tensor)
			for i := range len(v) / 36 {
				for tap := range 9 {
					n := 0
					for c := range 4 {
						if v[i*36+c*9+tap] == 0 {
							n++
						}
					}
					if n != 2 {
						t.Fatalf("%s: four channels have %d zeros", name, n)
					}
				}
			}
		}
	}
	opt := options()
	opt.Pattern = "4x1"
	out, _ := apply(t, "sparse-50", wideNet(), opt)
	for _, w := range out.Graph.Initializers {
		if len(w.Shape) != 4 {
			continue
		}
		v, k := tensor.Of[float32](w.Tensor), w.Len()/w.Shape[0]
		for i := range v {
			if row := i / k; row%4 == 0 && (v[i] == 0) != (v[i+3*k] == 0) {
				t.Fatalf("column %d of rows %d and %d: %g and %g", i%k, row, row+3, v[i], v[i+3*k])
			}
		}
	}
}

// TestSurgeon wants the second-order technique to keep more of each layer's
// output than magnitude does, on the data that it saw: that is what it
// minimises. Inputs behind a Relu are correlated, which is what it can use.
func TestSurgeon(t *testing.T) {
	m := wideNet()
	one, _ := apply(t, "sparse-70", m, options())
	two, _ := apply(t, "sparsegpt-70", m, options())
	y := run(t, m, "y", options())
	a, b := sqnr(y, run(t, one, "y", options())), sqnr(y, run(t, two, "y", options()))
	if b < a+1 {
		t.Errorf("magnitude keeps %.2f dB, the surgeon %.2f", a, b)
	}
}

// TestERK wants the total share, small layers denser, none above all.
func TestERK(t *testing.T) {
	opt := options()
	opt.Spread = "erk"
	out, _ := apply(t, "sparse-80", wideNet(), opt)
	var z, n float64
	for _, w := range out.Graph.Initializers {
		if len(w.Shape) == 4 {
			n += float64(w.Len())
			for _, v := range tensor.Of[float32](w.Tensor) {
				if v == 0 {
					z++
				}
			}
		}
	}
	per := zeros(out)
	if math.Abs(z/n-0.8) > 0.005 || per[1] <= per[0] || per[1] <= per[2] {
		t.Errorf("%.3f zeros in all, %.3f by layer", z/n, per)
	}
}
