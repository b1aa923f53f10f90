package native

import (
	"errors"
	"fmt"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 1, outs: 1 << 16, unnamed: true, attrs: []string{"then_branch", "else_branch"}, plan: planIf}, "If")
}

// controls reports whether n runs graphs of its own: its inputs are followed by
// the values of the graph around it that these read (see captures).
func controls(n *node) bool { return n.is("If", "Loop", "Scan") }

// captures lists the values that n's graphs take from the graphs around them,
// each once: the importer adds them to the inputs of the node in this order.
func captures(n *onnx.Node) []string {
	var out []string
	for _, g := range graphsOf(n) {
		for _, name := range g.Outer() {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// graphsOf returns the graphs among n's attributes.
func graphsOf(n *onnx.Node) []*onnx.Graph {
	var out []*onnx.Graph
	for _, a := range n.Attrs {
		if a.G != nil {
			out = append(out, a.G)
		}
	}
	return out
}

// An inner is the plan of a graph inside a node. Its arena is scratch of the
// node, its inputs and outputs are bound by the node in every run.
type inner struct {
	env   *env
	steps []step
	slots []slot
	arena int      // slot of the outer plan
	in    int      // inputs, which have the first slots
	out   []int    // slots of the outputs
	outs  []*value // what they are
	outer [][2]int // slots of captured values: inside, outside
}

// inner plans g, a graph of n, for inputs like given. Captured constants are
// constants inside too, so that weights are packed once.
func (b *builder) inner(n *node, g *onnx.Graph, given []*value) (*inner, error) {
	if len(g.Inputs) != len(given) {
		return nil, fmt.Errorf("its graph has %d inputs, %d are given", len(g.Inputs), len(given))
	}
	body := *g
	body.Inputs, body.Initializers, body.Values = nil, slices.Clone(g.Initializers), nil
	for i, v := range given {
		body.Inputs = append(body.Inputs, described(g.Inputs[i].Name, v))
	}
	reads := g.Outer()
	var from []*value
	for i, name := range captures(n.attrs) {
		v := n.arg(len(n.attrs.Inputs) + i)
		switch {
		case v == nil:
			return nil, fmt.Errorf("value %q of the graph around it is missing", name)
		case !slices.Contains(reads, name):
		case v.konst:
			body.AddInitializer(name, v.tensor())
		default:
			body.Inputs, from = append(body.Inputs, described(name, v)), append(from, v)
		}
	}
	m := &onnx.Model{IRVersion: onnx.MaxIR, Opsets: []onnx.Opset{{Version: n.opset}, {Domain: microsoft, Version: 1}}, Graph: &body}
	sub, err := load(m, 1)
	if err != nil {
		return nil, err
	}
	if len(sub.inputs) != len(body.Inputs) {
		return nil, errors.New("an input of its graph is also an initializer")
	}
	if err := sub.optimize(); err != nil {
		return nil, err
	}
	return b.adopt(sub, len(given), from)
}

// described says what v is.
func described(name string, v *value) onnx.ValueInfo {
	vi := onnx.ValueInfo{Name: name, Type: v.typ, HasShape: true}
	for _, d := range v.shape {
		vi.Shape = append(vi.Shape, onnx.Dim{Value: int64(d)})
	}
	return vi
}

// adopt plans sub on the threads, and in the arena, of b.
func (b *builder) adopt(sub *graph, given int, from []*value) (*inner, error) {
	s, err := build(sub, b.pool)
	if err != nil {
		return nil, err
	}
	in := &inner{env: s.env, steps: s.steps, slots: s.slots, arena: b.scratch(s.arrange()), in: given, outs: sub.outputs}
	for _, v := range sub.outputs {
		in.out = append(in.out, s.of[v])
	}
	for i, v := range from {
		in.outer = append(in.outer, [2]int{given + i, b.slot(v)})
	}
	b.packed += int(s.weights())
	for _, c := range s.costs {
		b.costs[b.at].macs += c.macs // of one run of the graph
	}
	return in, nil
}

// enter binds the plan to the outer one's memory, before its first run.
func (in *inner) enter(e *env) {
	arena := e.buf[in.arena]
	for i, s := range in.slots {
		if s.kind == inArena {
			in.env.buf[i] = arena[s.offset : s.offset+s.size : s.offset+s.size]
		}
	}
	for _, p := range in.outer {
		in.env.buf[p[0]] = e.buf[p[1]]
	}
}

// run computes the outputs from what is bound.
func (in *inner) run(e *env) {
	for i := range in.steps {
		in.steps[i].run()
	}
	if in.env.fault {
		in.env.fault, e.fault = false, true
	}
}

// sameAs reports outputs of a graph that are not of the type and shape of want.
func (in *inner) sameAs(i int, want *value) error {
	if got := in.outs[i]; got.typ != want.typ || !slices.Equal(got.shape, want.shape) {
		return fmt.Errorf("output %d of its graph is %v%v, not %v%v: %w (values of one shape are)", i, got.typ, got.shape, want.typ, want.shape, errors.ErrUnsupported)
	}
	return nil
}

// planIf plans both branches, or the one that a constant condition takes.
func planIf(b *builder, n *node) error {
	cond := n.in[0]
	if err := want(tensor.Bool, cond); err != nil {
		return err
	}
	if cond.len() != 1 {
		return fmt.Errorf("condition %v, one element is wanted", cond.shape)
	}
	var branches [2]*inner // else, then
	for i, name := range [2]string{"else_branch", "then_branch"} {
		if cond.konst && (cond.data[0] != 0) != (i == 1) {
			continue
		}
		a := n.attrs.Attr(name)
		if a == nil || a.G == nil {
			return fmt.Errorf("attribute %q is missing", name)
		}
		in, err := b.inner(n, a.G, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(in.outs) < len(n.out) {
			return fmt.Errorf("%s has %d outputs, %d are wanted", name, len(in.outs), len(n.out))
		}
		for k, y := range n.out {
			if y == nil {
				continue
			}
			if err := in.sameAs(k, y); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		branches[i] = in
	}
	e, c, out := b.env, b.slot(cond), b.results(n, max(branches[0].outputs(), branches[1].outputs()), branches[:]...)
	b.step(func() {
		taken := branches[0]
		if e.buf[c][0] != 0 {
			taken = branches[1]
		}
		taken.enter(e)
		for k, slot := range taken.out {
			taken.env.buf[slot] = e.buf[out[k]]
		}
		taken.run(e)
	})
	return nil
}

// outputs returns how many outputs the graph has, 0 of none.
func (in *inner) outputs() int {
	if in == nil {
		return 0
	}
	return len(in.outs)
}

// results returns the slots of n's outputs, and scratch for those of its graphs
// that nobody reads.
func (b *builder) results(n *node, count int, graphs ...*inner) []int {
	var out []int
	for k := range count {
		if k < len(n.out) && n.out[k] != nil {
			out = append(out, b.slot(n.out[k]))
			continue
		}
		size := 0
		for _, in := range graphs {
			if k < in.outputs() {
				size = max(size, in.outs[k].bytes())
			}
		}
		out = append(out, b.scratch(size))
	}
	return out
}
