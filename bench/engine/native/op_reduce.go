package native

import (
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	attrs := []string{"axes", "keepdims", "noop_with_empty_axes"}
	float := typed{f32: planReduce[float32], f64: planReduce[float64]}
	whole := float
	whole.i64, whole.i32, whole.i8, whole.u64, whole.u32, whole.u8 = planReduce[int64], planReduce[int32], planReduce[int8], planReduce[uint64], planReduce[uint32], planReduce[uint8]
	register(opDef{min: 1, max: 2, attrs: attrs, plan: byFirst(float)}, "ReduceL2", "ReduceLogSum", "ReduceLogSumExp")
	register(opDef{min: 1, max: 2, attrs: attrs, plan: byFirst(whole)}, "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceSumSquare")
	register(opDef{min: 1, max: 1, attrs: []string{"axis", "keepdims", "select_last_index"}, plan: byFirst(typed{
		f32: planArg[float32], f64: planArg[float64], i64: planArg[int64], i32: planArg[int32], i8: planArg[int8], u8: planArg[uint8],
	})}, "ArgMax", "ArgMin")
	register(opDef{min: 2, max: 2, attrs: []string{"exclusive", "reverse"}, plan: byFirst(typed{
		f32: planCumSum[float32], f64: planCumSum[float64], i64: planCumSum[int64], i32: planCumSum[int32],
	})}, "CumSum")
	register(opDef{min: 1, max: 1, attrs: []string{"axis"}, plan: byFirst(typed{f32: planHardmax[float32], f64: planHardmax[float64]})}, "Hardmax")
}

// A reduction adds up elements: state starts at zero, and every element x
// changes it; end makes the result of it.
type reduction[T number] struct {
	zero T
	add  func(state, x T) T
	end  func(state T) T
}

func reductionOf[T number](op string) (reduction[T], bool) {
	abs := func(v T) T {
		if v < 0 {
			return -v
		}
		return v
	}
	same := func(v T) T { return v }
	sum := func(s, x T) T { return s + x }
	through := func(f func(float64) float64) func(T) T { return func(v T) T { return T(f(float64(v))) } }
	switch op {
	case "ReduceSum", "ReduceMean":
		return reduction[T]{0, sum, same}, true
	case "ReduceProd":
		return reduction[T]{1, func(s, x T) T { return s * x }, same}, true
	case "ReduceL1":
		return reduction[T]{0, func(s, x T) T { return s + abs(x) }, same}, true
	case "ReduceSumSquare":
		return reduction[T]{0, func(s, x T) T { return s + x*x }, same}, true
	case "ReduceL2":
		return reduction[T]{0, func(s, x T) T { return s + x*x }, through(math.Sqrt)}, true
	case "ReduceLogSum":
		return reduction[T]{0, sum, through(math.Log)}, true
	}
	return reduction[T]{}, false
}

// A folding says how a reduction walks: every element of the input adds to
// the one of the result at the place that spread tells.
func folding(n *node) (*spread, []int, error) {
	x, y := n.in[0], n.out[0]
	rank := len(x.shape)
	list, given, err := axes(n, 1, rank)
	if err != nil {
		return nil, nil, err
	}
	gone := make([]bool, rank)
	for _, a := range list {
		gone[a] = true
	}
	if !given && n.attrs.Int("noop_with_empty_axes", 0) == 0 {
		for i := range gone {
			gone[i] = true
		}
	}
	kept := make([]int, rank)
	elements := 1
	for i, d := range x.shape {
		kept[i] = d
		if gone[i] {
			kept[i] = 1
		}
		elements *= kept[i]
	}
	if elements != y.len() || x.len() == 0 {
		return nil, nil, fmt.Errorf("reducing %v over axes %v for %v", x.shape, list, y.shape)
	}
	s, err := newSpread(x.shape, kept)
	return s, kept, err
}

