package render

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/unit"
	"assay/bench/verdict"
)

func init() {
	Register(Format{Name: "junit", Doc: "for CI systems: one test case per case and gate", Result: func(w io.Writer, r *bench.Result, _ Options) error { return JUnit(w, r, nil) }})
}

// The elements that CI systems read (the form of Ant's junitreport; Jenkins,
// GitLab, GitHub's and Azure's readers know no other).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string      `xml:"name,attr"`
		Tests      int         `xml:"tests,attr"`
		Failures   int         `xml:"failures,attr"`
		Errors     int         `xml:"errors,attr"`
		Skipped    int         `xml:"skipped,attr"`
		Time       string      `xml:"time,attr"`
		Timestamp  string      `xml:"timestamp,attr"`
		Hostname   string      `xml:"hostname,attr"`
		Properties []junitProp `xml:"properties>property,omitempty"`
		Cases      []junitCase `xml:"testcase"`
		Out        string      `xml:"system-out,omitempty"`
	}
	junitProp struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Failure *junitReason `xml:"failure"`
		Error   *junitReason `xml:"error"`
		Skipped *junitReason `xml:"skipped"`
		Out     string       `xml:"system-out,omitempty"`
	}
	junitReason struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes one test case per case × gate, and those of against, which are
// the verdicts of reports.Against. A fail is a failure; what leaves a release
// undecided is an error, as is a run in which nothing was judged; an optional
// gate without a measurement is skipped. So the file is green exactly when
// assay gate exits 0.
func JUnit(w io.Writer, r *bench.Result, against []verdict.Verdict) error {
	all := junitSuites{Name: join([]string{"assay", plain(r.Suite)}), Time: secondsXML(r.Ended.Sub(r.Started).Seconds())}
	for i := range r.Groups {
		if s := junitGroup(r, &r.Groups[i]); len(s.Cases) > 0 {
			all.Suites = append(all.Suites, s)
		}
	}
	if len(against) > 0 {
		s := newSuite(r, "against an earlier run", 0)
		for _, v := range against {
			s.Cases = append(s.Cases, junitGate("against", plain(v.Gate), v))
		}
		all.Suites = append(all.Suites, s)
	}
	if !judged(r, against) {
		s := newSuite(r, "gates", 0)
		why := junitReason{Type: "nothing judged", Message: "nothing was judged: the suite has no gates that apply here"}
		s.Cases = []junitCase{{Class: "gates", Name: "at least one gate was judged", Error: &why}}
		all.Suites = append(all.Suites, s)
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		s.count()
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	}
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	e := xml.NewEncoder(&buf)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	buf.WriteByte('\n')
	_, err := w.Write(buf.Bytes())
	return err
}

// judged reports whether any gate was: a gate's exit code counts skips of
// optional gates for nothing.
func judged(r *bench.Result, against []verdict.Verdict) bool {
	decides := func(v verdict.Verdict) bool { return v.Word != verdict.Skipped || v.Undecided() }
	return slices.ContainsFunc(against, decides) || anyCase(r, func(c *bench.CaseResult) bool { return slices.ContainsFunc(c.Verdicts, decides) })
}

func newSuite(r *bench.Result, name string, took float64) junitSuite {
	return junitSuite{
		Name: name, Time: secondsXML(took), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: plain(orID(r.Device.Name, r.Device.ID)),
		Properties: []junitProp{{"run", plain(r.Run)}, {"assay", plain(r.Version)}, {"device", deviceText(r)}},
	}
}

func junitGroup(r *bench.Result, g *bench.GroupResult) junitSuite {
	where := []string{plain(g.Task), plain(g.Model), plain(g.Engine) + providerText(g.Provider)}
	s := newSuite(r, join(append(where, fmt.Sprintf("%d %s, batch %d", g.Threads, plural(g.Threads, "thread"), g.Batch))), g.Seconds)
	s.Properties = append(s.Properties, junitProp{"engine", plain(g.Engine) + "@" + plain(g.Build)})
	if g.AA != nil {
		s.Properties = append(s.Properties, junitProp{"control", controlText(g.AA)})
	}
	var class []string // dots part packages for readers of JUnit
	for _, part := range where {
		if part != "" {
			class = append(class, strings.ReplaceAll(part, ".", "_"))
		}
	}
	for i := range g.Cases {
		c := &g.Cases[i]
		for _, v := range c.Verdicts {
			s.Cases = append(s.Cases, junitGate(strings.Join(class, "."), plain(c.Variant)+": "+plain(v.Gate), v))
		}
	}
	var doubts []string
	for _, d := range append(append([]string{}, g.Untrusted...), g.Doubts...) {
		doubts = append(doubts, plain(d))
	}
	s.Out = strings.Join(doubts, "\n")
	return s
}

// junitGate is one verdict. Its message holds the numbers: those of the
// verdict's reason, or of a pass its value and interval.
func junitGate(class, name string, v verdict.Verdict) junitCase {
	c := junitCase{Class: class, Name: name}
	text, measured := plain(v.Reason), interval(v)
	switch {
	case text == "":
		text = string(v.Word)
	case v.Word == verdict.Untrusted && measured != "":
		text = measured + "; " + text
	}
	reason := &junitReason{Type: string(v.Word), Message: text, Text: measured}
	switch {
	case v.Word == verdict.Pass:
		c.Out = measured
	case v.Word == verdict.Fail:
		c.Failure = reason
	case v.Undecided():
		c.Error = reason
	default:
		c.Skipped = &junitReason{Message: text}
	}
	return c
}

// interval is "0.632× (0.628× to 0.636×), limit 0.800×", in the gate's unit; ""
// where nothing was measured.
func interval(v verdict.Verdict) string {
	if v.Value == 0 && v.Low == 0 && v.High == 0 || !finite(v.Value, v.Low, v.High, v.Limit) {
		return ""
	}
	in := gateUnit(v)
	show := func(x float64) string { return unit.Format(x, in) }
	if in == "x" {
		show = unit.Precise
	}
	text := show(v.Value)
	if v.High > v.Low {
		text += " (" + show(v.Low) + " to " + show(v.High) + ")"
	}
	return text + ", limit " + show(v.Limit)
}

// gateUnit is the unit of a verdict's numbers, from the gate as written.
func gateUnit(v verdict.Verdict) string {
	text, _, _ := strings.Cut(v.Gate, " against run ")
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	if g, err := verdict.Parse(text); err == nil {
		return g.Unit()
	}
	return ""
}

func secondsXML(s float64) string {
	if !finite(s) || s < 0 {
		s = 0
	}
	return fmt.Sprintf("%.3f", s)
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		switch c := &s.Cases[i]; {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}
