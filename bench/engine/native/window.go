package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/conv"
)

// window reads the attributes that convolutions and pools share and returns
// the shape of n's channels-last input x and output y: one or two spatial
// dimensions. kernel is the weights' size where n has weights.
func window(n *node, x, y *value, kernel []int) (conv.Shape, error) {
	var s conv.Shape
	rank := len(x.shape) - 2
	if rank != 1 && rank != 2 || len(y.shape) != rank+2 {
		return s, fmt.Errorf("%d-dimensional input: %w (images of 1 or 2 spatial dimensions are)", len(x.shape), errors.ErrUnsupported)
	}
	if kernel == nil {
		for _, k := range n.attrs.Ints("kernel_shape", nil) {
			kernel = append(kernel, int(k))
		}
	}
	stride, err := spatial(n, "strides", rank, 1)
	if err != nil {
		return s, err
	}
	dilation, err := spatial(n, "dilations", rank, 1)
	if err != nil {
		return s, err
	}
	if len(kernel) != rank {
		return s, fmt.Errorf("kernel %v of a %d-dimensional image", kernel, rank)
	}
	in, out := x.shape[1:1+rank], y.shape[1:1+rank]
	pad, err := padding(n, in, out, kernel, stride, dilation)
	if err != nil {
		return s, err
	}
	if rank == 1 { // a line is an image of height 1
		in, out, kernel = append([]int{1}, in...), append([]int{1}, out...), append([]int{1}, kernel...)
		stride, dilation, pad = append([]int{1}, stride...), append([]int{1}, dilation...), append([]int{0}, pad...)
	}
	s = conv.Shape{
		N: x.shape[0], H: in[0], W: in[1], C: x.shape[len(x.shape)-1], M: y.shape[len(y.shape)-1],
		OH: out[0], OW: out[1], KH: kernel[0], KW: kernel[1], SH: stride[0], SW: stride[1],
		DH: dilation[0], DW: dilation[1], Top: pad[0], Left: pad[1], Groups: int(n.attrs.Int("group", 1)),
	}
	return s, s.Check()
}

// maxSpatial bounds strides, dilations, kernels, pads and other sizes that are
// attributes, so that index arithmetic cannot overflow.
const maxSpatial = 1 << 24

// spatial returns an attribute with one number per spatial dimension.
func spatial(n *node, name string, rank int, def int) ([]int, error) {
	v := n.attrs.Ints(name, nil)
	out := make([]int, rank)
	for i := range out {
		out[i] = def
		if v != nil {
			if len(v) != rank || v[i] < 1 || v[i] > maxSpatial {
				return nil, fmt.Errorf("%s %v of a %d-dimensional image", name, v, rank)
			}
			out[i] = int(v[i])
		}
	}
	return out, nil
}

// padding returns the padding before the image in each dimension. With
// auto_pad SAME it follows from the output's size, an odd element going
// behind (SAME_UPPER) or before (SAME_LOWER).
func padding(n *node, in, out, kernel, stride, dilation []int) ([]int, error) {
	rank := len(in)
	pad := make([]int, rank)
	auto := n.attrs.Str("auto_pad", "NOTSET")
	switch auto {
	case "NOTSET", "":
		v := n.attrs.Ints("pads", nil)
		if v == nil {
			return pad, nil
		}
		if len(v) != 2*rank {
			return nil, fmt.Errorf("pads %v of a %d-dimensional image", v, rank)
		}
		for i, p := range v {
			if p < 0 || p > maxSpatial {
				return nil, fmt.Errorf("pads %v are out of range", v)
			}
			if i < rank {
				pad[i] = int(p)
			}
		}
	case "VALID":
	case "SAME_UPPER", "SAME_LOWER":
		for i := range pad {
			total := max((out[i]-1)*stride[i]+dilation[i]*(kernel[i]-1)+1-in[i], 0)
			pad[i] = total / 2
			if auto == "SAME_LOWER" {
				pad[i] = (total + 1) / 2
			}
		}
	default:
		return nil, fmt.Errorf("auto_pad %q (have NOTSET, VALID, SAME_UPPER, SAME_LOWER)", auto)
	}
	return pad, nil
}
