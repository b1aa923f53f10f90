package render

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports/chart"
)

func init() {
	Register(Format{Name: "html", Doc: "one page that needs nothing else: tables, plots, doubts, every case", Result: writeHTML, Compare: compareHTML})
}

//go:embed page/*.tmpl
var pageFiles embed.FS

// pages escapes by context whatever is put into it; the plots alone come as
// finished places with their description as JSON, which no text can end. A
// content policy in the page forbids every script but its own, by its sum, and
// every address, should both fail. It is made when it is first used: a worker,
// which is this program too, must not carry it in the memory that is measured.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").ParseFS(pageFiles, "page/*.tmpl"))
})

//go:embed page/style.css
var pageStyle template.CSS // our own file, nothing from outside

// A page is what every HTML report begins and ends with.
type page struct {
	Title  string
	Style  template.CSS
	Kicker string
	Home   string // address that leads back to where the page was found, "" for none
	Words  []word // the verdict, first of all
	Lead   []string
	Facts  []facts
	Foot   string
}

// Script draws the plots of the page.
func (page) Script() template.JS { return chart.Script() }

// Policy is the page's content policy.
func (page) Policy() string {
	return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src " + chart.ScriptSource()
}

// A word is a verdict: its text as the table has it, its class for the colour.
type word struct{ Text, Class string }

func wordOf(w verdict.Word) *word {
	if w == "" {
		return nil
	}
	return &word{wordText(w), string(w)}
}

// wordsOf splits "2 fail, 5 pass", whose parts end with the word.
func wordsOf(counted string) []word {
	var out []word
	for part := range strings.SplitSeq(counted, ", ") {
		class := ""
		for _, w := range []string{"pass", "fail", "inconclusive", "untrusted", "error", "skipped", "better", "worse", "suspect", "undecided", "same"} {
			if strings.HasSuffix(part, " "+w) {
				class = w
			}
		}
		out = append(out, word{part, class})
	}
	return out
}

// facts is a folded table of names and values.
type facts struct {
	Title string
	Open  bool
	Head  []string
	Rows  [][]string
}

// A resultPage is the report on one run.
type resultPage struct {
	page
	Sections []sectionHTML
	Evidence string
	Groups   []string
	Notes    []noteHTML
	Skipped  []string
	Next     []string
	Cases    []caseHTML
}

type noteHTML struct {
	Number int
	Text   string
}

type sectionHTML struct {
	Heading string
	Columns []string
	Rows    bool
	Longest int // name, in columns: its column is as wide
	Engines []engineHTML
	Charts  []chartHTML
	Energy  []string
}

type engineHTML struct {
	Heading string
	Marks   []int
	Rows    []rowHTML
	Word    *word
	Absent  string
}

type rowHTML struct {
	Name, ID string
	Cells    []cellHTML
	Verdict  *word
	Marks    []int
	Reason   string
}

type cellHTML struct{ Name, Text string }

// writeHTML writes the report on one run: the rows and words of the terminal
// table, then plots, evidence, doubts, and every case with all that it has.
func writeHTML(w io.Writer, r *bench.Result, o Options) error {
	v := newView(r)
	ids := newAnchors(r)
	p := resultPage{
		page: page{
			Title: v.count + " · " + runName(r), Style: pageStyle, Home: o.Home, Kicker: join([]string{"Assay", suiteText(r.Suite), "run " + plain(r.Run)}),
			Words: wordsOf(v.count), Lead: leads(r), Facts: resultFacts(r),
			Foot: "Made by assay " + plain(r.Version) + ". Make it again: assay report " + plain(r.Run),
		},
		Evidence: join(append(slices.Clone(v.totals), v.on)), Skipped: v.skipped, Next: v.next,
	}
	cols := columns(v)
	for i := range v.sections {
		p.Sections = append(p.Sections, sectionOf(&v.sections[i], cols, v.accuracy, ids))
		for j := range v.sections[i].engines {
			if e := &v.sections[i].engines[j]; e.group.Trials > 0 || e.group.AA != nil {
				p.Groups = append(p.Groups, groupText(e))
			}
		}
	}
	for i, n := range v.notes {
		p.Notes = append(p.Notes, noteHTML{i + 1, n})
	}
	p.Cases = casesOf(r, ids)
	return execute(w, "result", p)
}

// execute writes nothing unless the whole page could be made.
func execute(w io.Writer, name string, data any) error {
	var buf bytes.Buffer
	if err := pages().ExecuteTemplate(&buf, name, data); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(buf.Bytes())
	return err
}

func runName(r *bench.Result) string {
	return join([]string{plain(r.Suite), shortID(plain(r.Run))})
}

func suiteText(s string) string {
	if s == "" {
		return ""
	}
	return "suite " + plain(s)
}

// leads are the lines below the verdict: where, when, of what.
func leads(r *bench.Result) []string {
	out := []string{join([]string{plain(orID(r.Device.Name, r.Device.ID)), deviceText(r), when(r.Started) + " UTC", duration(r.Ended.Sub(r.Started)), labelText(r.Labels)})}
	if r.Partial != "" {
		out = append(out, "partial: "+plain(r.Partial))
	}
	return out
}

func sectionOf(s *section, cols []column, accuracy string, ids anchors) sectionHTML {
	names := head(cols, s)
	names[0] = "case"
	out := sectionHTML{Heading: s.heading, Columns: append(slices.Clone(names), "verdict")}
	for i := range s.engines {
		e := &s.engines[i]
		x := engineHTML{Heading: e.heading, Marks: e.marks, Word: wordOf(e.word), Absent: e.absent}
		for j := range e.rows {
			r := &e.rows[j]
			row := rowHTML{Name: r.name, ID: ids[r.c], Verdict: wordOf(r.word), Marks: r.marks, Reason: r.reason}
			for k, c := range cols[1:] {
				row.Cells = append(row.Cells, cellHTML{names[k+1], c.cell(r)})
			}
			x.Rows = append(x.Rows, row)
			out.Rows, out.Longest = true, max(out.Longest, width(row.Name))
		}
		out.Engines = append(out.Engines, x)
		out.Energy = append(out.Energy, energyFacts(e.group, e.heading)...)
	}
	out.Energy = slices.Compact(out.Energy)
	out.Charts = sectionCharts(s, accuracy, ids)
	return out
}
