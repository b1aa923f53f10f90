package chart

import (
	"cmp"
	"html/template"
	"math"
	"slices"
)

// A Point is a case by two metrics. Label is drawn beside it: short, since
// points lie close; a list below the chart says what it stands for.
type Point struct {
	Label       string
	Series      int // colour and shape
	Hollow      bool
	X, Y        float64
	XLow, XHigh float64
	YLow, YHigh float64
	Front       bool // on the Pareto front
}

const (
	plotTop    = 24
	plotBottom = 226
	markRadius = 3.5
)

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
	sy := newScale(ys[0], ys[1], plotBottom, plotTop)
	left := margin(sy, y)
	sx := newScale(xs[0], xs[1], left+8, rightEdge)
	c := &canvas{}
	c.across(sx, x, plotTop, plotBottom)
	c.upright(sy, y, left, rightEdge)
	c.front(kept, sx, sy)
	c.cloud(kept, sx, sy, left)
	return c.svg(plotBottom+40, name)
}

// front draws the steps through the points of the front.
func (c *canvas) front(points []Point, sx, sy scale) {
	on := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !p.Front })
	slices.SortFunc(on, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	for i := 1; i < len(on); i++ {
		x0, y0, x1, y1 := sx.at(on[i-1].X), sy.at(on[i-1].Y), sx.at(on[i].X), sy.at(on[i].Y)
		c.line(x0, y0, x1, y0, Ink, 1, ";stroke-dasharray:4,3")
		c.line(x1, y0, x1, y1, Ink, 1, ";stroke-dasharray:4,3")
	}
}

// cloud draws the points with their intervals and labels, each label where it
// covers the least of what is drawn already.
func (c *canvas) cloud(points []Point, sx, sy scale, left float64) {
	taken := make([]box, len(points))
	for i, p := range points {
		x, y, t := sx.at(p.X), sy.at(p.Y), Series(p.Series)
		c.line(sx.at(p.XLow), y, sx.at(p.XHigh), y, t, 0.7, "")
		c.line(x, sy.at(p.YLow), x, sy.at(p.YHigh), t, 0.7, "")
		taken[i] = box{x - 4.5, y - 4.5, x + 4.5, y + 4.5}
	}
	for _, p := range points {
		c.mark(p.Series, sx.at(p.X), sy.at(p.Y), markRadius, Series(p.Series), p.Hollow)
		if p.Front {
			c.mark(0, sx.at(p.X), sy.at(p.Y), markRadius+2.5, Ink, true)
		}
	}
	frame := box{left, plotTop, rightEdge + 14, plotBottom}
	for _, p := range points {
		if p.Label == "" {
			continue
		}
		label := clip(p.Label, 12)
		b := place(sx.at(p.X), sy.at(p.Y), wide(label), 11, taken, frame)
		taken = append(taken, b)
		c.text((b.x0+b.x1)/2, b.y1-1.5, "middle", label)
	}
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
	for _, far := range []float64{6, 10, 15, 21, 28} {
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
