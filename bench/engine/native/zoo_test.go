package native

import (
	"compress/gzip"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
)

const zooDir = "../../../models/zoo"

// zooModels returns the committed models.
func zooModels(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(zooDir + "/*/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("no models in %s: %v", zooDir, err)
	}
	return files
}

// testImages returns n of Fashion-MNIST's test images, normalised as the
// models' cards say: (p/255 − 0.2860)/0.3530.
func testImages(t testing.TB, n int) tensor.Tensor {
	t.Helper()
	f, err := os.Open(zooDir + "/fashion-mnist/t10k-images-idx3-ubyte.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 16+n*784) // 16 bytes of IDX header
	if _, err := io.ReadFull(z, raw); err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, n, 1, 28, 28)
	for i, p := range raw[16:] {
		tensor.Of[float32](x)[i] = (float32(p)/255 - 0.2860) / 0.3530
	}
	return x
}

// open opens a model file with the engine and binds x and fresh outputs.
func open(t testing.TB, path string, threads int, x ...tensor.Tensor) (engine.Session, []tensor.Tensor) {
	t.Helper()
	batch := 1
	if len(x) > 0 && len(x[0].Shape) > 0 {
		batch = x[0].Shape[0]
	}
	s, err := Engine{}.Open(context.Background(), models.Artifact{Path: path, Format: "onnx"}, engine.Options{Threads: threads, Batch: batch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var out []tensor.Tensor
	_, descs := s.IO()
	for _, d := range descs {
		out = append(out, tensor.New(d.Type, d.Shape...))
	}
	if err := s.Bind([][]tensor.Tensor{x}, out); err != nil {
		t.Fatal(err)
	}
	return s, out
}

// TestZoo compares every committed model with the oracle on a few test
// images, for one and for two threads.
func TestZoo(t *testing.T) {
	x := testImages(t, 4)
	for _, path := range zooModels(t) {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), func(t *testing.T) {
			m, err := onnx.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			want := oracle(t, m, x)[m.Graph.Outputs[0].Name]
			for _, threads := range []int{1, 2} {
				s, out := open(t, path, threads, x)
				if err := s.Run(0); err != nil {
					t.Fatal(err)
				}
				compare(t, out[0], want, tolerance(path))
				if n := testing.AllocsPerRun(5, func() { _ = s.Run(0) }); n != 0 {
					t.Errorf("%d threads: Run allocates %v times", threads, n)
				}
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// tolerance is relative to the largest output. Where activations are
// quantized, a value that float32 puts on the other side of a rounding edge
// than float64 moves by a step, 1/255 of its range, and others follow.
func tolerance(path string) float64 {
	if strings.Contains(path, "int8") {
		return 2e-2
	}
	return 1e-4
}

// compare wants outputs within tol of the largest one's size.
func compare(t *testing.T, got tensor.Tensor, want arr, tol float64) {
	t.Helper()
	g, err := got.Floats()
	if err != nil {
		t.Fatal(err)
	}
	if len(g) != len(want.v) {
		t.Fatalf("%d outputs, want %d", len(g), len(want.v))
	}
	top, worst := 0.0, 0.0
	for i, w := range want.v {
		top, worst = max(top, math.Abs(w)), max(worst, math.Abs(g[i]-w))
	}
	if !(worst <= tol*top) {
		t.Errorf("outputs differ by %.3g, the largest is %.3g", worst, top)
	}
}

func BenchmarkZoo(b *testing.B) {
	x := testImages(b, 1)
	for _, path := range zooModels(b) {
		b.Run("model="+filepath.Base(filepath.Dir(path))+"/variant="+filepath.Base(path), func(b *testing.B) {
			s, _ := open(b, path, 1, x)
			for b.Loop() {
				if err := s.Run(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
