package compress

import (
	"fmt"
	"slices"

	"assay/models/onnx"
)

// A family is a set of channels that can only be removed together, from
// everything that computes, carries or reads them (Fang et al., "DepGraph",
// 2023). Families that residual additions join become one.
type family struct {
	parent *family // nil for the one that stands for all joined
	size   int
	fixed  string // why none of it can go, "" if some can
	keep   []bool // by channel, once decided
}

func (f *family) root() *family {
	for f.parent != nil {
		f = f.parent
	}
	return f
}

// fix forbids to remove channels of f; the first reason stays.
func (f *family) fix(reason string) {
	if r := f.root(); r.fixed == "" {
		r.fixed = reason
	}
}

// A segment is a run of a value's channels: all of a family, each one times
// neighbours (more than 1 behind a Flatten of an image).
type segment struct {
	f     *family
	times int
}

// A kinship says which families the channels of each value belong to.
type kinship struct {
	*draft
	opt     Options
	of      map[string][]segment
	last    map[string]bool // values whose channels are the last axis, as matrices make them; else the second
	targets map[*onnx.Node]*target
	shapes  map[string]onnx.ValueInfo
	vectors map[string][]segment // constants with one number per channel
	all     []*family
}

// alike lists the operators whose output has the channels of its input.
var alike = map[string]bool{
	"Relu": true, "Clip": true, "Sigmoid": true, "Tanh": true, "HardSwish": true, "HardSigmoid": true, "LeakyRelu": true,
	"Elu": true, "Selu": true, "Softplus": true, "Identity": true, "Dropout": true, "Gelu": true, "Erf": true, "Sqrt": true,
	"Exp": true, "Neg": true, "Abs": true, "Sin": true,
}

// pools lists those that do so for images, whose channels are the second axis.
var pools = map[string]bool{"MaxPool": true, "AveragePool": true, "GlobalAveragePool": true, "GlobalMaxPool": true}

func (d *draft) kinships(list []*target, opt Options) (*kinship, error) {
	shapes, err := onnx.InferShapes(d.Model, nil)
	if err != nil {
		return nil, fmt.Errorf("shapes of the values: %w", err)
	}
	k := &kinship{draft: d, opt: opt, of: map[string][]segment{}, last: map[string]bool{}, targets: map[*onnx.Node]*target{}, shapes: shapes, vectors: map[string][]segment{}}
	for _, t := range list {
		k.targets[t.node] = t
	}
	for _, n := range d.g.Nodes {
		k.node(n)
	}
	for _, v := range d.g.Outputs {
		k.fix(v.Name, "it is an output of the model")
	}
	for s := range d.captured {
		k.fix(s, "a subgraph reads it")
	}
	return k, nil
}

// fresh makes a family.
func (k *kinship) fresh(size int) *family {
	f := &family{size: size}
	k.all = append(k.all, f)
	return f
}

func (k *kinship) fix(v, reason string) {
	for _, s := range k.of[v] {
		s.f.fix(reason)
	}
}

// opaque makes n's outputs unknown and fixes what it reads.
func (k *kinship) opaque(n *onnx.Node, why string) {
	reason := fmt.Sprintf("%s %q %s", n.Op, label(n), why)
	for _, s := range n.Inputs {
		k.fix(s, reason)
	}
}

// node derives the channels of n's outputs.
func (k *kinship) node(n *onnx.Node) {
	if len(n.Outputs) == 0 {
		return
	}
	out, in := n.Outputs[0], input(n, 0)
	switch {
	case !std(n):
		k.opaque(n, "is not understood")
	case k.targets[n] != nil:
		k.weighted(n, k.targets[n])
	case alike[n.Op]:
		k.of[out], k.last[out] = k.of[in], k.last[in]
	case pools[n.Op] && !k.last[in], n.Op == "ReduceMean" && !k.last[in] && k.spatial(n):
		k.of[out] = k.of[in]
	case n.Op == "Add" || n.Op == "Sub" || n.Op == "Mul" || n.Op == "Div":
		k.join(n)
	case n.Op == "Concat":
		k.concat(n)
	case k.last[in] && k.rank(in) != 2 && (n.Op == "Flatten" || n.Op == "Reshape"):
		k.opaque(n, "is not understood")
	case n.Op == "Flatten" && n.Int("axis", 1) == 1, n.Op == "Reshape" && k.flattens(n):
		k.flatten(n)
	default:
		k.opaque(n, "is not understood")
	}
}

// weighted: a dense operator reads one family and makes another; a depthwise
// one carries it on.
func (k *kinship) weighted(n *onnx.Node, t *target) {
	in, out := k.of[n.Inputs[0]], n.Outputs[0]
	if readers(k.g, t.name) > 1 {
		k.opaque(n, "shares its weights")
		return
	}
	if matrix := n.Op != "Conv"; in != nil && matrix != k.last[n.Inputs[0]] && k.rank(n.Inputs[0]) != 2 {
		k.opaque(n, "multiplies along another axis than the channels")
		return
	}
	k.last[out] = n.Op != "Conv"
	depthwise := n.Op == "Conv" && t.groups() > 1 && t.shape[1] == 1 && t.groups() == t.rows
	switch {
	case t.groups() == 1:
		k.of[out] = []segment{{k.fresh(t.rows), 1}}
	case depthwise && total(in) == t.rows:
		k.of[out] = in
	default:
		k.opaque(n, fmt.Sprintf("has %d groups", t.groups()))
		return
	}
	if t.groups() == 1 && in != nil && total(in)*t.taps() != t.cols {
		k.opaque(n, "reads its input in a way that is not understood")
	}
}

