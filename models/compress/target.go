package compress

import (
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A target is a node whose weights a technique changes, with its weights as a
// matrix: one row per output channel, in float64.
type target struct {
	*weights
	rows, cols int
	m          []float64
}

// targets returns the nodes of d that multiply by constant weights and are not
// excluded, in graph order; r says of the others why not.
func (d *draft) targets(opt Options, r *Report) ([]*target, error) {
	excluded, err := d.excluded(opt)
	if err != nil {
		return nil, err
	}
	var out []*target
	for _, n := range d.g.Nodes {
		switch {
		case excluded[n]:
			r.float(n, "excluded by the caller")
			continue
		case !std(n) || roles[n.Op] != weighted:
			r.float(n, "it has no constant weights")
			continue
		}
		w, reason, err := d.weightsOf(n)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			r.float(n, "%s", reason)
			continue
		}
		out = append(out, newTarget(w))
	}
	if len(out) == 0 {
		r.warn("no operator has weights to be changed")
	}
	return out, nil
}

// newTarget unfolds w: a convolution's rows are its filters, a matrix's the
// columns of x·W.
func newTarget(w *weights) *target {
	t := &target{weights: w, rows: w.channels()}
	t.cols = len(w.value) / t.rows
	t.m = make([]float64, len(w.value))
	for i, v := range w.value {
		t.m[t.index(i)] = float64(v)
	}
	return t
}

// index returns where element i of the initializer stands in m.
func (t *target) index(i int) int {
	if t.axis == 0 {
		return i
	}
	return i%t.rows*t.cols + i/t.rows // a k×n matrix: its columns are rows of m
}

// fold returns m in the initializer's own layout.
func (t *target) fold(m []float64) []float32 {
	out := make([]float32, len(m))
	for i := range out {
		out[i] = float32(m[t.index(i)])
	}
	return out
}

// groups returns how many groups the rows form, each of which reads inputs of
// its own: the groups of a convolution.
func (t *target) groups() int {
	if t.node.Op != "Conv" {
		return 1
	}
	return int(t.node.Int("group", 1))
}

// taps returns how many weights a row has for each input channel.
func (t *target) taps() int {
	if t.node.Op != "Conv" {
		return 1
	}
	return t.cols / t.shape[1]
}

// write replaces t's weights by m, and tells what that costs. Nodes that share
// an initializer get the first one's.
func (d *draft) write(t *target, m []float64, suffix string, r *Report) {
	v := t.fold(m)
	name := d.add(t.name+suffix, tensor.From(tensor.Float32, v, t.shape...))
	t.node.Inputs[1] = name
	r.Nodes = append(r.Nodes, t.report(v))
}

// report compares v with the weights that t had.
func (t *target) report(v []float32) NodeReport {
	var signal, noise float64
	zeros := 0
	for i, x := range t.value {
		e := float64(x) - float64(v[i])
		signal, noise = signal+float64(x)*float64(x), noise+e*e
		if v[i] == 0 {
			zeros++
		}
	}
	n := NodeReport{Name: label(t.node), Op: t.node.Op, Changed: true, SQNR: math.Inf(1), Sparsity: float64(zeros) / float64(len(v))}
	n.Before = int64(4 * (len(t.value) + len(t.bias)))
	n.After = n.Before
	if noise > 0 {
		n.SQNR = 10 * math.Log10(signal/noise)
	}
	return n
}

// setBias gives t's node the bias b, one number per row; a MatMul gets an Add.
func (d *draft) setBias(t *target, b []float64) {
	v := make([]float32, len(b))
	for i := range b {
		v[i] = float32(b[i])
	}
	name := d.add(t.name+"_bias", tensor.From(tensor.Float32, v, len(v)))
	n := t.node
	if n.Op != "MatMul" {
		for len(n.Inputs) < 3 {
			n.Inputs = append(n.Inputs, "")
		}
		n.Inputs[2] = name
		return
	}
	out := n.Outputs[0]
	n.Outputs[0] = d.names.New(out + "_product")
	add := &onnx.Node{Op: "Add", Inputs: []string{n.Outputs[0], name}, Outputs: []string{out}}
	d.g.Nodes = slices.Insert(d.g.Nodes, slices.Index(d.g.Nodes, n)+1, add)
}
