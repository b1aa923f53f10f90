// Package chart draws the plots of the HTML report as SVG that stands in the
// page itself: no script, no font, nothing to fetch. Colours are the page's CSS
// variables --c0 to --c7, so one drawing serves light and dark; each series also
// has a shape of its own, so that colour alone never carries meaning. It knows
// nothing of results: numbers come in base units.
//
// It draws by itself, for the sake of what is measured: assay is its native
// engine's worker too, and a chart library with its fonts and backends
// (gonum.org/v1/plot) made the peak memory of an idle worker a third larger.
// This package has nothing that is made before it is used.
//
// A drawing is 360 units wide, the width of a phone, where its text has the
// size of the page's; a desk shows several side by side.
package chart

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Width of every drawing, in CSS pixels at scale 1.
const Width = 360

// A Tone is a colour of the page, by the number of its CSS variable.
type Tone uint8

// The tones that are no series.
const (
	Ink   Tone = 0 // text and axes
	Faint Tone = 1 // lines of the grid
)

// Series returns the tone of series i; there are six, then they repeat.
func Series(i int) Tone { return Tone(2 + i%6) }

func (t Tone) String() string { return fmt.Sprintf("var(--c%d)", uint8(t)) }

// An Axis says how the numbers along it are printed.
type Axis struct {
	Label string
	Unit  string // base unit, as bench/unit prints it
}

// usable keeps what can be drawn: zero, and numbers of a size that nothing
// measured leaves; sums and ratios of them are finite.
func usable(v float64) bool {
	a := math.Abs(v)
	return v == 0 || a > 1e-30 && a < 1e30
}

// A canvas gathers the elements of a drawing. Places are in units from the
// left and from the top.
type canvas struct{ b strings.Builder }

// svg ends a drawing that says text to those who cannot see it.
func (c *canvas) svg(height float64, text string) template.HTML {
	head := fmt.Sprintf(`<svg class="chart" viewBox="0 0 %d %g" role="img" aria-label="%s">`, Width, height, template.HTMLEscapeString(text))
	return template.HTML(head + c.b.String() + "</svg>") // every text is escaped where it is written, the rest are numbers
}

func (c *canvas) line(x1, y1, x2, y2 float64, t Tone, width float64, more string) {
	fmt.Fprintf(&c.b, `<path d="M%.1f,%.1fL%.1f,%.1f" style="stroke:%v;stroke-width:%g%s"/>`, x1, y1, x2, y2, t, width, more)
}

// text writes s at a place: "start", "middle" or "end" is what lies there.
func (c *canvas) text(x, y float64, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%.1f" y="%.1f" style="fill:%v;text-anchor:%s">%s</text>`, x, y, Ink, anchor, template.HTMLEscapeString(s))
}

func (c *canvas) rect(x, y, w, h float64, t Tone, hollow bool) {
	fmt.Fprintf(&c.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" style="%s"/>`, x, y, max(w, 0), max(h, 0), paint(t, hollow))
}

func paint(t Tone, hollow bool) string {
	if hollow {
		return fmt.Sprintf("fill:none;stroke:%v", t)
	}
	return fmt.Sprintf("fill:%v", t)
}

// The shapes of series, so that no reader needs to tell their colours apart.
const shapes = 3

// ShapeName is what series i is drawn as, for the list below a chart.
func ShapeName(i int) string { return []string{"●", "■", "▲"}[i%shapes] }

// mark draws the shape of series i with radius r.
func (c *canvas) mark(i int, x, y, r float64, t Tone, hollow bool) {
	switch i % shapes {
	case 1:
		c.rect(x-0.9*r, y-0.9*r, 1.8*r, 1.8*r, t, hollow)
	case 2:
		fmt.Fprintf(&c.b, `<path d="M%.1f,%.1fL%.1f,%.1fL%.1f,%.1fZ" style="%s"/>`, x, y-1.2*r, x+1.1*r, y+0.8*r, x-1.1*r, y+0.8*r, paint(t, hollow))
	default:
		fmt.Fprintf(&c.b, `<circle cx="%.1f" cy="%.1f" r="%.1f" style="%s"/>`, x, y, r, paint(t, hollow))
	}
}

// interval is a horizontal line with ends.
func (c *canvas) interval(x1, x2, y float64, t Tone) {
	const end = 3
	c.line(x1, y, x2, y, t, 1.2, "")
	c.line(x1, y-end, x1, y+end, t, 1.2, "")
	c.line(x2, y-end, x2, y+end, t, 1.2, "")
}

// column is how wide a character is at most, on the average of a label, in the
// sans-serif fonts that pages are read in.
const column = 6.8

// wide is about how wide a text is drawn.
func wide(s string) float64 { return column * float64(runewidth.StringWidth(s)) }

// clip shortens a label to n columns.
func clip(s string, n int) string { return runewidth.Truncate(s, n, "…") }

// A scale places numbers between two ends of the drawing.
type scale struct {
	low, high float64
	log       bool
	from, to  float64
}

// newScale chooses a range with some room: logarithmic where the numbers differ
// by more than a factor of four, which a linear one would press into a corner.
func newScale(low, high, from, to float64) scale {
	s := scale{low: low, high: high, from: from, to: to}
	if low > 0 && high/low > 4 {
		s.log, s.low, s.high = true, low/1.1, high*1.1
		return s
	}
	room := max((high-low)*0.05, math.Abs(high)*1e-3, 1e-15)
	s.low, s.high = low-room, high+room
	return s
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	f := 0.5
	if high > low {
		f = (v - low) / (high - low)
	}
	return s.from + min(max(f, 0), 1)*(s.to-s.from)
}

// across draws a horizontal axis below bottom, with lines up to top.
func (c *canvas) across(s scale, x Axis, top, bottom float64) {
	c.line(s.from, bottom, s.to, bottom, Faint, 1, "")
	for _, t := range (ticks{x.Unit, s.log, 4}).between(s.low, s.high) {
		at := s.at(t.at)
		c.line(at, top, at, bottom+4, Faint, 0.7, "")
		half := wide(t.label) / 2
		c.text(min(at, Width-2-half), bottom+16, "middle", t.label)
	}
	if x.Label != "" {
		c.text((s.from+s.to)/2, bottom+32, "middle", clip(x.Label, 40))
	}
}

// upright draws a vertical axis at left with lines to right, and its name
// above it.
func (c *canvas) upright(s scale, y Axis, left, right float64) {
	c.line(left, s.from, left, s.to, Faint, 1, "")
	for _, t := range yTicks(s, y) {
		at := s.at(t.at)
		c.line(left-4, at, right, at, Faint, 0.7, "")
		c.text(left-7, at+4, "end", t.label)
	}
	if y.Label != "" {
		c.text(2, s.to-10, "start", clip(y.Label, 40))
	}
}

func yTicks(s scale, y Axis) []tick { return ticks{y.Unit, s.log, 5}.between(s.low, s.high) }

// margin is the room that the labels of a vertical axis take.
func margin(s scale, y Axis) float64 {
	w := 0.0
	for _, t := range yTicks(s, y) {
		w = max(w, wide(t.label))
	}
	return w + 10
}
