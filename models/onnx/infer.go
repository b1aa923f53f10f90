package onnx

import (
	"errors"
	"fmt"

	"assay/models/tensor"
)

// An Inference is what InferShapes found out about the values of a graph.
type Inference struct {
	// Values holds every named value of the graph: inputs, initializers and
	// node outputs. What is unknown has type Undefined or HasShape false.
	Values map[string]ValueInfo

	// Ints holds the contents of small integer values that are known without
	// running the model, for example what Shape, Gather and Concat compute
	// for Reshape. The value's shape in Values is [] or [len].
	Ints map[string][]int64
}

// InferShapes returns the type and shape of every value of m, whose nodes
// must be in order. See Infer.
func InferShapes(m *Model, bind map[string]int64) (map[string]ValueInfo, error) {
	inf, err := Infer(m, bind)
	if err != nil {
		return nil, err
	}
	return inf.Values, nil
}

// Infer computes types and shapes from the inputs on, operator by operator.
// bind gives symbolic dimensions their size, for example N: 1; a dimension
// without a name is called "<input>:<axis>", for example "x:0", in bind and
// in the result. Symbolic dimensions that bind leaves out are carried along
// as far as possible. Outputs of operators that are not in the table are
// taken from the file's own value_info, or unknown. Operands that do not fit,
// attributes out of range and shapes that overflow are errors that name the
// node. Initializers count as constants even where the graph lists them as
// inputs.
func Infer(m *Model, bind map[string]int64) (*Inference, error) {
	if m == nil || m.Graph == nil {
		return nil, errors.New("infer shapes: model has no graph")
	}
	for name, v := range bind {
		if v < 0 || v > tensor.MaxBytes {
			return nil, fmt.Errorf("infer shapes: %s = %d is not a size", name, v)
		}
	}
	s := newInferrer(nil)
	s.bind, s.opsets = bind, map[string]int64{}
	for _, o := range m.Opsets {
		s.opsets[domain(o.Domain)] = o.Version
	}
	if err := s.graph(m.Graph, nil); err != nil {
		return nil, fmt.Errorf("infer shapes: %w", err)
	}
	return s.result(), nil
}

// BindBatch returns the bind that makes the first dimension of every input
// that is no initializer n. An input whose first dimension is fixed to
// another size is an error; one without a shape is left alone.
func BindBatch(m *Model, n int64) (map[string]int64, error) {
	bind, constants := map[string]int64{}, map[string]bool{}
	for _, t := range m.Graph.Initializers {
		constants[t.Name] = true
	}
	for _, v := range m.Graph.Inputs {
		if len(v.Shape) == 0 || constants[v.Name] {
			continue
		}
		switch d := v.Shape[0]; {
		case d.Param != "":
			bind[d.Param] = n
		case d.Value < 0:
			bind[axisName(v.Name, 0)] = n
		case d.Value != n:
			return nil, fmt.Errorf("input %q has a fixed batch of %d, not %d", v.Name, d.Value, n)
		}
	}
	return bind, nil
}

// axisName names the dimension of an input that the file leaves nameless.
func axisName(input string, axis int) string { return fmt.Sprintf("%s:%d", input, axis) }

// A value is what is known of one value of the graph.
type value struct {
	typ    tensor.Type
	ranked bool
	shape  []Dim
	data   []datum        // contents of a small integer scalar or vector, else nil
	tensor *tensor.Tensor // contents of a constant, else nil
}

// A datum is one known or symbolic integer.
type datum struct {
	v     int64
	known bool
	param string // the symbolic dimension that it equals, where not known
}

// maxRank bounds the dimensions of a value, and with them the integers that
// are carried along: deeper shapes are hostile (PyTorch, too, ends at 64).
const maxRank = 64

type inferrer struct {
	bind     map[string]int64
	opsets   map[string]int64 // by domain
	values   map[string]*value
	declared map[string]ValueInfo // what the file says of inner values and outputs
	outer    *inferrer            // of the graph around this one
	depth    int
}

// newInferrer returns one for a graph inside that of outer, if there is one.
func newInferrer(outer *inferrer) *inferrer {
	s := &inferrer{values: map[string]*value{}, declared: map[string]ValueInfo{}, outer: outer}
	if outer != nil {
		s.bind, s.opsets, s.depth = outer.bind, outer.opsets, outer.depth+1
	}
	return s
}

