package ort

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/bench/engine/ortlib"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
)

// lib is the engine of all tests: a process has one environment.
var lib = New(ortlib.Find)

func need(t testing.TB) {
	t.Helper()
	if _, err := ortlib.Find(); err != nil {
		t.Skip(err)
	}
	if _, err := lib.Info(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// write saves a graph of one node, op(x) -> y, with the given type and shapes.
func write(t testing.TB, op string, typ tensor.Type, in, out []onnx.Dim) string {
	t.Helper()
	g := &onnx.Graph{
		Name: "g", Nodes: []*onnx.Node{{Op: op, Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []onnx.ValueInfo{{Name: "x", Type: typ, Shape: in, HasShape: true}},
		Outputs: []onnx.ValueInfo{{Name: "y", Type: typ, Shape: out, HasShape: out != nil}},
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnx.WriteFile(path, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}); err != nil {
		t.Fatal(err)
	}
	return path
}

func dims(ds ...any) []onnx.Dim {
	var out []onnx.Dim
	for _, d := range ds {
		switch d := d.(type) {
		case int:
			out = append(out, onnx.Dim{Value: int64(d)})
		case string:
			out = append(out, onnx.Dim{Value: -1, Param: d})
		}
	}
	return out
}

func openModel(t testing.TB, path string, batch int) (engine.Session, error) {
	t.Helper()
	s, err := lib.Open(context.Background(), models.Artifact{Path: path, Format: "onnx"}, engine.Options{Provider: "cpu", Threads: 1, Batch: batch})
	if err == nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return s, err
}

func TestInfo(t *testing.T) {
	need(t)
	i, err := lib.Info(t.Context())
	if err != nil || i.Name != Name || i.Build == "" || i.Providers[0] != "cpu" || i.Settings["allow_spinning"] != "0" {
		t.Errorf("%+v, %v", i, err)
	}
}

// TestRun binds two sets and a batch of 3, and looks at what each run writes.
func TestRun(t *testing.T) {
	need(t)
	s, err := openModel(t, write(t, "Neg", tensor.Float32, dims("N", 2), dims("N", 2)), 3)
	if err != nil {
		t.Fatal(err)
	}
	in, out := s.IO()
	want := []int{3, 2}
	if len(in) != 1 || in[0].Name != "x" || in[0].Type != tensor.Float32 || !slices.Equal(in[0].Shape, want) || !slices.Equal(out[0].Shape, want) {
		t.Fatalf("io: %+v, %+v", in, out)
	}
	a := tensor.From(tensor.Float32, []float32{1, 2, 3, 4, 5, 6}, 3, 2)
	b := tensor.From(tensor.Float32, []float32{-1, 0, 7, 8, 9, 1e9}, 3, 2)
	y := tensor.New(tensor.Float32, 3, 2)
	for range 2 { // binding again must work too
		if err := s.Bind([][]tensor.Tensor{{a}, {b}}, []tensor.Tensor{y}); err != nil {
			t.Fatal(err)
		}
		for i, x := range []tensor.Tensor{a, b} {
			if err := s.Run(i); err != nil {
				t.Fatal(err)
			}
			for j, v := range tensor.Of[float32](x) {
				if got := tensor.Of[float32](y)[j]; got != -v {
					t.Errorf("set %d: y[%d] = %v, want %v", i, j, got, -v)
				}
			}
		}
	}
	if err := s.Bind([][]tensor.Tensor{{a, b}}, []tensor.Tensor{y}); err == nil {
		t.Error("two inputs were bound to a model of one")
	}
	if err := s.Bind([][]tensor.Tensor{{tensor.New(tensor.Float32, 2, 2)}}, []tensor.Tensor{y}); err == nil {
		if err := s.Run(0); err == nil {
			t.Error("a wrong output shape went unnoticed")
		}
	}
}

// TestTypes carries every element type that images, audio and text need.
func TestTypes(t *testing.T) {
	need(t)
	for _, typ := range []tensor.Type{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Uint8, tensor.Int8, tensor.Int32, tensor.Int64, tensor.Bool} {
		s, err := openModel(t, write(t, "Identity", typ, dims(1, 4), dims(1, 4)), 1)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		x, y := tensor.New(typ, 1, 4), tensor.New(typ, 1, 4)
		for i := range x.Data {
			x.Data[i] = byte(i) & 1
		}
		if err := s.Bind([][]tensor.Tensor{{x}}, []tensor.Tensor{y}); err != nil {
			t.Errorf("%v: %v", typ, err)
			continue
		}
		if err := s.Run(0); err != nil || !slices.Equal(x.Data, y.Data) {
			t.Errorf("%v: %v, %v became %v", typ, err, x.Data, y.Data)
		}
	}
}

// TestOpenShapes: outputs whose shape the file does not give are found out.
func TestOpenShapes(t *testing.T) {
	need(t)
	for name, out := range map[string][]onnx.Dim{"symbol": dims("N", "M"), "none": nil} {
		s, err := openModel(t, write(t, "Flatten", tensor.Float32, dims("N", 2, 3), out), 2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, o := s.IO(); !slices.Equal(o[0].Shape, []int{2, 6}) || o[0].Type != tensor.Float32 {
			t.Errorf("%s: output %+v", name, o[0])
		}
	}
}

func TestOpenErrors(t *testing.T) {
	need(t)
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.onnx")
	if err := os.WriteFile(junk, []byte("not a model at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(path string, o engine.Options, unsupported bool, want string) {
		t.Helper()
		_, err := lib.Open(t.Context(), models.Artifact{Path: path}, o)
		if err == nil || errors.Is(err, errors.ErrUnsupported) != unsupported || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("open: %v; wanted %q, unsupported %v", err, want, unsupported)
		}
	}
	cpu := engine.Options{Provider: "cpu", Threads: 1, Batch: 1}
	check(filepath.Join(dir, "absent.onnx"), cpu, false, "no such file")
	check(junk, cpu, false, "junk.onnx")
	check(write(t, "NoSuchOperator", tensor.Float32, dims(1), dims(1)), cpu, false, "NoSuchOperator")
	check(write(t, "Neg", tensor.Float32, dims(1, 2), dims(1, 2)), engine.Options{Provider: "cpu", Threads: 1, Batch: 4}, true, "fixed batch of 1, not 4")
	good := write(t, "Neg", tensor.Float32, dims(1, 2), dims(1, 2))
	check(good, engine.Options{Provider: "warp", Threads: 1, Batch: 1}, false, `unknown provider "warp" (know cpu, cuda`)
	i, err := lib.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range providers {
		if p.silent && !slices.Contains(i.Providers, p.name) {
			check(good, engine.Options{Provider: p.name, Threads: 1, Batch: 1}, true, "provider "+p.name)
		}
	}
}

// TestZoo runs a committed network: a run must not allocate, and its outputs
// are numbers.
func TestZoo(t *testing.T) {
	need(t)
	s, err := openModel(t, zoo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	x, y := tensors(t, s)
	if err := s.Bind([][]tensor.Tensor{x, x}, y); err != nil {
		t.Fatal(err)
	}
	i := 0
	if n := testing.AllocsPerRun(50, func() {
		if err := s.Run(i & 1); err != nil {
			t.Fatal(err)
		}
		i++
	}); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
	v, err := y[0].Floats()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v {
		if math.IsNaN(f) || f == 0 {
			t.Errorf("outputs %v", v)
			break
		}
	}
}

func zoo(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../../models/zoo/resnet8/baseline.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the zoo is not here: %v", err)
	}
	return path
}

// tensors returns inputs, filled with a pattern, and outputs for s.
func tensors(t testing.TB, s engine.Session) (in, out []tensor.Tensor) {
	t.Helper()
	ins, outs := s.IO()
	for _, d := range ins {
		x := tensor.New(d.Type, d.Shape...)
		if d.Type == tensor.Float32 {
			for i := range tensor.Of[float32](x) {
				tensor.Of[float32](x)[i] = float32(i%17)/17 - 0.5
			}
		}
		in = append(in, x)
	}
	for _, d := range outs {
		out = append(out, tensor.New(d.Type, d.Shape...))
	}
	return in, out
}

func TestLoadErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`Platform-specific initialization failed: Error loading ONNX shared library "/x/l.so": /x/l.so: file too short`, "load ONNX Runtime: /x/l.so: file too short"},
		{`Platform-specific initialization failed: Error looking up OrtGetApiBase in "/x/l.so": `, "/x/l.so is not ONNX Runtime: it has no OrtGetApiBase"},
		{`Platform-specific initialization failed: Error setting ORT API base: 2`, "/x/l.so is too old an ONNX Runtime: this program needs 1.24 or newer"},
	} {
		if got := loadError("/x/l.so", errors.New(c.in)).Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	_, err := New(func() (string, error) { return "/no/such/lib.so", nil }).Info(t.Context())
	if err == nil || !strings.Contains(err.Error(), "/no/such/lib.so: no such file") {
		t.Errorf("absent library: %v", err)
	}
	if got := clean(errors.New("/a/b.cc:12 void F() [ONNXRuntimeError] : 1 : FAIL : it\n broke")).Error(); got != "it broke" {
		t.Errorf("clean: %q", got)
	}
}
