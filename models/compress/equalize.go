package compress

import (
	"context"
	"fmt"
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

func init() {
	Register(Technique{
		Name:  "equalized",
		Whole: true,
		Doc:   "weights of neighbouring layers scaled channel by channel until both span the same range, so that one scale per tensor serves them; computes what it did (cross-layer equalization)",
		Apply: func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
			return rewriting(ctx, "equalized", m, opt, func(d *draft, r *Report) error { return d.equalize(ctx, opt, r) })
		},
	})
}

// A link is a pair of layers whose channels can be scaled against each other:
// nothing but clamps at zero lies between them.
type link struct {
	from, to *target
	clip     string    // the value before a Clip in between, "" without one
	top      float64   // its upper bound
	most     []float64 // per channel, the largest value before it on calibration data
}

// headroom is how much of a Clip's range a channel may use for being treated
// as never clipped: data that were not seen reach a little further.
const headroom = 0.9

// equalizeRounds is how often all links are gone through; ranges settle in a
// chain of n layers after about n rounds.
const equalizeRounds = 40

// equalize scales output i of one layer by 1/s and the next layer's input i by
// s = √(r₁r₂)/r₂ with the ranges r of their weights (Nagel et al.,
// "Data-Free Quantization through Weight Equalization and Bias Correction",
// 2019, §4.1). A Clip in between, such as ReLU6, allows it for the channels
// that calibration data never take near the bound, and no further than that.
func (d *draft) equalize(ctx context.Context, opt Options, r *Report) error {
	list, err := d.targets(opt, r)
	if err != nil {
		return err
	}
	links := d.links(list)
	if err := d.peaks(ctx, links, opt, r); err != nil {
		return err
	}
	joined := map[*target]bool{}
	bias := map[*target][]float64{}
	for _, l := range links {
		joined[l.from], joined[l.to] = true, true
		for _, b := range l.from.bias {
			if len(bias[l.from]) < l.from.rows {
				bias[l.from] = append(bias[l.from], float64(b))
			}
		}
	}
	for range equalizeRounds {
		for _, l := range links {
			l.balance(bias[l.from])
		}
	}
	for _, t := range list {
		if !joined[t] {
			r.float(t.node, "no layer can be scaled against it")
			continue
		}
		v := t.fold(t.m)
		t.node.Inputs[1] = d.add(t.name+"_equalized", tensor.From(tensor.Float32, v, t.shape...))
		if b := bias[t]; b != nil {
			d.setBias(t, b)
		}
		r.Nodes = append(r.Nodes, NodeReport{Name: label(t.node), Op: t.node.Op, Changed: true, Reason: "its channels span one range"})
	}
	if len(links) == 0 {
		r.warn("no two layers can be scaled against each other")
	}
	return nil
}

// links finds the pairs among list.
func (d *draft) links(list []*target) []*link {
	by := map[*onnx.Node]*target{}
	for _, t := range list {
		if readers(d.g, t.name) == 1 && (t.from == "" || readers(d.g, t.from) == 1) {
			by[t.node] = t
		}
	}
	producers, uses := d.g.Producers(), d.g.Consumers()
	var out []*link
	for _, t := range list {
		if by[t.node] == nil {
			continue
		}
		l := &link{to: t}
		flat, pooled := false, false
		v := t.node.Inputs[0]
		for len(uses[v]) == 1 && !d.g.IsOutput(v) && !d.captured[v] {
			n := producers[v]
			if n == nil {
				break
			}
			if l.from = by[n]; l.from != nil || n.Op != "Relu" && n.Op != "Clip" && n.Op != "MaxPool" && n.Op != "GlobalAveragePool" && n.Op != "Flatten" && n.Op != "AveragePool" {
				break
			}
			flat, pooled = flat || n.Op == "Flatten", pooled || pools[n.Op]
			if n.Op == "Clip" {
				low, high, ok := (&plan{draft: d}).clampOf(n)
				if !ok || low != 0 || l.clip != "" {
					break
				}
				l.clip, l.top = n.Inputs[0], high
			}
			v = n.Inputs[0]
		}
		if l.from != nil && l.fits() && l.along(flat, pooled) {
			out = append(out, l)
		}
	}
	return out
}

