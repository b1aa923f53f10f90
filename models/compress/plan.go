package compress

import (
	"fmt"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A role says how static quantization treats an operator.
type role int

const (
	floating role = iota // not known to have an integer form
	weighted             // multiplies by constant weights: always worth quantizing
	follower             // integer between integer neighbours, with an own output grid
	carrier              // moves elements: output and input share one grid
	clamp                // Relu, Clip: becomes the saturation of its producer's output
)

var roles = map[string]role{
	"Conv": weighted, "Gemm": weighted, "MatMul": weighted,
	"Add": follower, "Mul": follower, "Concat": follower, "AveragePool": follower, "GlobalAveragePool": follower,
	"MaxPool": carrier, "Flatten": carrier, "Reshape": carrier, "Transpose": carrier, "Squeeze": carrier, "Unsqueeze": carrier,
	"Relu": clamp, "Clip": clamp,
}

// A plan says what becomes of each node of a draft.
type plan struct {
	*draft
	opt     Options
	by      map[string]*onnx.Node
	readers map[string][]*onnx.Node
	spans   map[string]*span

	weights map[*onnx.Node]*weights
	reasons map[*onnx.Node]string // why a node stays float, or whom it joined
	useful  map[string]bool       // values that some weighted node reads in the end
	integer map[*onnx.Node]bool
	grids   map[string]grid // of quantized values

	inputs   map[*onnx.Node]*moments // of weighted nodes, where the settings need them
	matrices map[*onnx.Node]*target
	shares   map[string]string
}

// newPlan sorts out which nodes can be integer at all.
func newPlan(d *draft, opt Options) (*plan, error) {
	p := &plan{
		draft: d, opt: opt, by: d.g.Producers(), readers: d.g.Consumers(),
		weights: map[*onnx.Node]*weights{}, reasons: map[*onnx.Node]string{}, useful: map[string]bool{},
		integer: map[*onnx.Node]bool{}, grids: map[string]grid{}, shares: map[string]string{},
	}
	excluded, err := d.excluded(opt)
	if err != nil {
		return nil, err
	}
	for _, n := range d.g.Nodes {
		switch {
		case excluded[n]:
			p.reasons[n] = "excluded by the caller"
		case p.role(n) == floating:
			p.reasons[n] = "it has no integer form here"
		case len(n.Outputs) > 1 && slices.ContainsFunc(n.Outputs[1:], func(s string) bool { return s != "" }):
			p.reasons[n] = "it has a second output"
		case p.role(n) == weighted:
			w, reason, err := d.weightsOf(n)
			if err != nil {
				return nil, err
			}
			if p.reasons[n] = reason; reason == "" {
				p.weights[n] = w
			}
		}
	}
	for _, n := range slices.Backward(d.g.Nodes) {
		if p.reasons[n] != "" {
			continue
		}
		r := p.role(n)
		if r == weighted || p.useful[n.Outputs[0]] {
			for _, s := range p.operands(n) {
				p.useful[s] = true
			}
		}
	}
	return p, nil
}

// excluded returns the nodes that opt leaves alone.
func (d *draft) excluded(opt Options) (map[*onnx.Node]bool, error) {
	out := map[*onnx.Node]bool{}
	for _, name := range opt.Exclude {
		i := slices.IndexFunc(d.g.Nodes, func(n *onnx.Node) bool { return n.Name == name || slices.Contains(n.Outputs, name) })
		if name == "" || i < 0 {
			return nil, fmt.Errorf("exclude: no node %q in the folded model", name)
		}
		out[d.g.Nodes[i]] = true
	}
	for _, op := range opt.ExcludeOps {
		found := false
		for _, n := range d.g.Nodes {
			if n.Op == op {
				out[n], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("exclude: no operator %q in the folded model", op)
		}
	}
	return out, nil
}

func (p *plan) role(n *onnx.Node) role {
	if !std(n) || len(n.Outputs) == 0 {
		return floating
	}
	return roles[n.Op]
}

// operands returns the inputs of n that are data: not its weights, bounds or
// axes, and not omitted.
func (p *plan) operands(n *onnx.Node) []string {
	switch n.Op {
	case "Add", "Mul", "Concat":
		return slices.Clone(n.Inputs)
	}
	return slices.Clone(n.Inputs[:min(1, len(n.Inputs))])
}

// wanted returns the values whose ranges decide the plan, in graph order.
func (p *plan) wanted() []string {
	seen := map[string]bool{}
	var out []string
	for _, n := range p.g.Nodes {
		if p.reasons[n] != "" {
			continue
		}
		for _, s := range append(p.operands(n), n.Outputs[0]) {
			if s != "" && !seen[s] && p.consts[s] == nil {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// decide walks the graph once, in order, and settles which nodes are integer
// and on which grids their values live.
func (p *plan) decide() {
	p.g.Nodes = slices.DeleteFunc(p.g.Nodes, func(n *onnx.Node) bool {
		if p.reasons[n] != "" {
			return false
		}
		if p.role(n) == clamp {
			return p.absorb(n)
		}
		if p.reasons[n] = p.refuse(n); p.reasons[n] == "" {
			p.integer[n] = true
			p.settle(n)
		}
		return false
	})
}

// refuse says why n, which has an integer form, stays float nevertheless.
func (p *plan) refuse(n *onnx.Node) string {
	for _, s := range append(p.operands(n), n.Outputs[0]) {
		if p.consts[s] == nil && p.spans[s] == nil {
			return fmt.Sprintf("value %q is not float32", s)
		}
	}
	if p.role(n) == weighted {
		return ""
	}
	fed := false
	for _, s := range p.operands(n) {
		_, ok := p.grids[s]
		fed = fed || ok
		if c := p.consts[s]; c != nil && (c.Type != tensor.Float32 || c.Len() == 0 || finite(c.Tensor) != nil) {
			return fmt.Sprintf("its constant %q is not finite float32", s)
		}
	}
	switch {
	case !fed:
		return "no input of it is integer"
	case !p.useful[n.Outputs[0]]:
		return "no integer operator follows"
	}
	return ""
}

// settle gives grids to the operands and the output of an integer node. The
// output of a Gemm or MatMul that no integer node reads has none: engines
// return its float value from the int32 sum, which is exact.
func (p *plan) settle(n *onnx.Node) {
	for _, s := range p.operands(n) {
		if _, ok := p.grids[s]; !ok {
			p.grids[s] = p.gridOf(s)
		}
	}
	out := n.Outputs[0]
	switch {
	case p.role(n) == carrier:
		p.grids[out] = p.grids[n.Inputs[0]]
		p.shares[out] = p.root(n.Inputs[0])
	case p.stored(n, out):
		p.grids[out] = p.gridOf(out)
	}
}

// root returns the value whose scale and zero point v shares.
func (p *plan) root(v string) string {
	if s, ok := p.shares[v]; ok {
		return s
	}
	return v
}

// stored reports whether n, an integer node, writes v as integers.
func (p *plan) stored(n *onnx.Node, v string) bool {
	return n.Op != "Gemm" && n.Op != "MatMul" || p.useful[v]
}

// gridOf returns the grid for the range of s that calibration saw, or of the
// constant s.
func (p *plan) gridOf(s string) grid {
	if c := p.consts[s]; c != nil {
		low, high := 0.0, 0.0
		for _, x := range p.floats(s) {
			low, high = min(low, float64(x)), max(high, float64(x))
		}
		return affine(low, high, p.opt.activations())
	}
	low, high := p.spans[s].bounds(&p.opt.Settings)
	if n := p.by[s]; n != nil && p.role(n) == clamp && p.reasons[n] == "" {
		if a, b, ok := p.clampOf(n); ok {
			low, high = max(low, a), min(high, b)
		}
	}
	return affine(low, high, p.opt.activations())
}
