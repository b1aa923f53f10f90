package render

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/bench/unit"
	"assay/reports/regress"
)

// RegressionFormats returns the formats that can say what has changed.
func RegressionFormats() []string {
	return names(func(f Format) bool { return f.Regressions != nil })
}

func regressionsTable(w io.Writer, r *regress.Report, o Options) error {
	var buf bytes.Buffer
	fmt.Fprintln(&buf, o.paint(bold, hang("", o.text(regressionsHead(r)), o.width())))
	for _, t := range regressionTables(r) {
		buf.WriteByte('\n')
		if err := t.print(&buf, o); err != nil {
			return err
		}
	}
	buf.WriteByte('\n')
	for _, l := range regressionsTail(r) {
		fmt.Fprintln(&buf, o.text(hang(l.lead, l.text, o.width())))
	}
	_, err := w.Write(buf.Bytes())
	return err
}

func regressionsMarkdown(w io.Writer, r *regress.Report, o Options) error {
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "**%s**\n\n", escapeMD(regressionsHead(r)))
	for _, t := range regressionTables(r) {
		tableMD(&buf, t)
	}
	for _, l := range regressionsTail(r) {
		fmt.Fprintf(&buf, "- %s\n", escapeMD(strings.TrimSpace(l.lead+l.text)))
	}
	return o.write(w, buf.String())
}

// regressionsHead is the answer in one line.
func regressionsHead(r *regress.Report) string {
	if r.Nightless {
		return "the store holds no run that fits"
	}
	count := map[watch.Word]int{}
	for _, c := range r.Changes {
		count[c.Word]++
	}
	var parts []string
	if n := count[watch.Confirmed] + count[watch.Held] + count[watch.Unattributed]; n > 0 {
		worse := unit.Count(n) + " series worse"
		if k := count[watch.Unattributed]; k > 0 {
			worse += fmt.Sprintf(" (%s unattributed)", unit.Count(k))
		}
		parts = append(parts, worse)
	}
	if n := len(r.Better); n > 0 {
		parts = append(parts, unit.Count(n)+" better")
	}
	text := strings.Join(parts, ", ")
	if text == "" {
		text = "nothing has changed"
	}
	if n := len(r.Suspects); n > 0 {
		text += fmt.Sprintf(", %s undecided", unit.Count(n))
	}
	return join([]string{text + " since " + day(r.Since), fmt.Sprintf("%s series over %s nights until %s", unit.Count(r.Series+r.Exact), unit.Count(r.Nights), day(r.To))})
}

func regressionTables(r *regress.Report) []titled {
	var out []titled
	for _, x := range []struct {
		title string
		all   []regress.Change
	}{{"Worse", r.Changes}, {"Undecided", r.Suspects}, {"Better", r.Better}, {"Cleared: measured again, it is not in the build", r.Cleared}, {"Noisier, at the same level", r.Remarks}} {
		if len(x.all) > 0 {
			out = append(out, changesTable(x.title, x.all))
		}
	}
	return out
}

// mostRows is how many changes a table shows: whoever has more reads JSON.
const mostRows = 50

func changesTable(title string, all []regress.Change) titled {
	t := titled{
		title: title,
		rows:  [][]string{{"series", "device", "metric", "change", "kind", "began", "between", "measured again", "p", "told", "likely causes"}},
		below: "likely causes", drop: []string{"p", "between", "device", "told", "kind", "began"},
	}
	if len(all) > mostRows {
		t.title = fmt.Sprintf("%s (the first %d of %s; --format json has all)", title, mostRows, unit.Count(len(all)))
		all = all[:mostRows]
	}
	last := ""
	for i := range all {
		c := &all[i]
		causes := causesText(c)
		t.rows = append(t.rows, []string{
			plain(c.Name()), shortID(c.Device), plain(c.Metric), changeSize(c.Size), string(c.Kind), day(c.Since), between(c), againText(c), pText(c.P), toldText(c), causes,
		})
		if own := c.Name() + c.Device + causes; own == last {
			t.rows[len(t.rows)-1][len(t.rows[0])-1] = "" // said in the row above
		} else {
			last = own
		}
	}
	return t
}

// changeSize is "1.10× ±1 %".
func changeSize(r regress.Ratio) string {
	s := unit.Ratio(r.Value)
	if half := (r.High - r.Low) / 2; half > 0 && r.Value > 0 && !math.IsInf(half, 0) {
		s += " " + unit.PlusMinus(half/r.Value, "x")
	}
	return s
}

// between bounds the day of a change where that is not known exactly.
func between(c *regress.Change) string {
	if s := day(c.Since); day(c.Early) == s && day(c.Late) == s {
		return ""
	}
	return fmt.Sprintf("%s and %s", c.Early.UTC().Format("01-02"), c.Late.UTC().Format("01-02"))
}