func planReduce[T number](b *builder, n *node) error {
	s, _, err := folding(n)
	if err != nil {
		return err
	}
	x, y := n.in[0], n.out[0]
	if x.typ != y.typ {
		return want(x.typ, y)
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	switch n.op {
	case "ReduceMax", "ReduceMin":
		seen := make([]bool, y.len())
		smaller := n.op == "ReduceMin"
		b.step(func() {
			src, dst := view[T](e, in), view[T](e, out)
			clear(seen)
			s.each(func(i int, pos []int) {
				at := pos[0]
				switch {
				case !seen[at]:
					dst[at], seen[at] = src[i], true
				case smaller:
					dst[at] = min(dst[at], src[i])
				default:
					dst[at] = max(dst[at], src[i])
				}
			})
		})
		return nil
	case "ReduceLogSumExp":
		return logSumExp[T](b, n, s)
	}
	r, ok := reductionOf[T](n.op)
	if !ok {
		return fmt.Errorf("no reduction %s", n.op)
	}
	per := T(1)
	if n.op == "ReduceMean" {
		per = T(x.len() / y.len())
	}
	b.step(func() {
		src, dst := view[T](e, in), view[T](e, out)
		for i := range dst {
			dst[i] = r.zero
		}
		s.each(func(i int, pos []int) { dst[pos[0]] = r.add(dst[pos[0]], src[i]) })
		for i, v := range dst {
			dst[i] = r.end(v) / per
		}
	})
	return nil
}

// logSumExp subtracts the greatest element first, so that nothing overflows.
func logSumExp[T number](b *builder, n *node, s *spread) error {
	x, y := n.in[0], n.out[0]
	e, in, out := b.env, b.slot(x), b.slot(y)
	top, sum := make([]float64, y.len()), make([]float64, y.len())
	b.step(func() {
		src, dst := view[T](e, in), view[T](e, out)
		for i := range top {
			top[i], sum[i] = math.Inf(-1), 0
		}
		s.each(func(i int, pos []int) { top[pos[0]] = max(top[pos[0]], float64(src[i])) })
		for i, v := range top {
			if math.IsInf(v, 0) {
				top[i] = 0
			}
		}
		s.each(func(i int, pos []int) { sum[pos[0]] += math.Exp(float64(src[i]) - top[pos[0]]) })
		for i := range dst {
			dst[i] = T(top[i] + math.Log(sum[i]))
		}
	})
	return nil
}

// planArg plans ArgMax and ArgMin: the first of equal elements, or the last.
func planArg[T number](b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	v, err := cutAt(x.shape, int(n.attrs.Int("axis", 0)))
	if err != nil {
		return err
	}
	if err := want(tensor.Int64, y); err != nil {
		return err
	}
	if v.count == 0 || y.len() != v.outer*v.inner {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	last, smaller := n.attrs.Int("select_last_index", 0) != 0, n.op == "ArgMin"
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[T](e, in), view[int64](e, out)
		for o := range v.outer {
			for i := range v.inner {
				row, best := src[o*v.count*v.inner+i:], 0
				for k := 1; k < v.count; k++ {
					x, top := row[k*v.inner], row[best*v.inner]
					if smaller {
						x, top = top, x
					}
					if x > top || last && x == top {
						best = k
					}
				}
				dst[o*v.inner+i] = int64(best)
			}
		}
	})
	return nil
}

func planCumSum[T number](b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	axis, ok := n.in[1].ints()
	if !ok || len(axis) != 1 {
		return want(tensor.Int64, n.in[1])
	}
	v, err := cutAt(x.shape, int(axis[0]))
	if err != nil {
		return err
	}
	if x.len() != y.len() || x.typ != y.typ {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	exclusive, reverse := n.attrs.Int("exclusive", 0) != 0, n.attrs.Int("reverse", 0) != 0
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[T](e, in), view[T](e, out)
		for o := range v.outer {
			for i := range v.inner {
				var sum T
				for k := range v.count {
					at := o*v.count*v.inner + i + k*v.inner
					if reverse {
						at = o*v.count*v.inner + i + (v.count-1-k)*v.inner
					}
					x := src[at]
					if exclusive {
						dst[at] = sum
					}
					sum += x
					if !exclusive {
						dst[at] = sum
					}
				}
			}
		}
	})
	return nil
}

// planHardmax plans 1 at the first greatest element, 0 elsewhere. Before opset
// 13 everything from axis on is one row.
func planHardmax[T float32 | float64](b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	v, err := rows(n)
	if err != nil {
		return err
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[T](e, in), view[T](e, out)
		clear(dst)
		for o := range v.outer {
			for i := range v.inner {
				at, best := o*v.count*v.inner+i, 0
				for k := range v.count {
					if src[at+k*v.inner] > src[at+best*v.inner] {
						best = k
					}
				}
				dst[at+best*v.inner] = 1
			}
		}
	})
	return nil
}

// rows returns the rows of Softmax and its like, which changed with opset 13.
func rows(n *node) (axisView, error) {
	x := n.in[0]
	def := int64(-1)
	if n.opset < 13 {
		def = 1
	}
	axis := int(n.attrs.Int("axis", def))
	if n.opset < 13 && axis == len(x.shape) {
		return axisView{x.len(), 1, 1}, nil
	}
	v, err := cutAt(x.shape, axis)
	if err == nil && n.opset < 13 {
		v = axisView{v.outer, v.count * v.inner, 1}
	}
	if err == nil && (x.len() != n.out[0].len() || x.typ != n.out[0].typ || v.count == 0) {
		err = fmt.Errorf("input %v and output %v", x.shape, n.out[0].shape)
	}
	return v, err
}
