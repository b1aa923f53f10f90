package native

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/kernel/ew"
	"assay/models/tensor"
)

func init() {
	register(opDef{min: 1, max: 4, attrs: []string{"coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value", "mode", "nearest_mode"}, plan: planResize}, "Resize")
}

// A tap is one element of the input, along one axis, with its weight.
type tap struct {
	at     int
	weight float64
}

// planResize plans interpolation: along every axis an element of the output
// is a weighted sum of a few of the input, found here; a run multiplies the
// weights of all axes (ONNX, Operators.md, Resize).
func planResize(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if err := want(tensor.Float32, x, y); err != nil {
		return err
	}
	r, err := resizing(n)
	if err != nil {
		return err
	}
	if len(x.shape) != len(y.shape) || x.len() == 0 {
		return fmt.Errorf("input %v and output %v", x.shape, y.shape)
	}
	axes := make([][][]tap, len(x.shape))
	for i := range axes {
		scale := float64(y.shape[i]) / float64(x.shape[i])
		if r.scales != nil {
			scale = float64(r.scales[i])
		}
		if axes[i], err = r.axis(i, x.shape[i], y.shape[i], scale); err != nil {
			return err
		}
	}
	walk, err := newSpread(y.shape)
	if err != nil {
		return err
	}
	strides, which := ew.Contiguous(x.shape), make([]int, len(axes))
	e, in, out, outside := b.env, b.slot(x), b.slot(y), r.outside
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		walk.each(func(i int, _ []int) { dst[i] = interpolate(src, strides, axes, walk.at, which, outside) })
	})
	return nil
}

// interpolate adds up the products of taps for the element at. which counts
// through them.
func interpolate(src []float32, strides []int, axes [][][]tap, at, which []int, outside float32) float32 {
	clear(which)
	sum := 0.0
	for {
		weight, place := 1.0, 0
		for d, a := range at {
			taps := axes[d][a]
			if len(taps) == 0 {
				return outside
			}
			t := taps[which[d]]
			weight *= t.weight
			place += t.at * strides[d]
		}
		sum += weight * float64(src[place])
		d := len(at) - 1
		for ; d >= 0; d-- {
			if which[d]++; which[d] < len(axes[d][at[d]]) {
				break
			}
			which[d] = 0
		}
		if d < 0 {
			return float32(sum)
		}
	}
}

// A resize is what Resize's attributes say.
type resize struct {
	mode, nearest, coordinates string
	cubic                      float64
	exclude                    bool
	outside                    float32
	scales, roi                []float32
	rank                       int
}

func resizing(n *node) (*resize, error) {
	r := &resize{
		mode: n.attrs.Str("mode", "nearest"), nearest: n.attrs.Str("nearest_mode", "round_prefer_floor"),
		coordinates: n.attrs.Str("coordinate_transformation_mode", "half_pixel"), cubic: float64(n.attrs.Float("cubic_coeff_a", -0.75)),
		exclude: n.attrs.Int("exclude_outside", 0) != 0, outside: n.attrs.Float("extrapolation_value", 0), rank: len(n.in[0].shape),
	}
	scales := n.arg(2)
	if n.opset < 11 {
		scales = n.arg(1)
		r.coordinates, r.nearest = "asymmetric", "floor" // all that there was
	}
	if scales != nil && scales.len() > 0 {
		if r.scales = scales.floats(); len(r.scales) != r.rank {
			return nil, fmt.Errorf("scales %q: %w (a constant one per dimension is)", scales.name, errors.ErrUnsupported)
		}
	}
	if r.coordinates == "tf_crop_and_resize" {
		if r.roi = n.arg(1).floats(); len(r.roi) != 2*r.rank {
			return nil, fmt.Errorf("region of interest: %w (a constant one is)", errors.ErrUnsupported)
		}
	}
	return r, nil
}

// axis returns the taps of every output element along axis d; none where it
// lies outside of the input and gets the extrapolation value.
func (r *resize) axis(d, in, out int, scale float64) ([][]tap, error) {
	taps := make([][]tap, out)
	for i := range taps {
		if in == out && scale == 1 && r.roi == nil {
			taps[i] = []tap{{i, 1}}
			continue
		}
		x, err := r.coordinate(d, float64(i), float64(in), float64(out), scale)
		if err != nil {
			return nil, err
		}
		if r.roi != nil && (x < 0 || x > float64(in-1)) {
			continue
		}
		if taps[i], err = r.taps(x, in); err != nil {
			return nil, err
		}
	}
	return taps, nil
}

// coordinate returns where in the input element i of the output lies.
func (r *resize) coordinate(d int, i, in, out, scale float64) (float64, error) {
	switch r.coordinates {
	case "half_pixel":
		return (i+0.5)/scale - 0.5, nil
	case "pytorch_half_pixel":
		if out > 1 {
			return (i+0.5)/scale - 0.5, nil
		}
		return 0, nil
	case "asymmetric":
		return i / scale, nil
	case "align_corners":
		if out <= 1 {
			return 0, nil
		}
		return i * (in - 1) / (out - 1), nil
	case "tf_half_pixel_for_nn":
		return (i + 0.5) / scale, nil
	case "tf_crop_and_resize":
		start, end := float64(r.roi[d]), float64(r.roi[r.rank+d])
		if out > 1 {
			return start*(in-1) + i*(end-start)*(in-1)/(out-1), nil
		}
		return 0.5 * (start + end) * (in - 1), nil
	}
	return 0, fmt.Errorf("coordinate_transformation_mode %q: %w", r.coordinates, errors.ErrUnsupported)
}

// taps returns the elements that make up the one at x, of n.
func (r *resize) taps(x float64, n int) ([]tap, error) {
	inside := func(i float64) int { return int(min(max(i, 0), float64(n-1))) }
	low := math.Floor(x)
	switch r.mode {
	case "nearest":
		at, err := r.round(x)
		return []tap{{inside(at), 1}}, err
	case "linear":
		f := x - low
		return []tap{{inside(low), 1 - f}, {inside(low + 1), f}}, nil
	case "cubic":
		var out []tap
		sum := 0.0
		for k := -1.0; k <= 2; k++ {
			at, w := low+k, keys(x-low-k, r.cubic)
			if r.exclude && (at < 0 || at > float64(n-1)) {
				continue
			}
			out, sum = append(out, tap{inside(at), w}), sum+w
		}
		for i := range out {
			out[i].weight /= sum // 1 but where elements were left out
		}
		return out, nil
	}
	return nil, fmt.Errorf("mode %q: %w (nearest, linear and cubic are)", r.mode, errors.ErrUnsupported)
}

func (r *resize) round(x float64) (float64, error) {
	switch r.nearest {
	case "round_prefer_floor":
		return math.Ceil(x - 0.5), nil
	case "round_prefer_ceil":
		return math.Floor(x + 0.5), nil
	case "floor":
		return math.Floor(x), nil
	case "ceil":
		return math.Ceil(x), nil
	}
	return 0, fmt.Errorf("nearest_mode %q (have round_prefer_floor, round_prefer_ceil, floor, ceil)", r.nearest)
}

// keys is the cubic convolution kernel (Keys 1981, equation 4) at distance d.
func keys(d, a float64) float64 {
	d = math.Abs(d)
	switch {
	case d <= 1:
		return (a+2)*d*d*d - (a+3)*d*d + 1
	case d < 2:
		return a*d*d*d - 5*a*d*d + 8*a*d - 4*a
	}
	return 0
}
