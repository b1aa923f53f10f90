package render

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/unit"
	"assay/reports/chart"
)

// A chartHTML is a plot with its title, how to read it, and what its marks
// stand for.
type chartHTML struct {
	Title string
	Note  string
	Plot  template.HTML
	Key   []keyHTML
	List  []string
}

// A keyHTML is an engine's mark, and the numbers of its points.
type keyHTML struct {
	Mark, Class, Name, Said string
	Points                  []keyPoint
}

type keyPoint struct {
	Number, ID, Name string
	Front            bool
}

// sectionCharts are the plots of a section: accuracy against latency over all
// its engines, then latency, memory and energy of each.
func sectionCharts(s *section, accuracy string, ids anchors) []chartHTML {
	out := drawn(frontChart(s, accuracy, ids))
	for i := range s.engines {
		for _, draw := range []func(*engineView, chart.Tone, anchors) chartHTML{latencyChart, memoryChart, energyChart} {
			out = append(out, drawn(draw(&s.engines[i], chart.Series(i), ids))...)
		}
	}
	return out
}

// drawn is a chart, none where there was nothing to draw.
func drawn(c chartHTML) []chartHTML {
	if c.Plot == "" {
		return nil
	}
	return []chartHTML{c}
}

// about is "resnet8 on native@0.1.0", for those who cannot see the plot.
func about(e *engineView) string { return plain(e.group.Model) + " on " + e.heading }

// untrustedNote is added to the plots of a group that cannot be trusted.
func untrustedNote(e *engineView, note string) string {
	if len(e.group.Untrusted) > 0 {
		return note + "; hollow: untrusted"
	}
	return note
}

func latencyChart(e *engineView, tone chart.Tone, ids anchors) chartHTML {
	var rows []chart.Row
	var said []string
	for i := range e.rows {
		c := e.rows[i].c
		row := chart.Row{Label: e.rows[i].name, Link: "#" + ids[c], Tone: tone, Hollow: len(e.group.Untrusted) > 0}
		for _, s := range c.Samples {
			if s.Metric == metric.P50.Name {
				row.Values = append(row.Values, s.Values...)
			}
		}
		if len(row.Values) > 0 {
			said = append(said, e.rows[i].name+" "+value(c, metric.P50.Name))
		}
		rows = append(rows, row)
	}
	plot := chart.Spread("Latency of "+about(e)+": "+strings.Join(said, ", "), chart.Axis{Unit: metric.P50.Unit}, rows)
	note := untrustedNote(e, "a mark is the median of a round; box: quartiles and median")
	return chartHTML{Title: "Latency · " + e.heading, Note: note, Plot: plot}
}

func memoryChart(e *engineView, tone chart.Tone, ids anchors) chartHTML {
	rows, said := estimateRows(e, metric.PeakMemory, tone, false, ids)
	plot := chart.Bars("Peak memory of "+about(e)+": "+said, chart.Axis{Unit: metric.PeakMemory.Unit}, rows)
	return chartHTML{Title: "Peak memory · " + e.heading, Note: "of a fresh worker, with its 95 % interval", Plot: plot}
}

func energyChart(e *engineView, tone chart.Tone, ids anchors) chartHTML {
	rows, said := estimateRows(e, metric.EnergyNet, tone, len(e.group.Untrusted) > 0, ids)
	plot := chart.Bars("Net energy per inference of "+about(e)+": "+said, chart.Axis{Unit: metric.EnergyNet.Unit}, rows)
	note := "net, per inference, with its 95 % interval"
	if x := e.group.Energy; x != nil {
		note += "; " + plain(x.Scope) + " (" + plain(x.Meter) + ")"
	}
	return chartHTML{Title: "Energy · " + e.heading, Note: untrustedNote(e, note), Plot: plot}
}

// estimateRows are the values of one metric, with what they say in words.
func estimateRows(e *engineView, m *metric.Metric, tone chart.Tone, hollow bool, ids anchors) ([]chart.Row, string) {
	var rows []chart.Row
	var said []string
	for i := range e.rows {
		if x, ok := e.rows[i].c.Value(m.Name); ok && finite(x.Value) {
			rows = append(rows, chart.Row{Label: e.rows[i].name, Link: "#" + ids[e.rows[i].c], Tone: tone, Hollow: hollow, Mid: x.Value, Low: x.Low, High: x.High})
			said = append(said, e.rows[i].name+" "+unit.Format(x.Value, x.Unit))
		}
	}
	return rows, strings.Join(said, ", ")
}

