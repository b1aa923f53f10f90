package chart_test

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"assay/reports/chart"
)

// drawAll draws vs with every chart, and returns the drawings by name.
func drawAll(t *testing.T, label string, vs []float64) map[string]template.HTML {
	t.Helper()
	var rows []chart.Row
	var points []chart.Point
	var trials [][]float64
	for i, v := range vs {
		w := vs[(i+1)%len(vs)]
		rows = append(rows, chart.Row{Label: label, Tone: chart.Series(i), Hollow: i%2 == 1, Values: []float64{v, w}, Mid: v, Low: w, High: v + w})
		points = append(points, chart.Point{Label: label, Series: i, Hollow: i%2 == 1, X: v, Y: w, XLow: w, XHigh: v, YLow: v, YHigh: w, Front: i%3 == 0})
		trials = append(trials, vs[:i])
	}
	x := chart.Axis{Label: label, Unit: "sec"}
	out := map[string]template.HTML{}
	for name, draw := range map[string]func() template.HTML{
		"spread":    func() template.HTML { return chart.Spread(label, x, rows) },
		"bars":      func() template.HTML { return chart.Bars(label, x, rows) },
		"intervals": func() template.HTML { return chart.Intervals(label, chart.Axis{Unit: "x"}, 1, rows) },
		"scatter":   func() template.HTML { return chart.Scatter(label, x, chart.Axis{Unit: "ratio"}, points) },
		"course":    func() template.HTML { return chart.Course(label, x, chart.Series(0), trials) },
	} {
		out[name] = draw()
	}
	return out
}

// check expects one well-formed SVG without a colour or a font of its own, and
// with numbers alone for places.
func check(t *testing.T, name string, svg template.HTML) {
	t.Helper()
	if svg == "" {
		return
	}
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, svg)
		}
	}
	for _, m := range attributes.FindAllStringSubmatch(string(svg), -1) {
		if strings.Contains(m[2], "NaN") || strings.Contains(m[2], "Inf") || strings.Contains(m[2], "#") || strings.Contains(m[2], "font-family") {
			t.Errorf("%s has %s", name, m[0])
		}
	}
}

var attributes = regexp.MustCompile(` (d|x|y|cx|cy|r|width|height|style|viewBox)="([^"]*)"`)

func TestOddNumbers(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, vs := range [][]float64{
		{1},
		{1, 1, 1},
		{0, 0},
		{-1, -2},
		{nan, nan},
		{nan, 1, 2},
		{inf, 1},
		{-inf, inf},
		{1e-9, 1e9},
		{5e-324, 1},
		{math.MaxFloat64, -math.MaxFloat64},
		{1, math.Nextafter(1, 2)},
		{1e-12, 2e-12, 3e-12},
	} {
		for name, svg := range drawAll(t, "x", vs) {
			check(t, fmt.Sprintf("%s of %v", name, vs), svg)
			if usable := vs[0] == 1 && !math.IsInf(vs[len(vs)-1], 0); usable && svg == "" && !(name == "course" && len(vs) == 1) {
				t.Errorf("%s of %v is empty", name, vs)
			}
		}
	}
}

func FuzzDraw(f *testing.F) {
	f.Add("a", 1.0, 2.0, 3.0)
	f.Add("<svg onload=x>", math.NaN(), math.Inf(-1), 0.0)
	f.Add(`" style="fill:#010002`, 1e-300, 1e300, -5.0)
	f.Fuzz(func(t *testing.T, label string, a, b, c float64) {
		label = strings.ToValidUTF8(strings.Map(func(r rune) rune { // as the report's texts are
			if r < ' ' || r > 0xfffd || r == 0xfffe {
				return -1
			}
			return r
		}, label), "")
		for name, svg := range drawAll(t, label, []float64{a, b, c, a}) {
			check(t, name, svg)
		}
	})
}

// TestLabelsAreText draws labels that would be markup, attributes, or colours.
func TestLabelsAreText(t *testing.T) {
	text := regexp.MustCompile(`<text [^>]*>([^<]*)</text>`)
	for _, label := range []string{`<b>&"'`, `"><script>`, `<text x="1">`, `style="fill:#010002"`, "#010002"} {
		for name, svg := range drawAll(t, label, []float64{1, 2, 3}) {
			n := 0
			for _, m := range text.FindAllStringSubmatch(string(svg), -1) {
				if m[1] == template.HTMLEscapeString(label) {
					n++
				}
			}
			if n == 0 && name != "course" {
				t.Errorf("%s does not show the label %q as it is", name, label)
			}
			if strings.Contains(string(svg), "<script") || strings.Contains(string(svg), "<b>") {
				t.Errorf("%s lets %q be markup", name, label)
			}
		}
	}
}

