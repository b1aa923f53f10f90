package native

import (
	"fmt"
	"sort"

	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 2, outs: 2, attrs: []string{"axis", "largest", "sorted"}, plan: byFirst(typed{
		f32: planTopK[float32], f64: planTopK[float64], i64: planTopK[int64], i32: planTopK[int32],
	})}, "TopK")
}

// A ranking sorts the indices of one row; the lower index first of equals. It
// implements sort.Interface, so that sorting does not allocate.
type ranking[T number] struct {
	row   []T
	step  int
	order []int
	least bool
}

func (r *ranking[T]) Len() int      { return len(r.order) }
func (r *ranking[T]) Swap(i, j int) { r.order[i], r.order[j] = r.order[j], r.order[i] }

func (r *ranking[T]) Less(i, j int) bool {
	x, z := r.row[r.order[i]*r.step], r.row[r.order[j]*r.step]
	switch {
	case x == z:
		return r.order[i] < r.order[j]
	case r.least:
		return x < z
	}
	return x > z
}

// planTopK plans the k greatest elements of an axis, or the least, in order.
func planTopK[T number](b *builder, n *node) error {
	x, values := n.in[0], n.out[0]
	v, err := cutAt(x.shape, int(n.attrs.Int("axis", -1)))
	if err != nil {
		return err
	}
	if values == nil || values.typ != x.typ || v.outer*v.inner == 0 {
		return fmt.Errorf("input %v and its greatest elements", x.shape)
	}
	k := values.len() / (v.outer * v.inner)
	if k > v.count || k*v.outer*v.inner != values.len() {
		return fmt.Errorf("input %v and output %v", x.shape, values.shape)
	}
	index := -1
	if len(n.out) > 1 && n.out[1] != nil {
		if err := want(tensor.Int64, n.out[1]); err != nil {
			return err
		}
		index = b.slot(n.out[1])
	}
	r := &ranking[T]{step: v.inner, order: make([]int, v.count), least: n.attrs.Int("largest", 1) == 0}
	e, in, out := b.env, b.slot(x), b.slot(values)
	b.step(func() {
		dst := view[T](e, out)
		for i := range v.outer * v.inner {
			r.row = view[T](e, in)[i/v.inner*v.count*v.inner+i%v.inner:]
			for j := range r.order {
				r.order[j] = j
			}
			sort.Sort(r)
			for j, at := range r.order[:k] {
				place := i/v.inner*k*v.inner + j*v.inner + i%v.inner
				dst[place] = r.row[at*v.inner]
				if index >= 0 {
					view[int64](e, index)[place] = int64(at)
				}
			}
		}
	})
	return nil
}
