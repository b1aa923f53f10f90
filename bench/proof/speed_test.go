package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/bench/engine/native"
	"assay/bench/engine/ortlib"
	"assay/models/tensor"
)

// TestMain lets the tests' own program be the worker of races.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		main()
		return
	}
	os.Exit(m.Run())
}

// infer runs a race's model once and returns its first output.
func infer(t *testing.T, name string, r race) []float64 {
	t.Helper()
	e, err := engine.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Open(context.Background(), r.art, engine.Options{Provider: "cpu", Threads: 1, Batch: r.sets[0][0].Shape[0]})
	if err != nil {
		t.Fatalf("%s %s on %s: %v", r.group, r.name, name, err)
	}
	defer s.Close()
	_, outs := s.IO()
	y := results(outs)
	if err := s.Bind(r.sets, y); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(0); err != nil {
		t.Fatal(err)
	}
	f, err := y[0].Floats()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// results makes room for outputs.
func results(outs []engine.Desc) []tensor.Tensor {
	var y []tensor.Tensor
	for _, o := range outs {
		y = append(y, tensor.New(o.Type, o.Shape...))
	}
	return y
}

// TestLayers: engines agree on every layer, whose results are neither all
// equal, as of saturated integers, nor out of range.
func TestLayers(t *testing.T) {
	races, err := layerRaces(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, missing := ortlib.Find()
	for _, r := range races {
		y := infer(t, "native", r)
		least, most := y[0], y[0]
		for _, v := range y {
			if v != v || math.IsInf(v, 0) {
				t.Fatalf("%s %s: a result is %v", r.group, r.name, v)
			}
			least, most = min(least, v), max(most, v)
		}
		if least == most {
			t.Errorf("%s %s: every result is %v", r.group, r.name, least)
		}
		if missing != nil {
			continue
		}
		if d := apart(infer(t, "onnxruntime", r), y); d > r.far {
			t.Errorf("%s %s: engines differ by %.2g of the largest, at most %.2g is wanted", r.group, r.name, d, r.far)
		}
	}
	if missing != nil {
		t.Logf("not compared with ONNX Runtime: %v", missing)
	}
}

func TestApart(t *testing.T) {
	if d := apart([]float64{4, -8}, []float64{4, -6}); d != 0.25 {
		t.Errorf("got %v, want 0.25", d)
	}
	if d := apart([]float64{0}, []float64{0}); d != 0 {
		t.Errorf("equal zeros are %v apart", d)
	}
}

// TestTable prints two groups; a row whose outputs disagree has no ratio and
// is left out of the mean.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	tab := table{w: &out}
	times := [2][]float64{{2e-3, 4e-3, 3e-3}, {1e-3, 1e-3, 1e-3}}
	tab.print(race{group: "a", name: "one"}, times, "")
	tab.print(race{group: "a", name: "two"}, [2][]float64{{12e-3}, {1e-3}}, "")
	tab.print(race{group: "a", name: "three"}, times, "outputs differ by 0.5 of the largest")
	tab.print(race{group: "b", name: "four"}, times, "")
	tab.end()
	const want = `
a                               onnxruntime       native   ratio
  one                               3.00 ms      1.00 ms   3.00× (2.50× to 3.50×)
  two                               12.0 ms      1.00 ms   12.0× (12.0× to 12.0×)
  three                             3.00 ms      1.00 ms   outputs differ by 0.5 of the largest
  geometric mean                                           6.00×

b                               onnxruntime       native   ratio
  four                              3.00 ms      1.00 ms   3.00× (2.50× to 3.50×)
`
	if got := out.String(); strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestNets: engines agree on the networks, and the native one runs them
// without allocating. ResNet-18 is the largest and left to the races.
func TestNets(t *testing.T) {
	_, missing := ortlib.Find()
	for _, n := range nets {
		if n.arch == "resnet18-224" {
			continue
		}
		r, err := n.race(context.Background(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		s, err := (native.Engine{}).Open(context.Background(), r.art, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, outs := s.IO()
		y := results(outs)
		if err := s.Bind(r.sets, y); err != nil {
			t.Fatal(err)
		}
		if k := testing.AllocsPerRun(1, func() { err = s.Run(0) }); k != 0 || err != nil {
			t.Errorf("%s %s: Run allocates %v times, %v", r.group, r.name, k, err)
		}
		got, err := y[0].Floats()
		if err != nil {
			t.Fatal(err)
		}
		least, most := got[0], got[0]
		for _, v := range got {
			least, most = min(least, v), max(most, v)
		}
		if !(least < most) || math.IsInf(most-least, 0) {
			t.Errorf("%s %s: results from %v to %v", r.group, r.name, least, most)
		}
		if missing == nil {
			if d := apart(infer(t, "onnxruntime", r), got); d > r.far {
				t.Errorf("%s %s: engines differ by %.2g of the largest, at most %.2g is wanted", r.group, r.name, d, r.far)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestScaling: a second thread's share is printed, whatever it is here.
func TestScaling(t *testing.T) {
	if testing.Short() || runtime.NumCPU() < 2 {
		t.Skip("it needs two cores")
	}
	var out bytes.Buffer
	tab := table{w: &out}
	name := func(group string) bool { return strings.HasPrefix(group, "MobileNetV2") }
	if err := tab.scaling(context.Background(), t.TempDir(), 1, nil, name); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "share") {
		t.Errorf("got %q", out.String())
	}
}
