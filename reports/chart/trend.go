package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
)

// A Night is a value of a series with its interval, at a place along the axis
// of time.
type Night struct {
	At             float64 // any unit, not falling
	Mid, Low, High float64
	Hollow         bool // not to be trusted
	Level          int  // number of the level that it belongs to
}

// An Event is a moment at which something changed besides the numbers.
type Event struct {
	At    float64
	Label string // short; a list below the chart says what it stands for
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

const (
	trendTop    = 34 // room for the events' labels
	trendBottom = 150
)

// Draw draws the nights with their intervals, the median of each level as a
// line, and the events as dashed ones. Without a usable value there is no
// drawing.
func (t Trend) Draw(text string) template.HTML {
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
	if len(kept) == 0 {
		return ""
	}
	sy := newScale(t.low, t.high, trendBottom, trendTop)
	left := margin(sy, t.Y)
	sx := scale{low: kept[0].At, high: kept[len(kept)-1].At, from: left + 8, to: rightEdge}
	c := &canvas{}
	c.upright(sy, t.Y, left, rightEdge)
	c.events(t.Events, sx)
	for i, n := range kept {
		x, y := sx.at(n.At), sy.at(n.Mid)
		c.line(x, sy.at(n.Low), x, sy.at(n.High), t.Tone, 0.7, "")
		if i > 0 && kept[i-1].Level == n.Level {
			c.line(sx.at(kept[i-1].At), sy.at(kept[i-1].Mid), x, y, t.Tone, 0.8, "")
		}
	}
	for _, n := range kept {
		c.mark(0, sx.at(n.At), sy.at(n.Mid), 2.2, t.Tone, n.Hollow)
	}
	t.medians(c, kept, sx, sy)
	c.text(left, trendBottom+18, "start", t.From)
	if t.To != t.From {
		c.text(rightEdge, trendBottom+18, "end", t.To)
	}
	return c.svg(trendBottom+26, text)
}

// medians draws each level's median from its first night to its last.
func (t Trend) medians(c *canvas, kept []Night, sx, sy scale) {
	for i := 0; i < len(kept); {
		j := i
		for j+1 < len(kept) && kept[j+1].Level == kept[i].Level {
			j++
		}
		if vs := t.levels[kept[i].Level]; len(vs) > 1 && j > i {
			y := sy.at(median(vs))
			c.line(sx.at(kept[i].At), y, sx.at(kept[j].At), y, Ink, 1.4, "")
		}
		i = j + 1
	}
}

// events draws their lines, and the labels that have room.
func (c *canvas) events(all []Event, sx scale) {
	last := math.Inf(-1)
	for _, e := range all {
		if !usable(e.At) || e.At < sx.low || e.At > sx.high {
			continue
		}
		x := sx.at(e.At)
		c.line(x, trendTop-4, x, trendBottom, Ink, 0.8, ";stroke-dasharray:3,3")
		label := clip(e.Label, 4)
		if half := wide(label) / 2; x-half > last {
			c.text(x, trendTop-7, "middle", label)
			last = x + half + 4
		}
	}
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
// last. Levels begin a new stroke.
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
	s := newScale(low, high, sparkHeight-4, 4)
	s.log = false
	c := &canvas{}
	step := (sparkWidth - 8.0) / math.Max(float64(len(kept)-1), 1)
	x := func(i int) float64 { return sparkWidth - 4 - step*float64(len(kept)-1-i) }
	for i := 1; i < len(kept); i++ {
		if kept[i].Level == kept[i-1].Level {
			c.line(x(i-1), s.at(kept[i-1].Mid), x(i), s.at(kept[i].Mid), tone, 1.2, "")
		} else {
			c.line(x(i)-step/2, 2, x(i)-step/2, sparkHeight-2, Faint, 1, "")
		}
	}
	c.mark(0, x(len(kept)-1), s.at(kept[len(kept)-1].Mid), 2.4, tone, kept[len(kept)-1].Hollow)
	head := fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d %d" role="img" aria-label="%s">`, sparkWidth, sparkHeight, template.HTMLEscapeString(text))
	return template.HTML(head + c.b.String() + "</svg>") // the text is escaped, the rest are numbers
}
