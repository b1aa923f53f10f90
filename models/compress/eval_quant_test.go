package compress

import (
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

func dequantize(n *onnx.Node, in []value) value {
	x, scale := in[0], in[1].v
	zero := make([]float64, len(scale))
	if len(in) > 2 {
		zero = in[2].v
	}
	inner, axis := 1, int(n.Int("axis", 1))
	if size := int(n.Int("block_size", 0)); size > 0 { // of the last axis of a matrix
		out, cols := value{tensor.Float32, x.shape, make([]float64, len(x.v))}, x.shape[1]
		for i, v := range x.v {
			c := i/cols*in[1].shape[1] + i%cols/size
			if axis == 0 {
				c = i/cols/size*cols + i%cols
			}
			out.v[i] = (v - zero[c]) * scale[c]
		}
		return out
	}
	if len(scale) > 1 {
		for _, d := range x.shape[axis+1:] {
			inner *= d
		}
	}
	out := value{tensor.Float32, x.shape, make([]float64, len(x.v))}
	for i, v := range x.v {
		c := i / inner % len(scale)
		out.v[i] = (v - zero[c]) * scale[c]
	}
	return out
}

// unblock returns the weights, n×k, of a MatMulNBits by its specification
// (onnxruntime/docs/ContribOperators.md).
func unblock(n *onnx.Node, in []value) value {
	rows, k := int(n.Int("N", 0)), int(n.Int("K", 0))
	bits, size := int(n.Int("bits", 0)), int(n.Int("block_size", 0))
	per := (k + size - 1) / size
	out := value{tensor.Float32, []int{rows, k}, make([]float64, rows*k)}
	for i := range out.v {
		row, col := i/k, i%k
		block := row*per + col/size
		nibble := func(v []float64, at int) float64 {
			if bits == 8 {
				return v[at]
			}
			return float64(uint8(v[at/2]) >> (4 * (at % 2)) & 15)
		}
		zero := float64(int(1) << (bits - 1))
		if len(in) > 3 && in[3].typ == tensor.Float32 {
			zero = in[3].v[block]
		} else if len(in) > 3 && bits == 8 {
			zero = in[3].v[block]
		} else if len(in) > 3 {
			zero = nibble(in[3].v, row*((per+1)/2)*2+col/size)
		}
		out.v[i] = (nibble(in[1].v, block*size+col%size) - zero) * in[2].v[block]
	}
	return out
}

// dynamicQuantize follows the operator's specification (ONNX opset 11).
func dynamicQuantize(env map[string]value, n *onnx.Node, x value) {
	low, high := 0.0, 0.0
	for _, v := range x.v {
		low, high = min(low, v), max(high, v)
	}
	scale := float64(float32((high - low) / 255))
	if scale == 0 {
		scale = 1
	}
	zero := math.RoundToEven(min(max(-low/scale, 0), 255))
	q := each(x, func(v float64) float64 {
		return min(max(math.RoundToEven(float64(float32(v)/float32(scale)))+zero, 0), 255)
	})
	q.typ = tensor.Uint8
	env[n.Outputs[0]] = q
	env[n.Outputs[1]] = value{tensor.Float32, nil, []float64{scale}}
	env[n.Outputs[2]] = value{tensor.Uint8, nil, []float64{zero}}
}
