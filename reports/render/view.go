package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/loadgen"
	"assay/bench/unit"
	"assay/bench/verdict"
	"assay/reports"
)

// A view is a result in words: what the table and markdown have in common.
type view struct {
	sections []section
	accuracy string   // the accuracy column's name: "top-1", or "agreement" where nothing has labels
	packed   bool     // some engine packs weights
	notes    []string // footnotes; number i+1
	numbers  map[string]int
	next     []string // next steps
	energy   []string // by what energy was measured
	totals   []string // parts of the line on the control and the amount of work
	on       string   // what accuracy rests on
	count    string   // "1 fail, 2 pass"
	skipped  []string // optional gates that were skipped, with the reason
}

// A section is a task and model on the device, with the same threads and batch.
type section struct {
	heading string
	column  string // the main metric's
	engines []engineView
}

// An engineView is one group: a baseline and its candidates.
type engineView struct {
	heading string
	marks   []int     // footnotes
	rows    []rowView // empty where absent says why all cases are the same
	absent  string    // why none of the cases was measured
	word    verdict.Word
	group   *bench.GroupResult
}

// A rowView is one case in printed form; "" is nothing to say.
type rowView struct {
	name     string
	marks    []int
	accuracy string
	main     string // the main metric of the scenario
	speedup  string
	memory   string
	size     string
	packed   string
	energy   string
	word     verdict.Word
	reason   string // the gate that decided and why; "" for a pass
	c        *bench.CaseResult
}

const notMeasured = "not measured"

func newView(r *bench.Result) *view {
	v := &view{numbers: map[string]int{}, accuracy: accuracyName(r), on: accuracyBase(r)}
	last := ""
	for i := range r.Groups {
		g := &r.Groups[i]
		h := heading(r, g)
		if h != last {
			v.sections = append(v.sections, section{heading: h, column: mainColumn(g.Scenario)})
			last = h
		}
		s := &v.sections[len(v.sections)-1]
		s.engines = append(s.engines, v.engine(g, infoOf(r, g.Engine)))
	}
	if r.Partial != "" {
		v.note("partial: " + r.Partial)
	}
	for _, w := range r.Warnings {
		v.note(w)
	}
	for i := range r.Groups {
		if e := r.Groups[i].Energy; e != nil {
			for _, n := range e.Notes {
				v.note("energy: " + n)
			}
		}
	}
	v.energy = energyLines(r)
	v.totals = totals(r)
	v.count = counts(r)
	v.next = slices.Compact(nextSteps(r))
	v.skipped = skippedGates(r)
	return v
}

func infoOf(r *bench.Result, name string) *engine.Info {
	for i := range r.Engines {
		if r.Engines[i].Name == name {
			return &r.Engines[i]
		}
	}
	return &engine.Info{}
}

// note adds a footnote, once, and returns its number.
func (v *view) note(text string) int {
	text = plain(text)
	if v.numbers[text] == 0 {
		v.notes = append(v.notes, text)
		v.numbers[text] = len(v.notes)
	}
	return v.numbers[text]
}

func (v *view) engine(g *bench.GroupResult, info *engine.Info) engineView {
	e := engineView{heading: plain(g.Engine), group: g}
	if build := g.Build; build != "" {
		e.heading += "@" + plain(build)
	} else if info.Build != "" {
		e.heading += "@" + plain(info.Build)
	}
	if g.Provider != "" && g.Provider != "cpu" {
		e.heading += " " + plain(g.Provider)
	}
	who := plain(g.Model) + " on " + plain(g.Engine) + ": "
	for _, text := range slices.Concat(g.Untrusted, g.Doubts) {
		e.marks = append(e.marks, v.note(who+text))
	}
	causes := e.marks[:len(g.Untrusted):len(g.Untrusted)]
	if e.word, e.absent = absent(g); e.absent != "" || len(g.Cases) == 0 {
		return e
	}
	shared := sharedEnergyReason(g)
	if shared != "" {
		e.marks = append(e.marks, v.note(energyNote(shared)))
	}
	base := &g.Cases[0]
	for i := range g.Cases {
		row := v.row(g, &g.Cases[i], base, causes)
		if why := energyReason(&g.Cases[i]); why != "" && shared == "" {
			row.marks = append(row.marks, v.note(who+plain(g.Cases[i].Variant)+": "+energyNote(why)))
		}
		e.rows = append(e.rows, row)
		if x, ok := g.Cases[i].Value(bench.MainMetric(g.Scenario).Name); ok && x.Note != "" {
			v.note(plain(g.Scenario) + ": " + x.Note)
		}
	}
	return e
}

