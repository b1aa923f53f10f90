package compress

import (
	"fmt"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// absorb drops the Relu or Clip n where quantizing its output saturates as it
// would: its producer then computes n's output itself. Dropping it is exact
// if the bounds of n become the smallest and largest integer.
func (p *plan) absorb(n *onnx.Node) bool {
	in, out := n.Inputs[0], n.Outputs[0]
	by := p.by[in]
	low, high, ok := p.clampOf(n)
	switch {
	case !ok:
		p.reasons[n] = "its bounds are not constant"
	case by == nil || !p.integer[by] || p.role(by) == carrier:
		p.reasons[n] = "no integer operator computes its input"
	case len(p.readers[in]) != 1 || p.g.IsOutput(in) || p.captured[in]:
		p.reasons[n] = "its input is also read elsewhere"
	case p.spans[out] == nil:
		p.reasons[n] = fmt.Sprintf("value %q is not float32", out)
	case !p.stored(by, out):
		p.reasons[n] = "no integer operator follows"
	}
	if p.reasons[n] != "" {
		return false
	}
	g := p.gridOf(out)
	if g.quantize(float32(low)) != g.lo || g.quantize(float32(high)) != g.hi {
		p.reasons[n] = fmt.Sprintf("its bounds %g and %g are not the ends of its quantized range", low, high)
		return false
	}
	delete(p.grids, in)
	p.grids[out] = g
	by.Outputs[0] = out
	p.by[out] = by
	return true
}

// clampOf returns the bounds of a Relu or Clip, false if they are not constant.
func (p *plan) clampOf(n *onnx.Node) (low, high float64, ok bool) {
	if n.Op == "Relu" {
		return 0, math.Inf(1), true
	}
	bounds := [2]float64{-math.MaxFloat32, math.MaxFloat32} // ONNX Clip, defaults
	for i := range bounds {
		name := input(n, i+1)
		if name == "" {
			continue
		}
		v := p.floats(name)
		if len(v) != 1 || p.consts[name].Type != tensor.Float32 || math.IsNaN(float64(v[0])) {
			return 0, 0, false
		}
		bounds[i] = float64(v[0])
	}
	return bounds[0], bounds[1], true
}
