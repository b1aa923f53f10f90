package arch

import (
	"fmt"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Sizes of BERT-mini (Turc et al. 2019) and of BERT's vocabulary.
const (
	tokens     = 128
	width      = 256
	heads      = 4
	inner      = 4 * width
	layers     = 4
	vocabulary = 30522
	positions  = 512
)

// bertMini is an encoder with BERT's pooler, in the operators that PyTorch
// exports to operator set 17.
func bertMini(b *builder) {
	ids := b.input("input_ids", tensor.Int64, 1, tokens)
	mask := b.input("attention_mask", tensor.Int64, 1, tokens)
	types := b.input("token_type_ids", tensor.Int64, 1, tokens)
	x := b.embed(ids, types)

	// 0 where tokens count, a large negative number where they do not.
	m := b.node("mask.wide", "Unsqueeze", []string{mask, b.ints("axes12", 1, 2)})
	m = b.node("mask.float", "Cast", []string{m}, onnx.IntAttr("to", int64(tensor.Float32)))
	m = b.node("mask.inverse", "Sub", []string{b.scalar("one", 1), m})
	m = b.node("mask.add", "Mul", []string{m, b.scalar("least", -10000)})
	for i := range layers {
		x = b.encode(fmt.Sprintf("layer%d", i), x, m)
	}
	first := b.scalarInt("first", 0)
	cls := b.node("cls", "Gather", []string{x, first}, onnx.IntAttr("axis", 1))
	b.output(x, b.node("pooled", "Tanh", []string{b.linear("pooler", cls, width, width)}))
}

// scalarInt adds a constant index.
func (b *builder) scalarInt(name string, v int64) string {
	b.m.Graph.AddInitializer(name, tensor.From(tensor.Int64, []int64{v}))
	return name
}

// embed adds up the vectors of tokens, of their places and of their types.
func (b *builder) embed(ids, types string) string {
	var at []int64
	for i := range tokens {
		at = append(at, int64(i))
	}
	words := b.node("embed.word", "Gather", []string{b.normal("word_embeddings", 0, 1, vocabulary, width), ids})
	place := b.node("embed.position", "Gather", []string{b.normal("position_embeddings", 0, 1, positions, width), b.ints("position_ids", at...)})
	kind := b.node("embed.type", "Gather", []string{b.normal("token_type_embeddings", 0, 1, 2, width), types})
	x := b.node("embed.sum", "Add", []string{words, kind})
	return b.normalize("embed.norm", b.node("embed.all", "Add", []string{x, place}))
}

// normalize adds a layer normalisation.
func (b *builder) normalize(name, x string) string {
	return b.node(name, "LayerNormalization", []string{x, b.positive(name+".scale", width), b.normal(name+".bias", 0, 0.02, width)},
		onnx.IntAttr("axis", -1), onnx.FloatAttr("epsilon", 1e-12))
}

// encode adds one layer: attention and two products with GELU between them,
// each added to its input and normalised (Devlin et al. 2019, BERT).
func (b *builder) encode(name, x, mask string) string {
	y := b.attend(name+".attention", x, mask)
	y = b.linear(name+".attention.output", y, width, width)
	x = b.normalize(name+".attention.norm", b.node(name+".attention.add", "Add", []string{y, x}))
	y = b.gelu(name+".gelu", b.linear(name+".intermediate", x, width, inner))
	y = b.linear(name+".output", y, inner, width)
	return b.normalize(name+".norm", b.node(name+".add", "Add", []string{y, x}))
}

// attend adds softmax(Q·Kᵀ/√d + mask)·V by heads (Vaswani et al. 2017, eq. 1).
func (b *builder) attend(name, x, mask string) string {
	const d = width / heads
	split := b.ints("by_heads", 1, tokens, heads, d)
	head := func(part string, perm ...int64) string {
		y := b.linear(name+"."+part, x, width, width)
		y = b.node(name+"."+part+".split", "Reshape", []string{y, split})
		return b.node(name+"."+part+".heads", "Transpose", []string{y}, onnx.IntsAttr("perm", perm...))
	}
	q, k, v := head("query", 0, 2, 1, 3), head("key", 0, 2, 3, 1), head("value", 0, 2, 1, 3)
	s := b.node(name+".scores", "MatMul", []string{q, k})
	s = b.node(name+".scaled", "Div", []string{s, b.scalar("root", float32(math.Sqrt(d)))})
	s = b.node(name+".masked", "Add", []string{s, mask})
	s = b.node(name+".softmax", "Softmax", []string{s}, onnx.IntAttr("axis", -1))
	y := b.node(name+".context", "MatMul", []string{s, v})
	y = b.node(name+".together", "Transpose", []string{y}, onnx.IntsAttr("perm", 0, 2, 1, 3))
	return b.node(name+".joined", "Reshape", []string{y, b.ints("by_width", 1, tokens, width)})
}

// gelu adds x·½·(1 + erf(x/√2)) (Hendrycks and Gimpel 2016), as exported.
func (b *builder) gelu(name, x string) string {
	y := b.node(name+".div", "Div", []string{x, b.scalar("sqrt2", math.Sqrt2)})
	y = b.node(name+".erf", "Erf", []string{y})
	y = b.node(name+".add", "Add", []string{y, b.scalar("one", 1)})
	y = b.node(name+".mul", "Mul", []string{x, y})
	return b.node(name, "Mul", []string{y, b.scalar("half", 0.5)})
}
