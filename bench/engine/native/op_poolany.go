package native

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 3, attrs: []string{"kernel_shape", "pads", "strides"}, plan: planMaxUnpool}, "MaxUnpool")
}

// planPoolAny plans MaxPool and AveragePool of images of any number of
// dimensions, channels first, MaxPool with the places of its results perhaps.
func planPoolAny(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	s, walk, err := poolWalk(n, x, y)
	if err != nil {
		return err
	}
	index := -1
	if len(n.out) > 1 && n.out[1] != nil {
		if err := want(tensor.Int64, n.out[1]); err != nil {
			return err
		}
		if n.out[1].len() != y.len() {
			return fmt.Errorf("output %v and places %v", y.shape, n.out[1].shape)
		}
		index = b.slot(n.out[1])
	}
	if n.op == "AveragePool" && (n.attrs.Int("count_include_pad", 0) != 0 || n.attrs.Int("ceil_mode", 0) != 0) {
		return fmt.Errorf("count_include_pad or ceil_mode of %v: %w", x.shape, errors.ErrUnsupported)
	}
	columns := n.attrs.Int("storage_order", 0) != 0
	e, in, out, average := b.env, b.slot(x), b.slot(y), n.op == "AveragePool"
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		walk.each(func(i int, _ []int) {
			best, place, sum, count := float32(math.Inf(-1)), -1, 0.0, 0
			s.window(walk.at, func(p int) {
				sum, count = sum+float64(src[p]), count+1
				if place < 0 || src[p] > best {
					best, place = src[p], p
				}
			})
			dst[i] = best
			if average {
				dst[i] = float32(sum / float64(max(count, 1)))
			}
			if index >= 0 {
				view[int64](e, index)[i] = int64(s.column(place, columns))
			}
		})
	})
	return nil
}

// poolWalk reads the attributes of a pool as those of a convolution with one
// weight per tap, and walks over its output.
func poolWalk(n *node, x, y *value) (*sliding, *spread, error) {
	shape := []int{1, 1}
	for _, k := range n.attrs.Ints("kernel_shape", nil) {
		if k < 1 || k > maxSpatial {
			return nil, nil, fmt.Errorf("kernel of %d", k)
		}
		shape = append(shape, int(k))
	}
	elements, err := tensor.Elements(shape)
	if err != nil || elements > maxSpatial {
		return nil, nil, fmt.Errorf("kernel %v is too large", shape[2:])
	}
	s, err := slide(n, x, &value{name: "kernel", typ: x.typ, shape: shape}, y)
	if err != nil {
		return nil, nil, err
	}
	if s.pad, err = padding(n, x.shape[2:], y.shape[2:], shape[2:], s.stride, s.dilate); err != nil {
		return nil, nil, err
	}
	if x.shape[0] != y.shape[0] || x.shape[1] != y.shape[1] {
		return nil, nil, fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	walk, err := newSpread(y.shape)
	return s, walk, err
}

// window calls f with the place of every element of the input that the window
// of output element at covers.
func (s *sliding) window(at []int, f func(p int)) {
	for _, tap := range s.taps {
		place, ok := at[0]*s.inSteps[0]+at[1]*s.inSteps[1], true
		for d, k := range tap {
			p := at[2+d]*s.stride[d] + k*s.dilate[d] - s.pad[d]
			ok = ok && p >= 0 && p < s.x[2+d]
			place += p * s.inSteps[2+d]
		}
		if ok {
			f(place)
		}
	}
}

// column returns a place counted column by column inside of its image, where
// that is asked for.
func (s *sliding) column(place int, columns bool) int {
	if !columns {
		return place
	}
	at, rest, step := place-place%s.inSteps[1], place%s.inSteps[1], 1
	for d := 2; d < len(s.x); d++ {
		at += rest / s.inSteps[d] * step
		rest, step = rest%s.inSteps[d], step*s.x[d]
	}
	return at
}

// planMaxUnpool plans the inverse of MaxPool: elements go back to the places
// they came from, in an image of the size without output_shape; the rest is 0.
func planMaxUnpool(b *builder, n *node) error {
	x, places, y := n.in[0], n.in[1], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	if err := want(tensor.Int64, places); err != nil {
		return err
	}
	rank := len(x.shape)
	kernel := n.attrs.Ints("kernel_shape", nil)
	if rank < 3 || places.len() != x.len() || len(y.shape) != rank || len(kernel) != rank-2 {
		return fmt.Errorf("input %v, places %v, output %v", x.shape, places.shape, y.shape)
	}
	stride, err := spatial(n, "strides", rank-2, 1)
	if err != nil {
		return err
	}
	if n.attrs.Ints("pads", nil) != nil {
		return fmt.Errorf("pads: %w (unpadded pools are)", errors.ErrUnsupported)
	}
	inner := append([]int{}, x.shape...) // what places count in
	for d := range stride {
		inner[2+d] = (x.shape[2+d]-1)*stride[d] + int(min(max(kernel[d], 1), maxSpatial))
		if inner[2+d] > y.shape[2+d] {
			return fmt.Errorf("output %v of input %v", y.shape, x.shape)
		}
	}
	size, err := tensor.Elements(inner)
	if err != nil {
		return err
	}
	from, to := ew.Contiguous(inner), ew.Contiguous(y.shape)
	e, in, at, out := b.env, b.slot(x), b.slot(places), b.slot(y)
	b.step(func() {
		dst := view[float32](e, out)
		clear(dst)
		for i, v := range view[float32](e, in) {
			p := view[int64](e, at)[i]
			if p < 0 || p >= int64(size) {
				e.fault = true
				continue
			}
			place, rest := 0, int(p)
			for d, s := range from {
				place, rest = place+rest/s*to[d], rest%s
			}
			dst[place] = v
		}
	})
	return nil
}
