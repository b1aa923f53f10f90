package compress

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Moments are what calibration data tell of the inputs that a target's rows
// are multiplied by: for each group, the mean of x and of x·xᵀ over samples
// and positions. Their size does not depend on how much data was seen.
type moments struct {
	n    float64 // columns seen
	mean [][]float64
	gram [][]float64 // cols×cols, row-major; nil where only squares are kept
	sq   [][]float64 // mean of x²
}

// perSample bounds how many positions of one sample are looked at, spread
// evenly: neighbouring positions of an image say much the same, and a layer
// of 144 inputs has 33,000 columns from 512 samples.
const perSample = 64

// gather returns the moments of the inputs of list over the calibration data,
// and the first set. grams says whether products of inputs are kept too.
func (d *draft) gather(ctx context.Context, list []*target, opt Options, grams bool, r *Report) (map[*target]*moments, []tensor.Tensor, error) {
	out := map[*target]*moments{}
	var want []string
	for _, t := range list {
		out[t] = newMoments(t, grams)
		want = append(want, t.node.Inputs[0])
	}
	first, err := d.observe(ctx, unique(want), opt, r, func(values map[string]tensor.Tensor) error {
		for _, t := range list {
			x, ok := values[t.node.Inputs[0]]
			if !ok {
				return fmt.Errorf("value %q: the forward function did not return it", t.node.Inputs[0])
			}
			if err := out[t].add(t, x); err != nil {
				return fmt.Errorf("%s %q: %w", t.node.Op, label(t.node), err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, m := range out {
		m.finish()
	}
	return out, first, nil
}

// observe runs d on all calibration data, hands each set's values to see, and
// returns the first set.
func (d *draft) observe(ctx context.Context, want []string, opt Options, r *Report, see func(map[string]tensor.Tensor) error) ([]tensor.Tensor, error) {
	if opt.Calibration == nil {
		return nil, errors.New("no calibration data are given")
	}
	run, err := opt.Forward(d.Model, want)
	if err != nil {
		return nil, fmt.Errorf("open the folded model: %w", err)
	}
	var first []tensor.Tensor
	sets, samples := 0, 0
	for set, err := range opt.Calibration {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = fits(d.g, set)
		}
		var values map[string]tensor.Tensor
		if err == nil {
			values, err = run(set)
		}
		if err == nil {
			err = see(values)
		}
		if err != nil {
			return nil, fmt.Errorf("calibration set %d: %w", sets, err)
		}
		if first == nil {
			for _, t := range set {
				first = append(first, t.Clone())
			}
		}
		sets++
		samples += rows(set)
	}
	if sets == 0 {
		return nil, errors.New("the calibration data are empty")
	}
	r.Samples = samples
	return first, nil
}

func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func newMoments(t *target, grams bool) *moments {
	m := &moments{}
	for range t.groups() {
		m.mean, m.sq = append(m.mean, make([]float64, t.cols)), append(m.sq, make([]float64, t.cols))
		if grams {
			m.gram = append(m.gram, make([]float64, t.cols*t.cols))
		}
	}
	return m
}

// add looks at the input x of t.
func (m *moments) add(t *target, x tensor.Tensor) error {
	if x.Type != tensor.Float32 {
		return fmt.Errorf("its input is %v, not float32", x.Type)
	}
	if err := finite(x); err != nil {
		return err
	}
	u, err := newUnfolder(t, x.Shape)
	if err != nil {
		return err
	}
	v := tensor.Of[float32](x)
	for s := range u.samples {
		step := max(1, (u.positions+perSample-1)/perSample)
		for g := range t.groups() {
			a := u.columns(v, s, g, int(m.n)%step, step)
			m.take(g, a, t.cols)
		}
		m.n += float64((u.positions - int(m.n)%step + step - 1) / step)
	}
	return nil
}

// take adds the rows of a, each cols long, to group g.
func (m *moments) take(g int, a []float64, cols int) {
	for i, x := range a {
		m.mean[g][i%cols] += x
		m.sq[g][i%cols] += x * x
	}
	if m.gram == nil || len(a) == 0 {
		return
	}
	x := blas64.General{Rows: len(a) / cols, Cols: cols, Stride: cols, Data: a}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, x, x, 1, blas64.General{Rows: cols, Cols: cols, Stride: cols, Data: m.gram[g]})
}

// finish turns sums into means.
func (m *moments) finish() {
	for _, list := range [][][]float64{m.mean, m.sq, m.gram} {
		for _, v := range list {
			for i := range v {
				v[i] /= max(m.n, 1)
			}
		}
	}
}

// group returns the group of row c of t.
func (t *target) group(c int) int { return c * t.groups() / t.rows }

// An unfolder lays out the inputs of a target as columns of numbers that its
// rows are multiplied by, in the order of the row's weights.
type unfolder struct {
	t                  *target
	samples, positions int
	channels           int // of the whole input; for a matrix its last dimension
	in, out, kernel    []int
	strides, pads      []int
	dilations          []int
}

func newUnfolder(t *target, shape []int) (*unfolder, error) {
	u := &unfolder{t: t}
	if t.node.Op != "Conv" {
		if len(shape) == 0 || shape[len(shape)-1] != t.cols {
			return nil, fmt.Errorf("its input has shape %v, its weights have %d rows", shape, t.cols)
		}
		u.samples, u.positions, u.channels = 1, 1, t.cols
		for _, d := range shape[:len(shape)-1] {
			u.positions *= d
		}
		if len(shape) > 2 {
			u.samples, u.positions = shape[0], u.positions/max(shape[0], 1)
		} else {
			u.samples, u.positions = u.positions, 1
		}
		return u, nil
	}
	rank := len(t.shape) - 2
	if len(shape) != rank+2 || shape[1] != t.shape[1]*t.groups() {
		return nil, fmt.Errorf("its input has shape %v, its weights %v", shape, t.shape)
	}
	u.samples, u.channels, u.in, u.kernel = shape[0], shape[1], shape[2:], t.shape[2:]
	if err := u.window(t.node, rank); err != nil {
		return nil, err
	}
	u.positions = 1
	for i, n := range u.in {
		o := (n+u.pads[i]+u.pads[rank+i]-u.dilations[i]*(u.kernel[i]-1)-1)/u.strides[i] + 1
		u.out = append(u.out, max(o, 0))
		u.positions *= max(o, 0)
	}
	return u, nil
}

// window reads the attributes of a convolution.
func (u *unfolder) window(n *onnx.Node, rank int) error {
	read := func(name string, count, def int) ([]int, error) {
		out := make([]int, count)
		for i := range out {
			out[i] = def
		}
		list := n.Ints(name, nil)
		if list != nil && len(list) != count {
			return nil, fmt.Errorf("its %s are %v, want %d of them", name, list, count)
		}
		for i, v := range list {
			if v < int64(def) || v > 1<<20 {
				return nil, fmt.Errorf("its %s are %v", name, list)
			}
			out[i] = int(v)
		}
		return out, nil
	}
	var err error
	if u.strides, err = read("strides", rank, 1); err != nil {
		return err
	}
	if u.dilations, err = read("dilations", rank, 1); err != nil {
		return err
	}
	if u.pads, err = read("pads", 2*rank, 0); err != nil {
		return err
	}
	switch auto := n.Str("auto_pad", "NOTSET"); auto {
	case "NOTSET", "VALID", "":
	case "SAME_UPPER", "SAME_LOWER":
		for i, size := range u.in {
			total := max(0, ((size+u.strides[i]-1)/u.strides[i]-1)*u.strides[i]+u.dilations[i]*(u.kernel[i]-1)+1-size)
			u.pads[i], u.pads[rank+i] = total/2, total-total/2
			if auto == "SAME_LOWER" {
				u.pads[i], u.pads[rank+i] = u.pads[rank+i], u.pads[i]
			}
		}
	default:
		return fmt.Errorf("its auto_pad %q is not known", auto)
	}
	return nil
}

// columns returns the inputs of group g at every step-th position of sample s,
// the first one from, as rows of t.cols numbers.
func (u *unfolder) columns(v []float32, s, g, from, step int) []float64 {
	var a []float64
	if u.kernel == nil {
		for p := from; p < u.positions; p += step {
			at := (s*u.positions + p) * u.channels
			for _, x := range v[at : at+u.channels] {
				a = append(a, float64(x))
			}
		}
		return a
	}
	size := 1
	for _, n := range u.in {
		size *= n
	}
	per := u.t.shape[1]
	for p := from; p < u.positions; p += step {
		for c := range per {
			image := v[(s*u.channels+g*per+c)*size:][:size]
			for k := range u.t.taps() {
				a = append(a, u.at(image, p, k))
			}
		}
	}
	return a
}

// at returns the element of a channel that tap k meets at output position p; 0
// in the padding.
func (u *unfolder) at(image []float32, p, k int) float64 {
	at, scale := 0, 1
	for i := len(u.in) - 1; i >= 0; i-- {
		x := p%u.out[i]*u.strides[i] + k%u.kernel[i]*u.dilations[i] - u.pads[i]
		p, k = p/u.out[i], k/u.kernel[i]
		if x < 0 || x >= u.in[i] {
			return 0
		}
		at, scale = at+x*scale, scale*u.in[i]
	}
	return float64(image[at])
}
