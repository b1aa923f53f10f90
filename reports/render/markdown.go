package render

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"assay/bench"
	"assay/bench/unit"
	"assay/bench/verdict"
	"assay/reports"
)

func init() {
	Register(Format{Name: "markdown", Doc: "for a comment on a pull request: verdict first, details folded", Result: writeMarkdown, History: historyMarkdown, Compare: compareMarkdown, Regressions: regressionsMarkdown})
}

// longestComment is how many characters GitHub takes as a comment; GitLab
// takes more.
const longestComment = 65536

// A cut says how much of a document is left out so that it fits a comment.
type cut struct {
	passes bool // leave out cases that pass, or metrics that did not change
	most   int  // of rows; negative is all
}

// notes is how many doubts are written; a row says more than its doubt.
func (c cut) notes(all int) int {
	if c.most < 0 {
		return all
	}
	return min(all, c.most/16)
}

// fitMD makes a document with less and less in it until it fits a comment.
func fitMD(write func(cut) string) string {
	text := write(cut{most: -1})
	for most := 1024; utf8.RuneCountInString(text) > longestComment && most > 0; {
		most /= 2 // at last none
		text = write(cut{passes: true, most: most})
	}
	return text
}

// writeMarkdown writes the verdict, a table per section, and folds doubts,
// next steps and what was measured by away.
func writeMarkdown(w io.Writer, r *bench.Result, o Options) error {
	v := newView(r)
	return o.write(w, fitMD(func(c cut) string { return resultMD(r, v, c) }))
}

func resultMD(r *bench.Result, v *view, c cut) string {
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "**%s**", escapeMD(v.count))
	if r.Suite != "" {
		fmt.Fprintf(&buf, " · suite %s", escapeMD(plain(r.Suite)))
	}
	fmt.Fprintf(&buf, " · run %s\n", escapeMD(plain(r.Run)))
	cols := columns(v)
	cols[0].cell = func(r *rowView) string { return r.name }
	rows, left := 0, 0
	for _, s := range v.sections {
		var table bytes.Buffer
		for i := range s.engines {
			e := s.engines[i]
			e.rows = slices.DeleteFunc(slices.Clone(e.rows), func(x rowView) bool {
				if c.passes && x.word == verdict.Pass || c.most >= 0 && rows >= c.most {
					left++
					return true
				}
				rows++
				return false
			})
			if len(e.rows) > 0 || e.absent != "" && c.most != 0 {
				engineMD(&table, &e, cols)
			}
		}
		if table.Len() == 0 {
			continue
		}
		fmt.Fprintf(&buf, "\n#### %s\n\n", escapeMD(s.heading))
		headMD(&buf, append(head(cols, &s), "verdict"))
		buf.Write(table.Bytes())
	}
	if left > 0 {
		fmt.Fprintf(&buf, "\n%s more %s left out, those that pass first, so that this fits a comment: the html format holds all\n", unit.Count(left), plural(left, "case"))
	}
	if tables := soakTables(v); len(tables) > 0 {
		buf.WriteByte('\n')
		for _, t := range tables {
			tableMD(&buf, t)
		}
	}
	fmt.Fprintf(&buf, "\n%s\n", escapeMD(join(append(slices.Clone(v.totals), v.on))))
	for _, e := range v.energy {
		fmt.Fprintf(&buf, "\n%s\n", escapeMD(e))
	}
	foldMD(&buf, v, c)
	byMD(&buf, r)
	return buf.String()
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
func foldMD(buf *bytes.Buffer, v *view, c cut) {
	if len(v.notes)+len(v.skipped)+len(v.next) == 0 {
		return
	}
	var parts []string
	if len(v.notes) > 0 {
		parts = append(parts, span(len(v.notes), len(v.notes), "doubt"))
	}
	if len(v.skipped) > 0 {
		parts = append(parts, span(len(v.skipped), len(v.skipped), "skipped gate"))
	}
	if len(v.next) > 0 {
		parts = append(parts, "next steps")
	}
	openMD(buf, strings.Join(parts, ", "))
	shown := c.notes(len(v.notes))
	for i, n := range v.notes[:shown] {
		fmt.Fprintf(buf, "- !%d %s\n", i+1, escapeMD(n))
	}
	if more := len(v.notes) - shown; more > 0 {
		fmt.Fprintf(buf, "- and %s more\n", unit.Count(more))
	}
	for _, s := range slices.Concat(v.skipped, v.next) {
		fmt.Fprintf(buf, "- %s\n", escapeMD(s))
	}
	closeMD(buf)
}

