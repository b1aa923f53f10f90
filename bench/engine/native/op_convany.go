package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 3, attrs: append([]string{"output_padding", "output_shape"}, windowAttrs...), plan: planConvTranspose}, "ConvTranspose")
}

// A sliding is a convolution of any number of dimensions, images as in the
// file (channels first), which is for what the packed kernels do not take:
// weights that the model computes, and images of one or of three dimensions.
type sliding struct {
	x, w, y        []int // shapes
	groups         int
	stride, dilate []int
	pad            []int // before
	taps           [][]int
	inSteps        []int
}

// slide reads the attributes of a convolution of x by w.
func slide(n *node, x, w, y *value) (*sliding, error) {
	rank := len(x.shape) - 2
	if rank < 1 || len(w.shape) != rank+2 || len(y.shape) != rank+2 || x.len() == 0 || w.len() == 0 {
		return nil, fmt.Errorf("input %v, weights %v, output %v", x.shape, w.shape, y.shape)
	}
	s := &sliding{x: x.shape, w: w.shape, y: y.shape, groups: int(min(n.attrs.Int("group", 1), maxSpatial)), inSteps: ew.Contiguous(x.shape)}
	var err error
	if s.stride, err = spatial(n, "strides", rank, 1); err != nil {
		return nil, err
	}
	if s.dilate, err = spatial(n, "dilations", rank, 1); err != nil {
		return nil, err
	}
	walk, err := newSpread(w.shape[2:])
	if err != nil {
		return nil, err
	}
	walk.each(func(int, []int) { s.taps = append(s.taps, append([]int{}, walk.at...)) })
	if s.groups < 1 || s.groups > x.shape[1] || x.shape[1]%s.groups != 0 {
		return nil, fmt.Errorf("%d groups of %d channels", s.groups, x.shape[1])
	}
	return s, nil
}

// planSliding plans Conv and ConvInteger.
func planSliding(b *builder, n *node) error {
	x, w, y := n.in[0], n.in[1], n.out[0]
	s, err := slide(n, x, w, y)
	if err != nil {
		return err
	}
	if w.shape[0] != y.shape[1] || w.shape[1] != x.shape[1]/s.groups || w.shape[0]%s.groups != 0 || x.shape[0] != y.shape[0] {
		return fmt.Errorf("weights %v do not fit input %v and output %v", w.shape, x.shape, y.shape)
	}
	if s.pad, err = padding(n, x.shape[2:], y.shape[2:], w.shape[2:], s.stride, s.dilate); err != nil {
		return err
	}
	walk, err := newSpread(y.shape)
	if err != nil {
		return err
	}
	b.multiplies("ref_nd", int64(y.len())*int64(w.len()/w.shape[0]))
	if n.op == "ConvInteger" {
		return b.slideIntegers(n, s, walk)
	}
	if err := want(tensor.Float32, x, w, y, n.arg(2)); err != nil {
		return err
	}
	if n.arg(residual) != nil || n.arg(2) != nil && n.arg(2).len() != w.shape[0] {
		return fmt.Errorf("bias of %d channels", w.shape[0])
	}
	bias := -1
	if v := n.arg(2); v != nil {
		bias = b.slot(v)
	}
	e, in, weights, out, lo, hi := b.env, b.slot(x), b.slot(w), b.slot(y), n.lo, n.hi
	b.step(func() {
		src, k, dst := view[float32](e, in), view[float32](e, weights), view[float32](e, out)
		walk.each(func(i int, _ []int) {
			sum := s.sum(walk.at, func(p, q int) float64 { return float64(src[p]) * float64(k[q]) })
			if bias >= 0 {
				sum += float64(view[float32](e, bias)[walk.at[1]])
			}
			dst[i] = min(max(float32(sum), lo), hi)
		})
	})
	return nil
}

// sum adds up the products of the output element at: product is given the
// places of the input's and of the weights' element.
func (s *sliding) sum(at []int, product func(p, q int) float64) float64 {
	cg := s.w[1]
	first := at[1] / (s.w[0] / s.groups) * cg
	total := 0.0
	for t, tap := range s.taps {
		place, ok := at[0]*s.inSteps[0], true
		for d, k := range tap {
			p := at[2+d]*s.stride[d] + k*s.dilate[d] - s.pad[d]
			ok = ok && p >= 0 && p < s.x[2+d]
			place += p * s.inSteps[2+d]
		}
		if !ok {
			continue
		}
		for c := range cg {
			total += product(place+(first+c)*s.inSteps[1], (at[1]*cg+c)*len(s.taps)+t)
		}
	}
	return total
}

// slideIntegers computes sums in float64, which holds them exactly.
func (b *builder) slideIntegers(n *node, s *sliding, walk *spread) error {
	x, w, y := n.in[0], n.in[1], n.out[0]
	if err := want(tensor.Int32, y); err != nil {
		return err
	}
	readX, err := b.minusZero(x, n.arg(2), 1)
	if err != nil {
		return err
	}
	each := w.len() / w.shape[0]
	readW, err := b.minusZero(w, n.arg(3), each)
	if err != nil {
		return err
	}
	e, out := b.env, b.slot(y)
	b.step(func() {
		dst := view[int32](e, out)
		walk.each(func(i int, _ []int) {
			dst[i] = int32(s.sum(walk.at, func(p, q int) float64 { return readX(p) * readW(q) }))
		})
	})
	return nil
}

