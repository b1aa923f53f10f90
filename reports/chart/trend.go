package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// A Night is a value of a series with its interval, at a place along the axis
// of time.
type Night struct {
	At             float64 // any unit, not falling
	Name           string  // what it is, for who points at it: a day
	Link           string  // where a click leads, "" for nowhere
	Mid, Low, High float64
	Hollow         bool // not to be trusted
	Level          int  // number of the level that it belongs to
}

// An Event is a moment at which something changed besides the numbers.
type Event struct {
	At    float64
	Label string // short; a list below the chart says what it stands for
	Name  string // what it was, for who points at it
}

// A Trend is the course of one series over nights.
type Trend struct {
	Y         Axis
	Tone      Tone
	Nights    []Night
	Events    []Event
	From, To  string // dates at the two ends
	levels    map[int][]float64
	low, high float64
}

// Draw draws the nights with their intervals, the median of each level as a
// line, and the events as dashed ones. Without a usable value there is no
// drawing.
func (t Trend) Draw(text string) template.HTML {
	kept := t.keep()
	if len(kept) == 0 {
		return ""
	}
	s := newScale(t.low, t.high)
	from, to := kept[0].At, kept[len(kept)-1].At
	places, dates := []float64{from, to}, []string{t.From, t.To}
	room := 0.02 * (to - from)
	if to == from {
		places, dates, room = places[:1], dates[:1], 1
	}
	f := &figure{x: valueAxis(from-room, to+room, places, dates), y: s.axis(t.Y, 5)}
	f.x["splitLine"] = fields{"show": false}
	label := f.x["axisLabel"].(fields)
	label["alignMinLabel"], label["alignMaxLabel"] = "left", "right"
	var whiskers, course [][]float64
	var all []mark
	for i, n := range kept {
		y := s.at(n.Mid)
		whiskers = append(whiskers, []float64{n.At, s.at(n.Low)}, []float64{n.At, s.at(n.High)}, nil)
		if i > 0 && kept[i-1].Level != n.Level {
			course = append(course, nil)
		}
		course = append(course, []float64{n.At, y})
		tip := t.Y.exact(n.Mid)
		if n.Name != "" {
			tip = n.Name + ": " + tip
		}
		if n.High > n.Low {
			tip += ", " + t.Y.exact(n.Low) + " to " + t.Y.exact(n.High)
		}
		all = append(all, mark{X: n.At, Y: y, Tip: tip, Link: n.Link, Hollow: n.Hollow})
	}
	nights := marks(0, t.Tone, 4.4, all)
	f.add(line(t.Tone, 0.7, whiskers...), line(t.Tone, 0.8, course...), nights)
	t.medians(f, kept, s)
	if lines := t.events(from, to); len(lines) > 0 {
		nights["markLine"] = fields{"symbol": "none", "data": lines, "lineStyle": fields{"color": Ink, "width": 0.8, "type": "dashed"}, "label": fields{"color": Ink, "fontSize": 11}}
	}
	return f.html(180, text)
}

// keep returns the nights that can be drawn, and finds their range and levels.
func (t *Trend) keep() []Night {
	t.low, t.high = math.Inf(1), math.Inf(-1)
	t.levels = map[int][]float64{}
	var kept []Night
	for _, n := range t.Nights {
		if !usable(n.Mid) || !usable(n.At) {
			continue
		}
		n.Low, n.High = interval(n.Low, n.Mid, n.High)
		if n.Hollow { // its interval may be anything, and would press the others flat
			n.Low, n.High = n.Mid, n.Mid
		}
		t.low, t.high = min(t.low, n.Low), max(t.high, n.High)
		if !n.Hollow {
			t.levels[n.Level] = append(t.levels[n.Level], n.Mid)
		}
		kept = append(kept, n)
	}
	return kept
}

// medians draws each level's median from its first night to its last.
func (t Trend) medians(f *figure, kept []Night, s scale) {
	for i := 0; i < len(kept); {
		j := i
		for j+1 < len(kept) && kept[j+1].Level == kept[i].Level {
			j++
		}
		if vs := t.levels[kept[i].Level]; len(vs) > 1 && j > i {
			y := s.at(median(vs))
			f.add(line(Ink, 1.4, []float64{kept[i].At, y}, []float64{kept[j].At, y}))
		}
		i = j + 1
	}
}

// events are their lines, and the labels that have room.
func (t Trend) events(from, to float64) []fields {
	const plot = 280 // CSS pixels that a phone leaves to the nights
	var out []fields
	last := math.Inf(-1)
	for _, e := range t.Events {
		if !usable(e.At) || e.At < from || e.At > to {
			continue
		}
		l := fields{"xAxis": e.At, "name": e.Name}
		x, label := plot*(e.At-from)/max(to-from, 1e-30), clip(e.Label, 4)
		if half := wide(label) / 2; x-half > last {
			l["text"] = label
			last = x + half + 4
		}
		out = append(out, l)
	}
	return out
}

func median(vs []float64) float64 {
	s := slices.Sorted(slices.Values(vs))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Size of a sparkline, in CSS pixels.
const (
	sparkWidth  = 96
	sparkHeight = 22
)

// Spark draws values in order as a line the size of a word, with a mark on the
// last. Levels begin a new stroke. It is SVG in the page: a table has hundreds
// of them, which need no script.
func Spark(text string, tone Tone, nights []Night) template.HTML {
	low, high := math.Inf(1), math.Inf(-1)
	var kept []Night
	for _, n := range nights {
		if usable(n.Mid) {
			kept, low, high = append(kept, n), min(low, n.Mid), max(high, n.Mid)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	if high <= low {
		low, high = low-1, high+1
	}
	step := (sparkWidth - 8.0) / math.Max(float64(len(kept)-1), 1)
	x := func(i int) float64 { return sparkWidth - 4 - step*float64(len(kept)-1-i) }
	y := func(i int) float64 { return sparkHeight - 4 - (sparkHeight-8)*(kept[i].Mid-low)/(high-low) }
	var b strings.Builder
	stroke := func(x1, y1, x2, y2 float64, t Tone, width float64) {
		fmt.Fprintf(&b, `<path d="M%.1f,%.1fL%.1f,%.1f" style="stroke:var(%v);stroke-width:%g"/>`, x1, y1, x2, y2, t, width)
	}
	for i := 1; i < len(kept); i++ {
		if kept[i].Level == kept[i-1].Level {
			stroke(x(i-1), y(i-1), x(i), y(i), tone, 1.2)
		} else {
			stroke(x(i)-step/2, 2, x(i)-step/2, sparkHeight-2, Faint, 1)
		}
	}
	end, paint := len(kept)-1, fmt.Sprintf("fill:var(%v)", tone)
	if kept[end].Hollow {
		paint = fmt.Sprintf("fill:none;stroke:var(%v)", tone)
	}
	fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.4" style="%s"/>`, x(end), y(end), paint)
	head := fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d %d" role="img" aria-label="%s">`, sparkWidth, sparkHeight, template.HTMLEscapeString(text))
	return template.HTML(head + b.String() + "</svg>") // the text is escaped, the rest are numbers
}
