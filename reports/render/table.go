package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"assay/bench"
)

func init() {
	Register(Format{Name: "table", Doc: "for people, at a terminal", Result: writeTable, History: historyTable, Compare: compareTable, Regressions: regressionsTable})
}

// A column of the main table.
type column struct {
	name string
	cell func(*rowView) string
}

// columns in the order shown, the case's name first.
func columns(v *view) []column {
	cols := []column{
		{"", func(r *rowView) string { return "  " + fit(r.name, 32) }},
		{v.accuracy, func(r *rowView) string { return r.accuracy }},
		{v.main(), func(r *rowView) string { return r.main }},
		{"speed-up", func(r *rowView) string { return r.speedup }},
		{"memory", func(r *rowView) string { return r.memory }},
		{"size", func(r *rowView) string { return r.size }},
	}
	if v.packed {
		cols = append(cols, column{"packed", func(r *rowView) string { return r.packed }})
	}
	return append(cols, column{"energy", func(r *rowView) string { return r.energy }})
}

// mainAt is the place of the scenario's main metric among the columns.
const mainAt = 2

// main is the name of the main metric's column: the sections' own where they
// differ.
func (v *view) main() string {
	for _, s := range v.sections {
		if s.column != v.sections[0].column {
			return "main metric"
		}
	}
	if len(v.sections) == 0 {
		return mainColumn("")
	}
	return v.sections[0].column
}

// head is the header of one section.
func head(cols []column, s *section) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.name
	}
	out[mainAt] = s.column
	return out
}

// beside is how many columns keep their place on a narrow terminal: name,
// accuracy, latency and speed-up. The others fold into a second line.
const beside = 4

// marks are references to footnotes: "!1 !3".
func marks(ns []int) string {
	var out []string
	for _, n := range ns {
		out = append(out, fmt.Sprintf("!%d", n))
	}
	return strings.Join(out, " ")
}

// verdictWidth is what the column of verdicts needs: "inconclusive".
const verdictWidth = 12

func writeTable(w io.Writer, r *bench.Result, o Options) error {
	v := newView(r)
	var buf bytes.Buffer
	if err := mainTable(&buf, v, o); err != nil {
		return err
	}
	for _, t := range soakTables(v) {
		buf.WriteByte('\n')
		if err := t.print(&buf, o); err != nil {
			return err
		}
	}
	if o.Details {
		if err := detailsTable(&buf, v, o); err != nil {
			return err
		}
		if err := energyTable(&buf, v, o); err != nil {
			return err
		}
	}
	tail(&buf, v, o)
	_, err := w.Write(buf.Bytes())
	return err
}

