package compress

import (
	"math"
	"slices"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// chain returns a random net of the given depth: 3×3 convolutions with ReLU.
func chain(seed uint64, depth int) *onnx.Model {
	b := newNet()
	for range seed {
		b.r.Uint64()
	}
	in, cin := "x", 2
	for i := range depth {
		s := string(rune('a' + i))
		b.conv(s, in, cin, 6)
		b.node("Relu", s+"r", []string{s})
		in, cin = s+"r", 6
	}
	b.conv("y", in, cin, 3)
	return b.output("y")
}

// TestStaticNoise compares int8-qdq with the float model on random nets.
// The floor is derived: a rounding error is uniform and independent of the
// signal (Widrow and Kollár, 2008, ch. 4), so a value on a grid of step s adds
// noise s²/12, relative to the value's mean square; weights add what the
// report says; a linear layer passes relative noise on unchanged. Twice the
// sum (3 dB) leaves room for ReLU, which halves the signal and not the noise.
func TestStaticNoise(t *testing.T) {
	for seed := range uint64(6) {
		for _, full := range []bool{false, true} {
			m := chain(seed, 1+int(seed)%4)
			opt := options()
			opt.FullRange = full
			out, r := apply(t, "int8-qdq", m, opt)
			relative := 0.0
			for _, v := range r.Values {
				name := v.Name
				power := 0.0
				x := run(t, m, name, opt)
				for _, e := range x {
					power += e * e / float64(len(x))
				}
				relative += float64(v.Scale) * float64(v.Scale) / 12 / power
			}
			for _, n := range r.Nodes {
				if n.Before > 0 {
					relative += math.Pow(10, -n.SQNR/10)
				}
			}
			floor := -10 * math.Log10(2*relative)
			if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < floor {
				t.Errorf("seed %d, full range %v: %.1f dB, want at least %.1f", seed, full, got, floor)
			}
		}
	}
}

// TestDynamicNoise does the same for int8-dynamic, whose activations have the
// step (max−min)/255 of each batch: at most that of the whole data.
func TestDynamicNoise(t *testing.T) {
	for seed := range uint64(6) {
		m := chain(seed, 1+int(seed)%4)
		opt := options()
		out, r := apply(t, "int8-dynamic", m, opt)
		relative := 0.0
		for _, n := range m.Graph.Nodes {
			if n.Op != "Conv" {
				continue
			}
			x := run(t, m, n.Inputs[0], opt)
			power, low, high := 0.0, 0.0, 0.0
			for _, e := range x {
				power, low, high = power+e*e/float64(len(x)), min(low, e), max(high, e)
			}
			relative += (high - low) * (high - low) / 255 / 255 / 12 / power
		}
		for _, n := range r.Nodes {
			if n.Before > 0 {
				relative += math.Pow(10, -n.SQNR/10)
			}
		}
		floor := -10 * math.Log10(2*relative)
		if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < floor {
			t.Errorf("seed %d: %.1f dB, want at least %.1f", seed, got, floor)
		}
	}
}

// TestTechniques holds for every technique that is or will be registered.
func TestTechniques(t *testing.T) {
	for _, tech := range examples(t) {
		t.Run(tech.Name, func(t *testing.T) {
			if tech.Name == "" || tech.Doc == "" || strings.Contains(tech.Doc, "\n") {
				t.Errorf("name %q and doc %q: want one line each", tech.Name, tech.Doc)
			}
			for name, m := range map[string]*onnx.Model{"tiny": tiny(), "residual": residual()} {
				before := encode(t, m)
				one, r := apply(t, tech.Name, m, options())
				two, _ := apply(t, tech.Name, m, options())
				if encode(t, m) != before {
					t.Errorf("%s: the model that was given has changed", name)
				}
				if encode(t, one) != encode(t, two) {
					t.Errorf("%s: two runs give different bytes", name)
				}
				if int64(len(encode(t, one))) != r.After || int64(len(before)) != r.Before {
					t.Errorf("%s: the report says %d and %d bytes, the files have %d and %d", name, r.Before, r.After, len(before), len(encode(t, one)))
				}
				if err := onnx.Check(one); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, _, err := tech.Apply(t.Context(), tiny(), Options{}); err == nil {
				t.Error("no error without a forward function")
			}
		})
	}
	if _, err := Lookup("int9"); err == nil || !strings.Contains(err.Error(), "int8-qdq") {
		t.Errorf("unknown technique: %v, want the choices", err)
	}
}

// TestOutputs checks who writes integers at the ends of a graph: a Conv that
// is an output is quantized and dequantized, a Gemm is not.
func TestOutputs(t *testing.T) {
	b := newNet()
	b.conv("y", "x", 2, 3)
	out, _ := apply(t, "int8-qdq", b.output("y"), options())
	if got := ops(out); got[len(got)-1] != "DequantizeLinear" || out.Graph.Outputs[0].Type != tensor.Float32 {
		t.Errorf("a Conv at the end gives %v", got)
	}
	out, _ = apply(t, "int8-qdq", tiny(), options())
	if got := ops(out); got[len(got)-1] != "Gemm" {
		t.Errorf("a Gemm at the end gives %v", got)
	}
}

func TestExclude(t *testing.T) {
	for _, tech := range examples(t) {
		if tech.Name == "fold" {
			opt := options()
			opt.Exclude = []string{"Conv_c"}
			if _, _, err := tech.Apply(t.Context(), tiny(), opt); err == nil || !strings.Contains(err.Error(), "exclude") {
				t.Errorf("fold leaves out a node: %v", err)
			}
			continue
		}
		for _, opt := range []Settings{{Exclude: []string{"Conv_c"}}, {ExcludeOps: []string{"Conv"}}} {
			o := options()
			o.Settings = opt
			out, r := apply(t, tech.Name, tiny(), o)
			i := slices.IndexFunc(r.Nodes, func(n NodeReport) bool { return n.Op == "Conv" })
			if !slices.Contains(ops(out), "Conv") || r.Nodes[i].Changed || !strings.Contains(r.Nodes[i].Reason, "excluded") {
				t.Errorf("%s: %v, %+v", tech.Name, ops(out), r.Nodes[i])
			}
		}
		for _, opt := range []Settings{{Exclude: []string{"nobody"}}, {ExcludeOps: []string{"nobody"}}} {
			o := options()
			o.Settings = opt
			if _, _, err := tech.Apply(t.Context(), tiny(), o); err == nil || !strings.Contains(err.Error(), "nobody") {
				t.Errorf("%s: excluding a node that is not there: %v", tech.Name, err)
			}
		}
	}
}

// TestSharedWeights checks that weights shared at equal scales are stored
// once, and that both users still compute the right thing.
func TestSharedWeights(t *testing.T) {
	for _, tech := range examples(t) {
		b := newNet()
		b.conv("c", "x", 2, 2)
		b.node("Conv", "c2", []string{"c", "c.w", "c.b"}, onnx.IntsAttr("pads", 1, 1, 1, 1))
		b.node("Conv", "c3", []string{"x", "c.w"}, onnx.IntsAttr("pads", 1, 1, 1, 1))
		b.node("Add", "y", []string{"c2", "c3"})
		m := b.output("y")
		out, _ := apply(t, tech.Name, m, options())
		n := 0
		for _, w := range out.Graph.Initializers {
			if w.Len() == 36 {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: the shared weights are stored %d times", tech.Name, n)
		}
		floor := 30.0
		if !strings.HasPrefix(tech.Name, "int8") {
			floor = 4
		}
		if got := sqnr(run(t, m, "y", options()), run(t, out, "y", options())); got < floor {
			t.Errorf("%s: %.1f dB", tech.Name, got)
		}
	}
}
