// Package chart describes the plots of the HTML report to the library that
// draws them, Apache ECharts (echarts/README.md): a plot is a place in the page
// with its description as JSON, which draw.js hands to the library once the
// place is seen. What stands in it is data, never code: texts are drawn as they
// are. Colours are the page's CSS variables --c0 to --c7, so one description
// serves light and dark; each series also has a shape of its own, so that
// colour alone never carries meaning. It knows nothing of results: numbers come
// in base units.
//
// The library runs in the reader's browser for the sake of what is measured:
// assay is its native engine's worker too, and a library that draws here, with
// its fonts (gonum.org/v1/plot), made the peak memory of an idle worker a third
// larger. This package has nothing that is made before it is used.
package chart

import (
	"crypto/sha256"
	_ "embed" // the scripts
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"sync"

	"assay/bench/unit"

	"github.com/mattn/go-runewidth"
)

//go:embed echarts.min.js
var library string

//go:embed draw.js
var draw string

// Script is what a page with plots holds once, at its end.
func Script() template.JS { return template.JS(library + draw) } // our own files, nothing from outside

// ScriptSource is what a content policy calls Script by, "'sha256-…'"
// (Content Security Policy level 3, section 2.3.1).
var ScriptSource = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(Script()))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
})

// A Tone is a colour of the page, by the number of its CSS variable.
type Tone uint8

// The tones that are no series.
const (
	Ink   Tone = 0 // text and axes
	Faint Tone = 1 // lines of the grid
)

// Series returns the tone of series i; there are six, then they repeat.
func Series(i int) Tone { return Tone(2 + i%6) }

// String is the name of the variable; draw.js reads the colour from the page.
func (t Tone) String() string { return fmt.Sprintf("--c%d", uint8(t)) }

// MarshalText makes a tone a colour of a description.
func (t Tone) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// An Axis says how the numbers along it are printed.
type Axis struct {
	Label string
	Unit  string // base unit, as bench/unit prints it
}

// exact prints v by itself, for who points at it.
func (a Axis) exact(v float64) string {
	switch a.Unit {
	case "ratio":
		return unit.Percent(v)
	case "x":
		return unit.Precise(v)
	}
	return unit.Format(v, a.Unit)
}

// usable keeps what can be drawn: zero, and numbers of a size that nothing
// measured leaves; sums and ratios of them are finite.
func usable(v float64) bool {
	a := math.Abs(v)
	return v == 0 || a > 1e-30 && a < 1e30
}

// fields are a part of a description, by the names that the library's option
// has (https://echarts.apache.org/en/option.html).
type fields map[string]any

// A figure is a description in the making.
type figure struct {
	x, y   fields
	series []fields
}

func (f *figure) add(s ...fields) { f.series = append(f.series, s...) }

// html ends a figure of a height, in CSS pixels, that says text to those who
// cannot see it.
func (f *figure) html(height int, text string) template.HTML {
	js, err := json.Marshal(fields{"animation": false, "xAxis": f.x, "yAxis": f.y, "series": f.series})
	if err != nil { // a number that is none: usable keeps them out
		return ""
	}
	return template.HTML(fmt.Sprintf(`<div class="chart" style="height:%dpx" role="img" aria-label="%s"><script type="application/json">%s</script></div>`,
		height, template.HTMLEscapeString(text), js)) // json writes <, > and & as \u003c, \u003e and \u0026
}

// line is a stroke through points; a nil one is a gap.
func line(t Tone, width float64, points ...[]float64) fields {
	return fields{"type": "line", "data": points, "symbol": "none", "silent": true, "color": t, "lineStyle": fields{"color": t, "width": width}, "z": 2}
}

// A mark is a value with a shape: Tip is shown to who points at it, Text beside
// it, Link is followed by a click.
type mark struct {
	X, Y   float64
	Tip    string
	Text   string
	Link   string
	Hollow bool
}

// The shapes of series, so that no reader needs to tell their colours apart.
const shapes = 3

// ShapeName is what series i is drawn as, for the list below a chart.
func ShapeName(i int) string { return []string{"●", "■", "▲"}[i%shapes] }

// marks draws values in the shape of series i.
func marks(i int, t Tone, size float64, all []mark) fields {
	data := make([]fields, len(all))
	for j, m := range all {
		d := fields{"value": []float64{m.X, m.Y}, "name": m.Tip}
		if m.Text != "" {
			d["text"] = m.Text
		}
		if m.Link != "" {
			d["link"] = m.Link
		}
		if m.Hollow {
			d["itemStyle"] = fields{"color": "transparent", "borderColor": t, "borderWidth": 1}
		}
		data[j] = d
	}
	return fields{"type": "scatter", "data": data, "color": t, "symbol": []string{"circle", "rect", "triangle"}[i%shapes], "symbolSize": size, "itemStyle": fields{"color": t}, "z": 3}
}

// column is how wide a character is at most, on the average of a label, in the
// sans-serif fonts that pages are read in.
const column = 6.8

// wide is about how wide a text is drawn.
func wide(s string) float64 { return column * float64(runewidth.StringWidth(s)) }

// clip shortens a label to n columns.
func clip(s string, n int) string { return runewidth.Truncate(s, n, "…") }

// A scale places numbers along an axis.
type scale struct {
	low, high float64
	log       bool
}

// newScale chooses a range with some room: logarithmic where the numbers differ
// by more than a factor of four, which a linear one would press into a corner.
func newScale(low, high float64) scale {
	if low > 0 && high/low > 4 {
		return scale{low / 1.1, high * 1.1, true}
	}
	room := max((high-low)*0.05, math.Abs(high)*1e-3, 1e-15)
	return scale{low - room, high + room, false}
}

// at is the place of v on the library's axis, which is always a linear one.
func (s scale) at(v float64) float64 {
	if s.log {
		return math.Log10(v)
	}
	return v
}

// axis describes the axis of a scale with up to most labels.
func (s scale) axis(a Axis, most int) fields {
	var places []float64
	var texts []string
	for _, t := range (ticks{a.Unit, s.log, most}).between(s.low, s.high) {
		places, texts = append(places, s.at(t.at)), append(texts, t.label)
	}
	out := valueAxis(s.at(s.low), s.at(s.high), places, texts)
	if a.Label != "" {
		out["name"] = clip(a.Label, 40)
	}
	return out
}

// valueAxis is an axis from low to high with texts at places.
func valueAxis(low, high float64, places []float64, texts []string) fields {
	return fields{
		"type": "value", "min": low, "max": high, "texts": texts,
		"axisLabel":     fields{"customValues": places, "color": Ink, "fontSize": 11},
		"axisTick":      fields{"customValues": places, "show": false},
		"axisLine":      fields{"show": true, "onZero": false, "lineStyle": fields{"color": Faint}},
		"splitLine":     fields{"show": true, "lineStyle": fields{"color": Faint, "width": 0.7}},
		"nameTextStyle": fields{"color": Ink, "fontSize": 11},
	}
}
