package search_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/bench/engine/native"
	"assay/models/compress"
	"assay/models/compress/search"
	"assay/models/onnx"
	"assay/models/tensor"
)

// layers is how many matrices the model of the tests multiplies by.
const layers = 4

// perceptron returns matrices with a Relu between them; the second one's
// weights have an outlier in each row, which 4 bits bear badly.
func perceptron() *onnx.Model {
	r := rand.New(rand.NewPCG(1, 2))
	g := &onnx.Graph{Name: "main", Inputs: []onnx.ValueInfo{{Name: "x", Type: tensor.Float32, HasShape: true, Shape: []onnx.Dim{{Value: -1, Param: "N"}, {Value: 32}}}}}
	in := "x"
	for i := range layers {
		w := tensor.New(tensor.Float32, 32, 32)
		for j, v := 0, tensor.Of[float32](w); j < len(v); j++ {
			if v[j] = float32(r.NormFloat64()); i == 1 && j < 32 {
				v[j] *= 40
			}
		}
		name, out := fmt.Sprintf("w%d", i), fmt.Sprintf("y%d", i)
		g.AddInitializer(name, w)
		g.Nodes = append(g.Nodes, &onnx.Node{Name: fmt.Sprintf("layer%d", i), Op: "MatMul", Inputs: []string{in, name}, Outputs: []string{out}})
		if in = out; i < layers-1 {
			in = fmt.Sprintf("r%d", i)
			g.Nodes = append(g.Nodes, &onnx.Node{Op: "Relu", Inputs: []string{out}, Outputs: []string{in}})
		}
	}
	g.Outputs = []onnx.ValueInfo{{Name: in, Type: tensor.Float32}}
	return &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}}, Graph: g}
}

func samples() iter.Seq2[[]tensor.Tensor, error] {
	return func(yield func([]tensor.Tensor, error) bool) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 4 {
			x := tensor.New(tensor.Float32, 16, 32)
			for i, v := 0, tensor.Of[float32](x); i < len(v); i++ {
				v[i] = float32(r.NormFloat64())
			}
			if !yield([]tensor.Tensor{x}, nil) {
				return
			}
		}
	}
}

// price is what an invented device asks for a layer, by the operator and by
// the bits that it finds it as.
func price(m *onnx.Model, n *onnx.Node) float64 {
	switch {
	case n.Op == "MatMulInteger":
		return 5
	case n.Op == "MatMulNBits":
		return 2
	case n.Op == "MatMul" && m.Graph.Initializer(n.Inputs[1]) == nil:
		return 12 // quantized: dearer than float here
	case n.Op == "MatMul":
		return 10
	}
	return 0
}

// device returns meters of that device; its drop grows with the noise.
func device(base *onnx.Model, opt compress.Options, calls *int) search.Meters {
	sum := func(m *onnx.Model) float64 {
		t := 0.0
		for _, n := range m.Graph.Nodes {
			t += price(m, n)
		}
		return t
	}
	return search.Meters{
		Profile: func(_ context.Context, m *onnx.Model, names []string) (map[string]float64, error) {
			out := map[string]float64{}
			for _, n := range m.Graph.Nodes {
				if slices.Contains(names, n.Name) {
					out[n.Name] = price(m, n)
				}
			}
			return out, nil
		},
		Ratio: func(_ context.Context, m *onnx.Model) (float64, error) {
			*calls++
			return sum(m) / (10 * layers), nil
		},
		Drop: func(ctx context.Context, m *onnx.Model) (float64, error) {
			r := &compress.Report{}
			err := r.Compare(ctx, base, m, opt)
			return math.Pow(10, -r.Output/10), err
		},
	}
}

