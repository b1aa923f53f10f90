package render

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/unit"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/chart"
)

// CourseOptions say where a history page finds what it links to.
type CourseOptions struct {
	Suite string                  // "" for all
	Class func(c string) string   // address of the page of a class of devices; nil where they all stand on this one
	Page  func(run string) string // address of the report on a run, "" where there is none
	Home  string                  // address that the page leads back to, "" for none
}

// A historyPage is the report on all series: what changed first, then a
// section for every class of devices.
type historyPage struct {
	page
	Marks   []markHTML
	Pages   []classLink
	Classes []classHTML
}

// A classLink leads to the page of a class.
type classLink struct{ Heading, Page, Extent string }

type markHTML struct {
	Word         word
	Case, Device string
	Href         string // of the case
	Metric, Text string
	Since, Page  string
	Causes       []string
	Charts       []chartHTML
}

type classHTML struct {
	Heading string
	Columns []string
	Longest int
	Devices []deviceHTML
}

type deviceHTML struct {
	Heading string
	Events  []string
	Cases   []courseHTML
}

// A courseHTML is a case: a row of sparklines, and its trends folded below.
type courseHTML struct {
	Name, ID, Page string
	Cells          []sparkHTML
	Word           *word
	Charts         []chartHTML
}

type sparkHTML struct {
	Name, Text string
	SVG        template.HTML
}

// headline are the metrics that have a column, where some series has them.
var headline = []*metric.Metric{metric.P50, metric.Top1, metric.Agreement, metric.PeakMemory, metric.EnergyNet, metric.Size}

// Course writes the page on the history of all series: of all classes of
// devices, or, with o.Class, what changed in any of them and where each has its
// page.
func Course(w io.Writer, c *reports.Course, o CourseOptions) error {
	if o.Page == nil {
		o.Page = func(string) string { return "" }
	}
	h := &historian{course: c, o: o, ids: map[*reports.CourseCase]string{}}
	h.anchors()
	p := historyPage{page: page{Style: pageStyle, Home: o.Home, Kicker: join([]string{"Assay", suiteText(o.Suite), "history"}), Foot: "Make it again: assay report --history"}}
	if o.Suite != "" {
		p.Foot += " --suite " + plain(o.Suite)
	}
	counted := h.counted()
	p.Words, p.Title = wordsOf(counted), join([]string{counted, plain(o.Suite), "history"})
	p.Lead = []string{extent(c.Devices)}
	for i, m := range c.Marks {
		p.Marks = append(p.Marks, h.mark(i, m)...)
	}
	for _, x := range c.Classes() {
		if o.Class != nil {
			p.Pages = append(p.Pages, classLink{className(x.Devices[0].Class), o.Class(x.Devices[0].Class), extent(x.Devices)})
			continue
		}
		p.Classes = append(p.Classes, h.class(x.Devices))
	}
	return execute(w, "history", p)
}

// A historian makes a history page's parts.
type historian struct {
	course *reports.Course
	o      CourseOptions
	ids    map[*reports.CourseCase]string
}

// anchors names every case; of the second device of a page on, with the device.
func (h *historian) anchors() {
	taken := map[string]bool{}
	i := -1
	for k, d := range h.course.Devices {
		if i++; h.o.Class != nil && k > 0 && h.course.Devices[k-1].Class != d.Class { // another page
			i, taken = 0, map[string]bool{}
		}
		for _, x := range d.Cases {
			c := x.Case
			id := anchor(c.Task, c.Model, c.Variant, c.Engine, c.Provider, c.Threads, c.Batch, c.Scenario)
			if i > 0 {
				id = fmt.Sprintf("%s.%d", id, i+1)
			}
			h.ids[x] = unique(taken, id)
		}
	}
}

// counted is "1 worse, 2 fail", or that nothing is to be said.
func (h *historian) counted() string {
	n := map[string]int{}
	var order []string
	for _, m := range h.course.Marks {
		if n[m.Word] == 0 {
			order = append(order, m.Word)
		}
		n[m.Word]++
	}
	var parts []string
	for _, w := range order {
		parts = append(parts, fmt.Sprintf("%d %s", n[w], plain(w)))
	}
	if len(parts) == 0 {
		return "nothing to report"
	}
	return strings.Join(parts, ", ")
}

