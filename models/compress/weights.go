package compress

import (
	"fmt"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Weights are the constant operands of a Conv, Gemm or MatMul.
type weights struct {
	node  *onnx.Node
	name  string // of the weight initializer
	value []float32
	shape []int
	axis  int       // of the output channels
	bias  []float32 // one per output channel, nil where there is none
	from  string    // the bias initializer's name
	whole bool      // one scale for all channels
}

// weightsOf returns the weights of n, or why n cannot be quantized, or an
// error for weights that are no numbers.
func (d *draft) weightsOf(n *onnx.Node) (*weights, string, error) {
	w := &weights{node: n, name: input(n, 1), from: input(n, 2)}
	c := d.consts[w.name]
	switch {
	case c == nil:
		return nil, "its weights are computed, not constant", nil
	case d.consts[input(n, 0)] != nil:
		return nil, "its input is constant", nil
	case c.Type != tensor.Float32:
		return nil, fmt.Sprintf("its weights are %v, not float32", c.Type), nil
	case c.Len() == 0:
		return nil, "its weights are empty", nil
	}
	w.value, w.shape = d.floats(w.name), c.Shape
	switch n.Op {
	case "Conv":
		if len(w.shape) < 3 {
			return nil, fmt.Sprintf("its weights have shape %v", w.shape), nil
		}
	default:
		if reason := w.matrix(); reason != "" {
			return nil, reason, nil
		}
	}
	if err := finite(c.Tensor); err != nil {
		return nil, "", fmt.Errorf("%s %q: weight %q: %w", n.Op, label(n), w.name, err)
	}
	reason, err := w.readBias(d)
	return w, reason, err
}

// matrix finds the axis of the columns of a Gemm's or MatMul's weights.
func (w *weights) matrix() string {
	if len(w.shape) != 2 {
		return fmt.Sprintf("its weights have shape %v, not a matrix", w.shape)
	}
	w.axis = 1
	if w.node.Op != "Gemm" {
		return ""
	}
	if w.node.Int("transB", 0) != 0 {
		w.axis = 0
	}
	switch {
	case w.node.Int("transA", 0) != 0:
		return "it transposes its input"
	case w.node.Float("alpha", 1) != 1, w.from != "" && w.node.Float("beta", 1) != 1:
		return "its alpha or beta is not 1"
	}
	return ""
}

// readBias reads the bias and spreads a single number over the channels.
func (w *weights) readBias(d *draft) (string, error) {
	if w.from == "" || w.node.Op == "MatMul" {
		w.from = ""
		return "", nil
	}
	c, b := d.consts[w.from], d.floats(w.from)
	if c == nil || b == nil {
		return "its bias is not constant float32", nil
	}
	if err := finite(c.Tensor); err != nil {
		return "", fmt.Errorf("%s %q: bias %q: %w", w.node.Op, label(w.node), w.from, err)
	}
	n, last := w.channels(), 1
	if len(c.Shape) > 0 {
		last = c.Shape[len(c.Shape)-1]
	}
	switch {
	case len(b) == n && last == n:
		w.bias = b
	case len(b) == 1 && w.node.Op == "Gemm":
		w.bias = make([]float32, n)
		for i := range w.bias {
			w.bias[i] = b[0]
		}
	default:
		return fmt.Sprintf("its bias has shape %v, not one number per output channel", c.Shape), nil
	}
	return "", nil
}

// channels returns the number of output channels.
func (w *weights) channels() int { return w.shape[w.axis] }

// channel returns a function from an element's index to its channel.
func (w *weights) channel() func(i int) int {
	inner := 1
	for _, s := range w.shape[w.axis+1:] {
		inner *= s
	}
	n := w.channels()
	return func(i int) int { return i / inner % n }
}

// biasRoom bounds an int32 bias, so that the sum that it starts cannot
// overflow: 2³⁰ leaves 2³⁰ for the products, 33,000 of them at their largest.
const biasRoom = 1 << 30

// leastScale returns the smallest weight scale that lets bias b be an int32
// at scale input·weight, and keeps that product a normal float32. Channels
// with next to no weights need it (Jacob et al., 2018, §2.4, leave it open).
func leastScale(b, input float32) float32 {
	s := max(math.Abs(float64(b))/biasRoom, 0x1p-100) / float64(input)
	return math.Nextafter32(float32(s), math.MaxFloat32)
}

// deadScale is the scale of a channel whose weights are all zero: any scale
// represents them, this one keeps 24 bits of the bias.
func deadScale(b, input float32) float32 {
	if b == 0 {
		return 1
	}
	return max(float32(math.Abs(float64(b))/(1<<24)/float64(input)), leastScale(b, input))
}

// symmetric quantizes w per output channel: scale = max|w|/top, zero point 0,
// integers in [−top, top]. input is the scale of the activation that the
// weights meet.
func (w *weights) symmetric(input float32, top int) (q []int, scales []float32) {
	scales, ch := make([]float32, w.channels()), w.channel()
	for i, v := range w.value {
		scales[ch(i)] = max(scales[ch(i)], float32(math.Abs(float64(v))))
	}
	for c, absmax := range scales {
		b := float32(0)
		if w.bias != nil {
			b = w.bias[c]
		}
		if absmax == 0 {
			scales[c] = deadScale(b, input)
			continue
		}
		scales[c] = max(float32(float64(absmax)/float64(top)), leastScale(b, input))
	}
	if w.whole {
		w.level(scales, input, top)
	}
	q = make([]int, len(w.value))
	for i, v := range w.value {
		q[i] = grid{lo: -top, hi: top, scale: scales[ch(i)]}.quantize(v)
	}
	return q, scales
}

// level makes all scales the one that the largest weight and the largest bias
// need.
func (w *weights) level(scales []float32, input float32, top int) {
	most := float32(0)
	for _, v := range w.value {
		most = max(most, v, -v)
	}
	s := float32(float64(most) / float64(top))
	for _, b := range w.bias {
		s = max(s, leastScale(b, input))
	}
	if s == 0 {
		s = 1
	}
	for c := range scales {
		scales[c] = s
	}
}

// intBias returns the bias at the scales input·scales[c], and those scales.
func (w *weights) intBias(input float32, scales []float32) (q []int32, at []float32) {
	q, at = make([]int32, len(w.bias)), make([]float32, len(w.bias))
	for c, b := range w.bias {
		at[c] = input * scales[c]
		q[c] = int32(math.RoundToEven(float64(b) / float64(at[c])))
	}
	return q, at
}

// top returns the largest magnitude of an int8 weight: 64 is ONNX Runtime's
// choice for reduce_range, 2·255·64 < 2¹⁵.
func (o Options) top() int {
	if o.FullRange {
		return 127
	}
	return 64
}

// judge completes the report of a weighted node: stored is what its weights,
// scales, zero points and bias take now.
func (w *weights) judge(q []int, scale func(i int) float32, stored int) NodeReport {
	var signal, noise float64
	zeros := 0
	for i, v := range w.value {
		e := float64(v) - float64(q[i])*float64(scale(i))
		signal, noise = signal+float64(v)*float64(v), noise+e*e
		if q[i] == 0 {
			zeros++
		}
	}
	r := NodeReport{
		Name: label(w.node), Op: w.node.Op, Changed: true, SQNR: math.Inf(1),
		Sparsity: float64(zeros) / float64(len(q)), Before: int64(4 * (len(w.value) + len(w.bias))), After: int64(stored),
	}
	if noise > 0 {
		r.SQNR = 10 * math.Log10(signal/noise)
	}
	return r
}