// graph infers g's values. in are its inputs where a node hands them over;
// nil ones are as the file says.
func (s *inferrer) graph(g *Graph, in []*value) error {
	if s.depth > maxDepth {
		return fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	if err := s.sources(g); err != nil {
		return err
	}
	for i, v := range in {
		if v != nil && i < len(g.Inputs) {
			s.values[g.Inputs[i].Name] = v
		}
	}
	for i, n := range g.Nodes {
		if err := s.node(n, s.opsets[domain(n.Domain)]); err != nil {
			return fmt.Errorf("%s: %s: %w", n.place(i), n.Op, err)
		}
	}
	return nil
}

// lookup returns the value called name of this graph or of one around it, nil
// where there is none.
func (s *inferrer) lookup(name string) *value {
	for ; s != nil; s = s.outer {
		if v := s.values[name]; v != nil {
			return v
		}
	}
	return nil
}

// sources enters g's inputs and initializers.
func (s *inferrer) sources(g *Graph) error {
	for _, list := range [][]ValueInfo{g.Values, g.Outputs} {
		for _, v := range list {
			s.declared[v.Name] = v
		}
	}
	for _, v := range g.Inputs {
		x := s.from(v, true)
		if err := x.check(); err != nil {
			return fmt.Errorf("input %q: %w", v.Name, err)
		}
		s.values[v.Name] = x
	}
	for _, t := range g.Initializers {
		x := constant(&t.Tensor)
		if err := x.check(); err != nil {
			return fmt.Errorf("initializer %q: %w", t.Name, err)
		}
		s.values[t.Name] = x
	}
	return nil
}

// from makes a value of what the file says, symbolic dimensions bound.
func (s *inferrer) from(v ValueInfo, input bool) *value {
	x := &value{typ: v.Type, ranked: v.HasShape}
	for i, d := range v.Shape {
		if d.Param == "" && d.Value < 0 && input {
			d.Param = axisName(v.Name, i)
		}
		if n, ok := s.bind[d.Param]; ok && d.Param != "" {
			d = fixed(n)
		}
		if d.Param != "" {
			d.Value = -1
		}
		x.shape = append(x.shape, d)
	}
	return x
}

// constant makes a value of t.
func constant(t *tensor.Tensor) *value {
	v := &value{typ: t.Type, ranked: true, shape: make([]Dim, len(t.Shape)), tensor: t}
	for i, d := range t.Shape {
		v.shape[i] = fixed(int64(d))
	}
	if len(t.Shape) > 1 || t.Len() > maxRank || t.Check() != nil {
		return v
	}
	v.data = contents(t)
	return v
}

// contents returns the elements of an integer tensor, nil for other types.
func contents(t *tensor.Tensor) []datum {
	out := make([]datum, 0, t.Len())
	add := func(x int64) { out = append(out, datum{v: x, known: true}) }
	switch t.Type {
	case tensor.Int64:
		for _, x := range tensor.Of[int64](*t) {
			add(x)
		}
	case tensor.Int32:
		for _, x := range tensor.Of[int32](*t) {
			add(int64(x))
		}
	case tensor.Bool, tensor.Uint8:
		for _, x := range t.Data {
			add(int64(x))
		}
	default:
		return nil
	}
	return out
}

// check reports a shape that cannot exist: its known dimensions overflow.
func (v *value) check() error {
	if len(v.shape) > maxRank {
		return fmt.Errorf("%d dimensions, at most %d are read", len(v.shape), maxRank)
	}
	dims := make([]int, 0, len(v.shape))
	for _, d := range v.shape {
		if !d.known() {
			continue
		}
		if d.Value > tensor.MaxBytes {
			return fmt.Errorf("dimension %d is too large", d.Value)
		}
		dims = append(dims, int(d.Value))
	}
	n, err := tensor.Elements(dims)
	if err == nil && n > tensor.MaxBytes/8 { // so that elements × 64 bits fits too
		err = fmt.Errorf("shape %v is too large", dims)
	}
	return err
}

// node infers the outputs of n.
func (s *inferrer) node(n *Node, opset int64) error {
	c := &call{Node: n, opset: opset, scope: s, out: make([]value, len(n.Outputs))}
	for _, name := range n.Inputs {
		v := s.lookup(name)
		if v == nil && name != "" {
			v = &value{} // not defined at all: Check says
		}
		c.in = append(c.in, v)
	}
	op, ok := table[opKey{domain(n.Domain), n.Op}]
	if ok {
		for i := range op.min {
			if !c.has(i) {
				return fmt.Errorf("input %d is missing, it takes at least %d", i, op.min)
			}
		}
		c.align()
		if err := op.f(c); err != nil {
			return err
		}
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		v := c.out[i]
		if d, ok := s.declared[name]; ok {
			if v.typ == tensor.Undefined {
				v.typ = d.Type
			}
			if !v.ranked {
				x := s.from(d, false)
				v.ranked, v.shape = x.ranked, x.shape
			}
		}
		if len(v.data) > maxRank || v.ranked && len(v.shape) > 1 {
			v.data = nil
		}
		if err := v.check(); err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		s.values[name] = &v
	}
	return nil
}

func (s *inferrer) result() *Inference {
	r := &Inference{Values: make(map[string]ValueInfo, len(s.values)), Ints: map[string][]int64{}}
	for name, v := range s.values {
		r.Values[name] = ValueInfo{Name: name, Type: v.typ, Shape: v.shape, HasShape: v.ranked}
		if k, ok := v.ints(); ok && v.ranked {
			r.Ints[name] = k
		}
	}
	return r
}