// byMD folds away what the run was measured by.
func byMD(buf *bytes.Buffer, r *bench.Result) {
	openMD(buf, "device and software")
	lines := append([]string{join([]string{plain(orID(r.Device.Name, r.Device.ID)), deviceText(r), plain(r.Device.Kernel)})}, "assay "+plain(r.Version))
	for i := range r.Engines {
		lines = append(lines, plain(r.Engines[i].Name)+" "+plain(r.Engines[i].Build))
	}
	for _, l := range append(lines, labelText(r.Labels)) {
		if l != "" {
			fmt.Fprintf(buf, "- %s\n", escapeMD(l))
		}
	}
	closeMD(buf)
}

func openMD(buf *bytes.Buffer, summary string) {
	fmt.Fprintf(buf, "\n<details><summary>%s</summary>\n\n", summary)
}

func closeMD(buf *bytes.Buffer) { buf.WriteString("\n</details>\n") }

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

// escapeMD keeps text from outside from becoming markup, a link or a mention:
// a word joiner (U+2060) parts an @ at the beginning of a word from the name.
var mdEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`)

var mention = regexp.MustCompile(`(^|[^\pL\pN])@`)

func escapeMD(s string) string {
	return mention.ReplaceAllString(mdEscapes.Replace(plain(s)), "$1@\u2060")
}

// write writes text, in ASCII if asked to.
func (o Options) write(w io.Writer, text string) error {
	if o.ASCII {
		text = asciiLines(o, text)
	}
	_, err := io.WriteString(w, text)
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
	return o.write(w, buf.String())
}

func compareMarkdown(w io.Writer, c *reports.Comparison, o Options) error {
	return o.write(w, fitMD(func(k cut) string { return compareMD(c, o, k) }))
}

// compareMD writes what changed and what may be the cause, and folds away what
// did not change, and doubts.
func compareMD(c *reports.Comparison, o Options, k cut) string {
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "**%s** · run %s → run %s\n\n", escapeMD(changeCounts(c)), escapeMD(shortID(plain(c.A.ID))), escapeMD(shortID(plain(c.B.ID))))
	rows, left := 0, 0
	moved := func(x *reports.Change) bool { return x.Word != reports.Same && worthShowing(x) }
	changed := changeTables(c, func(x *reports.Change) bool {
		if !moved(x) {
			return false
		}
		if rows++; k.most >= 0 && rows > k.most {
			left++
			return false
		}
		return true
	})
	for _, t := range changed {
		tableMD(&buf, t)
	}
	if len(changed) == 0 && left == 0 {
		buf.WriteString("Nothing changed beyond doubt.\n\n")
	}
	if left > 0 {
		fmt.Fprintf(&buf, "%s more %s left out so that this fits a comment: the html format holds all\n\n", unit.Count(left), plural(left, "change"))
	}
	for _, t := range c.Causes[:min(len(c.Causes), 10)] {
		fmt.Fprintf(&buf, "- changed: %s\n", escapeMD(t))
	}
	rest := changeTables(c, func(x *reports.Change) bool { return !moved(x) && (o.Details || worthShowing(x)) })
	if len(rest) > 0 && !k.passes {
		openMD(&buf, "what did not change beyond doubt")
		for _, t := range rest {
			tableMD(&buf, t)
		}
		closeMD(&buf)
	}
	openMD(&buf, "the runs, doubts")
	tableMD(&buf, runsTable(c))
	tail := compareTail(c)
	tail = tail[min(len(c.Causes), 10):] // the causes come first, and stand above
	for _, l := range tail[:k.notes(len(tail))] {
		fmt.Fprintf(&buf, "- %s\n", escapeMD(l.lead+l.text))
	}
	closeMD(&buf)
	return buf.String()
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
