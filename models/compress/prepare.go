package compress

import (
	"fmt"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// opset is what the techniques emit: the lowest with per-axis
// DequantizeLinear. A later opset of the model is kept.
const opset = 13

// irVersion is the IR version that came with opset 13 (ONNX 1.8); from 4 on
// initializers need not be graph inputs.
const irVersion = 7

// A draft is a model being rewritten: a private copy of the caller's.
type draft struct {
	*onnx.Model
	g        *onnx.Graph
	names    *onnx.Namer
	consts   map[string]*onnx.Initializer
	captured map[string]bool // read by subgraphs: neither renamed nor removed
	zero     map[zeroKey]string
	count    int // of constructs named by serial
}

// prepare copies m, makes its constants plain initializers, raises its opset
// to 13 where that changes no meaning, and folds it.
func prepare(m *onnx.Model) (*draft, error) {
	d, err := newDraft(m)
	if err != nil {
		return nil, err
	}
	if err := d.fold(); err != nil {
		return nil, err
	}
	if err := d.raise(); err != nil {
		return nil, err
	}
	return d, nil
}

func newDraft(m *onnx.Model) (*draft, error) {
	if err := onnx.Check(m); err != nil {
		return nil, err
	}
	for _, n := range m.Graph.Nodes {
		if err := arity(n); err != nil {
			return nil, err
		}
	}
	c := m.Clone()
	d := &draft{Model: c, g: c.Graph, names: onnx.NewNamer(c.Graph), consts: map[string]*onnx.Initializer{}, captured: map[string]bool{}, zero: map[zeroKey]string{}}
	for _, t := range d.g.Initializers {
		d.consts[t.Name] = t
	}
	for s, readers := range d.g.Consumers() {
		for _, n := range readers {
			if !slices.Contains(n.Inputs, s) {
				d.captured[s] = true
			}
		}
	}
	// An initializer that is also an input is a default which the caller may
	// override; folding it in needs it constant, and every engine here feeds
	// true inputs only.
	d.g.Inputs = slices.DeleteFunc(d.g.Inputs, func(v onnx.ValueInfo) bool { return d.consts[v.Name] != nil })
	d.lift()
	return d, nil
}

// needs lists how many inputs a node that is rewritten has at least.
var needs = map[string]int{
	"Add": 2, "AveragePool": 1, "BatchNormalization": 5, "Clip": 1, "Concat": 1, "Conv": 2, "Dropout": 1, "Flatten": 1,
	"Gemm": 2, "GlobalAveragePool": 1, "Identity": 1, "MatMul": 2, "MaxPool": 1, "Mul": 2, "Relu": 1, "Reshape": 1,
	"Squeeze": 1, "Transpose": 1, "Unsqueeze": 1,
}

// arity reports a node that lacks an input or output that its operator needs.
func arity(n *onnx.Node) error {
	need := needs[n.Op]
	if need == 0 || !std(n) {
		return nil
	}
	if n.Op == "Concat" {
		need = max(1, len(n.Inputs))
	}
	for i := range need {
		if input(n, i) == "" {
			return fmt.Errorf("%s %q has no input %d", n.Op, label(n), i)
		}
	}
	if len(n.Outputs) == 0 || n.Outputs[0] == "" {
		return fmt.Errorf("%s %q has no output", n.Op, label(n))
	}
	return nil
}

// add makes t a constant, under want or a name close to it.
func (d *draft) add(want string, t tensor.Tensor) string {
	name := d.names.New(want)
	d.consts[name] = d.g.AddInitializer(name, t)
	return name
}

// serial returns a function that proposes names kind_n for the parts of one
// construct, with an n of its own. Names made from those of exported models, often 60
// bytes long, took a fifth of a small model's file.
func (d *draft) serial() func(kind string) string {
	d.count++
	n := d.count
	return func(kind string) string { return fmt.Sprintf("%s_%d", kind, n) }
}

// zeros returns the name of zero points of type t, a vector or a scalar, one
// constant for all tensors that need it.
func (d *draft) zeros(t tensor.Type, shape ...int) string {
	k := zeroKey{t, 0}
	if len(shape) > 0 {
		k.n = shape[0]
	}
	if d.zero[k] == "" {
		d.zero[k] = d.add(fmt.Sprintf("zero_points_%v_%d", t, k.n), tensor.New(t, shape...))
	}
	return d.zero[k]
}

type zeroKey struct {
	t tensor.Type
	n int
}

// lift turns Constant nodes into initializers, save those that are outputs.
func (d *draft) lift() {
	d.g.Nodes = slices.DeleteFunc(d.g.Nodes, func(n *onnx.Node) bool {
		if n.Op != "Constant" || !std(n) || len(n.Outputs) != 1 || d.g.IsOutput(n.Outputs[0]) {
			return false
		}
		t, ok := constant(n)
		if ok {
			d.consts[n.Outputs[0]] = d.g.AddInitializer(n.Outputs[0], t)
		}
		return ok
	})
}

// constant returns the value of a Constant node, false for the kinds that
// are no dense numbers.
func constant(n *onnx.Node) (tensor.Tensor, bool) {
	for _, a := range n.Attrs {
		switch {
		case a.Name == "value" && a.T != nil:
			return *a.T, true
		case a.Name == "value_float" && a.Type == onnx.AttrFloat:
			return tensor.From(tensor.Float32, []float32{a.F}), true
		case a.Name == "value_floats" && a.Type == onnx.AttrFloats:
			return tensor.From(tensor.Float32, a.Floats, len(a.Floats)), true
		case a.Name == "value_int" && a.Type == onnx.AttrInt:
			return tensor.From(tensor.Int64, []int64{a.I}), true
		case a.Name == "value_ints" && a.Type == onnx.AttrInts:
			return tensor.From(tensor.Int64, a.Ints, len(a.Ints)), true
		}
	}
	return tensor.Tensor{}, false
}

// std reports whether n is of the standard operator set.
func std(n *onnx.Node) bool { return n.Domain == "" || n.Domain == "ai.onnx" }

// since lists, per operator, the lowest opset from which a node means at
// opset 13 what it meant there (onnx/docs/Changelog.md). Clip is converted.
var since = map[string]int64{
	"Abs": 6, "Add": 7, "AveragePool": 7, "BatchNormalization": 9, "Cast": 6, "Ceil": 6, "Clip": 6, "Concat": 4,
	"Constant": 1, "ConstantOfShape": 9, "Conv": 1, "ConvTranspose": 1, "DepthToSpace": 11,
	"Div": 7, "Elu": 6, "Equal": 11, "Erf": 9, "Exp": 6, "Expand": 8, "Flatten": 1, "Floor": 6, "Gather": 11,
	"Gemm": 7, "GlobalAveragePool": 1, "GlobalMaxPool": 1, "HardSigmoid": 6, "Identity": 1,
	"InstanceNormalization": 6, "LRN": 1, "LeakyRelu": 6, "Log": 6, "MatMul": 1, "MaxPool": 8, "Mul": 7,
	"Neg": 6, "PRelu": 9, "Pad": 11, "Pow": 7, "Range": 11, "Reciprocal": 6, "ReduceMax": 1, "ReduceMean": 1, "ReduceMin": 1, "Relu": 6, "Reshape": 5, "Resize": 11, "Selu": 6,
	"Shape": 1, "Sigmoid": 6, "Slice": 10, "Softplus": 1, "SpaceToDepth": 1, "Sqrt": 6, "Sub": 7, "Sum": 8,
	"Tanh": 6, "Transpose": 1, "Where": 9,
}

// raise declares opset 13 where the model's is lower and none of its nodes
// changes meaning by that.
func (d *draft) raise() error { return d.raiseTo(opset) }

// raiseTo does so for opset 13, or for 21 where to is that.
func (d *draft) raiseTo(to int64) error {
	if err := d.raiseFirst(); err != nil || to <= d.Opset("") {
		return err
	}
	for _, n := range d.g.Nodes {
		if std(n) && !steady[n.Op] || len(d.nested(n)) > 0 {
			return fmt.Errorf("opset %d: %s %q may mean something else at opset %d, which this technique needs: export the model at opset %d or later", d.Opset(""), n.Op, label(n), to, to)
		}
	}
	d.IRVersion = max(d.IRVersion, blockedIR)
	d.declare(to)
	return nil
}

// steady lists operators whose nodes mean the same at opsets 13 and 21, by the
// changes that onnx/docs/Changelog.md tells of in between.
var steady = map[string]bool{
	"Abs": true, "Add": true, "AveragePool": true, "BatchNormalization": true, "Cast": true, "Ceil": true, "Clip": true,
	"Concat": true, "Constant": true, "Cos": true, "ConstantOfShape": true, "Conv": true, "ConvTranspose": true, "DepthToSpace": true,
	"DequantizeLinear": true, "Div": true, "Dropout": true, "Elu": true, "Equal": true, "Erf": true, "Exp": true,
	"Expand": true, "Flatten": true, "Floor": true, "Gather": true, "Gemm": true, "GlobalAveragePool": true,
	"GlobalMaxPool": true, "HardSigmoid": true, "HardSwish": true, "Identity": true, "InstanceNormalization": true,
	"LayerNormalization": true, "LeakyRelu": true, "Log": true, "MatMul": true, "MaxPool": true, "Mul": true, "Neg": true,
	"PRelu": true, "Pow": true, "QuantizeLinear": true, "Reciprocal": true, "ReduceSum": true, "Relu": true, "Reshape": true,
	"Selu": true, "Shape": true, "Sigmoid": true, "Sin": true, "Slice": true, "Softmax": true, "Softplus": true, "SpaceToDepth": true,
	"Sqrt": true, "Squeeze": true, "Sub": true, "Sum": true, "Tanh": true, "Transpose": true, "Unsqueeze": true, "Where": true,
}

// declare sets the version of the standard operator set.
func (d *draft) declare(v int64) {
	for i, o := range d.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			d.Opsets[i].Version = v
		}
	}
}

