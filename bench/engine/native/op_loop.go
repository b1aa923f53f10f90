package native

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	register(opDef{max: 1 << 16, outs: 1 << 16, unnamed: true, attrs: []string{"body"}, plan: planLoop}, "Loop")
	register(opDef{
		max: 1 << 16, outs: 1 << 16, unnamed: true, plan: planScan,
		attrs: []string{"body", "num_scan_inputs", "scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"},
	}, "Scan")
}

// A lane is a value outside that is read or written slice by slice: one slice
// for each iteration, copied from or to the buffer that the body is bound to.
type lane struct {
	axisView      // outer × iterations × inner, in elements
	size     int  // bytes of a run of inner elements
	back     bool // the last slice first
	whole    int  // slot of the value outside
	slice    int  // slot of one slice
}

// lane cuts v, of n iterations, along axis.
func (b *builder) lane(v *value, axis int64, back bool, whole int) (lane, error) {
	cut, err := cutAt(v.shape, int(axis))
	if err != nil {
		return lane{}, err
	}
	size := cut.inner * v.typ.Bits() / 8
	return lane{cut, size, back, whole, b.scratch(cut.outer * size)}, nil
}

// move copies the slice of iteration t, out of the whole or back into it.
func (l *lane) move(e *env, t int, store bool) {
	if l.back {
		t = l.count - 1 - t
	}
	whole, slice := e.buf[l.whole], e.buf[l.slice]
	for o := range l.outer {
		w, s := whole[(o*l.count+t)*l.size:][:l.size], slice[o*l.size:][:l.size]
		if store {
			copy(w, s)
		} else {
			copy(s, w)
		}
	}
}

// A state is a value that an iteration hands to the next: it is read from now
// and written to next, which then change places.
type state struct{ from, now, next, to int }

// carry plans the state v, whose end goes to slot to.
func (b *builder) carry(v *value, to int) state {
	return state{from: b.slot(v), now: b.scratch(v.bytes()), next: b.scratch(v.bytes()), to: to}
}

// A loop is what Loop and Scan have in common: a body with lanes and states.
type loop struct {
	*inner
	states     []state
	reads      []lane // behind the states among the body's inputs
	writes     []lane // behind the states among its outputs
	skipIn     int    // inputs of the body before the states
	skipOut    int    // outputs before them
	iteration  int    // slots of what a Loop's body gets and returns
	cond, last int
}

// begin starts with the states' first values.
func (l *loop) begin(e *env) {
	l.enter(e)
	for _, s := range l.states {
		copy(e.buf[s.now], e.buf[s.from])
	}
}

// iterate runs the body for iteration t. now and next change places without a
// copy, in e alone: the plan is the same in every run.
func (l *loop) iterate(e *env, t int) {
	for i, s := range l.states {
		l.env.buf[l.skipIn+i] = e.buf[s.now]
		l.env.buf[l.out[l.skipOut+i]] = e.buf[s.next]
		e.buf[s.now], e.buf[s.next] = e.buf[s.next], e.buf[s.now]
	}
	for i := range l.reads {
		l.reads[i].move(e, t, false)
		l.env.buf[l.skipIn+len(l.states)+i] = e.buf[l.reads[i].slice]
	}
	for i := range l.writes {
		l.env.buf[l.out[l.skipOut+len(l.states)+i]] = e.buf[l.writes[i].slice]
	}
	l.run(e)
	for i := range l.writes {
		l.writes[i].move(e, t, true)
	}
}

// end hands the states out.
func (l *loop) end(e *env) {
	for _, s := range l.states {
		copy(e.buf[s.to], e.buf[s.now])
	}
}

// bodyOf returns the graph of n's iterations.
func bodyOf(n *node) (*onnx.Graph, error) {
	a := n.attrs.Attr("body")
	if a == nil || a.G == nil {
		return nil, errors.New(`attribute "body" is missing`)
	}
	return a.G, nil
}

// collect plans the states and the lanes of what the body writes; axes and back
// say where each output is stacked.
func (l *loop) collect(b *builder, n *node, given []*value, count int, axis func(i int) (int64, bool)) error {
	if len(l.outs) < l.skipOut+len(given) || len(n.out) > len(l.outs)-l.skipOut {
		return fmt.Errorf("its body has %d outputs for a state of %d values and %d outputs", len(l.outs), len(given), len(n.out))
	}
	for i, v := range given {
		if err := l.sameAs(l.skipOut+i, v); err != nil {
			return err
		}
		to := b.scratch(v.bytes())
		if i < len(n.out) && n.out[i] != nil {
			to = b.slot(n.out[i])
		}
		l.states = append(l.states, b.carry(v, to))
	}
	for i, y := range l.outs[l.skipOut+len(given):] {
		at, back := axis(i)
		if at < 0 {
			at += int64(len(y.shape)) + 1
		}
		if at < 0 || at > int64(len(y.shape)) {
			return fmt.Errorf("axis %d of output %d with %d dimensions", at, i, len(y.shape)+1)
		}
		all := &value{name: y.name, typ: y.typ, shape: slices.Insert(slices.Clone(y.shape), int(at), count)}
		whole, k := -1, len(given)+i
		if k < len(n.out) && n.out[k] != nil {
			if want := n.out[k]; want.typ != all.typ || !slices.Equal(want.shape, all.shape) {
				return fmt.Errorf("output %d is %v%v, %d iterations make %v%v", k, want.typ, want.shape, count, all.typ, all.shape)
			}
			whole = b.slot(n.out[k])
		} else {
			whole = b.scratch(all.bytes())
		}
		w, err := b.lane(all, at, back, whole)
		if err != nil {
			return err
		}
		l.writes = append(l.writes, w)
	}
	return nil
}

