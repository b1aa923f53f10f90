package chart_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"assay/reports/chart"

	"golang.org/x/net/html"
)

// drawAll draws vs with every chart, and returns the places by name.
func drawAll(t *testing.T, label string, vs []float64) map[string]template.HTML {
	t.Helper()
	var rows []chart.Row
	var points []chart.Point
	var trials [][]float64
	var nights []chart.Night
	for i, v := range vs {
		w := vs[(i+1)%len(vs)]
		rows = append(rows, chart.Row{Label: label, Link: label, Tone: chart.Series(i), Hollow: i%2 == 1, Values: []float64{v, w}, Mid: v, Low: w, High: v + w})
		points = append(points, chart.Point{Label: label, Link: label, Series: i, Hollow: i%2 == 1, X: v, Y: w, XLow: w, XHigh: v, YLow: v, YHigh: w, Front: i%3 == 0})
		nights = append(nights, chart.Night{At: float64(i), Name: label, Link: label, Mid: v, Low: w, High: v + w, Hollow: i%2 == 1, Level: i / 2})
		trials = append(trials, vs[:i])
	}
	x := chart.Axis{Label: label, Unit: "sec"}
	return map[string]template.HTML{
		"spread":    chart.Spread(label, x, rows),
		"bars":      chart.Bars(label, x, rows),
		"intervals": chart.Intervals(label, chart.Axis{Unit: "x"}, 1, rows),
		"scatter":   chart.Scatter(label, x, chart.Axis{Unit: "ratio"}, points),
		"course":    chart.Course(label, x, chart.Series(0), trials),
		"trend":     chart.Trend{Y: x, Tone: chart.Series(0), Nights: nights, Events: []chart.Event{{At: 1, Label: label, Name: label}}, From: label, To: label}.Draw(label),
	}
}

// A seen place: what it says to those who cannot see it, and its description.
type seen struct {
	said string
	o    map[string]any
}

// read expects one place that holds one description, and nothing else.
func read(t *testing.T, name string, place template.HTML) seen {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(place)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out seen
	elements := 0
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode || slices.Contains([]string{"html", "head", "body"}, n.Data):
		case n.Data == "div" && elements == 0:
			for _, a := range n.Attr {
				if a.Key == "aria-label" {
					out.said = a.Val
				}
			}
			elements++
		case n.Data == "script" && elements == 1 && n.Attr[0].Val == "application/json":
			if err := json.Unmarshal([]byte(n.FirstChild.Data), &out.o); err != nil {
				t.Fatalf("%s: %v in %s", name, err, n.FirstChild.Data)
			}
			elements++
		default:
			t.Errorf("%s has the element %s", name, n.Data)
		}
	}
	if elements != 2 {
		t.Fatalf("%s is %s", name, place)
	}
	return out
}

// walk calls f for every value of a description with the name of its field.
func walk(v any, field string, f func(field string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			walk(x, k, f)
		}
	case []any:
		for _, x := range v {
			walk(x, field, f)
		}
	default:
		f(field, v)
	}
}

func (s seen) count(field string, want any) (n int) {
	walk(s.o, "", func(k string, v any) {
		if k == field && v == want {
			n++
		}
	})
	return n
}

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
		for name, place := range drawAll(t, "x", vs) {
			if place != "" {
				read(t, fmt.Sprintf("%s of %v", name, vs), place)
			}
			if usable := vs[0] == 1 && !math.IsInf(vs[len(vs)-1], 0); usable && place == "" && !(name == "course" && len(vs) == 1) {
				t.Errorf("%s of %v is empty", name, vs)
			}
		}
	}
}

func FuzzDraw(f *testing.F) {
	f.Add("a", 1.0, 2.0, 3.0)
	f.Add("<svg onload=x>", math.NaN(), math.Inf(-1), 0.0)
	f.Add(`</script><script>alert(1)</script>`, 1e-300, 1e300, -5.0)
	f.Fuzz(func(t *testing.T, label string, a, b, c float64) {
		for name, place := range drawAll(t, label, []float64{a, b, c, a}) {
			if place != "" {
				read(t, name, place)
			}
		}
	})
}

// TestLabelsAreText draws labels that would be markup, attributes, scripts, or
// colours.
func TestLabelsAreText(t *testing.T) {
	for _, label := range []string{`<b>&"'`, `"></script>`, `<!--<script`, "--c3"} {
		for name, place := range drawAll(t, label, []float64{1, 2, 3}) {
			s := read(t, name, place)
			if s.said != label {
				t.Errorf("%s says %q, want %q", name, s.said, label)
			}
			if name != "course" && s.count("texts", label)+s.count("text", label)+s.count("name", label)+s.count("link", label) == 0 {
				t.Errorf("%s does not show %q: %s", name, label, place)
			}
		}
	}
}

