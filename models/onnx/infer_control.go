package onnx

import (
	"errors"
	"fmt"
	"slices"

	"assay/models/tensor"
)

func init() {
	register(1, inferIf, "If")
	register(0, inferLoop, "Loop")
	register(0, inferScan, "Scan")
}

// subgraph infers the graph in attribute attr, whose inputs are in, and
// returns its outputs.
func (c *call) subgraph(attr string, in []*value) ([]*value, error) {
	a := c.Attr(attr)
	if a == nil || a.G == nil {
		return nil, fmt.Errorf("attribute %q is missing", attr)
	}
	if in != nil && len(in) != len(a.G.Inputs) {
		return nil, fmt.Errorf("%s has %d inputs, %d are given", attr, len(a.G.Inputs), len(in))
	}
	s := newInferrer(c.scope)
	if err := s.graph(a.G, in); err != nil {
		return nil, fmt.Errorf("%s: %w", attr, err)
	}
	var out []*value
	for _, o := range a.G.Outputs {
		v := s.lookup(o.Name)
		if v == nil {
			return nil, fmt.Errorf("%s: output %q is not defined", attr, o.Name)
		}
		out = append(out, v)
	}
	return out, nil
}

// either returns what holds for x and for y, whatever their contents.
func either(x, y *value) *value {
	v := &value{}
	if x.typ == y.typ {
		v.typ = x.typ
	}
	if v.ranked = x.ranked && y.ranked && len(x.shape) == len(y.shape); v.ranked {
		v.shape = slices.Clone(x.shape)
		for i, d := range y.shape {
			if v.shape[i] != d {
				v.shape[i] = unknown
			}
		}
	}
	return v
}

// inferIf: a known condition chooses, else what both branches have in common.
func inferIf(c *call) error {
	if cond, ok := c.arg(0).ints(); ok && len(cond) == 1 {
		branch := "then_branch"
		if cond[0] == 0 {
			branch = "else_branch"
		}
		out, err := c.subgraph(branch, []*value{})
		if err != nil {
			return err
		}
		return c.results(out)
	}
	x, err := c.subgraph("then_branch", []*value{})
	if err != nil {
		return err
	}
	y, err := c.subgraph("else_branch", []*value{})
	if err != nil {
		return err
	}
	if len(x) != len(y) {
		return fmt.Errorf("its branches have %d and %d outputs", len(x), len(y))
	}
	for i := range x {
		x[i] = either(x[i], y[i])
	}
	return c.results(x)
}

// results sets the outputs.
func (c *call) results(out []*value) error {
	if len(out) < len(c.out) {
		return fmt.Errorf("%d outputs, its graph has %d", len(c.out), len(out))
	}
	for i := range c.out {
		c.out[i] = *out[i]
	}
	return nil
}

// maxTwice bounds the nesting of loops whose bodies are inferred more than once,
// with what their iterations change: the work multiplies with each. Deeper ones
// say nothing of their state's shape.
const maxTwice = 2

// repeated infers a body with the state in after others, until the state's
// shape does not change any more, at the latest when nothing is said of it. It
// returns the state and the body's outputs.
func (c *call) repeated(before, state, after []*value, skip int) ([]*value, []*value, error) {
	for i, v := range state {
		state[i] = &value{typ: v.typ} // contents change
		if c.scope.depth < maxTwice {
			state[i].ranked, state[i].shape = v.ranked, v.shape
		}
	}
	for round := 0; ; round++ {
		out, err := c.subgraph("body", slices.Concat(before, state, after))
		if err != nil {
			return nil, nil, err
		}
		if len(out) < skip+len(state) {
			return nil, nil, fmt.Errorf("body has %d outputs for a state of %d values", len(out), len(state))
		}
		stable := true
		for i, v := range state {
			next := either(v, out[skip+i])
			stable = stable && next.ranked == v.ranked && slices.Equal(next.shape, v.shape)
			state[i] = next
		}
		switch {
		case stable:
			return state, out, nil
		case round > 0:
			for i, v := range state {
				state[i] = &value{typ: v.typ}
			}
		}
	}
}

// inferLoop: iteration, condition and state go into the body; condition, state
// and what is collected come out. The number of iterations is known where the
// first input is and the condition is always true.
func inferLoop(c *call) error {
	a := c.Attr("body")
	if a == nil || a.G == nil {
		return errors.New(`attribute "body" is missing`)
	}
	cond := &value{typ: tensor.Bool, ranked: true, shape: []Dim{}}
	first, known := c.arg(1).ints()
	if !c.has(1) || known && len(first) == 1 && first[0] != 0 {
		cond.data = []datum{{v: 1, known: true}}
	}
	var state []*value
	for i := 2; i < len(c.Inputs); i++ {
		state = append(state, c.arg(i))
	}
	iteration := &value{typ: tensor.Int64, ranked: true, shape: []Dim{}}
	state, out, err := c.repeated([]*value{iteration, cond}, state, nil, 1)
	if err != nil {
		return err
	}
	trips := unknown
	limit, known := c.arg(0).ints()
	last, always := out[0].ints()
	if known && len(limit) == 1 && cond.data != nil && always && len(last) == 1 && last[0] != 0 {
		trips = fixed(max(limit[0], 0))
	}
	for _, v := range out[1+len(state):] {
		state = append(state, v.stacked(0, trips))
	}
	return c.results(state)
}

// stacked returns n values like v along a new axis, which may be negative.
func (v *value) stacked(at int64, n Dim) *value {
	s := &value{typ: v.typ}
	if k, err := axis(at, len(v.shape)+1); err == nil && v.ranked {
		s.ranked, s.shape = true, slices.Insert(slices.Clone(v.shape), k, n)
	}
	return s
}

// inferScan (from operator set 9 on): state and one slice of every input that
// is scanned go into the body; state and one slice of every output come out.
func inferScan(c *call) error {
	n := int(c.Int("num_scan_inputs", 0))
	if c.opset < 9 || n < 1 || n > len(c.Inputs) {
		return nil // sets before 9 have batches; the rest is for the engine to report
	}
	var state, slices []*value
	for i := range len(c.Inputs) - n {
		state = append(state, c.arg(i))
	}
	from, length := c.Ints("scan_input_axes", nil), unknown
	for i := range n {
		x := c.arg(len(state) + i)
		s := &value{typ: x.typ}
		if x.ranked {
			k, err := axis(listed(from, i), len(x.shape))
			if err != nil {
				return err
			}
			if length.differs(x.shape[k]) {
				return fmt.Errorf("scanned inputs have lengths %v and %v", length, x.shape[k])
			}
			if !length.known() {
				length = x.shape[k]
			}
			s.ranked, s.shape = true, append(append([]Dim{}, x.shape[:k]...), x.shape[k+1:]...)
		}
		slices = append(slices, s)
	}
	state, out, err := c.repeated(nil, state, slices, 0)
	if err != nil {
		return err
	}
	to := c.Ints("scan_output_axes", nil)
	for i, v := range out[len(state):] {
		state = append(state, v.stacked(listed(to, i), length))
	}
	return c.results(state)
}

// listed returns element i of a list of axes, 0 where it has none.
func listed(list []int64, i int) int64 {
	if i < len(list) {
		return list[i]
	}
	return 0
}
