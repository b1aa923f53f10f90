package native

import (
	"fmt"

	"assay/models/tensor"
)

func init() {
	attrs := []string{"ignore_index", "reduction"}
	register(opDef{min: 2, max: 3, attrs: attrs, plan: planLoss}, "NegativeLogLikelihoodLoss")
	register(opDef{min: 2, max: 3, outs: 2, attrs: attrs, plan: planCrossEntropy}, "SoftmaxCrossEntropyLoss")
}

// A loss is how far log probabilities x, N × C × pixels, are from targets:
// −w[t]·x[t] for each, their sum, or their mean weighted by w.
type loss struct {
	n, c, pixels int
	ignore       int64
	ignores      bool
	how          string
	weight       int // slot, −1 where all are 1
	label        func(i int) int64
	out          int
}

func (b *builder) loss(n *node, x, target, weight, y *value) (*loss, error) {
	if err := want(tensor.Float32, x, y, weight); err != nil {
		return nil, err
	}
	if len(x.shape) < 2 || x.len() == 0 {
		return nil, fmt.Errorf("scores %v: they are N × C × …", x.shape)
	}
	l := &loss{n: x.shape[0], c: x.shape[1], how: n.attrs.Str("reduction", "mean"), weight: -1, out: b.slot(y)}
	l.pixels = x.len() / (l.n * l.c)
	if a := n.attrs.Attr("ignore_index"); a != nil {
		l.ignore, l.ignores = a.I, true
	}
	size := 1
	switch l.how {
	case "none":
		size = l.n * l.pixels
	case "sum", "mean":
	default:
		return nil, fmt.Errorf("reduction %q (have none, sum, mean)", l.how)
	}
	if target.len() != l.n*l.pixels || y.len() != size || weight != nil && weight.len() != l.c {
		return nil, fmt.Errorf("scores %v, targets %v, output %v", x.shape, target.shape, y.shape)
	}
	if weight != nil {
		l.weight = b.slot(weight)
	}
	e, at := b.env, b.slot(target)
	switch target.typ {
	case tensor.Int64:
		l.label = func(i int) int64 { return view[int64](e, at)[i] }
	case tensor.Int32:
		l.label = func(i int) int64 { return int64(view[int32](e, at)[i]) }
	default:
		return nil, want(tensor.Int64, target)
	}
	return l, nil
}

// run computes the loss of log probabilities p.
func (l *loss) run(e *env, p []float32) {
	dst, sum, weights := view[float32](e, l.out), 0.0, 0.0
	for i := range l.n * l.pixels {
		t, v := l.label(i), 0.0
		switch {
		case l.ignores && t == l.ignore:
		case t < 0 || t >= int64(l.c):
			e.fault = true
		default:
			w := 1.0
			if l.weight >= 0 {
				w = float64(view[float32](e, l.weight)[t])
			}
			v = -w * float64(p[(i/l.pixels*l.c+int(t))*l.pixels+i%l.pixels])
			weights += w
		}
		sum += v
		if l.how == "none" {
			dst[i] = float32(v)
		}
	}
	switch l.how {
	case "sum":
		dst[0] = float32(sum)
	case "mean":
		dst[0] = float32(sum / weights)
	}
}

func planLoss(b *builder, n *node) error {
	x := n.in[0]
	l, err := b.loss(n, x, n.in[1], n.arg(2), n.out[0])
	if err != nil {
		return err
	}
	e, in := b.env, b.slot(x)
	b.step(func() { l.run(e, view[float32](e, in)) })
	return nil
}

// planCrossEntropy plans the loss of scores: their logarithmic softmax over
// the classes is a second output, where it is wanted.
func planCrossEntropy(b *builder, n *node) error {
	x := n.in[0]
	l, err := b.loss(n, x, n.in[1], n.arg(2), n.out[0])
	if err != nil {
		return err
	}
	log := -1
	if len(n.out) > 1 && n.out[1] != nil {
		if err := want(tensor.Float32, n.out[1]); err != nil || n.out[1].len() != x.len() {
			return fmt.Errorf("log probabilities %v of scores %v: %w", n.out[1].shape, x.shape, err)
		}
		log = b.slot(n.out[1])
	} else {
		log = b.scratch(4 * x.len())
	}
	e, in := b.env, b.slot(x)
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, log)
		for i := range l.n {
			for p := range l.pixels {
				at := i*l.c*l.pixels + p
				softmaxRow(dst[at:], src[at:], l.c, l.pixels, true)
			}
		}
		l.run(e, dst)
	})
	return nil
}