// lay prints the header of every section, then every shown case: one line
// each, or two where the width does not hold all columns. The verdict belongs
// behind the first.
func lay(v *view, o Options) ([][]string, error) {
	cols := columns(v)
	var rows [][]string
	add := func(cells []string) {
		for i := range cells {
			cells[i] = o.text(cells[i])
		}
		rows = append(rows, cells)
	}
	for i := range v.sections {
		add(head(cols, &v.sections[i]))
	}
	each(v, func(r *rowView) {
		cells := make([]string, len(cols))
		for i, c := range cols {
			cells[i] = c.cell(r)
		}
		add(cells)
	})
	out := make([][]string, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	if gridWidth(rows)+verdictWidth <= o.width() {
		lines, err := grid(rows)
		for i, l := range lines {
			out[i] = []string{l}
		}
		return out, err
	}
	energy := len(cols) - 1
	var two [][]string
	for _, r := range rows {
		second := append([]string{""}, r[beside:energy]...)
		for len(second) < beside {
			second = append(second, "")
		}
		two = append(two, r[:beside], second)
	}
	lines, err := grid(two)
	for i := range lines {
		if i%2 == 1 {
			lines[i] += rows[i/2][energy] // it stands under the verdict
		}
		out[i/2] = append(out[i/2], lines[i])
	}
	return out, err
}

// mainTable lays out all cases of the run in one grid, so that columns line
// up from section to section, and puts the headings between its lines.
func mainTable(buf *bytes.Buffer, v *view, o Options) error {
	lines, err := lay(v, o)
	if err != nil {
		return err
	}
	headers, lines := lines[:len(v.sections)], lines[len(v.sections):]
	under := func(printed []string) {
		for _, l := range printed[1:] {
			if l = strings.TrimRight(l, " "); l != "" {
				fmt.Fprintln(buf, l)
			}
		}
	}
	for i, s := range v.sections {
		if i > 0 {
			buf.WriteByte('\n')
		}
		for _, text := range wrap(o.text(s.heading), o.width()) {
			fmt.Fprintln(buf, o.paint(bold, text))
		}
		if slices.ContainsFunc(s.engines, func(e engineView) bool { return len(e.rows) > 0 }) {
			fmt.Fprintln(buf, headers[i][0]+"verdict")
			under(headers[i])
		}
		for j := range s.engines {
			e := &s.engines[j]
			fmt.Fprintln(buf, strings.TrimSpace(o.paint(bold, o.text(e.heading))+" "+o.paint(yellow, marks(e.marks))))
			if e.absent != "" {
				text := hang("  "+wordText(e.word)+gap, o.text(e.absent), o.width())
				fmt.Fprintln(buf, strings.Replace(text, wordText(e.word), o.paint(color(e.word), wordText(e.word)), 1))
			}
			for k := range e.rows {
				below := writeRow(buf, lines[0][0], &e.rows[k], o)
				under(lines[0])
				buf.WriteString(below)
				lines = lines[1:]
			}
		}
	}
	return nil
}

// gridWidth is the width of a grid with its gaps.
func gridWidth(rows [][]string) int {
	n := 0
	for _, c := range align(rows)[0] {
		n += width(c) + len(gap)
	}
	return n
}

// writeRow writes a case: its cells, its verdict with references to
// footnotes, and why where there is room. It returns the lines that say why
// otherwise.
func writeRow(buf *bytes.Buffer, line string, r *rowView, o Options) string {
	said := strings.TrimSpace(wordText(r.word) + " " + marks(r.marks))
	painted := strings.TrimSpace(o.paint(color(r.word), wordText(r.word)) + " " + o.paint(yellow, marks(r.marks)))
	reason := o.text(r.reason)
	at := width(line)
	if reason != "" && at+width(said)+len(gap)+width(reason) <= o.width() {
		painted, reason = painted+gap+reason, ""
	}
	fmt.Fprintln(buf, strings.TrimRight(line+painted, " "))
	if reason == "" {
		return ""
	}
	if at = min(at, o.width()-width(reason)); at < 4 { // too long for one line
		return hang("    ", reason, o.width()) + "\n"
	}
	return strings.Repeat(" ", at) + reason + "\n"
}

// tail ends the table: evidence, verdicts, doubts, next steps.
func tail(buf *bytes.Buffer, v *view, o Options) {
	buf.WriteByte('\n')
	say := func(lead, text string) { fmt.Fprintln(buf, hang(lead, o.text(text), o.width())) }
	say("", join(append(append([]string{}, v.totals...), v.on)))
	for _, e := range v.energy {
		say("", e)
	}
	say("", v.count)
	for i, n := range v.notes {
		say(fmt.Sprintf("!%d ", i+1), n)
	}
	for _, s := range v.skipped {
		say("!  ", s)
	}
	for _, s := range v.next {
		say(o.text("→ "), s)
	}
}

// each calls f for every row that is shown, in order.
func each(v *view, f func(*rowView)) {
	for i := range v.sections {
		for j := range v.sections[i].engines {
			for k := range v.sections[i].engines[j].rows {
				f(&v.sections[i].engines[j].rows[k])
			}
		}
	}
}
