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
	Link   string // where a click leads, "" for nowhere
	Tone   Tone
	Hollow bool      // drawn as an outline: not to be trusted
	Values []float64 // Spread: the values, in the order taken
	Mid    float64   // Bars and Intervals
	Low    float64   // the interval of Mid; equal to it where there is none
	High   float64
}

const (
	rowHeight = 20 // leaves a line of text to each row, CSS pixels
	rowMargin = 40 // of the axis and around, CSS pixels
)

// rows begins a chart of labelled rows, the first on top; the middle of row i
// is at i.
func rows(kept []Row, s scale, x Axis) *figure {
	var at []float64
	var labels []string
	for i, r := range kept {
		at, labels = append(at, float64(i)), append(labels, clip(r.Label, 22))
	}
	y := valueAxis(-0.5, float64(len(kept))-0.5, at, labels)
	y["inverse"] = true
	y["splitLine"] = fields{"show": false}
	return &figure{x: s.axis(x, 4), y: y}
}

func finishRows(f *figure, n int, text string) template.HTML {
	return f.html(rowMargin+rowHeight*n, text)
}

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
	s := newScale(low, high)
	f := rows(kept, s, x)
	for i, r := range kept {
		f.spread(r, s, x, float64(i))
	}
	return finishRows(f, len(kept), text)
}

func (f *figure) spread(r Row, s scale, x Axis, y float64) {
	sorted := slices.Sorted(slices.Values(r.Values))
	q := func(p float64) float64 { // linear between order statistics (Hyndman and Fan 1996, definition 7)
		at := p * float64(len(sorted)-1)
		k := int(at)
		next := sorted[min(k+1, len(sorted)-1)]
		return sorted[k] + (at-float64(k))*(next-sorted[k])
	}
	said := fmt.Sprintf("%s: median %s, quartiles %s and %s, of %d", r.Label,
		x.exact(q(0.5)), x.exact(q(0.25)), x.exact(q(0.75)), len(sorted))
	var all []mark
	for i, v := range r.Values { // spread so that equal values show
		all = append(all, mark{X: s.at(v), Y: y - 0.2 + 0.4*float64(i%7)/6, Tip: x.exact(v) + " · " + said, Link: r.Link, Hollow: r.Hollow})
	}
	a, m, b := s.at(q(0.25)), s.at(q(0.5)), s.at(q(0.75))
	f.add(
		marks(0, r.Tone, 3.2, all),
		line(r.Tone, 1, []float64{a, y - 0.3}, []float64{b, y - 0.3}, []float64{b, y + 0.3}, []float64{a, y + 0.3}, []float64{a, y - 0.3}),
		line(r.Tone, 2, []float64{m, y - 0.35}, []float64{m, y + 0.35}),
	)
}

// Bars draws a bar per row from zero, with the interval of its end.
func Bars(text string, x Axis, all []Row) template.HTML {
	kept, _, high := measured(all)
	if len(kept) == 0 {
		return ""
	}
	s := scale{low: 0, high: max(high, 1e-30) * 1.02}
	f := rows(kept, s, x)
	f.y["type"], f.y["data"] = "category", f.y["texts"]
	delete(f.y, "min")
	delete(f.y, "max")
	f.y["axisLabel"] = fields{"color": Ink, "fontSize": 11, "interval": 0}
	var bars []fields
	for i, r := range kept {
		style := fields{"color": r.Tone}
		if r.Hollow {
			style = fields{"color": "transparent", "borderColor": r.Tone, "borderWidth": 1}
		}
		bars = append(bars, fields{"value": max(r.Mid, 0), "name": r.said(x), "link": r.Link, "itemStyle": style})
		if r.High > r.Low {
			f.interval(max(r.Low, 0), max(r.High, 0), float64(i), Ink)
		}
	}
	f.add(fields{"type": "bar", "data": bars, "barWidth": 11})
	return finishRows(f, len(kept), text)
}

// said is what a row says to who points at it.
func (r Row) said(x Axis) string {
	s := r.Label + " " + x.exact(r.Mid)
	if r.High > r.Low {
		s += ", " + x.exact(r.Low) + " to " + x.exact(r.High)
	}
	return s
}

// interval is a horizontal line with ends.
func (f *figure) interval(low, high, y float64, t Tone) {
	l := line(t, 1.2, []float64{low, y}, []float64{high, y})
	l["symbol"], l["symbolSize"], l["itemStyle"], l["z"] = "rect", []float64{1.2, 7}, fields{"color": t}, 4
	f.add(l)
}

// Intervals draws an interval per row beside the line of no change.
func Intervals(text string, x Axis, none float64, all []Row) template.HTML {
	kept, low, high := measured(all)
	if len(kept) == 0 {
		return ""
	}
	s := newScale(min(low, none-0.01), max(high, none+0.01)) // less than a percent is no change to look at
	f := rows(kept, s, x)
	f.add(line(Ink, 1, []float64{s.at(none), -0.5}, []float64{s.at(none), float64(len(kept)) - 0.5}))
	for i, r := range kept {
		f.interval(s.at(r.Low), s.at(r.High), float64(i), r.Tone)
		f.add(marks(0, r.Tone, 7, []mark{{X: s.at(r.Mid), Y: float64(i), Tip: r.said(x), Link: r.Link, Hollow: r.Hollow}}))
	}
	return finishRows(f, len(kept), text)
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
	low, high := math.Inf(1), math.Inf(-1)
	at, places, names := 0.0, []float64(nil), []string(nil)
	lines, all := [][]float64(nil), []mark(nil)
	for i, vs := range trials {
		first := true
		for _, v := range vs {
			if !usable(v) {
				continue
			}
			if first {
				places, names, first = append(places, at), append(names, fmt.Sprint(i+1)), false
			}
			low, high = min(low, v), max(high, v)
			lines, all = append(lines, []float64{at, v}), append(all, mark{X: at, Y: v, Tip: fmt.Sprintf("trial %d: %s", i+1, y.exact(v))})
			at++
		}
		lines, at = append(lines, nil), at+1 // a gap between trials
	}
	if len(all) == 0 {
		return ""
	}
	s := newScale(low, high)
	for i := range all {
		all[i].Y = s.at(all[i].Y)
	}
	for _, p := range lines {
		if p != nil {
			p[1] = s.at(p[1])
		}
	}
	f := &figure{x: valueAxis(-1, at, places, names), y: s.axis(y, 5)}
	f.x["name"], f.x["splitLine"] = "trial", fields{"show": false}
	f.x["axisLabel"].(fields)["hideOverlap"] = true
	f.add(line(tone, 1, lines...), marks(0, tone, 4, all))
	return f.html(150, text)
}
