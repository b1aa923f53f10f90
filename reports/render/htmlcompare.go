package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"assay/bench/metric"
	"assay/bench/unit"
	"assay/reports"
	"assay/reports/chart"
)

// A comparePage is the report on two runs.
type comparePage struct {
	page
	Tables  []changesHTML // what a reader looks for
	All     []changesHTML // everything
	Remarks []string
}

type changesHTML struct {
	Title   string
	Head    []string
	Longest int // name, in columns
	Rows    []rowHTML
	Charts  []chartHTML
}

// compareHTML writes the report on two runs: what changed, with its interval,
// then what else changed and what to doubt.
func compareHTML(w io.Writer, c *reports.Comparison, _ Options) error {
	from, to := shortID(plain(c.A.ID)), shortID(plain(c.B.ID))
	p := comparePage{page: page{
		Title: changeCounts(c) + " · " + from + " → " + to, Style: pageStyle,
		Kicker: join([]string{"Assay", suiteText(c.B.Suite), "run " + from + " → run " + to}),
		Words:  wordsOf(changeCounts(c)), Foot: "Make it again: assay report " + plain(c.A.ID) + " " + plain(c.B.ID),
	}}
	p.Lead = []string{join([]string{plain(orID(c.B.Name, c.B.Device)), when(c.A.Started) + " → " + when(c.B.Started) + " UTC", labelText(c.B.Labels)})}
	taken := map[string]bool{}
	p.Tables = changesOf(c, Options{}, taken)
	if n := hidden(c, Options{}); n > 0 {
		p.Lead = append(p.Lead, unit.Count(n)+" more, none of them better or worse, are folded below")
		p.All = changesOf(c, Options{Details: true}, nil)
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		t.Charts = append(changeCharts(c, t.Title), drawn(movedChart(c, t.Title))...)
	}
	for _, l := range compareTail(c) {
		p.Remarks = append(p.Remarks, strings.TrimPrefix(l.lead, "! ")+l.text)
	}
	runs := runsTable(c).rows
	p.Facts = []facts{{Title: "From and to", Open: true, Head: runs[0], Rows: runs[1:]}}
	return execute(w, "compare", p)
}

// changesOf are the tables of the terminal's comparison. The first row of a
// case carries its anchor, where taken is not nil.
func changesOf(c *reports.Comparison, o Options, taken map[string]bool) []changesHTML {
	var out []changesHTML
	last := ""
	for i := range c.Changes {
		x := &c.Changes[i]
		if !o.Details && !worthShowing(x) {
			continue
		}
		if title := changeTitle(x); len(out) == 0 || title != last {
			out = append(out, changesHTML{Title: title, Head: append([]string{"case"}, changeHead[1:len(changeHead)-1]...)})
			last = title
		}
		t := &out[len(out)-1]
		cells := changeRow(x)
		row := rowHTML{Name: plain(x.Variant), Verdict: &word{string(x.Word), string(x.Word)}}
		if id := changeAnchor(x); taken != nil && !taken[id] {
			row.ID, taken[id] = id, true
		}
		for j, text := range cells[1 : len(cells)-1] {
			row.Cells = append(row.Cells, cellHTML{t.Head[j+1], text})
		}
		t.Rows, t.Longest = append(t.Rows, row), max(t.Longest, width(row.Name))
	}
	return out
}

func changeAnchor(x *reports.Change) string {
	return anchor(x.Task, x.Model, x.Variant, x.Engine, x.Provider, x.Threads, x.Batch, "single-stream")
}

// changeCharts draw the changes of one table's cases, metric by metric.
func changeCharts(c *reports.Comparison, title string) []chartHTML {
	var out []chartHTML
	for _, m := range []*metric.Metric{metric.P50, metric.PeakMemory, metric.EnergyNet} {
		var rows []chart.Row
		var said []string
		for i := range c.Changes {
			x := &c.Changes[i]
			if x.Metric != m.Name || changeTitle(x) != title || x.Ratio.Unit == "pt" {
				continue
			}
			rows = append(rows, chart.Row{Label: plain(x.Variant), Link: "#" + changeAnchor(x), Tone: directionTone(x.Word), Hollow: x.Word == reports.Undecided, Low: x.Ratio.Low, Mid: x.Ratio.Value, High: x.Ratio.High})
			said = append(said, plain(x.Variant)+" "+changeText(x.Ratio)+" "+string(x.Word))
		}
		name := "Change of " + short(m.Name)
		plot := chart.Intervals(name+", "+title+": "+strings.Join(said, ", "), chart.Axis{Unit: "x"}, 1, rows)
		out = append(out, drawn(chartHTML{Title: name, Note: "to ÷ from, with its 95 % interval; left of 1 is less, which is better; hollow: undecided", Plot: plot})...)
	}
	return out
}

// movedChart draws where the cases of one table were and are, by accuracy and
// latency, with the Pareto front of the later run.
func movedChart(c *reports.Comparison, title string) chartHTML {
	accuracy, name := metric.Top1, "top-1"
	if !slices.ContainsFunc(c.Changes, func(x reports.Change) bool { return x.Metric == metric.Top1.Name && changeTitle(&x) == title }) {
		accuracy, name = metric.Agreement, "agreement"
	}
	latency := map[string]*reports.Change{}
	var from, to []chart.Point
	keys := []keyHTML{
		{Mark: chart.ShapeName(0), Class: "s0", Name: "from run " + shortID(plain(c.A.ID))},
		{Mark: chart.ShapeName(1), Class: "s1", Name: "to run " + shortID(plain(c.B.ID))},
	}
	for i := range c.Changes { // a case's latency comes before its accuracy
		x := &c.Changes[i]
		id := changeAnchor(x)
		if x.Metric == metric.P50.Name {
			latency[id] = x
		}
		t := latency[id]
		if x.Metric != accuracy.Name || t == nil || changeTitle(x) != title {
			continue
		}
		label := fmt.Sprint(len(from) + 1)
		for j, m := range [][2]metric.Estimate{{t.A, x.A}, {t.B, x.B}} {
			p := chart.Point{Label: label, Name: plain(x.Variant) + ", " + []string{"from", "to"}[j], Link: "#" + id, Series: j, X: m[0].Value, XLow: m[0].Low, XHigh: m[0].High, Y: m[1].Value, YLow: m[1].Value, YHigh: m[1].Value}
			keys[j].Points = append(keys[j].Points, keyPoint{Number: label, ID: id, Name: plain(x.Variant)})
			if j == 1 {
				to = append(to, p)
				continue
			}
			if t.Word == reports.Same && x.Word != reports.Better && x.Word != reports.Worse {
				p.Label = "" // the later mark covers it
			}
			from = append(from, p)
		}
	}
	if len(to) < 2 {
		return chartHTML{}
	}
	on := markFront(to, keys[1:])
	plot := chart.Scatter(name+" against latency, "+title+"; on the Pareto front of the later run: "+strings.Join(on, ", "),
		chart.Axis{Label: "latency p50", Unit: "sec"}, chart.Axis{Label: name, Unit: "ratio"}, append(from, to...))
	return chartHTML{
		Title: strings.ToUpper(name[:1]) + name[1:] + " against latency", Plot: plot, Key: keys[:2:2],
		Note: "from and to; ringed and joined: the Pareto front of the later run",
	}
}

// directionTone is the colour of a change's word; its place beside the line of
// no change says the same.
func directionTone(d reports.Direction) chart.Tone {
	switch d {
	case reports.Worse:
		return chart.Series(5)
	case reports.Better:
		return chart.Series(2)
	}
	return chart.Series(0)
}
