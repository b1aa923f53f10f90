package native

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
)

// TestOpenRefuses wants clear errors, and ErrUnsupported where another engine
// may well run the model.
func TestOpenRefuses(t *testing.T) {
	x, img := f32(1, 2, 3), f32(1, 1, 4, 5, 5)
	start := func() *modelBuilder { return newModel().input("x", x) }
	for name, c := range map[string]struct {
		m           *onnx.Model
		want        string
		unsupported bool
	}{
		"unknown operator": {
			start().node("Einsum", []string{"x"}, []string{"y"}).output("y"),
			`node "n_y": operator Einsum: unsupported operation by native (docs/operators.md lists the `, true,
		},
		"other domain": {func() *onnx.Model {
			m := start().node("Relu", []string{"x"}, []string{"y"}).output("y")
			m.Graph.Nodes[0].Domain = "acme"
			m.Opsets = append(m.Opsets, onnx.Opset{Domain: "acme", Version: 1})
			return m
		}(), "operator acme.Relu", true},
		"internal operator": {func() *onnx.Model {
			m := start().node("Copy", []string{"x"}, []string{"y"}).output("y")
			m.Graph.Nodes[0].Domain = internal
			m.Opsets = append(m.Opsets, onnx.Opset{Domain: internal, Version: 1})
			return m
		}(), "operator", true},
		"opset": {func() *onnx.Model {
			m := start().node("Relu", []string{"x"}, []string{"y"}).output("y")
			m.Opsets[0].Version = 99
			return m
		}(), "operator set 99 is not known", false},
		"unknown attribute": {start().node("Relu", []string{"x"}, []string{"y"}, onnx.IntAttr("leak", 1)).output("y"), `attribute "leak" of Relu`, true},
		"too many inputs":   {start().node("Relu", []string{"x", "x"}, []string{"y"}).output("y"), "Relu with 2 inputs (1 to 1 are)", true},
		"dimensions":        {start().constant("w", f32(1, 4, 2)).node("MatMul", []string{"x", "w"}, []string{"y"}).output("y"), "MatMul", false},
		"computed weights": {
			newModel().input("x", img).input("w", f32(1, 1, 4, 3, 3)).node("Conv", []string{"x", "w"}, []string{"y"}).output("y"),
			`weights "w" are computed by the model`, true,
		},
		"free dimension": {func() *onnx.Model {
			m := start().node("Relu", []string{"x"}, []string{"y"}).output("y")
			m.Graph.Inputs[0].Shape[1] = onnx.Dim{Param: "sequence"}
			return m
		}(), "dimension 1 (sequence) is not fixed and is not the batch", true},
		"half precision": {start().constant("w", tensor.Tensor{Type: tensor.Float16, Shape: []int{3}, Data: make([]byte, 6)}).
			node("Add", []string{"x", "w"}, []string{"y"}).output("y"), "", false},
		"negative scale": {start().constant("s", scalar(1)).constant("t", scalar(-1)).constant("z", one(tensor.Uint8, uint8(0))).
			constant("w", bytesOf(tensor.Int8, 3, 2)).constant("wz", one(tensor.Int8, int8(0))).
			node("QuantizeLinear", []string{"x", "s", "z"}, []string{"q"}).
			node("QLinearMatMul", []string{"q", "t", "z", "w", "s", "wz", "s", "z"}, []string{"y"}).output("y"), "scales must be positive", false},
	} {
		batch := 2
		if d := c.m.Graph.Inputs[0].Shape[0].Value; d > 0 {
			batch = int(d)
		}
		_, err := newSession(c.m, batch, 1)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.unsupported && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: got %v, want %q, unsupported %v", name, err, c.want, c.unsupported)
		}
	}
}

