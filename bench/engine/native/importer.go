package native

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"assay/models/onnx"
	"assay/models/tensor"
)

// importer turns a checked model into a graph.
type importer struct {
	m      *onnx.Model
	inf    *onnx.Inference
	values map[string]*value
	g      *graph
}

// load builds the graph of m with the batch bound: every operator known,
// every shape fixed. more names values that are to be outputs too.
func load(m *onnx.Model, batch int, more ...string) (*graph, error) {
	if err := onnx.Check(m); err != nil {
		return nil, err
	}
	if err := known(m); err != nil {
		return nil, err
	}
	bind, err := bindBatch(m, batch)
	if err != nil {
		return nil, err
	}
	m, inf, err := infer(m, bind)
	if err != nil {
		return nil, err
	}
	im := &importer{m: m, inf: inf, values: map[string]*value{}, g: &graph{}}
	if err := im.sources(); err != nil {
		return nil, err
	}
	for _, n := range m.Graph.Nodes {
		if err := im.node(n); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, o := range m.Graph.Outputs {
		names = append(names, o.Name)
	}
	for _, name := range append(names, more...) {
		v := im.values[name]
		if v == nil {
			return nil, fmt.Errorf("the model has no value %q", name)
		}
		im.g.outputs, im.g.names = append(im.g.outputs, v), append(im.g.names, name)
	}
	return im.g, nil
}

// bindBatch is onnx.BindBatch, save that a batch of 1, which everybody has who
// does not ask for another, leaves dimensions alone that the file fixes.
func bindBatch(m *onnx.Model, batch int) (map[string]int64, error) {
	if batch > 1 {
		return onnx.BindBatch(m, int64(batch))
	}
	open, g := *m, *m.Graph
	open.Graph = &g
	g.Inputs = slices.Clone(g.Inputs)
	g.Inputs = slices.DeleteFunc(g.Inputs, func(v onnx.ValueInfo) bool {
		return len(v.Shape) > 0 && v.Shape[0].Param == "" && v.Shape[0].Value >= 0
	})
	return onnx.BindBatch(&open, 1)
}

// known reports operators, domains and attributes that this engine lacks, all
// of them in one error that wraps errors.ErrUnsupported.
func known(m *onnx.Model) error {
	missing := unknown(m.Graph, m.Opset(""))
	if missing == nil {
		return nil
	}
	const show = 5
	if more := len(missing) - show; more > 0 {
		missing = append(missing[:show], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s: %w by native (docs/operators.md lists the %d that it has)", strings.Join(missing, "; "), errors.ErrUnsupported, len(opNames()))
}

// unknown says what this engine does not have of g's nodes and of the graphs
// inside them.
func unknown(g *onnx.Graph, opset int64) []string {
	var missing []string
	for _, n := range g.Nodes {
		why := lacking(n)
		switch {
		case why != "":
		case opset < 7 && older(n, opset):
			why = fmt.Sprintf("node %q: %s of operator set %d", n.Name, n.Op, opset)
		case opset >= 7 && n.Attr("axis") != nil && onnx.Aligns(n.Op):
			why = fmt.Sprintf("node %q: attribute \"axis\" of %s", n.Name, n.Op)
		}
		if why != "" {
			missing = append(missing, why)
		}
		for _, sub := range graphsOf(n) {
			missing = append(missing, unknown(sub, opset)...)
		}
	}
	return missing
}

// older reports whether n meant something else in an operator set before 7
// than what is planned here (onnx/docs/Changelog.md). Attributes that have
// gone since then, as that by which operands were aligned, are lacking anyway.
func older(n *onnx.Node, opset int64) bool {
	switch n.Op {
	case "Dropout", "BatchNormalization": // a flag said whether it trains, which was the default
		return n.Int("is_test", 0) == 0
	case "Selu", "Cast", "Reshape", "Tile", "Concat", "HardSigmoid": // other defaults, or parameters in another place
		return opset < 6
	}
	return false
}

// lacking says what of n this engine does not have, "" if nothing.
func lacking(n *onnx.Node) string {
	place := fmt.Sprintf("node %q", n.Name)
	if n.Name == "" && len(n.Outputs) > 0 {
		place = fmt.Sprintf("node making %q", n.Outputs[0])
	}
	op := findOp(n.Domain, n.Op)
	if op == nil {
		name := n.Op
		if n.Domain != "" {
			name = n.Domain + "." + name
		}
		return fmt.Sprintf("%s: operator %s", place, name)
	}
	if len(n.Inputs) < op.min || len(n.Inputs) > op.max {
		return fmt.Sprintf("%s: %s with %d inputs (%d to %d are)", place, n.Op, len(n.Inputs), op.min, op.max)
	}
	for i := range op.min {
		if n.Inputs[i] == "" {
			return fmt.Sprintf("%s: %s without its input %d", place, n.Op, i)
		}
	}
	for _, a := range n.Attrs {
		if !op.takes(a.Name) {
			return fmt.Sprintf("%s: attribute %q of %s", place, a.Name, n.Op)
		}
	}
	for i, o := range n.Outputs {
		if i >= op.outputs() && o != "" {
			return fmt.Sprintf("%s: output %d of %s", place, i, n.Op)
		}
	}
	if !slices.ContainsFunc(n.Outputs, func(o string) bool { return o != "" }) || n.Outputs[0] == "" && !op.unnamed {
		return fmt.Sprintf("%s: %s without an output", place, n.Op)
	}
	return ""
}

// sources makes the values of constants and inputs.
func (im *importer) sources() error {
	for _, t := range im.m.Graph.Initializers {
		if t.Type == tensor.Int4 || t.Type == tensor.Uint4 {
			im.values[t.Name] = fromTensor(t.Name, nibbles(t.Tensor))
			continue
		}
		if t.Type.Bits() == 0 || t.Type.Bits()%8 != 0 {
			return fmt.Errorf("initializer %q: elements of type %v: %w by native", t.Name, t.Type, errors.ErrUnsupported)
		}
		im.values[t.Name] = fromTensor(t.Name, t.Tensor)
	}
	for _, in := range im.m.Graph.Inputs {
		if im.values[in.Name] != nil {
			continue // a default: IR versions before 4 list all initializers
		}
		v, err := im.value(in.Name)
		if err != nil {
			return fmt.Errorf("input %w", err)
		}
		im.values[in.Name] = v
		im.g.inputs = append(im.g.inputs, v)
	}
	return nil
}

// fromTensor returns a constant. Its data may lie anywhere in the file.
func fromTensor(name string, t tensor.Tensor) *value {
	return &value{name: name, typ: t.Type, shape: t.Shape, data: t.Data, konst: true}
}

// value makes the value called name from what inference found.
func (im *importer) value(name string) (*value, error) {
	vi := im.inf.Values[name]
	v := &value{name: name, typ: vi.Type}
	if vi.Type.Bits() == 0 || vi.Type.Bits()%8 != 0 {
		return nil, fmt.Errorf("%q: elements of type %v: %w by native", name, vi.Type, errors.ErrUnsupported)
	}
	if !vi.HasShape {
		return nil, fmt.Errorf("%q: its shape is known only when the model runs: %w by native", name, errors.ErrUnsupported)
	}
	for i, d := range vi.Shape {
		if d.Param != "" || d.Value < 0 {
			return nil, fmt.Errorf("%q: dimension %d (%v) is not fixed and is not the batch: %w by native", name, i, d, errors.ErrUnsupported)
		}
		v.shape = append(v.shape, int(d.Value))
	}
	if _, err := tensor.Elements(v.shape); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return v, nil
}

// node imports n; what inference knows of its contents becomes a constant.
func (im *importer) node(n *onnx.Node) error {
	k := blank(n.Name)
	k.op, k.domain, k.attrs, k.opset = n.Op, n.Domain, n, im.m.Opset("")
	if k.domain == "ai.onnx" {
		k.domain = ""
	}
	names := n.Inputs
	if controls(k) {
		names = slices.Concat(names, captures(n))
	}
	for _, name := range names {
		v := im.values[name]
		if v == nil && name != "" {
			return fmt.Errorf("%s: input %q is not defined", k.place(), name)
		}
		k.in = append(k.in, v)
	}
	im.align(k)
	for _, name := range n.Outputs {
		if name == "" {
			k.out = append(k.out, nil)
			continue
		}
		v, err := im.value(name)
		if err != nil {
			return fmt.Errorf("%s: value %w", k.place(), err)
		}
		im.values[name] = v
		if ints, ok := im.inf.Ints[name]; ok && v.typ == tensor.Int64 && len(ints) == v.len() {
			v.data, v.konst = tensor.From(tensor.Int64, ints, v.shape...).Data, true
		} else {
			v.by = k
		}
		k.out = append(k.out, v)
	}
	im.g.nodes = append(im.g.nodes, k)
	return nil
}

// align gives the second operand of an operator of a set before 7 the
// dimensions with which it broadcasts as NumPy does.
func (im *importer) align(k *node) {
	x, y := k.arg(0), k.arg(1)
	if x == nil || y == nil {
		return
	}
	n := onnx.Trailing(k.attrs, k.opset, len(x.shape), len(y.shape))
	if n == 0 {
		return
	}
	t := &value{name: y.name, typ: y.typ, shape: slices.Concat(y.shape, slices.Repeat([]int{1}, n)), data: y.data, konst: y.konst}
	if !y.konst {
		im.g.nodes = append(im.g.nodes, newNode(blank("shape of "+y.name), "", "Reshape", []*value{y}, []*value{t}))
	}
	k.in[1] = t
}
