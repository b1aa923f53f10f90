package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/engine/ortlib"
	"assay/bench/kernel/conv"
	"assay/bench/kernel/gemm"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
	"assay/models/zoo"
)

func needORT(t testing.TB) {
	t.Helper()
	if _, err := ortlib.Find(); err != nil {
		t.Skipf("ONNX Runtime is not there (make test fetches it): %v", err)
	}
}

func random(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

// saved writes a model of one node, which reads x and the constants, and
// returns its artifact.
func saved(t testing.TB, n *onnx.Node, x, y []int, constants map[string]tensor.Tensor) models.Artifact {
	t.Helper()
	info := func(name string, shape []int) onnx.ValueInfo {
		v := onnx.ValueInfo{Name: name, Type: tensor.Float32, HasShape: true}
		for _, d := range shape {
			v.Shape = append(v.Shape, onnx.Dim{Value: int64(d)})
		}
		return v
	}
	g := &onnx.Graph{Name: "layer", Nodes: []*onnx.Node{n}, Inputs: []onnx.ValueInfo{info("x", x)}, Outputs: []onnx.ValueInfo{info("y", y)}}
	for name, c := range constants {
		g.AddInitializer(name, c)
	}
	path := filepath.Join(t.TempDir(), "layer.onnx")
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}, {Domain: "com.microsoft", Version: 1}}, Graph: g}
	if err := onnx.WriteFile(path, m); err != nil {
		t.Fatal(err)
	}
	return models.Artifact{Path: path, Format: "onnx"}
}

