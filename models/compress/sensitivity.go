package compress

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"assay/models/onnx"
)

// A Leave says what leaving one node out of a technique does.
type Leave struct {
	Node, Op string
	Output   float64 // SQNR of the model's outputs in dB where this node alone is left out
	Gain     float64 // dB more than with all nodes compressed
	Bytes    int64   // how much larger the file is
	Model    *onnx.Model
}

// Sensitivity applies t to m once whole and once without each node that it
// changes, and returns the whole result with the report, and what each node
// costs, the most harmful first. see, if not nil, is called with every variant
// as it is made.
func Sensitivity(ctx context.Context, m *onnx.Model, t Technique, opt Options, see func(Leave)) (*onnx.Model, *Report, []Leave, error) {
	if opt.Calibration == nil {
		return nil, nil, nil, errors.New("sensitivity: no calibration data are given to compare outputs on")
	}
	whole, r, err := t.Apply(ctx, m, opt)
	if err == nil {
		err = r.Compare(ctx, m, whole, opt)
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("sensitivity: %w", err)
	}
	var out []Leave
	for _, n := range r.Nodes {
		if !n.Changed || n.Before == 0 {
			continue
		}
		o := opt
		o.Exclude = append(slices.Clone(opt.Exclude), n.Name)
		k, kr, err := t.Apply(ctx, m, o)
		if err == nil {
			err = kr.Compare(ctx, m, k, o)
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("sensitivity: without %s %q: %w", n.Op, n.Name, err)
		}
		l := Leave{Node: n.Name, Op: n.Op, Output: kr.Output, Gain: kr.Output - r.Output, Bytes: kr.After - r.After, Model: k}
		if see != nil {
			see(l)
		}
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Leave) int {
		switch {
		case a.Gain > b.Gain:
			return -1
		case a.Gain < b.Gain:
			return 1
		}
		return 0
	})
	return whole, r, out, nil
}
