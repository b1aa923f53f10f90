package compress

import (
	"context"
	"fmt"
	"iter"
	"math"

	"assay/models/onnx"
	"assay/models/tensor"
)

// compared is how many samples Compare looks at: the noise of a layer is a
// mean over all its elements, so that few samples settle it to a tenth of a dB.
const compared = 64

// Compare runs before and after on calibration data and enters into r how much
// of each node's output, and of the model's, is left. Outputs that a technique
// has renamed, joined or made smaller are passed over.
func (r *Report) Compare(ctx context.Context, before, after *onnx.Model, opt Options) error {
	if opt.Calibration == nil {
		return nil
	}
	if n := len(r.Steps); n > 0 {
		last := r.Steps[n-1]
		err := last.Compare(ctx, before, after, opt)
		r.Compared, r.Output = last.Compared, last.Output
		return err
	}
	folded, err := Fold(before)
	if err != nil {
		return err
	}
	at := map[string]string{} // node → value
	made := after.Graph.Producers()
	twin := map[string]string{} // value → what after calls it
	var want, wantAfter []string
	add := func(v string) {
		name := v
		if made[name] == nil {
			name = v + "_half"
		}
		if made[name] != nil && twin[v] == "" {
			twin[v] = name
			want, wantAfter = append(want, v), append(wantAfter, name)
		}
	}
	for _, n := range folded.Graph.Nodes {
		if len(n.Outputs) > 0 {
			at[label(n)] = n.Outputs[0]
			add(n.Outputs[0])
		}
	}
	for _, v := range folded.Graph.Outputs {
		add(v.Name)
	}
	losses, err := differences(ctx, [2]*onnx.Model{folded, after}, [2][]string{want, wantAfter}, opt)
	if err != nil {
		return fmt.Errorf("compare with the baseline: %w", err)
	}
	for i, n := range r.Nodes {
		if l := losses[at[n.Name]]; l != nil {
			r.Nodes[i].Output, r.Nodes[i].Compared = l.sqnr(), true
		}
	}
	whole := &loss{}
	for _, v := range folded.Graph.Outputs {
		if l := losses[v.Name]; l != nil {
			whole.signal, whole.noise = whole.signal+l.signal, whole.noise+l.noise
			r.Compared = true
		}
	}
	r.Output = whole.sqnr()
	return nil
}

// A loss sums a value and its error.
type loss struct{ signal, noise float64 }

// sqnr is in dB, +Inf where nothing is lost.
func (l *loss) sqnr() float64 {
	if l.noise == 0 {
		return math.Inf(1)
	}
	return 10 * math.Log10(l.signal/l.noise)
}

// differences runs two models on the same data and returns the loss of each
// value of the first, called want[0][i] there and want[1][i] in the second;
// values whose shapes differ are left out.
func differences(ctx context.Context, m [2]*onnx.Model, want [2][]string, opt Options) (map[string]*loss, error) {
	var run [2]Forward
	for k := range m {
		f, err := opt.Forward(m[k], want[k])
		if err != nil {
			return nil, err
		}
		run[k] = f
	}
	out := map[string]*loss{}
	for set, err := range some(opt.Calibration, compared) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		var got [2]map[string]tensor.Tensor
		for k := range run {
			if got[k], err = run[k](set); err != nil {
				return nil, err
			}
		}
		for i, v := range want[0] {
			if out[v] == nil {
				out[v] = &loss{}
			}
			if !out[v].add(got[0][v], got[1][want[1][i]]) {
				delete(out, v)
			}
		}
	}
	return out, nil
}

// add reports false for values that cannot be compared.
func (l *loss) add(x, y tensor.Tensor) bool {
	if x.Type != tensor.Float32 || x.Len() != y.Len() {
		return false
	}
	w, err := y.Floats()
	if err != nil {
		return false
	}
	for i, v := range tensor.Of[float32](x) {
		e := float64(v) - w[i]
		l.signal, l.noise = l.signal+float64(v)*float64(v), l.noise+e*e
	}
	return true
}

// some yields the first sets of seq, until n samples or more are reached.
func some(seq iter.Seq2[[]tensor.Tensor, error], n int) iter.Seq2[[]tensor.Tensor, error] {
	return func(yield func([]tensor.Tensor, error) bool) {
		seen := 0
		for set, err := range seq {
			if seen >= n || !yield(set, err) {
				return
			}
			seen += rows(set)
		}
	}
}