// TestThemed finds the page's variables and no other colour.
func TestThemed(t *testing.T) {
	for name, place := range drawAll(t, "x", []float64{1, 2, 3, 4, 5, 6}) {
		s := read(t, name, place)
		walk(s.o, "", func(field string, v any) {
			text, _ := v.(string)
			switch {
			case field == "color" || field == "borderColor":
				if v != "transparent" && !regexp.MustCompile(`^--c[0-7]$`).MatchString(text) {
					t.Errorf("%s has the colour %v", name, v)
				}
			case strings.HasPrefix(text, "#") || strings.HasPrefix(text, "rgb"):
				t.Errorf("%s has %s: %s", name, field, text)
			}
		})
		if s.count("color", "--c0") == 0 || s.count("color", "--c2") == 0 {
			t.Errorf("%s has no ink, or no colour of a series", name)
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
		{"sec", 100e-6, 150e-6, "120 µs", "e-0"},
		{"sec", 100e-6, 10e-3, "1 ms", "1.00 ms"},
		{"B", 10e6, 30e6, "20 MB", "20.0 MB"},
		{"x", 0.9, 1.1, "1.00×", "1.000×"},
	} {
		s := read(t, c.unit, chart.Spread("t", chart.Axis{Unit: c.unit}, []chart.Row{{Label: "a", Values: []float64{c.a, c.b}}}))
		if s.count("texts", c.want) != 1 || s.count("texts", c.deny) != 0 {
			t.Errorf("%g to %g %s: want %s and not %s in %v", c.a, c.b, c.unit, c.want, c.deny, s.o["xAxis"])
		}
	}
}

// TestTrend: levels, events and what cannot be drawn.
func TestTrend(t *testing.T) {
	night := func(at, v float64, level int) chart.Night {
		return chart.Night{At: at, Mid: v, Low: 0.99 * v, High: 1.01 * v, Level: level}
	}
	s := read(t, "trend", chart.Trend{
		Y: chart.Axis{Unit: "sec"}, Tone: chart.Series(0), From: "2026-11-01", To: "2026-11-04",
		Nights: []chart.Night{night(1, 1e-3, 0), night(2, 1.01e-3, 0), {At: 2.5, Mid: 5e-3, Low: 0, High: 1e9, Hollow: true}, night(3, 1.2e-3, 1), night(4, 1.21e-3, 1), night(5, math.NaN(), 1)},
		Events: []chart.Event{{At: 3, Label: "1"}, {At: 99, Label: "outside"}},
	}.Draw("a trend"))
	if n := s.count("width", 1.4); n != 2 {
		t.Errorf("%d medians, want one for each level", n)
	}
	for _, x := range s.o["series"].([]any) {
		if x := x.(map[string]any); x["type"] == "scatter" && len(x["data"].([]any)) != 5 {
			t.Errorf("%d marks, want 5: a night that is no number has none", len(x["data"].([]any)))
		}
	}
	if s.count("xAxis", 3.0) != 1 || s.count("text", "outside") != 0 {
		t.Error("an event outside the nights is drawn, or the one inside is not")
	}
	if y := s.o["yAxis"].(map[string]any); y["max"].(float64) > math.Log10(6e-3) {
		t.Error("the interval of a night that cannot be trusted stretches the axis")
	}
	if got := (chart.Trend{Nights: []chart.Night{night(1, math.Inf(1), 0)}}).Draw("x"); got != "" {
		t.Errorf("nothing usable is drawn as %q", got)
	}
}

// TestSpark draws lines the size of a word.
func TestSpark(t *testing.T) {
	night := func(v float64, level int) chart.Night { return chart.Night{Mid: v, Level: level} }
	spark := string(chart.Spark(`"two" levels`, chart.Series(1), []chart.Night{night(1, 0), night(1, 0), night(2, 1)}))
	if n := strings.Count(spark, "stroke:var(--c3)"); n != 1 || strings.Contains(spark, `"two"`) {
		t.Errorf("%d strokes, want one within the first level; or its name is not escaped: %s", n, spark)
	}
	for _, all := range [][]chart.Night{{night(1, 0)}, {night(0, 0), night(0, 0)}, {night(math.NaN(), 0), night(1e29, 0), night(-1e29, 0)}} {
		svg := string(chart.Spark("x", 0, all))
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%v is drawn as %s", all, svg)
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if chart.Spark("x", 0, nil) != "" {
		t.Error("a sparkline of nothing")
	}
}

// TestScript keeps the scripts such that they can stand in a page.
func TestScript(t *testing.T) {
	js := string(chart.Script())
	for _, bad := range []string{"</script", "<!--", "eval(", "new Function(", "XMLHttpRequest", "fetch(", "import("} {
		if strings.Contains(strings.ToLower(js), strings.ToLower(bad)) {
			t.Errorf("the script holds %q", bad)
		}
	}
	if !regexp.MustCompile(`^'sha256-[A-Za-z0-9+/]{43}='$`).MatchString(chart.ScriptSource()) {
		t.Error(chart.ScriptSource())
	}
}