// along reports whether both layers mean the same axis by their channels: a
// matrix behind a convolution does so only behind a Flatten, and what a matrix
// makes is not pooled or flattened.
func (l *link) along(flat, pooled bool) bool {
	if l.from.node.Op == "Conv" {
		return (l.to.node.Op == "Conv") != flat
	}
	return l.to.node.Op != "Conv" && !flat && !pooled
}

// fits reports whether output i of the one is input i of the other.
func (l *link) fits() bool {
	if l.depthwise() {
		return l.from.rows == l.to.rows
	}
	return l.to.groups() == 1 && l.from.rows*l.to.taps() == l.to.cols
}

func (l *link) depthwise() bool {
	return l.to.groups() > 1 && l.to.shape[1] == 1 && l.to.groups() == l.to.rows
}

// peaks finds the largest value of each channel before the clips. Without
// calibration data the links across a Clip are dropped.
func (d *draft) peaks(ctx context.Context, links []*link, opt Options, r *Report) error {
	var want []string
	for _, l := range links {
		if l.clip != "" {
			want = append(want, l.clip)
			l.most = make([]float64, l.from.rows)
		}
	}
	if want == nil {
		return nil
	}
	if opt.Calibration == nil {
		for _, l := range links {
			for i := range l.most {
				l.most[i] = math.Inf(1)
			}
		}
		r.warn("layers with a Clip between them are left: only calibration data tell which channels it does not touch")
		return nil
	}
	_, err := d.observe(ctx, unique(want), opt, r, func(values map[string]tensor.Tensor) error {
		for _, l := range links {
			x, ok := values[l.clip]
			if l.clip == "" {
				continue
			}
			if !ok || x.Type != tensor.Float32 || len(x.Shape) < 2 || x.Shape[1] != len(l.most) {
				return fmt.Errorf("value %q has no channel for each of %d", l.clip, len(l.most))
			}
			inner := x.Len() / max(1, x.Shape[0]*x.Shape[1])
			for i, v := range tensor.Of[float32](x) {
				c := i / inner % len(l.most)
				l.most[c] = max(l.most[c], float64(v))
			}
		}
		return nil
	})
	return err
}

// balance scales each channel of l once; bias is that of the first layer.
func (l *link) balance(bias []float64) {
	a := l.from
	for c := range a.rows {
		row := a.m[c*a.cols : (c+1)*a.cols]
		r1, r2 := magnitude(row), 0.0
		l.reading(c, func(w *float64) { r2 = max(r2, math.Abs(*w)) })
		if r1 == 0 || r2 == 0 {
			continue
		}
		s := math.Sqrt(r1 / r2) // = √(r₁r₂)/r₂
		if l.clip != "" {
			if l.most[c] > headroom*l.top {
				continue
			}
			if l.most[c] > 0 {
				s = max(s, l.most[c]/(headroom*l.top))
			}
		}
		for i := range row {
			row[i] /= s
		}
		if bias != nil {
			bias[c] /= s
		}
		if l.clip != "" {
			l.most[c] /= s
		}
		l.reading(c, func(w *float64) { *w *= s })
	}
}

// magnitude returns the largest magnitude in v.
func magnitude(v []float64) float64 { return max(slices.Max(v), -slices.Min(v)) }

// reading calls f for every weight that reads channel c.
func (l *link) reading(c int, f func(*float64)) {
	t := l.to
	if l.depthwise() {
		for i := range t.cols {
			f(&t.m[c*t.cols+i])
		}
		return
	}
	for row := range t.rows {
		for k := range t.taps() {
			f(&t.m[row*t.cols+c*t.taps()+k])
		}
	}
}