// planLoop plans at most M iterations while a condition holds. What it collects
// has a fixed size, so that M must be constant then.
func planLoop(b *builder, n *node) error {
	g, err := bodyOf(n)
	if err != nil {
		return err
	}
	formal := n.in[:len(n.attrs.Inputs)]
	limit, first := n.arg(0), n.arg(1)
	if len(formal) < 2 || limit != nil && (limit.typ != tensor.Int64 || limit.len() != 1) || first != nil && (first.typ != tensor.Bool || first.len() != 1) {
		return errors.New("its first inputs must be a number of iterations and a condition, or left out")
	}
	given := slices.Clone(formal[2:])
	if slices.Contains(given, nil) {
		return errors.New("an initial value of its state is missing")
	}
	iteration, cond := &value{name: "iteration", typ: tensor.Int64}, &value{name: "condition", typ: tensor.Bool}
	in, err := b.inner(n, g, append([]*value{iteration, cond}, given...))
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if len(in.outs) == 0 || in.outs[0].typ != tensor.Bool || in.outs[0].len() != 1 {
		return errors.New("the first output of its body is no condition")
	}
	l := &loop{inner: in, skipIn: 2, skipOut: 1, iteration: b.scratch(8), cond: b.scratch(1), last: b.scratch(1)}
	most, collects := int64(math.MaxInt64), len(in.outs) > 1+len(given)
	if collects {
		trips, ok := limit.ints()
		if !ok || len(trips) != 1 {
			return fmt.Errorf("its outputs collect as many values as the model computes: %w (constant numbers of iterations are)", errors.ErrUnsupported)
		}
		most = max(trips[0], 0)
	}
	if err := l.collect(b, n, given, int(most), func(int) (int64, bool) { return 0, false }); err != nil {
		return err
	}
	m, c := -1, -1
	if limit != nil {
		m = b.slot(limit)
	}
	if first != nil {
		c = b.slot(first)
	}
	b.step(func() { l.loop(b.env, m, c, most, collects) })
	return nil
}

// loop runs iterations: slots m and c hold the limit and the first condition,
// −1 without one. Outputs that collect want exactly most iterations.
func (l *loop) loop(e *env, m, c int, most int64, collects bool) {
	if m >= 0 {
		most = min(most, view[int64](e, m)[0])
	}
	on := c < 0 || e.buf[c][0] != 0
	l.begin(e)
	t := int64(0)
	for ; t < most && on; t++ {
		view[int64](e, l.iteration)[0], e.buf[l.cond][0] = t, 1
		l.env.buf[0], l.env.buf[1], l.env.buf[l.out[0]] = e.buf[l.iteration], e.buf[l.cond], e.buf[l.last]
		l.iterate(e, int(t))
		on = e.buf[l.last][0] != 0
	}
	if collects && t < most {
		e.fault = true
	}
	l.end(e)
}

// maxFolded bounds the iterations of a loop that is computed when a model is
// opened.
const maxFolded = 1 << 12

// long reports whether n is, or holds, a loop that may take longer than that.
func long(n *node) bool {
	if n.is("Loop") {
		trips, ok := n.arg(0).ints()
		if !ok || len(trips) != 1 || trips[0] > maxFolded {
			return true
		}
	}
	return slices.ContainsFunc(graphsOf(n.attrs), func(g *onnx.Graph) bool {
		return slices.ContainsFunc(g.Nodes, func(n *onnx.Node) bool { return n.Op == "Loop" })
	})
}

// planScan plans one iteration for every slice of the inputs that are scanned.
func planScan(b *builder, n *node) error {
	if n.opset < 9 {
		return fmt.Errorf("of operator set %d, which has batches: %w (from 9 on it is)", n.opset, errors.ErrUnsupported)
	}
	g, err := bodyOf(n)
	if err != nil {
		return err
	}
	formal, scanned := n.in[:len(n.attrs.Inputs)], int(n.attrs.Int("num_scan_inputs", 0))
	if scanned < 1 || scanned > len(formal) || slices.Contains(formal, nil) {
		return fmt.Errorf("%d of %d inputs are scanned", scanned, len(formal))
	}
	given := slices.Clone(formal[:len(formal)-scanned])
	of := func(name string, i int) int64 {
		if list := n.attrs.Ints(name, nil); i < len(list) {
			return list[i]
		}
		return 0
	}
	l, count, all := &loop{}, -1, slices.Clone(given)
	for i, x := range formal[len(given):] {
		r, err := b.lane(x, of("scan_input_axes", i), of("scan_input_directions", i) != 0, b.slot(x))
		if err != nil {
			return err
		}
		if count >= 0 && r.count != count {
			return fmt.Errorf("scanned inputs have lengths %d and %d", count, r.count)
		}
		at := int(of("scan_input_axes", i))
		if at < 0 {
			at += len(x.shape)
		}
		count, l.reads = r.count, append(l.reads, r)
		all = append(all, &value{name: x.name, typ: x.typ, shape: slices.Delete(slices.Clone(x.shape), at, at+1)})
	}
	if l.inner, err = b.inner(n, g, all); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	err = l.collect(b, n, given, count, func(i int) (int64, bool) {
		return of("scan_output_axes", i), of("scan_output_directions", i) != 0
	})
	if err != nil {
		return err
	}
	e := b.env
	b.step(func() {
		l.begin(e)
		for t := range count {
			l.iterate(e, t)
		}
		l.end(e)
	})
	return nil
}