// TestThemed finds the page's variables and no colour of the library's own.
func TestThemed(t *testing.T) {
	colour := regexp.MustCompile(`(fill|stroke):([^;"]+)`)
	for name, svg := range drawAll(t, "x", []float64{1, 2, 3, 4, 5, 6}) {
		seen := map[string]bool{}
		for _, m := range colour.FindAllStringSubmatch(string(svg), -1) {
			seen[m[2]] = true
			if m[2] != "none" && !strings.HasPrefix(m[2], "var(--c") {
				t.Errorf("%s has the colour %s", name, m[2])
			}
		}
		if !seen["var(--c0)"] || len(seen) < 3 {
			t.Errorf("%s has only %v", name, seen)
		}
		if bare := regexp.MustCompile(`<(text|path) (?:[^>s]|s[^t])*?/?>`).FindString(string(svg)); strings.HasPrefix(bare, "<text") {
			t.Errorf("%s: text without a colour is black in the dark: %s", name, bare)
		}
	}
}

// TestTicks reads the axis labels of known ranges.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		unit       string
		a, b       float64
		want, deny string
	}{
		{"sec", 100e-6, 150e-6, ">120 µs<", "e-0"},
		{"sec", 100e-6, 10e-3, ">1 ms<", ">1.00 ms<"},
		{"B", 10e6, 30e6, ">20 MB<", ">20.0 MB<"},
		{"x", 0.9, 1.1, ">1.00×<", ">1.000×<"},
	} {
		svg := chart.Spread("t", chart.Axis{Unit: c.unit}, []chart.Row{{Label: "a", Values: []float64{c.a, c.b}}})
		if !strings.Contains(string(svg), c.want) || strings.Contains(string(svg), c.deny) {
			t.Errorf("%g to %g %s: want %s and not %s in %s", c.a, c.b, c.unit, c.want, c.deny, svg)
		}
	}
}

// TestTrend: levels, events and what cannot be drawn.
func TestTrend(t *testing.T) {
	night := func(at, v float64, level int) chart.Night {
		return chart.Night{At: at, Mid: v, Low: 0.99 * v, High: 1.01 * v, Level: level}
	}
	svg := string(chart.Trend{
		Y: chart.Axis{Unit: "sec"}, Tone: chart.Series(0), From: "2026-11-01", To: "2026-11-04",
		Nights: []chart.Night{night(1, 1e-3, 0), night(2, 1.01e-3, 0), {At: 2.5, Mid: 5e-3, Low: 0, High: 1e9, Hollow: true}, night(3, 1.2e-3, 1), night(4, 1.21e-3, 1), night(5, math.NaN(), 1)},
		Events: []chart.Event{{3, "1"}, {99, "outside"}},
	}.Draw("a trend"))
	check(t, "trend", template.HTML(svg))
	if n := strings.Count(svg, "stroke:var(--c0);stroke-width:1.4"); n != 2 {
		t.Errorf("%d medians, want one for each level", n)
	}
	if n := strings.Count(svg, "<circle"); n != 5 {
		t.Errorf("%d marks, want 5: a night that is no number has none", n)
	}
	if strings.Count(svg, "stroke-dasharray") != 1 || strings.Contains(svg, "outside") {
		t.Error("an event outside the nights is drawn, or the one inside is not")
	}
	if !strings.Contains(svg, "ms</text>") || strings.Contains(svg, "Gs") {
		t.Error("the interval of a night that cannot be trusted stretches the axis")
	}
	if got := (chart.Trend{Nights: []chart.Night{night(1, math.Inf(1), 0)}}).Draw("x"); got != "" {
		t.Errorf("nothing usable is drawn as %q", got)
	}
	spark := string(chart.Spark(`"two" levels`, chart.Series(1), []chart.Night{night(1, 1, 0), night(2, 1, 0), night(3, 2, 1)}))
	if n := strings.Count(spark, "stroke:var(--c3)"); n != 1 || strings.Contains(spark, `"two"`) {
		t.Errorf("%d strokes, want one within the first level; or its name is not escaped: %s", n, spark)
	}
	if chart.Spark("x", 0, nil) != "" {
		t.Error("a sparkline of nothing")
	}
}
