package render

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/unit"
	"assay/reports"
)

func compareTable(w io.Writer, c *reports.Comparison, o Options) error {
	var buf bytes.Buffer
	for i, t := range compareTables(c, o) {
		if i > 0 {
			buf.WriteByte('\n')
		}
		if err := t.print(&buf, o); err != nil {
			return err
		}
	}
	fmt.Fprintf(&buf, "\n%s\n", o.text(changeCounts(c)))
	if n := hidden(c, o); n > 0 {
		text := unit.Count(n) + " more, none of them better or worse, are not shown: the json format holds all"
		fmt.Fprintln(&buf, hang("", o.text(text), o.width()))
	}
	for _, l := range compareTail(c) {
		fmt.Fprintln(&buf, hang(o.text(l.lead), o.text(l.text), o.width()))
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// compareTables are the two runs, then one table per task, model and engine.
func compareTables(c *reports.Comparison, o Options) []titled {
	return append([]titled{runsTable(c)}, changeTables(c, func(x *reports.Change) bool { return o.Details || worthShowing(x) })...)
}

func runsTable(c *reports.Comparison) titled {
	runs := titled{rows: [][]string{{"", "run", "started", "suite", "device", "labels"}}, below: "labels", drop: []string{"suite", "device"}}
	for _, x := range []struct {
		name string
		r    *reports.Run
	}{{"from", &c.A}, {"to", &c.B}} {
		runs.rows = append(runs.rows, []string{x.name, shortID(x.r.ID), when(x.r.Started), plain(x.r.Suite), plain(orID(x.r.Name, x.r.Device)), labelText(x.r.Labels)})
	}
	return runs
}

// changeTables are the changes that keep chooses, a table per task, model and
// engine.
func changeTables(c *reports.Comparison, keep func(*reports.Change) bool) []titled {
	var out []titled
	last := ""
	for i := range c.Changes {
		x := &c.Changes[i]
		if !keep(x) {
			continue
		}
		if title := changeTitle(x); title != last {
			out = append(out, titled{title: title, rows: [][]string{slices.Clone(changeHead)}, drop: []string{"from", "to baseline"}})
			last = title
		}
		t := &out[len(out)-1]
		t.rows = append(t.rows, changeRow(x))
	}
	return out
}

// changeHead are the columns of a table of changes.
var changeHead = []string{"", "metric", "from", "to", "change", "to baseline", "verdict"}

// changeTitle is the table that a change belongs to.
func changeTitle(x *reports.Change) string {
	return join([]string{plain(x.Task), plain(x.Model), plain(x.Engine) + providerText(x.Provider), loadText(x.Threads, x.Batch, x.Scenario, bench.ScenarioPlan{})})
}

func providerText(p string) string {
	if p == "" || p == "cpu" {
		return ""
	}
	return " " + plain(p)
}

// worthShowing keeps what a reader looks for: the main metric of every case,
// whatever changed beyond doubt, and the main metrics that might have.
func worthShowing(x *reports.Change) bool {
	main := bench.MainMetric(x.Scenario).Name
	switch x.Word {
	case reports.Better, reports.Worse:
		return true
	case reports.Undecided:
		return x.Metric == "top1" || x.Metric == "memory.peak" || x.Metric == "size" || x.Metric == main
	}
	return x.Metric == main
}

// hidden counts the changes that are not worth showing.
func hidden(c *reports.Comparison, o Options) int {
	n := 0
	for i := range c.Changes {
		if !o.Details && !worthShowing(&c.Changes[i]) {
			n++
		}
	}
	return n
}

func changeRow(x *reports.Change) []string {
	relative := ""
	if x.Relative != nil {
		relative = ratioOf(*x.Relative)
	}
	return []string{"  " + fit(plain(x.Variant), 32), short(x.Metric), unit.Format(x.A.Value, x.A.Unit), unit.Format(x.B.Value, x.B.Unit), changeText(x.Ratio), relative, string(x.Word)}
}

func changeText(e metric.Estimate) string {
	if e.Unit != "pt" {
		return ratioOf(e)
	}
	s := strings.TrimSuffix(unit.Signed(e.Value, "pt"), " pt")
	if e.High > e.Low {
		return s + " " + unit.PlusMinus((e.High-e.Low)/2, "pt")
	}
	return s + " pt"
}

// ratioOf is a ratio near 1, to a thousandth.
func ratioOf(e metric.Estimate) string {
	s := unit.Precise(e.Value)
	if e.High > e.Low && e.Value > 0 {
		s += " " + unit.PlusMinus((e.High-e.Low)/2/e.Value, "x")
	}
	return s
}

// changeCounts is "1 worse, 2 better, 40 the same, 3 undecided".
func changeCounts(c *reports.Comparison) string {
	n := map[reports.Direction]int{}
	for i := range c.Changes {
		n[c.Changes[i].Word]++
	}
	var parts []string
	for _, d := range []struct {
		word reports.Direction
		text string
	}{{reports.Worse, "worse"}, {reports.Better, "better"}, {reports.Undecided, "undecided"}, {reports.Same, "the same"}} {
		if n[d.word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[d.word], d.text))
		}
	}
	return strings.Join(parts, ", ")
}

// A remark is a line below a comparison.
type remark struct{ lead, text string }

// compareTail says what changed besides the numbers and what to doubt.
func compareTail(c *reports.Comparison) []remark {
	var out []remark
	for _, t := range c.Causes {
		out = append(out, remark{"changed: ", plain(t)})
	}
	for _, t := range c.Doubts {
		out = append(out, remark{"! ", plain(t)})
	}
	for _, x := range []struct {
		run  string
		keys []string
	}{{c.A.ID, c.OnlyA}, {c.B.ID, c.OnlyB}} {
		for i, k := range x.keys {
			if i == 5 {
				out = append(out, remark{"! ", fmt.Sprintf("and %d more only in run %s", len(x.keys)-i, shortID(x.run))})
				break
			}
			out = append(out, remark{"! ", fmt.Sprintf("only in run %s: %s", shortID(x.run), keyText(k))})
		}
	}
	return out
}

// keyText is a case's key as people say it: "resnet8 sparse-90 on native".
func keyText(key string) string {
	f := map[string]string{}
	for part := range strings.SplitSeq(key, "/") {
		k, v, _ := strings.Cut(part, "=")
		if clear, err := url.PathUnescape(v); err == nil {
			v = clear
		}
		f[k] = v
	}
	text := fmt.Sprintf("%s %s on %s%s", f["model"], f["variant"], f["engine"], providerText(f["provider"]))
	if f["threads"] != "1" || f["batch"] != "1" {
		text += fmt.Sprintf(", threads %s, batch %s", f["threads"], f["batch"])
	}
	return plain(text)
}
