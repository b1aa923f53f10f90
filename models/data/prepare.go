package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"assay/models"
	"assay/models/tensor"
)

// Prepare turns a raw image, uint8 [H, W, C] with 1 or 3 channels, into the
// input that a model's card describes: float32, [1, C, H, W] or [1, H, W, C]
// as Layout says (NCHW by default), or [1, features] where Shape has two
// dimensions. Channels are converted and the size is changed (bilinear) only
// where they differ from the card's; dimensions that are not numbers follow
// the image. A pixel p becomes (p/Scale − Mean[c]) / Std[c]: Scale 0 counts as
// 1, no Mean as 0, no Std as 1, and a single one holds for all channels.
func Prepare(io models.IO, s models.Sample) (tensor.Tensor, error) {
	t, err := prepare(io, s.Input)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("prepare sample %d for input %q: %w", s.Index, io.Name, err)
	}
	return t, nil
}

func prepare(io models.IO, in tensor.Tensor) (tensor.Tensor, error) {
	var none tensor.Tensor
	if io.Type != "" && io.Type != tensor.Float32.String() {
		return none, fmt.Errorf("inputs of type %q are not made from images, only float32", io.Type)
	}
	if err := in.Check(); err != nil {
		return none, err
	}
	if in.Type != tensor.Uint8 || len(in.Shape) != 3 || in.Shape[2] != 1 && in.Shape[2] != 3 {
		return none, fmt.Errorf("it is %v%v, an image is uint8 [H W C] with 1 or 3 channels", in.Type, in.Shape)
	}
	first, err := channelsFirst(io.Layout)
	if err != nil {
		return none, err
	}
	h, w, c, flat, err := target(io.Shape, first, in.Shape)
	if err != nil {
		return none, err
	}
	table, err := normalise(io, c)
	if err != nil {
		return none, err
	}
	if h != in.Shape[0] || w != in.Shape[1] {
		in = scale(in, h, w)
	}
	in = channels(in, c)
	shape := []int{1, h, w, c}
	switch {
	case flat:
		shape = []int{1, h * w * c}
	case first:
		shape = []int{1, c, h, w}
	}
	out := tensor.New(tensor.Float32, shape...)
	v := tensor.Of[float32](out)
	for i := range h * w {
		for k := range c {
			at := i*c + k
			if first {
				at = k*h*w + i
			}
			v[at] = table[k][in.Data[i*c+k]]
		}
	}
	return out, nil
}

func channelsFirst(layout string) (bool, error) {
	switch strings.ToUpper(layout) {
	case "NCHW", "":
		return true, nil
	case "NHWC":
		return false, nil
	}
	return false, fmt.Errorf("unknown layout %q (have NCHW, NHWC)", layout)
}

// maxSide bounds the sides that a card may ask for.
const maxSide = 1 << 13

// target returns the size of the model's input: from shape where it has
// numbers, from the image's own shape [H W C] where not. flat is a model that
// takes [N, features].
func target(shape []string, first bool, own []int) (h, w, c int, flat bool, err error) {
	h, w, c = own[0], own[1], own[2]
	switch len(shape) {
	case 0:
		return h, w, c, false, nil
	case 2:
		n, err := dimension(shape[1], h*w*c)
		if err == nil && n != h*w*c {
			err = fmt.Errorf("an image of shape %v has %d features, the model takes %d", own, h*w*c, n)
		}
		return h, w, c, true, err
	case 4:
	default:
		return 0, 0, 0, false, fmt.Errorf("shape %v: an input for images has 4 dimensions, or 2", shape)
	}
	at := [3]int{1, 2, 3} // of H, W, C
	if first {
		at = [3]int{2, 3, 1}
	}
	var errs error
	for i, dst := range []*int{&h, &w, &c} {
		n, err := dimension(shape[at[i]], *dst)
		*dst, errs = n, errors.Join(errs, err)
	}
	switch {
	case errs != nil:
		return 0, 0, 0, false, fmt.Errorf("shape %v: %w", shape, errs)
	case c != 1 && c != 3:
		return 0, 0, 0, false, fmt.Errorf("shape %v: the model wants %d channels, images have 1 or 3", shape, c)
	case h > maxSide || w > maxSide:
		return 0, 0, 0, false, fmt.Errorf("shape %v: images have at most %d × %d pixels", shape, maxSide, maxSide)
	}
	return h, w, c, false, nil
}

// dimension reads one dimension; a name, such as H, is def.
func dimension(s string, def int) (int, error) {
	n, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrSyntax) && s != "" && (s[0] < '0' || s[0] > '9') && s[0] != '-' || s == "-1" {
		return def, nil
	}
	if err != nil || n < 1 {
		return 0, fmt.Errorf("dimension %q", s)
	}
	return n, nil
}

// normalise returns, for each of c channels, what each pixel value becomes.
func normalise(io models.IO, c int) ([][256]float32, error) {
	scale := io.Scale
	if scale == 0 {
		scale = 1
	}
	if !(scale > 0) || math.IsInf(scale, 1) {
		return nil, fmt.Errorf("scale %v", io.Scale)
	}
	mean, err := perChannel("mean", io.Mean, c, 0)
	if err != nil {
		return nil, err
	}
	std, err := perChannel("std", io.Std, c, 1)
	if err != nil {
		return nil, err
	}
	table := make([][256]float32, c)
	for k := range table {
		if !(std[k] > 0) {
			return nil, fmt.Errorf("std %v: every element is more than 0", io.Std)
		}
		for p := range table[k] {
			table[k][p] = float32((float64(p)/scale - mean[k]) / std[k])
		}
	}
	return table, nil
}

func perChannel(what string, v []float64, c int, def float64) ([]float64, error) {
	switch {
	case len(v) == 0:
		v = []float64{def}
	case len(v) != 1 && len(v) != c:
		return nil, fmt.Errorf("%s has %d elements, the input %d channels", what, len(v), c)
	}
	out := make([]float64, c)
	for i := range out {
		if out[i] = v[i%len(v)]; math.IsNaN(out[i]) || math.IsInf(out[i], 0) {
			return nil, fmt.Errorf("%s %v", what, v)
		}
	}
	return out, nil
}

// Batch joins tensors along their first dimension; types and all other
// dimensions must agree.
func Batch(list []tensor.Tensor) (tensor.Tensor, error) {
	if len(list) == 0 {
		return tensor.Tensor{}, errors.New("batch of no tensors")
	}
	first, n, size := list[0], 0, 0
	for i, t := range list {
		if err := t.Check(); err != nil {
			return tensor.Tensor{}, fmt.Errorf("batch: tensor %d: %w", i, err)
		}
		if t.Type.Bits()%8 != 0 {
			return tensor.Tensor{}, fmt.Errorf("batch: elements of type %v do not fill bytes", t.Type)
		}
		if len(t.Shape) == 0 || t.Type != first.Type || !slices.Equal(t.Shape[1:], first.Shape[1:]) {
			return tensor.Tensor{}, fmt.Errorf("batch: tensor %d is %v%v, the first one %v%v", i, t.Type, t.Shape, first.Type, first.Shape)
		}
		n += t.Shape[0]
		size += len(t.Data)
	}
	shape := append([]int{n}, first.Shape[1:]...)
	if _, err := tensor.Elements(shape); err != nil {
		return tensor.Tensor{}, fmt.Errorf("batch: %w", err)
	}
	out := tensor.Tensor{Type: first.Type, Shape: shape, Data: tensor.Aligned(size)}
	at := 0
	for _, t := range list {
		at += copy(out.Data[at:], t.Data)
	}
	return out, nil
}
