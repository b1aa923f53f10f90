package compress

import (
	"fmt"
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// foldBranches makes one convolution of parallel ones that read the same tensor
// and are added up, a batch normalisation of that tensor and the tensor itself
// among them (structural re-parameterisation; Ding et al., RepVGG, CVPR 2021,
// §3.3). It computes the same sums but for rounding.
//
// Only fold does so: the merged weights differ more between each other than
// those of the branches, which quantization feels.
func (d *draft) foldBranches() error {
	for _, root := range slices.Backward(slices.Clone(d.g.Nodes)) { // a sum of sums before its parts
		if !sums(root) || d.captured[root.Outputs[0]] || !slices.Contains(d.g.Nodes, root) {
			continue
		}
		ok, err := d.foldSum(root)
		if err != nil {
			return err
		}
		if ok {
			d.g.RemoveUnused()
		}
	}
	return nil
}

func sums(n *onnx.Node) bool { return std(n) && (n.Op == "Add" || n.Op == "Sum") }

// A branch is what one addend computes of the common input, per output channel:
// a convolution, or a factor and a bias for each channel of the input itself.
type branch struct {
	conv         *onnx.Node
	w, b         []float32 // of conv
	factor, bias []float64 // of the input itself; nil is 1 and 0
}

// foldSum folds the sum at root, where its addends are branches of one tensor.
func (d *draft) foldSum(root *onnx.Node) (bool, error) {
	by, readers := d.g.Producers(), d.g.Consumers()
	own := func(name string) bool {
		return len(readers[name]) == 1 && !d.g.IsOutput(name) && !d.captured[name]
	}
	var addends []string
	var collect func(n *onnx.Node)
	collect = func(n *onnx.Node) {
		for _, in := range n.Inputs {
			if p := by[in]; p != nil && sums(p) && own(in) {
				collect(p)
				continue
			}
			addends = append(addends, in)
		}
	}
	collect(root)
	var widest *onnx.Node
	for _, a := range addends {
		p := by[a]
		if p == nil || p.Op != "Conv" || !std(p) || !own(a) || !d.centred(p) || widest != nil && !d.aligned(widest, p) {
			continue
		}
		if widest == nil || len(d.floats(p.Inputs[1])) > len(d.floats(widest.Inputs[1])) {
			widest = p
		}
	}
	if widest == nil || len(addends) < 2 {
		return false, nil
	}
	var all []branch
	for _, a := range addends {
		br, ok, err := d.branch(a, widest, by[a], own(a))
		if !ok || err != nil {
			return false, err
		}
		all = append(all, br)
	}
	d.merge(widest, all)
	widest.Outputs[0] = root.Outputs[0]
	d.g.Nodes = slices.DeleteFunc(d.g.Nodes, func(n *onnx.Node) bool { return n == root })
	return true, nil
}

// centred reports whether a convolution has constant weights and bias, an odd
// kernel without gaps, and as much padding on every side as keeps it centred.
func (d *draft) centred(n *onnx.Node) bool {
	w := d.floats(n.Inputs[1])
	if len(w) == 0 || len(d.consts[n.Inputs[1]].Shape) < 3 || n.Str("auto_pad", "NOTSET") != "NOTSET" {
		return false
	}
	shape := d.consts[n.Inputs[1]].Shape
	if b := input(n, 2); b != "" && len(d.floats(b)) != shape[0] {
		return false
	}
	kernel := shape[2:]
	pads := n.Ints("pads", nil)
	if pads == nil {
		pads = make([]int64, 2*len(kernel))
	}
	if len(pads) != 2*len(kernel) || slices.ContainsFunc(n.Ints("dilations", nil), func(v int64) bool { return v != 1 }) {
		return false
	}
	for i, k := range kernel {
		if k%2 == 0 || pads[i] != int64(k/2) || pads[i+len(kernel)] != int64(k/2) {
			return false
		}
	}
	g := n.Int("group", 1)
	return g > 0 && int64(shape[0])%g == 0
}

// aligned reports whether two centred convolutions step alike over the same
// channels, and the kernel of one holds that of the other.
func (d *draft) aligned(a, b *onnx.Node) bool {
	s, t := d.consts[a.Inputs[1]].Shape, d.consts[b.Inputs[1]].Shape
	if len(s) != len(t) || s[0] != t[0] || s[1] != t[1] || a.Int("group", 1) != b.Int("group", 1) || a.Inputs[0] != b.Inputs[0] {
		return false
	}
	for i := range len(s) - 2 {
		if stride(a, i) != stride(b, i) {
			return false
		}
	}
	holds := func(s, t []int) bool {
		for i := range s[2:] {
			if t[i+2] > s[i+2] {
				return false
			}
		}
		return true
	}
	return holds(s, t) || holds(t, s)
}

func stride(n *onnx.Node, axis int) int64 {
	if s := n.Ints("strides", nil); axis < len(s) {
		return s[axis]
	}
	return 1
}

// branch reads an addend, computed by p; false where it is no branch of what
// the widest convolution reads, or does not fit that.
func (d *draft) branch(name string, widest, p *onnx.Node, own bool) (branch, bool, error) {
	x, shape := widest.Inputs[0], d.consts[widest.Inputs[1]].Shape
	channels := shape[1] * int(widest.Int("group", 1))
	itself := shape[0] == channels
	for i := range len(shape) - 2 {
		itself = itself && stride(widest, i) == 1
	}
	switch {
	case name == x:
		return branch{}, itself, nil
	case p == nil || !std(p) || !own || len(p.Inputs) == 0 || p.Inputs[0] != x:
		return branch{}, false, nil
	case p.Op == "Conv":
		if !d.centred(p) || !d.aligned(widest, p) || len(d.floats(p.Inputs[1])) > len(d.floats(widest.Inputs[1])) {
			return branch{}, false, nil
		}
		return branch{conv: p, w: d.floats(p.Inputs[1]), b: d.floats(input(p, 2))}, true, nil
	case p.Op == "BatchNormalization" && itself && d.infers(p):
		factor, bias, err := d.normed(p, channels)
		return branch{factor: factor, bias: bias}, factor != nil, err
	}
	return branch{}, false, nil
}

// merge makes conv compute the sum of all branches: smaller kernels lie in the
// middle of its own, and the input itself is a kernel of one weight.
func (d *draft) merge(conv *onnx.Node, all []branch) {
	shape := d.consts[conv.Inputs[1]].Shape
	m, in, kernel := shape[0], shape[1], shape[2:]
	area := 1
	for _, k := range kernel {
		area *= k
	}
	sum, bias := make([]float64, m*in*area), make([]float64, m)
	for _, br := range all {
		if br.conv == nil {
			for c := range m {
				f, b := 1.0, 0.0
				if br.factor != nil {
					f, b = br.factor[c], br.bias[c]
				}
				sum[(c*in+c%in)*area+area/2] += f
				bias[c] += b
			}
			continue
		}
		small := d.consts[br.conv.Inputs[1]].Shape[2:]
		place := within(kernel, small)
		for i, w := range br.w {
			sum[i/len(place)*area+place[i%len(place)]] += float64(w)
		}
		for c, b := range br.b {
			bias[c] += float64(b)
		}
	}
	w, b := make([]float32, len(sum)), make([]float32, m)
	for i, v := range sum {
		w[i] = float32(v)
	}
	for i, v := range bias {
		b[i] = float32(v)
	}
	base := conv.Inputs[1]
	conv.Inputs = []string{conv.Inputs[0], d.add(base+"_merged", tensor.From(tensor.Float32, w, shape...)), d.add(base+"_merged_bias", tensor.From(tensor.Float32, b, m))}
}

// within returns where each weight of a small kernel lies in the middle of a
// large one, both row by row.
func within(large, small []int) []int {
	place := []int{0}
	for i, k := range large {
		var next []int
		for _, p := range place {
			for j := range small[i] {
				next = append(next, p*k+(k-small[i])/2+j)
			}
		}
		place = next
	}
	return place
}

// infers reports whether a BatchNormalization is in inference mode.
func (d *draft) infers(n *onnx.Node) bool {
	return len(n.Inputs) == 5 && d.Opset("") >= 7 && n.Int("training_mode", 0) == 0 && // before opset 7 a flag said whether it trains
		(len(n.Outputs) == 1 || !slices.ContainsFunc(n.Outputs[1:], func(s string) bool { return s != "" }))
}

// normed returns what n multiplies m channels by, γ/√(σ²+ε), and adds to them,
// β−μ·γ/√(σ²+ε); nil where an operand is no float32 constant of fitting size.
func (d *draft) normed(n *onnx.Node, m int) (factor, bias []float64, err error) {
	gamma, beta := d.floats(n.Inputs[1]), d.floats(n.Inputs[2])
	mean, variance := d.floats(n.Inputs[3]), d.floats(n.Inputs[4])
	if len(gamma) != m || len(beta) != m || len(mean) != m || len(variance) != m {
		return nil, nil, nil
	}
	eps := float64(n.Float("epsilon", 1e-5))
	factor, bias = make([]float64, m), make([]float64, m)
	for c := range m {
		f := float64(gamma[c]) / math.Sqrt(float64(variance[c])+eps)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, nil, fmt.Errorf("BatchNormalization %q: channel %d has variance %g and factor %g", label(n), c, variance[c], gamma[c])
		}
		factor[c], bias[c] = f, float64(beta[c])-f*float64(mean[c])
	}
	return factor, bias, nil
}