// bound opens a with the named engine, one thread, x bound.
func bound(t testing.TB, name string, a models.Artifact, x tensor.Tensor) (engine.Session, tensor.Tensor) {
	t.Helper()
	e, err := engine.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Open(context.Background(), a, engine.Options{Provider: "cpu", Threads: 1, Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // nothing is written
	_, outs := s.IO()
	y := tensor.New(outs[0].Type, outs[0].Shape...)
	if err := s.Bind([][]tensor.Tensor{{x}}, []tensor.Tensor{y}); err != nil {
		t.Fatal(err)
	}
	return s, y
}

// nbits returns a MatMulNBits of random weights with its input.
func nbits(t testing.TB, m, k, n, block, level int, zeros bool) (models.Artifact, tensor.Tensor) {
	r := rand.New(rand.NewPCG(uint64(m*k), uint64(n*block)))
	blocks := (k + block - 1) / block
	bytes := func(shape ...int) tensor.Tensor {
		v := tensor.New(tensor.Uint8, shape...)
		for i := range v.Data {
			v.Data[i] = byte(r.Uint32())
		}
		return v
	}
	scales := random(r, n*blocks)
	for i := range scales {
		scales[i] /= 64
	}
	node := &onnx.Node{Name: "product", Op: "MatMulNBits", Domain: "com.microsoft", Inputs: []string{"x", "q", "s"}, Outputs: []string{"y"}, Attrs: []onnx.Attr{
		onnx.IntAttr("K", int64(k)), onnx.IntAttr("N", int64(n)), onnx.IntAttr("bits", 4), onnx.IntAttr("block_size", int64(block)), onnx.IntAttr("accuracy_level", int64(level)),
	}}
	constants := map[string]tensor.Tensor{"q": bytes(n, blocks, block/2), "s": tensor.From(tensor.Float32, scales, n*blocks)}
	if zeros {
		node.Inputs = append(node.Inputs, "z")
		constants["z"] = bytes(n * ((blocks + 1) / 2))
	}
	return saved(t, node, []int{1, m, k}, []int{1, m, n}, constants), tensor.From(tensor.Float32, random(r, m*k), 1, m, k)
}

// TestInt4 holds MatMulNBits to ONNX Runtime on random weights: to the order of
// additions at accuracy level 0, and where both quantize activations to the
// half steps that they may round apart.
func TestInt4(t *testing.T) {
	needORT(t)
	for _, block := range []int{16, 32, 64, 128, 256} {
		for i := range 8 {
			m, k, level, zeros := 1+i%2*6, 3*block-i/4*5, i%2*4, i/2%2 == 1
			a, x := nbits(t, m, k, 40, block, level, zeros)
			var out [2]tensor.Tensor
			for e, name := range []string{"onnxruntime", "native"} {
				s, y := bound(t, name, a, x)
				if err := s.Run(0); err != nil {
					t.Fatal(err)
				}
				out[e] = y
			}
			limit := 1e-5
			if level == 4 {
				limit = 2e-2
			}
			if d := difference(tensor.Of[float32](out[0]), tensor.Of[float32](out[1])); d > limit {
				t.Errorf("%d×%d, blocks of %d, level %d, zero points %v: differ by %.2g of the largest output, at most %g", m, k, block, level, zeros, d, limit)
			}
		}
	}
}

// against times ONNX Runtime and ours in turn, 50 µs or more each, and reports
// the median of their ratios: above 1 ours is faster.
func against(b *testing.B, theirs, ours func()) {
	once := func(n int, f func()) time.Duration {
		began := time.Now()
		for range n {
			f()
		}
		return time.Since(began)
	}
	theirs()
	n := 1
	for ours(); n < 1<<20 && min(once(n, ours), once(n, theirs)) < 50*time.Microsecond; {
		n *= 2
	}
	var ratio, own []float64
	for b.Loop() {
		t := once(n, theirs)
		o := once(n, ours)
		ratio, own = append(ratio, float64(t)/float64(o)), append(own, o.Seconds()/float64(n))
	}
	slices.Sort(ratio)
	slices.Sort(own)
	b.ReportMetric(ratio[len(ratio)/2], "ratio")
	b.ReportMetric(1e6*own[0], "best-µs")
	b.ReportMetric(0, "ns/op")
}

func runs(b *testing.B, s engine.Session) func() {
	return func() {
		if err := s.Run(0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInt4(b *testing.B) {
	needORT(b)
	for _, s := range [][4]int{ // m, k and n, block, level
		{1, 1024, 32, 4},
		{1, 1024, 128, 4},
		{1, 4096, 32, 4},
		{1, 4096, 128, 4},
		{1, 1024, 32, 0},
		{128, 1024, 32, 4},
		{128, 1024, 128, 4},
		{128, 4096, 32, 4},
		{128, 1024, 32, 0},
	} {
		b.Run(fmt.Sprintf("m=%d/k=%d/block=%d/level=%d", s[0], s[1], s[2], s[3]), func(b *testing.B) {
			a, x := nbits(b, s[0], s[1], s[1], s[2], s[3], false)
			theirs, _ := bound(b, "onnxruntime", a, x)
			ours, _ := bound(b, "native", a, x)
			against(b, runs(b, theirs), runs(b, ours))
		})
	}
}

// prunedLayers are 1×1 convolutions as in MobileNet and 3×3 ones as in ResNet: size
// of the image, channels in and out, kernel.
var prunedLayers = [][4]int{
	{56, 64, 64, 1},
	{28, 128, 128, 1},
	{14, 256, 256, 1},
	{7, 512, 512, 1},
	{14, 384, 64, 1},
	{14, 64, 384, 1},
	{56, 64, 64, 3},
	{28, 128, 128, 3},
	{14, 256, 256, 3},
	{7, 512, 512, 3},
}

// BenchmarkSparse times the kernels on activations in their own layout, turning
// them included, against ONNX Runtime's convolution with the same weights.
func BenchmarkSparse(b *testing.B) {
	needORT(b)
	for _, l := range prunedLayers {
		hw, c, m, k := l[0], l[1], l[2], l[3]
		for _, pruned := range []struct {
			name   string
			zeros  float64
			inputs int // of four following outputs, or 1
		}{{"50", 0.5, 1}, {"80", 0.8, 1}, {"90", 0.9, 1}, {"95", 0.95, 1}, {"4x1-90", 0.9, 4}, {"2of4", 0.5, 0}} {
			b.Run(fmt.Sprintf("hw=%d/c=%d/m=%d/k=%d/zeros=%s", hw, c, m, k, pruned.name), func(b *testing.B) {
				r := rand.New(rand.NewPCG(uint64(hw*c), uint64(m*k)))
				w := random(r, m*c*k*k)
				prune(r, w, m, c, k*k, pruned.zeros, pruned.inputs)
				benchmarkLayer(b, r, w, hw, c, m, k)
			})
		}
	}
}

// BenchmarkPruned times the zoo's pruned models, ONNX Runtime's against ours.
func BenchmarkPruned(b *testing.B) {
	needORT(b)
	for _, model := range []string{"resnet8", "mobilenetv2-mini"} {
		for _, variant := range []string{"baseline", "sparse-90"} {
			b.Run(fmt.Sprintf("model=%s/variant=%s", model, variant), func(b *testing.B) {
				a, err := zoo.Artifact(model, variant)
				if err != nil {
					b.Fatal(err)
				}
				x := tensor.From(tensor.Float32, random(rand.New(rand.NewPCG(1, 1)), 784), 1, 1, 28, 28)
				theirs, _ := bound(b, "onnxruntime", a, x)
				ours, _ := bound(b, "native", a, x)
				against(b, runs(b, theirs), runs(b, ours))
			})
		}
	}
}

// prune puts zeros into w, m × c × taps.
func prune(r *rand.Rand, w []float32, m, c, taps int, zeros float64, group int) {
	if group == 0 { // two of the four inputs at each tap
		for o := range m {
			for t := range taps {
				for i := 0; i < c; i += 4 {
					for _, x := range r.Perm(4)[:2] {
						w[(o*c+i+x)*taps+t] = 0
					}
				}
			}
		}
		return
	}
	for o := 0; o < m; o += group {
		for i := range c * taps {
			if r.Float64() < zeros {
				for g := range group {
					w[(o+g)*c*taps+i] = 0
				}
			}
		}
	}
}

func benchmarkLayer(b *testing.B, r *rand.Rand, w []float32, hw, c, m, k int) {
	pad := int64(k / 2)
	n := &onnx.Node{Name: "layer", Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"y"}, Attrs: []onnx.Attr{onnx.IntsAttr("pads", pad, pad, pad, pad)}}
	a := saved(b, n, []int{1, c, hw, hw}, []int{1, m, hw, hw}, map[string]tensor.Tensor{"w": tensor.From(tensor.Float32, w, m, c, k, k)})
	x := random(r, c*hw*hw)
	theirs, y := bound(b, "onnxruntime", a, tensor.From(tensor.Float32, x, 1, c, hw, hw))
	own, err := conv.New(conv.Shape{
		N: 1, H: hw, W: hw, C: c, M: m, OH: hw, OW: hw, KH: k, KW: k, SH: 1, SW: 1, DH: 1, DW: 1, Top: k / 2, Left: k / 2, Groups: 1,
	}, w)
	if err != nil {
		b.Fatal(err)
	}
	in, out, scratch, ep := make([]float32, len(x)), make([]float32, hw*hw*m), make([]float32, own.Scratch()), gemm.None()
	for p := range hw * hw {
		for ch := range c {
			in[p*c+ch] = x[ch*hw*hw+p]
		}
	}
	against(b, runs(b, theirs), func() { own.Run(out, in, scratch, &ep, 0, hw*hw) })
	planes := make([]float32, len(out))
	for p := range hw * hw {
		for ch := range m {
			planes[ch*hw*hw+p] = out[p*m+ch]
		}
	}
	if d := difference(tensor.Of[float32](y), planes); d > 1e-4 {
		b.Fatalf("outputs differ by %.2g of the largest", d)
	}
	if !own.Sparse() {
		b.Log("taken by the dense kernel")
	}
}