// frontChart draws accuracy against latency with the Pareto front: the cases
// than which none is both faster and more accurate.
func frontChart(s *section, accuracy string, ids anchors) chartHTML {
	var points []chart.Point
	var keys []keyHTML
	for i := range s.engines {
		e := &s.engines[i]
		key := keyHTML{Mark: chart.ShapeName(i), Class: fmt.Sprintf("s%d", i%6), Name: e.heading}
		if len(e.group.Untrusted) > 0 {
			key.Said = "untrusted, hollow"
		}
		for j := range e.rows {
			p, ok := pointOf(&e.rows[j], e.rows[0].c, accuracy)
			if !ok {
				continue
			}
			p.Series, p.Hollow, p.Label = i, len(e.group.Untrusted) > 0, fmt.Sprint(len(points)+1)
			p.Name, p.Link = e.rows[j].name+" on "+e.heading, "#"+ids[e.rows[j].c]
			points = append(points, p)
			key.Points = append(key.Points, keyPoint{Number: p.Label, ID: ids[e.rows[j].c], Name: e.rows[j].name})
		}
		if len(key.Points) > 0 {
			keys = append(keys, key)
		}
	}
	if len(points) < 2 {
		return chartHTML{}
	}
	on := markFront(points, keys)
	name, note := accuracy+" against latency", frontNote
	if len(on) == 0 {
		on, note = []string{"nothing, since no timing can be trusted"}, noFrontNote
	}
	plot := chart.Scatter(name+"; on the Pareto front: "+strings.Join(on, ", "), chart.Axis{Label: "latency p50", Unit: "sec"}, chart.Axis{Label: accuracy, Unit: "ratio"}, points)
	return chartHTML{Title: strings.ToUpper(name[:1]) + name[1:], Plot: plot, Key: keys, Note: note}
}

const (
	intervalNote = "lines through a mark: 95 % intervals, of accuracy paired with the baseline"
	frontNote    = "ringed and joined: the Pareto front, than which nothing trusted is both faster and more accurate; " + intervalNote
	noFrontNote  = "no Pareto front: no timing here can be trusted; " + intervalNote
)

// pointOf places a case. The interval of a candidate's accuracy is that of its
// paired difference to the baseline.
func pointOf(r *rowView, base *bench.CaseResult, accuracy string) (chart.Point, bool) {
	name := map[string]string{"top-1": "top1"}[accuracy]
	if name == "" {
		name = accuracy
	}
	t, ok1 := r.c.Value("latency.p50")
	a, ok2 := r.c.Value(name)
	if !ok2 && name == "agreement" && r.c == base && r.c.Status == bench.OK {
		a, ok2 = metric.Estimate{Value: 1, Low: 1, High: 1}, true // with itself
	}
	if !ok1 || !ok2 || !finite(t.Value, a.Value) || t.Value <= 0 {
		return chart.Point{}, false
	}
	p := chart.Point{X: t.Value, XLow: t.Low, XHigh: t.High, Y: a.Value, YLow: a.Value, YHigh: a.Value}
	if d, ok := r.c.Ratio(name); ok && d.Unit == "pt" && finite(d.Low, d.High) {
		p.YLow, p.YHigh = a.Value+(d.Low-d.Value)/100, a.Value+(d.High-d.Value)/100
	}
	return p, true
}

// markFront marks the trusted points that no other trusted point dominates: at
// least as fast and as accurate, and better in one of the two. It returns
// their names. The points of keys are ps in order.
func markFront(ps []chart.Point, keys []keyHTML) []string {
	var on []string
	i := 0
	for k := range keys {
		for n := range keys[k].Points {
			p, q := &ps[i], &keys[k].Points[n]
			p.Front = !p.Hollow && !slices.ContainsFunc(ps, func(q chart.Point) bool {
				return !q.Hollow && q.X <= p.X && q.Y >= p.Y && (q.X < p.X || q.Y > p.Y)
			})
			if q.Front = p.Front; q.Front {
				on = append(on, q.Name+" on "+keys[k].Name)
			}
			i++
		}
	}
	return on
}