func TestRun(t *testing.T) {
	opt := compress.Options{Forward: func(m *onnx.Model, want []string) (compress.Forward, error) { return native.Forward(m, want) }, Calibration: samples()}
	m, calls := perceptron(), 0
	techniques := []string{"int8-dynamic", "int4", "int8-qdq", "low-rank-99.999"}
	const limit = 0.004 // 24 dB
	r, err := search.Run(t.Context(), m, techniques, opt, device(m, opt, &calls), search.Limits{Drop: limit, Time: time.Hour}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Layers) != layers || len(r.Notes) != 1 || !strings.Contains(r.Notes[0].Error(), "low-rank") {
		t.Fatalf("%d layers, notes %v: want %d, and one on low-rank, which is no smaller", len(r.Layers), r.Notes, layers)
	}
	front := search.Front(r.Tried, limit, 0)
	if len(front) < 2 {
		t.Fatalf("%d plans on the front of %d", len(front), len(r.Tried))
	}
	for i, f := range front {
		if f.Drop > limit || i > 0 && (f.Ratio >= front[i-1].Ratio || f.Drop < front[i-1].Drop) {
			t.Errorf("plan %d of the front: ratio %v, drop %v", i, f.Ratio, f.Drop)
		}
	}
	// Every one of the 3⁴ plans of the device: none within the limit is cheaper
	// than the best found by more than one step of one layer.
	best, least := front[len(front)-1], math.Inf(1)
	for code := range 81 {
		choice := map[string]string{}
		for i, c := 0, code; i < layers; i, c = i+1, c/3 {
			if c%3 > 0 {
				choice[r.Layers[i].Node] = techniques[c%3-1]
			}
		}
		if len(choice) == 0 {
			continue
		}
		tech, err := compress.Assign("p", choice)
		if err != nil {
			t.Fatal(err)
		}
		made, _, err := tech.Apply(t.Context(), r.Base, opt)
		if err != nil {
			t.Fatal(err)
		}
		meters := device(m, opt, &calls)
		drop, err := meters.Drop(t.Context(), made)
		if err != nil {
			t.Fatal(err)
		}
		if ratio, _ := meters.Ratio(t.Context(), made); drop <= limit {
			least = min(least, ratio)
		}
	}
	if best.Ratio > least+5.0/(10*layers) {
		t.Errorf("the best plan costs %v, the best of all %v", best.Ratio, least)
	}
	why := r.Why(best, limit, func(x float64) string { return fmt.Sprintf("%gs", x) })
	for i, w := range why {
		if !strings.Contains(w, "int8-qdq would be 12s") || best.Choice[i] >= 0 && !strings.Contains(w, "instead of 10s at") {
			t.Errorf("%s: why %q", r.Layers[i].Node, w)
		}
	}
}

// TestTime gives the search no time: it says what it has not tried.
func TestTime(t *testing.T) {
	opt := compress.Options{Forward: func(m *onnx.Model, want []string) (compress.Forward, error) { return native.Forward(m, want) }, Calibration: samples()}
	m, calls := perceptron(), 0
	now := time.Unix(0, 0)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	r, err := search.Run(t.Context(), m, []string{"int8-dynamic"}, opt, device(m, opt, &calls), search.Limits{Drop: 1, Time: time.Second, Now: clock}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if calls != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0].Error(), "lack of time") {
		t.Errorf("%d plans measured, notes %v: want the whole technique alone, and a note", calls, r.Notes)
	}
}

func TestRefused(t *testing.T) {
	opt := compress.Options{Forward: func(m *onnx.Model, want []string) (compress.Forward, error) { return native.Forward(m, want) }, Calibration: samples()}
	calls := 0
	m := perceptron()
	broken := device(m, opt, &calls)
	broken.Ratio = func(context.Context, *onnx.Model) (float64, error) { return 0, errors.New("the worker died") }
	absent := device(m, opt, &calls)
	absent.Profile = func(context.Context, *onnx.Model, []string) (map[string]float64, error) {
		return nil, errors.ErrUnsupported
	}
	bare := opt
	bare.Calibration = nil
	for _, c := range []struct {
		meters search.Meters
		opt    compress.Options
		want   string
	}{
		{broken, opt, "none of the techniques can be used: int8-dynamic is left out: .*the worker died"},
		{absent, opt, "profile the baseline"},
		{broken, bare, "no calibration data"},
	} {
		_, err := search.Run(t.Context(), m, []string{"int8-dynamic"}, c.opt, c.meters, search.Limits{Drop: 1, Time: time.Hour}, func(string) {})
		if err == nil || !strings.Contains(err.Error(), strings.Split(c.want, ".*")[0]) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestFront(t *testing.T) {
	at := func(ratio, drop float64) search.Found { return search.Found{Ratio: ratio, Drop: drop} }
	got := search.Front([]search.Found{at(0.5, 0.02), at(0.7, 0), at(0.69, 0.001), at(0.6, 0.005), at(0.65, 0.006), at(1.1, -0.01), at(0.2, 0.5)}, 0.05, 0.02)
	want := []search.Found{at(0.7, 0), at(0.6, 0.005), at(0.5, 0.02)}
	if !slices.EqualFunc(got, want, func(a, b search.Found) bool { return a.Ratio == b.Ratio && a.Drop == b.Drop }) {
		t.Errorf("front %v, want %v: 0.69 is level with 0.7, 0.65 is beaten, 1.1 is dearer than the baseline, 0.2 loses too much", got, want)
	}
}
