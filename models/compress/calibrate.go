package compress

import (
	"context"
	"errors"
	"fmt"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A span gathers one value's range over the calibration data. Its size does
// not depend on how much data it sees.
type span struct {
	low, high       float64
	count           int64
	sumLow, sumHigh float64 // of the extremes of each set
	sets            int
	bins            *histogram // nil where extremes are enough
}

// calibrate runs d on all of opt.Calibration and returns the span of each
// float32 value in want, and the first set of inputs. Values of another type
// are not in the map.
func calibrate(ctx context.Context, d *draft, want []string, opt Options, r *Report) (map[string]*span, []tensor.Tensor, error) {
	if opt.Calibration == nil {
		return nil, nil, errors.New("no calibration data are given")
	}
	run, err := opt.Forward(d.Model, want)
	if err != nil {
		return nil, nil, fmt.Errorf("open the folded model: %w", err)
	}
	spans := map[string]*span{}
	var first []tensor.Tensor
	sets := 0
	for set, err := range opt.Calibration {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = fits(d.g, set)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("calibration set %d: %w", sets, err)
		}
		if first == nil {
			for _, t := range set {
				first = append(first, t.Clone())
			}
		}
		values, err := run(set)
		if err != nil {
			return nil, nil, fmt.Errorf("calibration set %d: %w", sets, err)
		}
		for _, name := range want {
			if err := observe(spans, name, values, opt.histograms()); err != nil {
				return nil, nil, fmt.Errorf("calibration set %d: value %q: %w", sets, name, err)
			}
		}
		sets++
		r.Samples += rows(set)
	}
	if sets == 0 {
		return nil, nil, errors.New("the calibration data are empty")
	}
	if r.Samples < 32 {
		r.warn("calibrated on %d samples: ranges of activations are hardly known from so few", r.Samples)
	}
	return spans, first, nil
}

// rows returns the batch size of a set, 1 for inputs without dimensions.
func rows(set []tensor.Tensor) int {
	if len(set) == 0 || len(set[0].Shape) == 0 {
		return 1
	}
	return set[0].Shape[0]
}

// fits reports how set differs from the graph's inputs.
func fits(g *onnx.Graph, set []tensor.Tensor) error {
	if len(set) != len(g.Inputs) {
		return fmt.Errorf("%d inputs, the model has %d", len(set), len(g.Inputs))
	}
	for i, v := range g.Inputs {
		t := set[i]
		if err := t.Check(); err != nil {
			return fmt.Errorf("input %q: %w", v.Name, err)
		}
		if t.Type != v.Type {
			return fmt.Errorf("input %q is %v, the model wants %v", v.Name, t.Type, v.Type)
		}
		if t.Len() == 0 {
			return fmt.Errorf("input %q of shape %v is empty", v.Name, t.Shape)
		}
		if err := finite(t); err != nil {
			return fmt.Errorf("input %q: %w", v.Name, err)
		}
		if !v.HasShape {
			continue
		}
		ok := len(t.Shape) == len(v.Shape)
		for j := 0; ok && j < len(v.Shape); j++ {
			d := v.Shape[j]
			ok = d.Param != "" || d.Value < 0 || d.Value == int64(t.Shape[j])
		}
		if !ok {
			return fmt.Errorf("input %q has shape %v, the model wants %s", v.Name, t.Shape, dims(v.Shape))
		}
	}
	return nil
}

// dims prints a shape with its parameters, for example [N 1 28 28].
func dims(shape []onnx.Dim) string {
	var out []any
	for _, d := range shape {
		switch {
		case d.Param != "":
			out = append(out, d.Param)
		case d.Value < 0:
			out = append(out, "?")
		default:
			out = append(out, d.Value)
		}
	}
	return fmt.Sprint(out)
}

// observe adds one value's elements to its span.
func observe(spans map[string]*span, name string, values map[string]tensor.Tensor, bins bool) error {
	t, ok := values[name]
	if !ok {
		return errors.New("the forward function did not return it")
	}
	if t.Type != tensor.Float32 {
		return nil
	}
	if err := finite(t); err != nil {
		return fmt.Errorf("%w: a model that overflows in float cannot be calibrated", err)
	}
	s := spans[name]
	if s == nil {
		s = &span{low: math.Inf(1), high: math.Inf(-1)}
		if bins {
			s.bins = &histogram{}
		}
		spans[name] = s
	}
	v := tensor.Of[float32](t)
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range v {
		low, high = min(low, float64(x)), max(high, float64(x))
	}
	if len(v) > 0 {
		s.low, s.high = min(s.low, low), max(s.high, high)
		s.sumLow, s.sumHigh, s.sets = s.sumLow+low, s.sumHigh+high, s.sets+1
	}
	s.count += int64(len(v))
	if s.bins != nil {
		s.bins.add(v)
	}
	return nil
}

// clipped returns the share of the values seen outside [low, high]: exactly 0
// without bins, else to the width of a bin.
func (s *span) clipped(low, high float64) float64 {
	if s.bins == nil || s.count == 0 {
		return 0
	}
	return float64(s.bins.outside(low, high)) / float64(s.count)
}

// coarse rounds x away from zero to 8 significant bits. It widens a range by
// at most 1/128 (0.07 dB of noise), and engines that sum in another order, on
// which the last bits of activations depend, then make the same file.
func coarse(x float64) float64 {
	f, e := math.Frexp(x)
	if f == 0 {
		return 0
	}
	return math.Ldexp(math.Copysign(math.Ceil(math.Abs(f)*256)/256, f), e)
}
