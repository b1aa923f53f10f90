package render

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/unit"
	"assay/bench/verdict"
	"assay/reports"
)

// titled is a table with its heading; the first row names the columns.
type titled struct {
	title string
	rows  [][]string
	below string   // the column that moves below its row where there is no room
	drop  []string // columns that are then left out, the first first
}

// narrow fits the table into n columns as well as it can; below holds the
// text that moved below each row.
func (t titled) narrow(n int) (rows [][]string, below []string) {
	rows = make([][]string, len(t.rows))
	for i, r := range t.rows {
		rows[i] = slices.Clone(r)
	}
	below = make([]string, len(rows))
	for _, name := range append([]string{t.below}, t.drop...) {
		col := slices.Index(rows[0], name)
		if gridWidth(rows)-len(gap) <= n || col < 0 || name == "" {
			continue
		}
		for i := range rows {
			if name == t.below && i > 0 {
				below[i] = rows[i][col]
			}
			rows[i] = slices.Delete(rows[i], col, col+1)
		}
	}
	return rows, below
}

func historyTable(w io.Writer, h *reports.History, o Options) error {
	var buf bytes.Buffer
	if len(h.Runs)+len(h.Points) == 0 {
		fmt.Fprintln(&buf, "nothing is stored that fits")
	}
	for i, t := range historyTables(h) {
		if i > 0 {
			buf.WriteByte('\n')
		}
		if err := t.print(&buf, o); err != nil {
			return err
		}
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// print lays a table out below its title.
func (t titled) print(buf *bytes.Buffer, o Options) error {
	if t.title != "" {
		fmt.Fprintln(buf, o.paint(bold, hang("", o.text(t.title), o.width())))
	}
	for i, r := range t.rows {
		t.rows[i] = slices.Clone(r)
		for j := range r {
			t.rows[i][j] = o.text(r[j])
		}
	}
	rows, below := t.narrow(o.width())
	lines, err := grid(rows)
	if err != nil {
		return err
	}
	for i, l := range lines {
		fmt.Fprintln(buf, o.paintWords(strings.TrimRight(l, " ")))
		if below[i] != "" {
			fmt.Fprintln(buf, hang("  ", below[i], o.width()))
		}
	}
	return nil
}

// paintWords colours the word that a line of a listing ends with.
func (o Options) paintWords(l string) string {
	for word, code := range map[string]string{
		string(reports.Worse): red, string(reports.Better): green, "FAIL": red, string(verdict.Pass): green,
		string(verdict.Error): red, string(verdict.Inconclusive): yellow, string(verdict.Untrusted): yellow,
	} {
		if head, ok := strings.CutSuffix(l, " "+word); ok {
			return head + " " + o.paint(code, word)
		}
	}
	return l
}

// historyTables are the listing of runs and one table per series.
func historyTables(h *reports.History) []titled {
	var out []titled
	if len(h.Runs) > 0 {
		rows := [][]string{{"run", "started", "suite", "device", "verdicts", "labels"}}
		for _, r := range h.Runs {
			rows = append(rows, []string{
				shortID(r.ID), when(r.Started), fit(plain(r.Suite), 16), fit(plain(orID(r.Name, r.Device)), 20), wordCounts(&r), labelText(r.Labels),
			})
		}
		out = append(out, titled{rows: rows, below: "labels", drop: []string{"device", "suite"}})
	}
	for points := h.Points; len(points) > 0; {
		n := 1
		for n < len(points) && points[n].Series == points[0].Series {
			n++
		}
		out = append(out, seriesTable(points[:n]))
		points = points[n:]
	}
	return out
}

func orID(name, id string) string {
	if name != "" {
		return name
	}
	return id
}

// when is a time as a listing shows it, in UTC.
func when(t time.Time) string {
	if t.IsZero() {
		return "no clock"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// shortID is the beginning of a run's id, by which the store finds it.
func shortID(id string) string {
	id = plain(id)
	return id[:min(len(id), 12)]
}

// wordCounts is "1 fail, 3 undecided, 2 pass" as a gate counts them.
func wordCounts(r *reports.Run) string {
	var parts []string
	undecided := r.Words[verdict.Error] + r.Words[verdict.Untrusted] + r.Words[verdict.Inconclusive] + r.Words[verdict.Skipped]
	for _, x := range []struct {
		n    int
		word string
	}{{r.Words[verdict.Fail], "fail"}, {undecided, "undecided"}, {r.Words[verdict.Pass], "pass"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.word))
		}
	}
	text := strings.Join(parts, ", ")
	if text == "" {
		text = "no verdicts"
	}
	if r.Partial != "" {
		text += " (partial)"
	}
	return text
}

func labelText(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, plain(k+"="+clip(labels[k], 40)))
	}
	return strings.Join(parts, " ")
}

// seriesTable is the course of one series, oldest first; each point is set
// against the one before it.
func seriesTable(points []reports.Point) titled {
	p := points[0]
	t := titled{
		title: join([]string{plain(p.Model) + " " + plain(p.Variant) + " on " + plain(p.Engine), plain(p.Value.Metric), seriesScenario(p.Series), sourceText(p.Value), "device " + plain(p.Device)}),
		rows:  [][]string{{"run", "started", "build", "value", "to previous", "verdict"}},
		drop:  []string{"build", "to previous"},
	}
	for i, p := range points {
		step := ""
		if i > 0 {
			step = stepText(points[i-1].Value, p.Value)
		}
		word := wordText(p.Verdict)
		if !p.Trusted {
			word = string(verdict.Untrusted)
		}
		t.rows = append(t.rows, []string{shortID(p.Run), when(p.Started), plain(p.Build), valueText(p.Value), step, word})
	}
	return t
}

// sourceText is "by rapl (package)", "" where it does not matter.
func sourceText(e metric.Estimate) string {
	if e.Source == "" {
		return ""
	}
	return "by " + plain(e.Source)
}

// seriesScenario is the scenario in the key of a series, "" for single-stream:
// throughput, for one, is a series of its own in each.
func seriesScenario(key string) string {
	_, after, _ := strings.Cut(key, "/scenario=")
	if name, _, _ := strings.Cut(after, "/"); name != loadgen.SingleStream {
		return plain(name)
	}
	return ""
}

// valueText is a value with its half-width: relative, or in points for shares.
func valueText(e metric.Estimate) string {
	s := unit.Format(e.Value, e.Unit)
	switch half := (e.High - e.Low) / 2; {
	case half <= 0:
	case e.Unit == "ratio":
		s += " " + unit.PlusMinus(100*half, "pt")
	case e.Value > 0:
		s += " " + unit.PlusMinus(half/e.Value, "x")
	}
	return s
}

// stepText is the change from one value to the next.
func stepText(a, b metric.Estimate) string {
	if a.Unit == "ratio" {
		return unit.Signed(100*(b.Value-a.Value), "pt")
	}
	if a.Value <= 0 {
		return ""
	}
	return unit.Precise(b.Value / a.Value)
}