// TestTooLarge wants an error before anything of that size is allocated.
func TestTooLarge(t *testing.T) {
	if _, ok := available(); !ok {
		t.Skip("this system does not say how much memory is available")
	}
	x := tensor.Tensor{Type: tensor.Float32, Shape: []int{1 << 18, 1 << 18}} // 256 GB
	m := newModel().input("x", x).node("Relu", []string{"x"}, []string{"a"}).node("Sigmoid", []string{"a"}, []string{"y"}).output("y")
	_, err := newSession(m, 1<<18, 1)
	if err == nil || !strings.Contains(err.Error(), "model needs 524288 MB") || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestEngineOpenRefuses(t *testing.T) {
	good := filepath.Join(zooDir, "resnet8", "baseline.onnx")
	junk := filepath.Join(t.TempDir(), "junk.onnx")
	if err := os.WriteFile(junk, []byte("not a model"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		a           models.Artifact
		opt         engine.Options
		unsupported bool
	}{
		"missing file": {models.Artifact{Path: junk + "x"}, engine.Options{}, false},
		"not ONNX":     {models.Artifact{Path: junk}, engine.Options{}, false},
		"format":       {models.Artifact{Path: good, Format: "tflite"}, engine.Options{}, true},
		"provider":     {models.Artifact{Path: good}, engine.Options{Provider: "cuda"}, true},
		"threads":      {models.Artifact{Path: good}, engine.Options{Threads: maxThreads + 1}, false},
	} {
		_, err := Engine{}.Open(context.Background(), c.a, c.opt)
		if err == nil || errors.Is(err, errors.ErrUnsupported) != c.unsupported {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Engine{}).Open(ctx, models.Artifact{Path: good}, engine.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestBind(t *testing.T) {
	x := testImages(t, 2)
	s, out := open(t, filepath.Join(zooDir, "resnet8", "baseline.onnx"), 1, x)
	wrong, odd := tensor.New(tensor.Float32, 2, 1, 28, 27), x
	odd.Data = tensor.Aligned(len(x.Data) + 1)[1:]
	for name, c := range map[string]struct {
		sets [][]tensor.Tensor
		out  []tensor.Tensor
		want string
	}{
		"no sets":      {nil, out, "no input set"},
		"no inputs":    {[][]tensor.Tensor{{}}, out, "0 tensors, want 1"},
		"shape":        {[][]tensor.Tensor{{x}, {wrong}}, out, `input set 1: "input" is float32[2 1 28 27], want float32[2 1 28 28]`},
		"type":         {[][]tensor.Tensor{{tensor.New(tensor.Uint8, 2, 1, 28, 28)}}, out, "is uint8"},
		"bytes":        {[][]tensor.Tensor{{{Type: x.Type, Shape: x.Shape, Data: x.Data[:8]}}}, out, "has 8 bytes"},
		"alignment":    {[][]tensor.Tensor{{odd}}, out, "not aligned"},
		"no outputs":   {[][]tensor.Tensor{{x}}, nil, "bind outputs: 0 tensors, want 1"},
		"output shape": {[][]tensor.Tensor{{x}}, []tensor.Tensor{x}, "bind outputs"},
	} {
		if err := s.Bind(c.sets, c.out); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for _, i := range []int{-1, 1} {
		if err := s.Run(i); err == nil {
			t.Errorf("Run(%d) of one set: no error", i)
		}
	}
}

// TestSets rotates two sets, and finds a closed session closed.
func TestSets(t *testing.T) {
	x := testImages(t, 2)
	half := func(i int) tensor.Tensor {
		return tensor.Tensor{Type: x.Type, Shape: []int{1, 1, 28, 28}, Data: x.Data[i*784*4 : (i+1)*784*4]}
	}
	s, out := open(t, filepath.Join(zooDir, "resnet8", "baseline.onnx"), 1, half(0))
	both, all := open(t, filepath.Join(zooDir, "resnet8", "baseline.onnx"), 1, x)
	if err := both.Run(0); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind([][]tensor.Tensor{{half(0)}, {half(1)}}, out); err != nil {
		t.Fatal(err)
	}
	want, _ := all[0].Floats()
	for _, i := range []int{1, 0, 1} {
		if err := s.Run(i); err != nil {
			t.Fatal(err)
		}
		near(t, "set", out[0], want[i*10:(i+1)*10])
	}
	if s.(engine.Sizer).PackedSize() < 4*70000 { // 77 k parameters, batch normalisation folded
		t.Errorf("packed size %d", s.(engine.Sizer).PackedSize())
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Run(0); err == nil {
		t.Error("Run of a closed session: no error")
	}
	if err := s.Bind([][]tensor.Tensor{{x}}, out); err == nil {
		t.Error("Bind of a closed session: no error")
	}
}

func TestInfoAndKernels(t *testing.T) {
	e, err := engine.Lookup("native")
	if err != nil {
		t.Fatal(err)
	}
	info, err := e.Info(context.Background())
	if err != nil || info.Name != "native" || info.Build == "" || !slices.Equal(info.Providers, []string{"cpu"}) {
		t.Errorf("%+v, %v", info, err)
	}
	chosen := map[string]int{}
	for _, k := range Kernels() {
		if k.Chosen {
			chosen[k.Operator]++
		} else {
			chosen[k.Operator] += 0
		}
	}
	for op, n := range chosen {
		if n != 1 {
			t.Errorf("%s: %d variants are chosen, want 1", op, n)
		}
	}
	if len(chosen) < 8 {
		t.Errorf("kernels of only %d operators: %v", len(chosen), chosen)
	}
}

// TestMemoryPlan: values that live at once do not overlap, and the arena is
// not much larger than the most that lives at once.
func TestMemoryPlan(t *testing.T) {
	for _, path := range zooModels(t) {
		m, err := onnx.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := plan(m, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		total, peak := 0, 0
		for i, a := range plan.slots {
			if a.kind != inArena {
				continue
			}
			total = max(total, a.offset+a.size)
			if a.offset%tensor.Align != 0 {
				t.Errorf("%s: slot %d starts at %d", path, i, a.offset)
			}
			live := 0
			for j, b := range plan.slots {
				if b.kind != inArena || b.last < a.first || b.first > a.first {
					continue
				}
				live += roundUp(b.size)
				if i != j && a.size > 0 && b.size > 0 && a.offset < b.offset+b.size && b.offset < a.offset+a.size {
					t.Errorf("%s: slots %d and %d overlap", path, i, j)
				}
			}
			peak = max(peak, live)
		}
		if total > peak*5/4 {
			t.Errorf("%s: an arena of %d bytes for %d that live at once", path, total, peak)
		}
		plan.pool.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
