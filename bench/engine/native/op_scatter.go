package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 2, attrs: []string{"axis"}, plan: planGatherElements}, "GatherElements")
	register(opDef{min: 2, max: 2, attrs: []string{"batch_dims"}, plan: planGatherND}, "GatherND")
	register(opDef{min: 3, max: 3, attrs: []string{"axis", "reduction"}, plan: planScatterElements}, "ScatterElements", "Scatter")
	register(opDef{min: 3, max: 3, attrs: []string{"reduction"}, plan: planScatterND}, "ScatterND")
	register(opDef{min: 3, max: 3, attrs: []string{"axis"}, plan: planOneHot}, "OneHot")
}

// indices returns how to read element i of an index tensor that counts size
// elements, from the end where it is negative. One that is out of range makes
// the run an error and reads as 0, so that no step leaves its memory.
func (b *builder) indices(v *value) (func(i, size int) int, error) {
	e, at := b.env, b.slot(v)
	place := func(k int64, size int) int {
		if k < 0 {
			k += int64(size)
		}
		if k < 0 || k >= int64(size) {
			e.fault = true
			return 0
		}
		return int(k)
	}
	switch v.typ {
	case tensor.Int64:
		return func(i, size int) int { return place(view[int64](e, at)[i], size) }, nil
	case tensor.Int32:
		return func(i, size int) int { return place(int64(view[int32](e, at)[i]), size) }, nil
	}
	return nil, want(tensor.Int64, v)
}

// alongAxis returns the axis of an operator on elements, x's strides, and a
// walk over the indices.
func alongAxis(n *node, x, k *value) (axis int, strides []int, walk *spread, err error) {
	rank := len(x.shape)
	axis = int(n.attrs.Int("axis", 0))
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank || len(k.shape) != rank {
		return 0, nil, nil, fmt.Errorf("axis %d and indices %v of %v", axis, k.shape, x.shape)
	}
	for i, d := range k.shape {
		if i != axis && d > x.shape[i] || x.shape[i] == 0 {
			return 0, nil, nil, fmt.Errorf("indices %v of %v", k.shape, x.shape)
		}
	}
	walk, err = newSpread(k.shape)
	return axis, ew.Contiguous(x.shape), walk, err
}

// placeOf returns the element of x that element at of the indices names.
func placeOf(at, strides []int, axis, index int) int {
	p := 0
	for i, a := range at {
		if i == axis {
			a = index
		}
		p += a * strides[i]
	}
	return p
}

func planGatherElements(b *builder, n *node) error {
	x, k, y := n.in[0], n.in[1], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	axis, strides, walk, err := alongAxis(n, x, k)
	if err != nil {
		return err
	}
	if y.len() != k.len() {
		return fmt.Errorf("indices %v and output %v", k.shape, y.shape)
	}
	index, err := b.indices(k)
	if err != nil {
		return err
	}
	e, in, out, count := b.env, b.slot(x), b.slot(y), x.shape[axis]
	b.step(func() {
		walk.each(func(i int, _ []int) {
			copy(e.buf[out][i*size:][:size], e.buf[in][placeOf(walk.at, strides, axis, index(i, count))*size:])
		})
	})
	return nil
}

// combine returns how an update is joined with what is there: it replaces it,
// unless attribute "reduction" says otherwise.
func (b *builder) combine(n *node, y, updates *value) (func(at, from int), error) {
	size, err := elementSize(updates, y)
	if err != nil {
		return nil, err
	}
	e, out, up := b.env, b.slot(y), b.slot(updates)
	how := n.attrs.Str("reduction", "none")
	switch {
	case how == "none":
		return func(at, from int) { copy(e.buf[out][at*size:][:size], e.buf[up][from*size:]) }, nil
	case y.typ != tensor.Float32 || how != "add" && how != "mul":
		return nil, fmt.Errorf("reduction %q of %v: %w (add and mul of float32 are)", how, y.typ, errors.ErrUnsupported)
	case how == "add":
		return func(at, from int) { view[float32](e, out)[at] += view[float32](e, up)[from] }, nil
	}
	return func(at, from int) { view[float32](e, out)[at] *= view[float32](e, up)[from] }, nil
}

func planScatterElements(b *builder, n *node) error {
	x, k, updates, y := n.in[0], n.in[1], n.in[2], n.out[0]
	if x.typ != y.typ || x.len() != y.len() || updates.len() != k.len() {
		return fmt.Errorf("input %v, indices %v, updates %v, output %v", x.shape, k.shape, updates.shape, y.shape)
	}
	axis, strides, walk, err := alongAxis(n, x, k)
	if err != nil {
		return err
	}
	index, err := b.indices(k)
	if err != nil {
		return err
	}
	put, err := b.combine(n, y, updates)
	if err != nil {
		return err
	}
	e, in, out, count := b.env, b.slot(x), b.slot(y), x.shape[axis]
	b.step(func() {
		copy(e.buf[out], e.buf[in])
		walk.each(func(i int, _ []int) { put(placeOf(walk.at, strides, axis, index(i, count)), i) })
	})
	return nil
}