// rank returns how many dimensions v has, 0 where that is not known.
func (k *kinship) rank(v string) int { return len(k.shapes[v].Shape) }

// total returns how many channels the segments are.
func total(list []segment) int {
	n := 0
	for _, s := range list {
		n += s.f.size * s.times
	}
	return n
}

// join makes the channels of both operands one family, or carries those of the
// one past a constant of one number or one per channel.
func (k *kinship) join(n *onnx.Node) {
	a, b := n.Inputs[0], n.Inputs[1]
	if k.consts[a] != nil {
		a, b = b, a
	}
	k.last[n.Outputs[0]] = k.last[a]
	if c := k.consts[b]; c != nil {
		if c.Len() == 1 || k.of[a] == nil {
			k.of[n.Outputs[0]] = k.of[a]
		} else if k.perChannel(b, a) {
			k.vectors[b] = k.of[a]
			k.of[n.Outputs[0]] = k.of[a]
		} else {
			k.opaque(n, fmt.Sprintf("has a constant of shape %v", c.Shape))
		}
		return
	}
	x, y := k.of[a], k.of[b]
	if len(x) != len(y) || x == nil || k.last[a] != k.last[b] && k.rank(a) != 2 {
		k.opaque(n, "joins values of different channels")
		return
	}
	for i := range x {
		f, g := x[i].f.root(), y[i].f.root()
		if f.size != g.size || x[i].times != y[i].times {
			k.opaque(n, "joins values of different channels")
			return
		}
		if f != g {
			if g.fixed != "" {
				f.fix(g.fixed)
			}
			g.parent = f
		}
	}
	k.of[n.Outputs[0]] = x
}

// perChannel reports whether the constant c, whose readers are one, has one
// number for each channel of v, along v's channel axis.
func (k *kinship) perChannel(c, v string) bool {
	shape, rank := k.consts[c].Shape, len(k.shapes[v].Shape)
	if readers(k.g, c) != 1 || !k.shapes[v].HasShape || rank < 2 || k.consts[c].Len() != total(k.of[v]) || k.floats(c) == nil {
		return false
	}
	at := len(shape) - rank + 1 // of the channels in c's shape
	if k.last[v] {
		at = len(shape) - 1
	}
	return at >= 0 && at < len(shape) && shape[at] == k.consts[c].Len()
}

func (k *kinship) concat(n *onnx.Node) {
	rank := int64(k.rank(n.Outputs[0]))
	if a := n.Int("axis", 0); a != 1 && (rank == 0 || a != 1-rank) {
		k.opaque(n, "joins along another axis than the channels")
		return
	}
	for _, s := range n.Inputs {
		if k.last[s] && rank != 2 {
			k.opaque(n, "joins along another axis than the channels")
			return
		}
	}
	var out []segment
	for _, s := range n.Inputs {
		if k.of[s] == nil { // channels that nobody may remove still take their places
			size, ok := k.channels(s)
			if !ok {
				k.opaque(n, "reads a value of unknown channels")
				return
			}
			f := k.fresh(size)
			f.fix("it does not come from a layer with weights")
			out = append(out, segment{f, 1})
			continue
		}
		out = append(out, k.of[s]...)
	}
	k.of[n.Outputs[0]] = out
}

func (k *kinship) channels(v string) (int, bool) {
	s := k.shapes[v].Shape
	if len(s) < 2 || s[1].Param != "" || s[1].Value < 1 {
		return 0, false
	}
	return int(s[1].Value), true
}

// spatial reports whether a ReduceMean goes over all axes behind the channels
// and keeps them or leaves [N, C].
func (k *kinship) spatial(n *onnx.Node) bool {
	axes := n.Ints("axes", nil)
	if c := k.consts[input(n, 1)]; c != nil {
		v, err := c.Floats()
		if err != nil {
			return false
		}
		for _, x := range v {
			axes = append(axes, int64(x))
		}
	}
	rank := len(k.shapes[n.Inputs[0]].Shape)
	want := map[int]bool{}
	for i := 2; i < rank; i++ {
		want[i] = true
	}
	for _, a := range axes {
		if a < 0 {
			a += int64(rank)
		}
		delete(want, int(a))
		if a < 2 {
			return false
		}
	}
	return rank > 2 && len(want) == 0 && len(axes) > 0
}

// flattens reports whether a Reshape makes [N, rest] of its input.
func (k *kinship) flattens(n *onnx.Node) bool {
	c := k.consts[input(n, 1)]
	return c != nil && c.Len() == 2 && len(k.shapes[n.Outputs[0]].Shape) == 2 && len(k.shapes[n.Inputs[0]].Shape) > 1 && k.movable(n, c)
}

// movable makes the second number of a Reshape's shape −1, so that it holds
// for fewer channels too; the first must be 0, −1 or 1.
func (k *kinship) movable(n *onnx.Node, c *onnx.Initializer) bool {
	v, err := c.Floats()
	if err != nil || v[0] != 0 && v[0] != 1 && !(v[0] == -1 && v[1] > 0) {
		return false
	}
	return v[0] == 0 && v[1] == -1 || v[0] == 1 && v[1] == -1
}

// flatten gives each channel as many neighbours as the image has positions.
func (k *kinship) flatten(n *onnx.Node) {
	in := k.of[n.Inputs[0]]
	if in == nil {
		return
	}
	times := 1
	for i, d := range k.shapes[n.Inputs[0]].Shape {
		if i < 2 {
			continue
		}
		if d.Param != "" || d.Value < 1 {
			k.opaque(n, "flattens an image of unknown size")
			return
		}
		times *= int(d.Value)
	}
	out := slices.Clone(in)
	for i := range out {
		out[i].times *= times
	}
	k.of[n.Outputs[0]] = out
}
