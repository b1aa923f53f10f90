package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
)

func init() {
	Register(Format{Name: "markdown", Doc: "for a comment on a pull request: verdict first, details folded", Result: writeMarkdown, History: historyMarkdown, Compare: compareMarkdown, Regressions: regressionsMarkdown})
}

// writeMarkdown writes the count of verdicts, a table per section, and folds
// doubts and next steps away.
func writeMarkdown(w io.Writer, r *bench.Result, o Options) error {
	v := newView(r)
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "**%s**", escapeMD(v.count))
	if r.Suite != "" {
		fmt.Fprintf(&buf, " · suite %s", escapeMD(plain(r.Suite)))
	}
	fmt.Fprintf(&buf, " · run %s\n", escapeMD(plain(r.Run)))
	cols := columns(v)
	cols[0].cell = func(r *rowView) string { return r.name }
	for _, s := range v.sections {
		fmt.Fprintf(&buf, "\n#### %s\n\n", escapeMD(s.heading))
		var names []string
		for _, c := range cols {
			names = append(names, c.name)
		}
		headMD(&buf, append(names, "verdict"))
		for i := range s.engines {
			engineMD(&buf, &s.engines[i], cols)
		}
	}
	fmt.Fprintf(&buf, "\n%s\n", escapeMD(join(append(append([]string{}, v.totals...), v.on))))
	foldMD(&buf, v)
	return o.write(w, &buf)
}

// engineMD writes one group: its heading as a row of its own, then its cases.
func engineMD(buf *bytes.Buffer, e *engineView, cols []column) {
	first := strings.TrimSpace("**" + escapeMD(e.heading) + "** " + marks(e.marks))
	blank := make([]string, len(cols))
	if e.absent != "" {
		rowMD(buf, append(append([]string{first}, blank[1:]...), wordMD(e.word)+" "+escapeMD(e.absent)))
		return
	}
	rowMD(buf, append(append([]string{first}, blank[1:]...), ""))
	for i := range e.rows {
		r := &e.rows[i]
		var out []string
		for _, c := range cols {
			out = append(out, escapeMD(c.cell(r)))
		}
		verdict := strings.TrimSpace(wordMD(r.word) + " " + marks(r.marks))
		rowMD(buf, append(out, strings.TrimSpace(verdict+" "+escapeMD(r.reason))))
	}
}

// foldMD writes doubts and next steps into a folded block.
func foldMD(buf *bytes.Buffer, v *view) {
	if len(v.notes)+len(v.skipped)+len(v.next) == 0 {
		return
	}
	fmt.Fprintf(buf, "\n<details><summary>%d %s, next steps</summary>\n\n", len(v.notes), plural(len(v.notes), "doubt"))
	for i, n := range v.notes {
		fmt.Fprintf(buf, "- !%d %s\n", i+1, escapeMD(n))
	}
	for _, s := range append(append([]string{}, v.skipped...), v.next...) {
		fmt.Fprintf(buf, "- %s\n", escapeMD(s))
	}
	buf.WriteString("\n</details>\n")
}

func headMD(buf *bytes.Buffer, names []string) {
	rowMD(buf, names)
	rule := make([]string, len(names))
	for i := range rule {
		if rule[i] = "--:"; i == 0 || names[i] == "verdict" || names[i] == "labels" || names[i] == "metric" || names[i] == "verdicts" {
			rule[i] = "---"
		}
	}
	rowMD(buf, rule)
}

func rowMD(buf *bytes.Buffer, cells []string) {
	fmt.Fprintf(buf, "| %s |\n", strings.Join(cells, " | "))
}

func wordMD(w verdict.Word) string {
	switch w {
	case "":
		return ""
	case verdict.Pass:
		return string(w)
	}
	return "**" + wordText(w) + "**"
}

// escapeMD keeps text from outside from becoming markup, a link or a mention.
var mdEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`)

func escapeMD(s string) string { return mdEscapes.Replace(plain(s)) }

// write writes what was gathered, in ASCII if asked to.
func (o Options) write(w io.Writer, buf *bytes.Buffer) error {
	b := buf.Bytes()
	if o.ASCII {
		b = []byte(asciiLines(o, buf.String()))
	}
	_, err := w.Write(b)
	return err
}

func asciiLines(o Options, s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = o.text(lines[i])
	}
	return strings.Join(lines, "\n")
}

func historyMarkdown(w io.Writer, h *reports.History, o Options) error {
	var buf bytes.Buffer
	for _, t := range historyTables(h) {
		tableMD(&buf, t)
	}
	return o.write(w, &buf)
}

func compareMarkdown(w io.Writer, c *reports.Comparison, o Options) error {
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "**%s**\n\n", escapeMD(changeCounts(c)))
	for _, t := range compareTables(c, o) {
		tableMD(&buf, t)
	}
	for _, l := range compareTail(c) {
		fmt.Fprintf(&buf, "- %s\n", escapeMD(l.lead+l.text))
	}
	return o.write(w, &buf)
}

func tableMD(buf *bytes.Buffer, t titled) {
	if t.title != "" {
		fmt.Fprintf(buf, "#### %s\n\n", escapeMD(t.title))
	}
	for i, r := range t.rows {
		out := make([]string, len(r))
		for j := range r {
			out[j] = escapeMD(r[j])
		}
		if i == 0 {
			headMD(buf, out)
		} else {
			rowMD(buf, out)
		}
	}
	buf.WriteByte('\n')
}