// minusZero returns how to read an element of 8-bit v less its zero point: one
// for all, or one for every run of each elements.
func (b *builder) minusZero(v, zero *value, each int) (func(i int) float64, error) {
	if v.typ != tensor.Int8 && v.typ != tensor.Uint8 || zero != nil && (zero.typ != v.typ || zero.len() != 1 && zero.len()*each != v.len()) {
		return nil, fmt.Errorf("elements of type %v with their zero points: %w", v.typ, errors.ErrUnsupported)
	}
	e, at, isSigned, z, count := b.env, b.slot(v), v.typ == tensor.Int8, -1, 1
	if zero != nil {
		z, count = b.slot(zero), zero.len()
	}
	number := func(c byte) float64 {
		if isSigned {
			return float64(int8(c))
		}
		return float64(c)
	}
	return func(i int) float64 {
		if z < 0 {
			return number(e.buf[at][i])
		}
		return number(e.buf[at][i]) - number(e.buf[z][i/each%count])
	}, nil
}

// planConvTranspose plans the transposed convolution: every element of the
// input adds its products to a window of the output.
func planConvTranspose(b *builder, n *node) error {
	x, w, y := n.in[0], n.in[1], n.out[0]
	if err := want(tensor.Float32, x, w, y, n.arg(2)); err != nil {
		return err
	}
	s, err := slide(n, x, w, y)
	if err != nil {
		return err
	}
	mg := w.shape[1]
	if w.shape[0] != x.shape[1] || mg*s.groups != y.shape[1] || x.shape[0] != y.shape[0] || n.arg(2) != nil && n.arg(2).len() != y.shape[1] {
		return fmt.Errorf("weights %v do not fit input %v and output %v", w.shape, x.shape, y.shape)
	}
	if s.pad, err = transposedPadding(n, s); err != nil {
		return err
	}
	walk, err := newSpread(x.shape)
	if err != nil {
		return err
	}
	bias := -1
	if v := n.arg(2); v != nil {
		bias = b.slot(v)
	}
	b.multiplies("ref_nd", int64(x.len())*int64(w.len()/w.shape[0]))
	e, in, weights, out, steps := b.env, b.slot(x), b.slot(w), b.slot(y), ew.Contiguous(y.shape)
	b.step(func() {
		src, k, dst := view[float32](e, in), view[float32](e, weights), view[float32](e, out)
		for i := range dst {
			dst[i] = 0
			if bias >= 0 {
				dst[i] = view[float32](e, bias)[i/steps[1]%s.y[1]]
			}
		}
		walk.each(func(i int, _ []int) {
			first := walk.at[1] / (s.w[0] / s.groups) * mg
			for t, tap := range s.taps {
				place, ok := walk.at[0]*steps[0]+first*steps[1], true
				for d, k := range tap {
					p := walk.at[2+d]*s.stride[d] + k*s.dilate[d] - s.pad[d]
					ok = ok && p >= 0 && p < s.y[2+d]
					place += p * steps[2+d]
				}
				for m := 0; ok && m < mg; m++ {
					dst[place+m*steps[1]] += src[i] * k[(walk.at[1]*mg+m)*len(s.taps)+t]
				}
			}
		})
	})
	return nil
}

// transposedPadding returns how much is cut off before the output. Where the
// file fixes the output's size, or says SAME, the rest is cut off behind it.
func transposedPadding(n *node, s *sliding) ([]int, error) {
	rank := len(s.x) - 2
	extra := make([]int, rank)
	for i, v := range n.attrs.Ints("output_padding", nil) {
		if i < rank && v >= 0 && v <= maxSpatial {
			extra[i] = int(v)
		}
	}
	pad := make([]int, rank)
	auto := n.attrs.Str("auto_pad", "NOTSET")
	for i := range pad {
		total := (s.x[2+i]-1)*s.stride[i] + extra[i] + (s.w[2+i]-1)*s.dilate[i] + 1 - s.y[2+i]
		v := n.attrs.Ints("pads", nil)
		switch {
		case v != nil && len(v) != 2*rank:
			return nil, fmt.Errorf("pads %v of a %d-dimensional image", v, rank)
		case v != nil && n.attrs.Ints("output_shape", nil) == nil:
			pad[i] = int(min(max(v[i], 0), maxSpatial))
		case auto == "SAME_UPPER" || n.attrs.Ints("output_shape", nil) != nil && auto != "SAME_LOWER":
			pad[i] = max(total, 0) / 2
		case auto == "SAME_LOWER":
			pad[i] = (max(total, 0) + 1) / 2
		case total != 0:
			return nil, fmt.Errorf("output %v of input %v", s.y, s.x)
		}
	}
	return pad, nil
}