// A pointing is how tuples of indices point into x behind some batch
// dimensions: each names a run of elements.
type pointing struct {
	tuples, depth, run int
	sizes, strides     []int
	batch, perBatch    int // batches, and tuples in each
	each               int // elements of a batch of x
}

func pointingOf(x, k *value, batchDims int) (pointing, error) {
	p := pointing{tuples: 1, run: 1, batch: 1}
	last := len(k.shape) - 1
	if last < 0 || batchDims < 0 || batchDims > last || batchDims+k.shape[last] > len(x.shape) {
		return p, fmt.Errorf("indices %v into %v behind %d batch dimensions", k.shape, x.shape, batchDims)
	}
	p.depth = k.shape[last]
	for i, d := range k.shape[:last] {
		p.tuples *= d
		if i < batchDims {
			if x.shape[i] != d {
				return p, fmt.Errorf("indices %v into %v behind %d batch dimensions", k.shape, x.shape, batchDims)
			}
			p.batch *= d
		}
	}
	strides := ew.Contiguous(x.shape)
	p.sizes, p.strides = x.shape[batchDims:batchDims+p.depth], strides[batchDims:batchDims+p.depth]
	for _, d := range x.shape[batchDims+p.depth:] {
		p.run *= d
	}
	if x.len() == 0 || p.tuples == 0 {
		return p, fmt.Errorf("indices %v into %v: %w (some of both are)", k.shape, x.shape, errors.ErrUnsupported)
	}
	p.each, p.perBatch = x.len()/p.batch, p.tuples/p.batch
	return p, nil
}

// at returns the first element that tuple t points to.
func (p *pointing) at(t int, index func(i, size int) int) int {
	at := t / p.perBatch * p.each
	for d := range p.depth {
		at += index(t*p.depth+d, p.sizes[d]) * p.strides[d]
	}
	return at
}

func planGatherND(b *builder, n *node) error {
	x, k, y := n.in[0], n.in[1], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	p, err := pointingOf(x, k, int(n.attrs.Int("batch_dims", 0)))
	if err != nil {
		return err
	}
	if y.len() != p.tuples*p.run {
		return fmt.Errorf("indices %v into %v for output %v", k.shape, x.shape, y.shape)
	}
	index, err := b.indices(k)
	if err != nil {
		return err
	}
	e, in, out, run := b.env, b.slot(x), b.slot(y), p.run*size
	b.step(func() {
		for t := range p.tuples {
			copy(e.buf[out][t*run:][:run], e.buf[in][p.at(t, index)*size:])
		}
	})
	return nil
}

func planScatterND(b *builder, n *node) error {
	x, k, updates, y := n.in[0], n.in[1], n.in[2], n.out[0]
	p, err := pointingOf(x, k, 0)
	if err != nil {
		return err
	}
	if x.typ != y.typ || x.len() != y.len() || updates.len() != p.tuples*p.run {
		return fmt.Errorf("input %v, indices %v, updates %v, output %v", x.shape, k.shape, updates.shape, y.shape)
	}
	index, err := b.indices(k)
	if err != nil {
		return err
	}
	put, err := b.combine(n, y, updates)
	if err != nil {
		return err
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		copy(e.buf[out], e.buf[in])
		for t := range p.tuples {
			at := p.at(t, index)
			for i := range p.run {
				put(at+i, t*p.run+i)
			}
		}
	})
	return nil
}

// planOneHot plans indices, depth, values [off, on]: an index that is out of
// range is off everywhere. Indices may be floats, which are cut off.
func planOneHot(b *builder, n *node) error {
	k, values, y := n.in[0], n.in[2], n.out[0]
	size, err := elementSize(values, y)
	if err != nil {
		return err
	}
	v, err := cutAt(y.shape, int(n.attrs.Int("axis", -1)))
	if err != nil {
		return err
	}
	if k.len() != v.outer*v.inner || values.len() != 2 || len(k.shape)+1 != len(y.shape) {
		return fmt.Errorf("indices %v, values %v, output %v", k.shape, values.shape, y.shape)
	}
	e, in, vals, out := b.env, b.slot(k), b.slot(values), b.slot(y)
	var read func(i int) int64
	switch k.typ {
	case tensor.Int64:
		read = func(i int) int64 { return view[int64](e, in)[i] }
	case tensor.Int32:
		read = func(i int) int64 { return int64(view[int32](e, in)[i]) }
	case tensor.Float32:
		read = func(i int) int64 { return int64(view[float32](e, in)[i]) }
	default:
		return want(tensor.Int64, k)
	}
	b.step(func() {
		off, on := e.buf[vals][:size], e.buf[vals][size:2*size]
		for i := range v.outer * v.count * v.inner {
			copy(e.buf[out][i*size:][:size], off)
		}
		for i := range v.outer * v.inner {
			hot := read(i)
			if hot < 0 {
				hot += int64(v.count)
			}
			if hot >= 0 && hot < int64(v.count) {
				at := i/v.inner*v.count*v.inner + int(hot)*v.inner + i%v.inner
				copy(e.buf[out][at*size:][:size], on)
			}
		}
	})
	return nil
}
