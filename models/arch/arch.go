// Package arch builds well-known networks as ONNX models, with weights drawn
// from a seed: for timing and memory, which do not ask what weights say.
// Parameters and multiplications are those of the published tables.
package arch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// An Architecture is one network with the sizes that it is known by.
type Architecture struct {
	Name   string
	Params int64 // trainable: batch normalisation's scale and bias count, its running statistics do not
	MACs   int64 // of convolutions and matrix products, batch 1
	Source string

	build func(b *builder)
}

// All lists the architectures.
var All = []Architecture{
	{"mobilenetv2-224", 3_504_872, 300_774_272, "Sandler et al. 2018, MobileNetV2, table 2", mobileNetV2},
	{"resnet18-224", 11_689_512, 1_814_073_344, "He et al. 2016, Deep residual learning, table 1", resNet18},
	{"bert-mini", 11_170_560, 436_273_152, "Turc et al. 2019, Well-read students learn better (4 layers, 256 wide), 128 tokens", bertMini},
}

// Build returns the architecture called name with the weights of seed, the
// same on every machine. Batch 1.
func Build(name string, seed uint64) (*onnx.Model, error) {
	var have []string
	for _, a := range All {
		if a.Name == name {
			b := &builder{rand: rand.New(rand.NewPCG(seed, 224)), m: &onnx.Model{
				IRVersion: 8, Producer: "assay", Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{Name: name},
			}}
			a.build(b)
			return b.m, nil
		}
		have = append(have, a.Name)
	}
	return nil, fmt.Errorf("unknown architecture %q (have %v)", name, have)
}

// A builder adds to one model. Values are known by their names.
type builder struct {
	m    *onnx.Model
	rand *rand.Rand
}

// input adds an input of the given type and shape.
func (b *builder) input(name string, typ tensor.Type, shape ...int64) string {
	v := onnx.ValueInfo{Name: name, Type: typ, HasShape: true}
	for _, d := range shape {
		v.Shape = append(v.Shape, onnx.Dim{Value: d})
	}
	b.m.Graph.Inputs = append(b.m.Graph.Inputs, v)
	return name
}

// output makes values the model's outputs.
func (b *builder) output(names ...string) {
	for _, n := range names {
		b.m.Graph.Outputs = append(b.m.Graph.Outputs, onnx.ValueInfo{Name: n, Type: tensor.Float32})
	}
}

// normal adds weights around mean.
func (b *builder) normal(name string, mean, deviation float64, shape ...int) string {
	t := tensor.New(tensor.Float32, shape...)
	for i, v := 0, tensor.Of[float32](t); i < len(v); i++ {
		v[i] = float32(mean + deviation*b.rand.NormFloat64())
	}
	b.m.Graph.AddInitializer(name, t)
	return name
}

// positive adds weights about 1, all above ½.
func (b *builder) positive(name string, n int) string {
	t := tensor.New(tensor.Float32, n)
	for i, v := 0, tensor.Of[float32](t); i < len(v); i++ {
		v[i] = float32(0.5 + b.rand.Float64())
	}
	b.m.Graph.AddInitializer(name, t)
	return name
}

// scalar adds a constant that is no parameter.
func (b *builder) scalar(name string, v float32) string {
	if b.m.Graph.Initializer(name) == nil {
		b.m.Graph.AddInitializer(name, tensor.From(tensor.Float32, []float32{v}))
	}
	return name
}

// ints adds a constant vector.
func (b *builder) ints(name string, v ...int64) string {
	if b.m.Graph.Initializer(name) == nil {
		b.m.Graph.AddInitializer(name, tensor.From(tensor.Int64, v, len(v)))
	}
	return name
}

// node adds a node whose only output has its name, which it returns.
func (b *builder) node(name, op string, in []string, attrs ...onnx.Attr) string {
	b.m.Graph.Nodes = append(b.m.Graph.Nodes, &onnx.Node{Name: name, Op: op, Inputs: in, Outputs: []string{name}, Attrs: attrs})
	return name
}

// conv adds a k×k convolution from c to m channels with batch normalisation;
// weights keep the size of activations (He et al. 2015), from which rectifiers
// take half. The order of the batch's parameters is scale, bias, mean, variance.
func (b *builder) conv(name, x string, c, m, k, stride, groups int) string {
	fan := float64(c / groups * k * k)
	w := b.normal(name+".weight", 0, math.Sqrt(2/fan), m, c/groups, k, k)
	p := int64(k / 2)
	y := b.node(name, "Conv", []string{x, w}, onnx.IntsAttr("kernel_shape", int64(k), int64(k)), onnx.IntsAttr("pads", p, p, p, p),
		onnx.IntsAttr("strides", int64(stride), int64(stride)), onnx.IntAttr("group", int64(groups)))
	return b.node(name+".bn", "BatchNormalization", []string{
		y, b.positive(name+".bn.scale", m), b.normal(name+".bn.bias", 0, 0.1, m),
		b.normal(name+".bn"+runningMean, 0, 0.1, m), b.positive(name+".bn"+runningVar, m),
	})
}

// What batch normalisation keeps and does not train.
const (
	runningMean = ".running_mean"
	runningVar  = ".running_var"
)

// linear adds x·W + bias; x has c columns.
func (b *builder) linear(name, x string, c, m int) string {
	w := b.normal(name+".weight", 0, 1/math.Sqrt(float64(c)), c, m)
	y := b.node(name+".product", "MatMul", []string{x, w})
	return b.node(name, "Add", []string{y, b.normal(name+".bias", 0, 0.02, m)})
}

// classify ends an image network: mean over pixels and 1000 classes.
func (b *builder) classify(x string, c int) {
	x = b.node("pool", "GlobalAveragePool", []string{x})
	x = b.node("flatten", "Flatten", []string{x})
	w := b.normal("fc.weight", 0, 1/math.Sqrt(float64(c)), 1000, c)
	b.output(b.node("logits", "Gemm", []string{x, w, b.normal("fc.bias", 0, 0.02, 1000)}, onnx.IntAttr("transB", 1)))
}

// Inputs returns inputs for m that are the same on every machine: pixels of
// mean 0 and deviation 1, token numbers below 1000, masks of ones.
func Inputs(m *onnx.Model, seed uint64) []tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []tensor.Tensor
	for _, v := range m.Graph.Inputs {
		var shape []int
		for _, d := range v.Shape {
			shape = append(shape, int(d.Value))
		}
		t := tensor.New(v.Type, shape...)
		switch {
		case v.Type == tensor.Float32:
			for i, f := 0, tensor.Of[float32](t); i < len(f); i++ {
				f[i] = float32(r.NormFloat64())
			}
		case v.Name == "attention_mask":
			copy(tensor.Of[int64](t), slices.Repeat([]int64{1}, t.Len()))
		case v.Name == "input_ids":
			for i, f := 0, tensor.Of[int64](t); i < len(f); i++ {
				f[i] = r.Int64N(1000)
			}
		}
		out = append(out, t)
	}
	return out
}