// row prints a case; causes are the footnotes on why its group is untrusted.
func (v *view) row(g *bench.GroupResult, c, base *bench.CaseResult, causes []int) rowView {
	out := rowView{name: plain(c.Variant), c: c}
	for _, n := range c.Notes {
		out.marks = append(out.marks, v.note(n))
	}
	if text := notPaying(g, c); text != "" {
		out.marks = append(out.marks, v.note(text))
	}
	d := reports.Worst(c)
	out.word = d.Word
	switch {
	case d.Word == verdict.Untrusted && len(causes) > 0:
		out.marks = append(out.marks, causes...) // the footnotes say why
	case d.Reason != "" && d.Reason == c.Missing[d.Metric] && energyReason(c) != "":
		out.reason = strings.TrimSpace(short(d.Metric) + " " + energyCell(d.Reason)) // a footnote says why
	case d.Word != verdict.Pass && d.Word != "":
		out.reason = reason(c, d)
	}
	if c.Status != bench.OK {
		return out
	}
	out.energy = energyCell(energyReason(c))
	if c == base {
		out.baseline(c, v.accuracy)
	} else {
		out.candidate(c, base, v.accuracy)
	}
	if why := c.Missing[bench.MainMetric(c.Scenario).Name]; why != "" {
		out.main = "none"
		out.marks = append(out.marks, v.note(fmt.Sprintf("%s of %s on %s: %s", mainColumn(c.Scenario), c.Variant, c.Engine, why)))
	}
	_, own := c.Value("size.packed")
	v.packed = v.packed || own
	return out
}

// absent returns the word and the reason that all cases of a group share, if
// none of them was measured.
func absent(g *bench.GroupResult) (verdict.Word, string) {
	for i := range g.Cases {
		c := &g.Cases[i]
		if c.Status == bench.OK || c.Status != g.Cases[0].Status || c.Reason != g.Cases[0].Reason {
			return "", ""
		}
	}
	if len(g.Cases) == 0 || g.Cases[0].Reason == "" {
		return "", ""
	}
	names := make([]string, len(g.Cases))
	for i := range g.Cases {
		names[i] = plain(g.Cases[i].Variant)
	}
	word := verdict.Skipped
	if g.Cases[0].Status == bench.Errored {
		word = verdict.Error
	}
	return word, plain(g.Cases[0].Reason) + " (" + strings.Join(names, ", ") + ")"
}

// reason says which gate decided and why.
func reason(c *bench.CaseResult, d verdict.Verdict) string {
	if c.Status != bench.OK {
		return plain(d.Reason)
	}
	return strings.TrimSpace(short(d.Metric) + " " + plain(d.Reason))
}

// short is how the table calls a metric: latency is latency.p50, the column.
func short(name string) string {
	switch name {
	case "latency.p50":
		return "latency"
	case "query.p99":
		return "query p99"
	case "rate.max":
		return "rate"
	case "memory.peak":
		return "memory"
	case "energy.net":
		return "energy"
	case "top1":
		return "top-1"
	}
	return plain(name)
}

func heading(r *bench.Result, g *bench.GroupResult) string {
	return join([]string{plain(g.Task), plain(g.Model), deviceText(r), loadText(g.Threads, g.Batch, g.Scenario, r.Plan.Scenarios[g.Scenario])})
}

// loadText is "1 thread, batch 1", or with another scenario than single-stream
// "1 thread, server: p99 within 10ms".
func loadText(threads, batch int, scenario string, p bench.ScenarioPlan) string {
	text := fmt.Sprintf("%d %s, ", threads, plural(threads, "thread"))
	switch {
	case scenario == "" || scenario == loadgen.SingleStream:
		return text + fmt.Sprintf("batch %d", batch)
	case scenario == loadgen.MultiStream && p.Samples > 0:
		return text + fmt.Sprintf("%s: queries of %d", scenario, p.Samples)
	case scenario == loadgen.Server && p.Latency > 0:
		return text + fmt.Sprintf("%s: p%.4g within %s", scenario, 100*p.Percentile, p.Latency)
	}
	return text + plain(scenario)
}

// mainColumn is how the table calls a scenario's main metric.
func mainColumn(scenario string) string {
	switch name := bench.MainMetric(scenario).Name; name {
	case "rate.max":
		return "highest rate"
	default:
		return strings.ReplaceAll(name, ".", " ")
	}
}

func deviceText(r *bench.Result) string {
	d := r.Device
	text := strings.TrimSpace(arch(d.Arch) + " " + plain(d.CPU))
	if d.Cores > 0 {
		text += fmt.Sprintf(", %d %s", d.Cores, plural(d.Cores, "core"))
	}
	return text
}

// arch is the usual name of what Go calls differently.
func arch(goarch string) string {
	if goarch == "amd64" {
		return "x86-64"
	}
	return plain(goarch)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// join puts the parts that are not empty into one line.
func join(parts []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" }), " · ")
}

// longest is how many characters of any one text are printed.
const longest = 1000

// plain takes line breaks and control characters out of text that came from
// outside, so that a file cannot paint on the terminal, and shortens it.
func plain(s string) string {
	if len(s) > 4*longest {
		s = s[:4*longest]
	}
	clean := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c >= 0x200e && c <= 0x200f || c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	return clip(strings.Join(strings.Fields(clean), " "), longest)
}

// duration prints seconds as people say them: "2 m 41 s".
func duration(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 0 {
		d = 0
	}
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return fmt.Sprintf("%d h %d m", h, m)
	case m > 0:
		return fmt.Sprintf("%d m %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}

// span prints a number, or the range of several.
func span(low, high int, word string) string {
	if low == high {
		return unit.Count(low) + " " + plural(low, word)
	}
	return fmt.Sprintf("%s–%s %s", unit.Count(low), unit.Count(high), plural(high, word))
}