// extent is "3 devices · 90 runs · 2026-08-22 to 2026-11-20 UTC".
func extent(devices []*reports.CourseDevice) string {
	runs := 0
	var from, to time.Time
	for _, d := range devices {
		runs += len(d.Runs)
		for _, r := range d.Runs {
			if from.IsZero() || r.At.Before(from) {
				from = r.At
			}
			if r.At.After(to) {
				to = r.At
			}
		}
	}
	n := len(devices)
	parts := []string{unit.Count(n) + " " + plural(n, "device"), unit.Count(runs) + " " + plural(runs, "run")}
	if runs > 0 {
		parts = append(parts, day(from)+" to "+day(to)+" UTC")
	}
	return join(parts)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// mark says what is to be said of a series, with its trend; nothing of a
// series that the course does not hold.
func (h *historian) mark(i int, m reports.Mark) []markHTML {
	d, x, s := h.course.Find(m.Series)
	if s == nil {
		return nil
	}
	out := markHTML{
		Word: word{wordText(verdict.Word(plain(m.Word))), plain(m.Word)}, Case: caseText(x), Device: plain(orID(d.Name, d.ID)), Href: "#" + h.ids[x],
		Metric: short(s.Metric), Text: plain(m.Text), Page: h.pageOf(m.Begin, x),
	}
	if h.o.Class != nil {
		out.Href = h.o.Class(d.Class) + out.Href
	}
	for _, r := range d.Runs {
		if r.ID == m.Begin {
			out.Since = "since run " + shortID(r.ID) + ", " + when(r.At) + " UTC"
		}
	}
	for _, t := range m.Causes {
		out.Causes = append(out.Causes, plain(t))
	}
	trend := h.trend(d, x, s, chart.Series(i))
	events := eventLines(d)
	trend.List = append(trend.List, events[:min(len(events), 5)]...)
	out.Charts = drawn(trend)
	return []markHTML{out}
}

// pageOf is the address of a case in the report on a run.
func (h *historian) pageOf(run string, x *reports.CourseCase) string {
	page := h.o.Page(run)
	if page == "" {
		return ""
	}
	c := x.Case
	return page + "#" + anchor(c.Task, c.Model, c.Variant, c.Engine, c.Provider, c.Threads, c.Batch, c.Scenario)
}

func caseText(x *reports.CourseCase) string {
	c := x.Case
	text := plain(c.Model) + " " + plain(c.Variant) + " on " + plain(c.Engine) + providerText(c.Provider)
	if c.Scenario != "" && c.Scenario != loadgen.SingleStream {
		text += ", " + plain(c.Scenario)
	}
	if c.Threads != 1 || c.Batch != 1 {
		text += fmt.Sprintf(", %d %s, batch %d", c.Threads, plural(c.Threads, "thread"), c.Batch)
	}
	return text
}

func className(class string) string {
	if class == "" {
		return "devices without a class"
	}
	return plain(class)
}

// class is the section of one class of devices.
func (h *historian) class(devices []*reports.CourseDevice) classHTML {
	out := classHTML{Heading: join([]string{className(devices[0].Class), unit.Count(len(devices)) + " " + plural(len(devices), "device")}), Columns: []string{"case"}}
	var cols []*metric.Metric
	for _, m := range headline {
		if slices.ContainsFunc(devices, func(d *reports.CourseDevice) bool {
			return slices.ContainsFunc(d.Cases, func(x *reports.CourseCase) bool { return seriesOf(x, m.Name) != nil })
		}) {
			cols, out.Columns = append(cols, m), append(out.Columns, short(m.Name))
		}
	}
	out.Columns = append(out.Columns, "newest verdict")
	for _, d := range devices {
		x := deviceHTML{Heading: join([]string{plain(orID(d.Name, d.ID)), unit.Count(len(d.Runs)) + " " + plural(len(d.Runs), "run")}), Events: eventLines(d)}
		for _, k := range d.Cases {
			row := h.row(d, k, cols)
			x.Cases, out.Longest = append(x.Cases, row), max(out.Longest, width(row.Name))
		}
		out.Devices = append(out.Devices, x)
	}
	return out
}

// seriesOf is the series of a metric; the one with the newest run where there
// are several, as there are once another meter measures.
func seriesOf(x *reports.CourseCase, name string) (newest *reports.CourseSeries) {
	for _, s := range x.Series {
		if s.Metric == name && (newest == nil || s.Points[len(s.Points)-1].Run > newest.Points[len(newest.Points)-1].Run) {
			newest = s
		}
	}
	return newest
}

func (h *historian) row(d *reports.CourseDevice, x *reports.CourseCase, cols []*metric.Metric) courseHTML {
	out := courseHTML{Name: caseText(x), ID: h.ids[x]}
	newest := -1
	var words []verdict.Verdict
	for _, s := range x.Series {
		p := s.Points[len(s.Points)-1]
		if p.Run > newest {
			newest, words = p.Run, nil
		}
		if p.Run == newest && p.Verdict != "" {
			words = append(words, verdict.Verdict{Word: p.Verdict})
		}
	}
	if v, ok := verdict.Deciding(words); ok {
		out.Word = wordOf(v.Word)
	}
	if newest >= 0 {
		out.Page = h.pageOf(d.Runs[newest].ID, x)
	}
	for i, m := range cols {
		cell := sparkHTML{Name: short(m.Name)}
		if s := seriesOf(x, m.Name); s != nil {
			last := s.Points[len(s.Points)-1].Value
			cell.Text = unit.Format(last.Value, last.Unit)
			cell.SVG = chart.Spark(fmt.Sprintf("%s over %d runs, newest %s", short(m.Name), len(s.Points), cell.Text), chart.Series(i), nights(d, s, h.o.Page))
		}
		for _, s := range x.Series {
			if s.Metric == m.Name {
				out.Charts = append(out.Charts, drawn(h.trend(d, x, s, chart.Series(i)))...)
			}
		}
		out.Cells = append(out.Cells, cell)
	}
	return out
}