// raiseFirst raises to opset 13.
func (d *draft) raiseFirst() error {
	d.IRVersion = max(d.IRVersion, irVersion)
	was := d.Opset("")
	if was == 0 {
		return fmt.Errorf("the model imports no standard operator set: nothing in it can be quantized")
	}
	if was >= opset {
		return nil
	}
	for _, n := range d.g.Nodes {
		if !std(n) {
			continue
		}
		from, ok := since[n.Op]
		if !ok || was < from {
			return fmt.Errorf("opset %d: %s %q may mean something else at opset %d, which this technique needs: export the model at opset %d or later", was, n.Op, label(n), opset, opset)
		}
		if len(d.nested(n)) > 0 {
			return fmt.Errorf("opset %d: %s %q holds a subgraph: export the model at opset %d or later", was, n.Op, label(n), opset)
		}
		if n.Op == "Clip" && was < 11 {
			d.clipInputs(n)
		}
	}
	d.declare(opset)
	return nil
}

// nested returns the graphs among n's attributes.
func (d *draft) nested(n *onnx.Node) []*onnx.Graph {
	var out []*onnx.Graph
	for _, a := range n.Attrs {
		if a.G != nil {
			out = append(out, a.G)
		}
		out = append(out, a.Graphs...)
	}
	return out
}

// clipInputs turns the bounds of a Clip from before opset 11 into inputs.
func (d *draft) clipInputs(n *onnx.Node) {
	n.Inputs = n.Inputs[:1]
	for _, name := range []string{"min", "max"} {
		in := ""
		if a := n.Attr(name); a != nil {
			in = d.add(n.Outputs[0]+"_"+name, tensor.From(tensor.Float32, []float32{a.F}))
		}
		n.Inputs = append(n.Inputs, in)
	}
	n.Attrs = slices.DeleteFunc(n.Attrs, func(a onnx.Attr) bool { return a.Name == "min" || a.Name == "max" })
}

// floats returns the constant called name as float32 values, nil where it is
// not a float32 constant.
func (d *draft) floats(name string) []float32 {
	if c := d.consts[name]; c != nil && c.Type == tensor.Float32 {
		return tensor.Of[float32](c.Tensor)
	}
	return nil
}

// input returns the name of n's i-th input, "" where it is omitted.
func input(n *onnx.Node, i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}
