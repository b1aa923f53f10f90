package chart

import (
	"cmp"
	"html/template"
	"math"
	"slices"
)

// A Point is a case by two metrics. Label is drawn beside it: short, since
// points lie close; Name says what it stands for to who points at it.
type Point struct {
	Label, Name string
	Link        string // where a click leads, "" for nowhere
	Series      int    // colour and shape
	Hollow      bool
	X, Y        float64
	XLow, XHigh float64
	YLow, YHigh float64
	Front       bool // on the Pareto front
}

// Scatter draws points with their intervals, and through those of the front,
// which lie where nothing is both further left and higher, a line of steps.
func Scatter(name string, x, y Axis, points []Point) template.HTML {
	var kept []Point
	xs, ys := [2]float64{math.Inf(1), math.Inf(-1)}, [2]float64{math.Inf(1), math.Inf(-1)}
	for _, p := range points {
		if !usable(p.X) || !usable(p.Y) || p.X <= 0 {
			continue
		}
		p.XLow, p.XHigh = interval(p.XLow, p.X, p.XHigh)
		if p.XLow <= 0 {
			p.XLow, p.XHigh = p.X, p.X
		}
		p.YLow, p.YHigh = interval(p.YLow, p.Y, p.YHigh)
		xs, ys = [2]float64{min(xs[0], p.XLow), max(xs[1], p.XHigh)}, [2]float64{min(ys[0], p.YLow), max(ys[1], p.YHigh)}
		kept = append(kept, p)
	}
	if len(kept) == 0 {
		return ""
	}
	sx, sy := newScale(xs[0], xs[1]), newScale(ys[0], ys[1])
	f := &figure{x: sx.axis(x, 4), y: sy.axis(y, 5)}
	f.front(kept, sx, sy)
	f.cloud(kept, sx, sy, x, y)
	return f.html(270, name)
}

// front draws the steps through the points of the front.
func (f *figure) front(points []Point, sx, sy scale) {
	on := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !p.Front })
	slices.SortFunc(on, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	var steps [][]float64
	for _, p := range on {
		steps = append(steps, []float64{sx.at(p.X), sy.at(p.Y)})
	}
	if len(steps) > 1 {
		l := line(Ink, 1, steps...)
		l["step"], l["lineStyle"] = "end", fields{"color": Ink, "width": 1, "type": "dashed"}
		f.add(l)
	}
}

// cloud draws the points with their intervals and labels.
func (f *figure) cloud(points []Point, sx, sy scale, x, y Axis) {
	const size, ring = 7, 12
	away := labelled(points, sx, sy)
	var ringed []mark
	for i, p := range points {
		t, px, py := Series(p.Series), sx.at(p.X), sy.at(p.Y)
		f.add(line(t, 0.7, []float64{sx.at(p.XLow), py}, []float64{sx.at(p.XHigh), py}, nil, []float64{px, sy.at(p.YLow)}, []float64{px, sy.at(p.YHigh)}))
		name := cmp.Or(p.Name, p.Label) + ": " + x.exact(p.X) + ", " + y.exact(p.Y)
		m := marks(p.Series, t, size, []mark{{X: px, Y: py, Tip: name, Text: clip(p.Label, 12), Link: p.Link, Hollow: p.Hollow}})
		m["label"] = fields{"show": p.Label != "", "color": Ink, "fontSize": 11, "position": "inside", "offset": away[i]}
		f.add(m)
		if p.Front {
			ringed = append(ringed, mark{X: px, Y: py, Hollow: true})
		}
	}
	if len(ringed) > 0 {
		r := marks(0, Ink, ring, ringed)
		r["silent"] = true
		f.add(r)
	}
}

// labelled finds how far from its point each label goes, in CSS pixels right
// and down, so that it covers the least of what is drawn already. It reckons
// with the plot of a phone; on a wider one points lie further apart.
func labelled(points []Point, sx, sy scale) [][2]float64 {
	const width, height = 262, 200
	span := func(s scale) float64 { return max(s.at(s.high)-s.at(s.low), 1e-300) }
	at := make([][2]float64, len(points))
	taken := make([]box, len(points))
	for i, p := range points {
		x, y := width*(sx.at(p.X)-sx.at(sx.low))/span(sx), height*(sy.at(sy.high)-sy.at(p.Y))/span(sy)
		at[i], taken[i] = [2]float64{x, y}, box{x - 4.5, y - 4.5, x + 4.5, y + 4.5}
	}
	away := make([][2]float64, len(points))
	for i, p := range points {
		if p.Label == "" {
			continue
		}
		b := place(at[i][0], at[i][1], wide(clip(p.Label, 12)), 12, taken, box{0, -8, width + 14, height})
		taken = append(taken, b)
		away[i] = [2]float64{(b.x0+b.x1)/2 - at[i][0], (b.y0+b.y1)/2 - at[i][1]}
	}
	return away
}

// A box is a part of the drawing.
type box struct{ x0, y0, x1, y1 float64 }

func (a box) overlap(b box) float64 {
	return max(min(a.x1, b.x1)-max(a.x0, b.x0), 0) * max(min(a.y1, b.y1)-max(a.y0, b.y0), 0)
}

// place finds a box of w by h around a point, inside frame, that covers the
// least of what is taken; near places are tried first.
func place(x, y, w, h float64, taken []box, frame box) box {
	best, least := box{}, math.Inf(1)
	for _, far := range []float64{8, 11, 15, 21, 28} {
		for k := range 8 {
			sin, cos := math.Sincos(float64(k) * math.Pi / 4)
			mx, my := x+cos*(far+w/2), y+sin*(far+h/2)
			b := box{mx - w/2, my - h/2, mx + w/2, my + h/2}
			cover := w*h - b.overlap(frame) // what lies outside
			for _, t := range taken {
				cover += b.overlap(t)
			}
			if cover < least-0.01 {
				best, least = b, cover
			}
		}
	}
	return best
}
