package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A layer is one kind of operator with its sizes, as a model of its own.
type layer struct {
	group string // row of the wanted figures
	name  string
	model *onnx.Model
	in    tensor.Tensor
}

// layers are the shapes that docs/performance.md names.
func layers() []layer {
	var out []layer
	for _, n := range []int{32, 64} {
		out = append(out, product("fp32 GEMM ≤ 64", n, false))
	}
	for _, n := range []int{256, 512, 1024} {
		out = append(out, product("fp32 GEMM 256–1024", n, false))
	}
	for _, n := range []int{256, 512, 1024} {
		out = append(out, product("INT8 GEMM 256–1024", n, true))
	}
	// MobileNetV2's blocks: expansion and projection in turn.
	for _, s := range [][3]int{{56, 24, 144}, {28, 32, 192}, {14, 96, 576}} {
		out = append(out, chain("1×1 convolution", s[0], []int{s[1], s[2], s[1], s[2], s[1]}, 1, false, false))
	}
	for _, s := range [][2]int{{56, 64}, {28, 128}, {14, 256}, {7, 512}} {
		out = append(out, chain("3×3 convolution", s[0], []int{s[1], s[1], s[1], s[1], s[1]}, 3, false, false))
	}
	for _, q := range []bool{false, true} {
		for _, s := range [][2]int{{112, 32}, {56, 144}, {28, 192}, {14, 384}, {7, 960}} {
			name := "depthwise 3×3 fp32"
			if q {
				name = "depthwise 3×3 INT8"
			}
			out = append(out, chain(name, s[0], []int{s[1], s[1], s[1], s[1], s[1]}, 3, true, q))
		}
	}
	return out
}

// A drawer makes numbers that are the same on every machine.
type drawer struct{ *rand.Rand }

func draw(seed uint64) drawer { return drawer{rand.New(rand.NewPCG(11, seed))} }

func (d drawer) floats(size float64, shape ...int) tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i, v := 0, tensor.Of[float32](t); i < len(v); i++ {
		v[i] = float32(size * d.NormFloat64())
	}
	return t
}

func (d drawer) bytes(typ tensor.Type, shape ...int) tensor.Tensor {
	t := tensor.New(typ, shape...)
	for i := range t.Data {
		t.Data[i] = byte(d.Uint32())
	}
	return t
}

func scalar(v float32) tensor.Tensor { return tensor.From(tensor.Float32, []float32{v}) }

func start(in tensor.Tensor, out tensor.Type) *onnx.Model {
	v := onnx.ValueInfo{Name: "x", Type: in.Type, HasShape: true}
	for _, d := range in.Shape {
		v.Shape = append(v.Shape, onnx.Dim{Value: int64(d)})
	}
	return &onnx.Model{
		IRVersion: 8,
		Opsets:    []onnx.Opset{{Version: 17}, {Domain: microsoft, Version: 1}},
		Graph:     &onnx.Graph{Name: "layer", Inputs: []onnx.ValueInfo{v}, Outputs: []onnx.ValueInfo{{Name: "y", Type: out}}},
	}
}

const microsoft = "com.microsoft"

func add(m *onnx.Model, domain, op, out string, in []string, attrs ...onnx.Attr) {
	m.Graph.Nodes = append(m.Graph.Nodes, &onnx.Node{Name: out, Op: op, Domain: domain, Inputs: in, Outputs: []string{out}, Attrs: attrs})
}

// product is one n×n×n product with a constant matrix. Quantized weights have
// seven bits: without VNNI, ONNX Runtime adds two products in 16 bits, where
// those of eight saturate, and its results are then not those of the model.
func product(group string, n int, quantized bool) layer {
	d, l := draw(uint64(n)), layer{group: group, name: fmt.Sprintf("%d×%d×%d", n, n, n)}
	if quantized {
		l.in = d.bytes(tensor.Uint8, n, n)
		l.model = start(l.in, tensor.Int32)
		w := d.bytes(tensor.Int8, n, n)
		for i, v := range tensor.Of[int8](w) {
			tensor.Of[int8](w)[i] = v >> 1
		}
		l.model.Graph.AddInitializer("w", w)
		l.model.Graph.AddInitializer("z", tensor.From(tensor.Uint8, []uint8{128}))
		add(l.model, "", "MatMulInteger", "y", []string{"x", "w", "z"})
		return l
	}
	l.in = d.floats(1, n, n)
	l.model = start(l.in, tensor.Float32)
	l.model.Graph.AddInitializer("w", d.floats(1/math.Sqrt(float64(n)), n, n))
	add(l.model, "", "MatMul", "y", []string{"x", "w"})
	return l
}

// chain is several convolutions of a hw×hw image with so many channels after
// each other, behind a 1×1 convolution that spreads one channel and before a
// mean over the pixels: the engines' own order of an image's elements then
// costs neither of them anything.
func chain(group string, hw int, channels []int, k int, depthwise, quantized bool) layer {
	d := draw(uint64(hw*k + channels[1]))
	l := layer{group: group, name: fmt.Sprintf("%d²·%d", hw, channels[0])}
	if channels[1] != channels[0] {
		l.name += fmt.Sprintf("↔%d", channels[1])
	}
	if quantized {
		l.in = d.bytes(tensor.Uint8, 1, 1, hw, hw)
		l.model = start(l.in, tensor.Uint8)
		l.model.Graph.AddInitializer("s", scalar(1./16))
		l.model.Graph.AddInitializer("z", tensor.From(tensor.Uint8, []uint8{128}))
		l.model.Graph.AddInitializer("i", tensor.From(tensor.Int8, []int8{0}))
	} else {
		l.in = d.floats(1, 1, 1, hw, hw)
		l.model = start(l.in, tensor.Float32)
	}
	x := l.convolve(d, "x", 1, channels[0], 1, 1, quantized)
	for i := range channels[1:] {
		groups := 1
		if depthwise {
			groups = channels[i]
		}
		x = l.convolve(d, x, channels[i], channels[i+1], k, groups, quantized)
	}
	if quantized {
		add(l.model, microsoft, "QLinearGlobalAveragePool", "y", []string{x, "s", "z", "s", "z"})
	} else {
		add(l.model, "", "GlobalAveragePool", "y", []string{x})
	}
	return l
}

// convolve adds a convolution that keeps the size of its input's elements, and
// of the image, and returns the name of its output.
func (l *layer) convolve(d drawer, x string, c, m, k, groups int, quantized bool) string {
	y := fmt.Sprintf("v%d", len(l.model.Graph.Nodes))
	size, pad := math.Sqrt(float64(c/groups*k*k)), int64(k/2)
	attrs := []onnx.Attr{onnx.IntsAttr("pads", pad, pad, pad, pad), onnx.IntAttr("group", int64(groups))}
	shape := []int{m, c / groups, k, k}
	if !quantized {
		l.model.Graph.AddInitializer(y+"w", d.floats(1/size, shape...))
		add(l.model, "", "Conv", y, []string{x, y + "w"}, attrs...)
		return y
	}
	l.model.Graph.AddInitializer(y+"w", d.bytes(tensor.Int8, shape...))
	l.model.Graph.AddInitializer(y+"s", scalar(float32(1/(74*size)))) // 74: deviation of bytes
	add(l.model, "", "QLinearConv", y, []string{x, "s", "z", y + "w", y + "s", "i", "s", "z"}, attrs...)
	return y
}
