package memory

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/engine/native"
	"assay/bench/runner"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
)

// engines are those that the test binary is a worker of. ONNX Runtime adds
// itself where there is cgo.
var engines = map[string]engine.Engine{"native": native.Engine{}}

const (
	side  = 1024            // of a square matrix of weights
	layer = 4 * side * side // B of one
)

// chain writes a model of so many layers x·W, with weights of a known size and
// nothing else to speak of. The weights lie in the file at multiples of 4, as
// most do in files with many tensors; those that do not are copied by engines
// that read them in place, and would count once more.
func chain(t *testing.T, layers int) (path string, weights int64) {
	t.Helper()
	ends := func(name string) []onnx.ValueInfo {
		return []onnx.ValueInfo{{Name: name, Type: tensor.Float32, Shape: []onnx.Dim{{Value: 1}, {Value: side}}, HasShape: true}}
	}
	g := &onnx.Graph{Inputs: ends("x000"), Outputs: ends(fmt.Sprintf("x%03d", layers))}
	for i := range layers {
		w := tensor.New(tensor.Float32, side, side)
		for j, v := range tensor.Of[float32](w) {
			tensor.Of[float32](w)[j] = v + float32(j%251+1)*1e-6 // no page of zeros
		}
		g.Initializers = append(g.Initializers, &onnx.Initializer{Name: fmt.Sprintf("w%03d", i), Tensor: w})
		g.Nodes = append(g.Nodes, &onnx.Node{
			Op: "MatMul", Inputs: []string{fmt.Sprintf("x%03d", i), fmt.Sprintf("w%03d", i)}, Outputs: []string{fmt.Sprintf("x%03d", i+1)},
		})
	}
	g.Name = "g"
	b := encode(t, g)
	if off := bytes.Index(b, g.Initializers[0].Data[:64]) % 4; off != 0 {
		g.Name += strings.Repeat("g", 4-off) // the name moves what follows it
		b = encode(t, g)
	}
	if bytes.Index(b, g.Initializers[0].Data[:64])%4 != 0 {
		t.Fatal("the weights could not be aligned in the file")
	}
	path = filepath.Join(t.TempDir(), "chain.onnx")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, int64(layers) * layer
}

func encode(t *testing.T, g *onnx.Graph) []byte {
	t.Helper()
	b, err := onnx.Encode(&onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// took is what a fresh worker took of the memory for a model.
type took struct{ load, peak, steady, run, arena, packed int64 }

func measure(t *testing.T, name, path string) took {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w, err := runner.Start(ctx, runner.Command{Path: self, Env: []string{role + "=" + name}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Kill()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	idle, err := Share(w.Pid())
	must(err)
	watch, err := Follow(w.Pid())
	must(err)
	begun, err := Read(w.Pid())
	must(err)
	l, err := w.Load(ctx, models.Artifact{Path: path, Format: "onnx"}, engine.Options{Provider: "cpu", Threads: 1, Batch: 1})
	must(err)
	out := took{packed: l.PackedSize}
	out.load, err = watch.Look()
	must(err)
	must(w.Bind(ctx, [][]tensor.Tensor{{tensor.New(tensor.Float32, 1, side)}}))
	_, err = watch.Look()
	must(err)
	_, err = w.Warm(ctx, time.Millisecond, 3)
	must(err)
	out.run, err = watch.Look()
	must(err)
	out.peak = watch.Peak() - begun.RSS
	out.steady, err = Share(w.Pid())
	must(err)
	out.steady -= idle
	st, err := w.Stats(ctx)
	must(err)
	out.arena = st.Arena
	return out
}

// known measures two models that differ by 192 MiB of weights: whatever an
// engine takes beside them cancels, so that the difference is known to be
// copies × 192 MiB: while loading, at the peak and afterwards.
func known(t *testing.T, name string, copies int64) (small, big took) {
	if testing.Short() {
		t.Skip("takes seconds and 2 GB")
	}
	if free := available(os.DirFS("/")); free < 2<<30 {
		t.Skipf("%d MB of memory are available, 2048 are needed", free>>20)
	}
	if err := ResetPeak(os.Getpid()); err != nil {
		t.Skip(err)
	}
	path, few := chain(t, 16)
	small = measure(t, name, path)
	path, many := chain(t, 64)
	big = measure(t, name, path)
	want := copies * (many - few)
	near(t, "loading", big.load-small.load, want)
	near(t, "peak", big.peak-small.peak, want)
	near(t, "steady", big.steady-small.steady, want)
	for _, x := range []took{small, big} {
		if x.run > 4<<20 { // values are 4 kB each; weights are read alone
			t.Errorf("running took %d bytes", x.run)
		}
		t.Logf("%s: loading %.1f MB, peak %.1f MB, steady %.1f MB, running %.2f MB, arena %.3f MB, packed %.1f MB", name,
			float64(x.load)/1e6, float64(x.peak)/1e6, float64(x.steady)/1e6, float64(x.run)/1e6, float64(x.arena)/1e6, float64(x.packed)/1e6)
	}
	return small, big
}

// TestKnownNative: the native engine maps the file and packs its weights beside
// it, so they are resident twice.
func TestKnownNative(t *testing.T) {
	small, big := known(t, "native", 2)
	for _, c := range []struct {
		took
		layers int64
	}{{small, 16}, {big, 64}} {
		if c.packed != c.layers*layer {
			t.Errorf("packed weights of %d layers: %d bytes", c.layers, c.packed)
		}
		// The input and the output are bound; two values alive at a time remain.
		if want := int64(2 * 4 * side); c.arena != want {
			t.Errorf("arena of %d layers: %d bytes, want %d", c.layers, c.arena, want)
		}
	}
}
