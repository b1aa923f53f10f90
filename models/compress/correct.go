package compress

import (
	"context"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// correct gathers what bias correction and adaptive rounding need to know of
// the inputs of the nodes that will be integer.
func (p *plan) correct(ctx context.Context, r *Report) error {
	adaptive := p.opt.Rounding == "adaptive"
	if !adaptive && !p.opt.CorrectBias {
		return nil
	}
	var list []*target
	for _, n := range p.g.Nodes {
		if w := p.weights[n]; w != nil {
			list = append(list, newTarget(w))
		}
	}
	seen, _, err := p.gather(ctx, list, p.opt, adaptive, r)
	if err != nil {
		return err
	}
	p.inputs = map[*onnx.Node]*moments{}
	p.matrices = map[*onnx.Node]*target{}
	for t, m := range seen {
		p.inputs[t.node], p.matrices[t.node] = m, t
	}
	return nil
}

// adapt rounds each weight up or down so that the error of the layer's output,
// Δᵀ·E[xxᵀ]·Δ with the error Δ of a row, becomes small: from rounding to
// nearest, weight by weight while that helps. It is the problem of AdaRound
// (Nagel et al., "Up or Down?", 2020, equation 11), solved by descent over
// the integers themselves instead of over a relaxation. Where the bias is
// corrected too, a mean error costs nothing and the covariance takes the
// place of E[xxᵀ].
func (p *plan) adapt(w *weights, q []int, scales []float32, top int) {
	t, m := p.matrices[w.node], p.inputs[w.node]
	n := t.cols
	at := make([]int, len(q)) // of element k of the matrix in q
	for i := range q {
		at[t.index(i)] = i
	}
	for g := range t.groups() {
		h := m.gram[g]
		if p.opt.CorrectBias {
			h = covariance(m.gram[g], m.mean[g])
		}
		for row := g * t.rows / t.groups(); row < (g+1)*t.rows/t.groups(); row++ {
			ints := make([]int, n)
			for k := range ints {
				ints[k] = q[at[row*n+k]]
			}
			descend(ints, t.m[row*n:(row+1)*n], float64(scales[row]), h, top)
			for k, v := range ints {
				q[at[row*n+k]] = v
			}
		}
	}
}

func covariance(gram, mean []float64) []float64 {
	out := make([]float64, len(gram))
	for i := range out {
		out[i] = gram[i] - mean[i/len(mean)]*mean[i%len(mean)]
	}
	return out
}

// sweeps bounds the passes of descend; it mostly ends by itself after 3 to 6.
const sweeps = 20

// descend moves the integers of one row to their other neighbour while the
// error falls.
func descend(q []int, w []float64, s float64, h []float64, top int) {
	n := len(q)
	slope := make([]float64, n) // H·Δ
	for i := range n {
		if e := float64(q[i])*s - w[i]; e != 0 {
			for j := range n {
				slope[j] += h[i*n+j] * e
			}
		}
	}
	for range sweeps {
		moved := false
		for i := range n {
			step := 1
			if float64(q[i])*s > w[i] {
				step = -1
			}
			d := float64(step) * s
			if q[i]+step > top || q[i]+step < -top || math.Abs(float64(q[i]+step)*s-w[i]) >= s {
				continue
			}
			if gain := 2*d*slope[i] + d*d*h[i*n+i]; gain >= -1e-12*math.Abs(d*slope[i]) {
				continue
			}
			q[i] += step
			moved = true
			for j := range n {
				slope[j] += h[i*n+j] * d
			}
		}
		if !moved {
			return
		}
	}
}

// unbias takes the mean error of the quantized weights' products from w's bias:
// b' = b − (ŵ−w)·E[x] (Nagel et al., 2019, §4.2, with E[x] as calibration data
// have it). A MatMul has no bias to take it from.
func (p *plan) unbias(w *weights, q []int, scales []float32) {
	if w.node.Op == "MatMul" {
		return
	}
	t, m := p.matrices[w.node], p.inputs[w.node]
	b := make([]float32, t.rows)
	copy(b, w.bias)
	for i, v := range w.value {
		row, col := t.index(i)/t.cols, t.index(i)%t.cols
		e := float64(q[i])*float64(scales[row]) - float64(v)
		b[row] -= float32(e * m.mean[t.group(row)][col])
	}
	if w.bias == nil {
		w.from = p.add(w.name+"_bias", tensor.From(tensor.Float32, b, len(b)))
		for len(w.node.Inputs) < 3 {
			w.node.Inputs = append(w.node.Inputs, "")
		}
		w.node.Inputs[2] = w.from
	}
	w.bias = b
}
