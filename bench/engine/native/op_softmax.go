package native

import (
	"math"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 1, attrs: []string{"axis"}, plan: planSoftmax}, "Softmax", "LogSoftmax")
}

// planSoftmax plans Softmax and LogSoftmax. Before opset 13 everything from
// axis on is one row; since then the axis alone. Rows of neighbours have a
// kernel of their own.
func planSoftmax(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	v, err := rows(n)
	if err != nil {
		return err
	}
	log := n.op == "LogSoftmax"
	if x.typ == tensor.Float64 {
		return softmaxAt[float64](b, x, y, v, log)
	}
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	if v.inner != 1 {
		return softmaxAt[float32](b, x, y, v, log)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() { ew.Softmax(view[float32](e, out), view[float32](e, in), v.count, log) })
	return nil
}

// softmaxAt plans rows whose elements lie apart.
func softmaxAt[T float32 | float64](b *builder, x, y *value, v axisView, log bool) error {
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[T](e, in), view[T](e, out)
		for o := range v.outer {
			for i := range v.inner {
				at := o*v.count*v.inner + i
				softmaxRow(dst[at:], src[at:], v.count, v.inner, log)
			}
		}
	})
	return nil
}

func softmaxRow[T float32 | float64](dst, src []T, count, step int, log bool) {
	top := src[0]
	for k := range count {
		top = max(top, src[k*step])
	}
	sum := 0.0
	for k := range count {
		sum += math.Exp(float64(src[k*step] - top))
	}
	shift := float64(top) + math.Log(sum)
	for k := range count {
		v := float64(src[k*step]) - shift
		if !log {
			v = math.Exp(float64(src[k*step]-top)) / sum
		}
		dst[k*step] = T(v)
	}
}