func againText(c *regress.Change) string {
	switch {
	case c.Kind == stat.Spread:
		return ""
	case c.Again != nil:
		return changeSize(*c.Again)
	case c.Size.Low == c.Size.High:
		return "exact"
	}
	return "not yet"
}

func pText(p float64) string {
	if p <= 0 || p >= 1 {
		return ""
	}
	return fmt.Sprintf("%.1g", p)
}

// toldText says how sure the change is, and since when that is known.
func toldText(c *regress.Change) string {
	switch c.Word {
	case watch.Suspect, "":
		return ""
	}
	return string(c.Word) + " " + c.Told.UTC().Format("01-02")
}

func causesText(c *regress.Change) string {
	parts := c.Causes
	if len(parts) == 0 {
		parts = []string{"nothing that is recorded differs"}
	}
	text := fmt.Sprintf("%s; first run %s of %s", strings.Join(parts, "; "), shortID(c.Begin), day(c.Since))
	if c.Trials > 0 {
		text += fmt.Sprintf("; %s trials in all would tell", unit.Count(c.Trials))
	}
	return plain(text)
}

// regressionsTail is what a reader has to know of the numbers, and may do.
func regressionsTail(r *regress.Report) []remark {
	var out []remark
	add := func(lead, format string, a ...any) { out = append(out, remark{lead, plain(fmt.Sprintf(format, a...))}) }
	for _, s := range r.Silent {
		add("! ", "%s has not reported for %s, last on %s", orID(s.Name, s.Device), amount(s.Nights, "night"), day(s.Last))
	}
	for _, a := range r.Alike {
		add("! ", "device %s: %s of %s are off their level to the worse side: look at the device or the runtime before the models", shortID(a.Device), unit.Count(a.Worse), unit.Count(a.Of)+" series")
	}
	for _, f := range r.Fresh {
		add("! ", "device %s: %s since run %s: its series begin a new level there", shortID(f.Device), strings.Join(f.What, ", "), shortID(f.Run))
	}
	if r.Nightless {
		return out
	}
	if r.Short > 0 {
		add("", "%s of the series have too few nights to know their noise (10 are wanted)", unit.Count(r.Short))
	}
	if r.Older > 0 {
		add("", "%s more were told before %s and are neither over nor acknowledged: --since shows them", unit.Count(r.Older), day(r.Since))
	}
	if text := passedText(r.Passed); text != "" {
		add("", "passed over: %s", text)
	}
	add("", "budget: one false alarm in %s nights over all series, at most %s measured again per night; of %s A/A pairs measured again, %s would have been an alarm", unit.Number(math.Round(1/r.Budget)), amount(r.Count.Allowed, "suspect"), unit.Count(r.Count.Controls), unit.Count(r.Count.Alarms))
	if len(r.Persists) > 0 {
		var parts []string
		for _, p := range r.Persists {
			parts = append(parts, fmt.Sprintf("%s of %s (at most %s)", percentOf(p.Value), p.Family, percentOf(p.High)))
		}
		add("", "of a night's deviation a second measurement shows again: %s", strings.Join(parts, ", "))
	} else {
		add("", "how much of a night's deviation a second measurement shows again is not known yet (40 A/A pairs of a kind of metric tell: assay regressions --confirm): until then a change is told when it has held on two more nights")
	}
	if len(r.Changes) > 0 {
		c := &r.Changes[0]
		add("> ", "to accept a change: assay ack %s --at %s --why …", caseOfSeries(c.Series), shortID(c.Begin))
	}
	return out
}

// passedText lists what says nothing of a series.
func passedText(p regress.Passed) string {
	var parts []string
	for _, x := range []struct {
		n    int
		text string
	}{
		{p.Untrusted, "not trusted"},
		{p.Unusable, "zero, negative or no number"},
		{p.Unknown, "of metrics that this program does not watch"},
		{p.Future, "of runs that were received after now"},
		{p.Repeated, "of further runs in a night, which count as one with the first"},
	} {
		if x.n > 0 {
			parts = append(parts, amount(x.n, "value")+" "+x.text)
		}
	}
	return strings.Join(parts, ", ")
}

func percentOf(v float64) string { return unit.Fixed(100*max(v, 0), 0) + " %" }

func amount(n int, what string) string { return unit.Count(n) + " " + plural(n, what) }

// caseOfSeries is the part of a series that names model, variant and engine:
// assay ack accepts all metrics of it at once.
func caseOfSeries(key string) string {
	from, to := strings.Index(key, "model="), strings.Index(key, "/provider=")
	if from < 0 || to < from {
		return key
	}
	return key[from:to]
}
