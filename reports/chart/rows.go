package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
)

// A Row is one case of a chart whose rows are cases: a distribution, a bar, or
// an interval.
type Row struct {
	Label  string
	Tone   Tone
	Hollow bool      // drawn as an outline: not to be trusted
	Values []float64 // Spread: the values, in the order taken
	Mid    float64   // Bars and Intervals
	Low    float64   // the interval of Mid; equal to it where there is none
	High   float64
}

const (
	rowHeight = 20 // leaves a line of text to each row
	rowTop    = 6  // above the first row
	rightEdge = Width - 20
)

// rows is a chart of rows, the first on top.
type rows struct {
	canvas
	scale
	n int
}

// newRows begins a chart of labelled rows and returns where their marks begin.
func newRows(kept []Row) (c *rows, left float64) {
	c = &rows{n: len(kept)}
	for _, r := range kept {
		left = max(left, wide(clip(r.Label, 22)))
	}
	left += 10
	for i, r := range kept {
		c.text(left-6, c.y(i)+4, "end", clip(r.Label, 22))
	}
	return c, left
}

// y is the middle of row i.
func (c *rows) y(i int) float64 { return rowTop + rowHeight*(float64(i)+0.5) }

func (c *rows) bottom() float64 { return rowTop + rowHeight*float64(c.n) }

func (c *rows) finish(text string) template.HTML { return c.svg(c.bottom()+24, text) }

// Spread draws the distribution of every row: each value as a mark, and a box
// from the lower to the upper quartile with the median. Rows without a usable
// value are left out; with none at all there is no drawing.
func Spread(text string, x Axis, all []Row) template.HTML {
	var kept []Row
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range all {
		var vs []float64
		for _, v := range r.Values {
			if usable(v) && v > 0 {
				vs, low, high = append(vs, v), min(low, v), max(high, v)
			}
		}
		if r.Values = vs; len(vs) > 0 {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	c, left := newRows(kept)
	c.scale = newScale(low, high, left, rightEdge)
	c.across(c.scale, x, rowTop, c.bottom())
	for i, r := range kept {
		c.spread(r, c.y(i))
	}
	return c.finish(text)
}

func (c *rows) spread(r Row, y float64) {
	for i, v := range r.Values {
		c.mark(0, c.at(v), y-4+8*float64(i%7)/6, 1.6, r.Tone, r.Hollow) // spread so that equal values show
	}
	sorted := slices.Sorted(slices.Values(r.Values))
	q := func(p float64) float64 { // linear between order statistics (Hyndman and Fan 1996, definition 7)
		at := p * float64(len(sorted)-1)
		k := int(at)
		next := sorted[min(k+1, len(sorted)-1)]
		return sorted[k] + (at-float64(k))*(next-sorted[k])
	}
	c.rect(c.at(q(0.25)), y-6, c.at(q(0.75))-c.at(q(0.25)), 12, r.Tone, true)
	c.line(c.at(q(0.5)), y-7, c.at(q(0.5)), y+7, r.Tone, 2, "")
}

// Bars draws a bar per row from zero, with the interval of its end.
func Bars(text string, x Axis, all []Row) template.HTML {
	kept, _, high := measured(all)
	if len(kept) == 0 {
		return ""
	}
	c, left := newRows(kept)
	c.scale = scale{low: 0, high: max(high, 1e-30) * 1.02, from: left, to: rightEdge}
	c.across(c.scale, x, rowTop, c.bottom())
	for i, r := range kept {
		c.rect(left, c.y(i)-5.5, c.at(r.Mid)-left, 11, r.Tone, r.Hollow)
		if r.High > r.Low {
			c.interval(c.at(r.Low), c.at(r.High), c.y(i), Ink)
		}
	}
	return c.finish(text)
}

// Intervals draws an interval per row beside the line of no change.
func Intervals(text string, x Axis, none float64, all []Row) template.HTML {
	kept, low, high := measured(all)
	if len(kept) == 0 {
		return ""
	}
	c, left := newRows(kept)
	c.scale = newScale(min(low, none-0.01), max(high, none+0.01), left, rightEdge) // less than a percent is no change to look at
	c.across(c.scale, x, rowTop, c.bottom())
	c.line(c.at(none), rowTop, c.at(none), c.bottom(), Ink, 1, "")
	for i, r := range kept {
		c.interval(c.at(r.Low), c.at(r.High), c.y(i), r.Tone)
		c.mark(0, c.at(r.Mid), c.y(i), 3.5, r.Tone, r.Hollow)
	}
	return c.finish(text)
}

// measured keeps the rows whose numbers can be drawn, and their range.
func measured(all []Row) (kept []Row, low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, r := range all {
		if !usable(r.Mid) {
			continue
		}
		r.Low, r.High = interval(r.Low, r.Mid, r.High)
		kept, low, high = append(kept, r), min(low, r.Low), max(high, r.High)
	}
	return kept, low, high
}

// interval is low and high around mid, or mid alone where they are none.
func interval(low, mid, high float64) (float64, float64) {
	if !usable(low) || !usable(high) || low > mid || high < mid {
		return mid, mid
	}
	return low, high
}

// Course draws values in the order taken, one line per trial: warm-up, drift
// and throttling show only in that order.
func Course(text string, y Axis, tone Tone, trials [][]float64) template.HTML {
	low, high, n := math.Inf(1), math.Inf(-1), 0
	for _, vs := range trials {
		for _, v := range vs {
			if usable(v) {
				low, high, n = min(low, v), max(high, v), n+1
			}
		}
	}
	if n == 0 {
		return ""
	}
	const bottom = 96
	s := newScale(low, high, bottom, 10)
	left := margin(s, y)
	c := &canvas{}
	c.upright(s, y, left, rightEdge)
	step, at := (rightEdge-left-8)/float64(n+len(trials)), left+8.0
	last := math.Inf(-1)
	for i, vs := range trials {
		x0, y0 := math.NaN(), 0.0
		for _, v := range vs {
			if !usable(v) {
				continue
			}
			x, y := at, s.at(v)
			if !math.IsNaN(x0) {
				c.line(x0, y0, x, y, tone, 1, "")
			} else if name := fmt.Sprint(i + 1); x-last > wide(name)+8 {
				c.text(x, bottom+16, "middle", name)
				last = x
			}
			c.mark(0, x, y, 2, tone, false)
			x0, y0, at = x, y, at+step
		}
		at += step // a gap between trials
	}
	c.text((left+rightEdge)/2, bottom+32, "middle", "trial")
	return c.svg(bottom+38, text)
}
