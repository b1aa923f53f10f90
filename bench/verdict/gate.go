package verdict

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"assay/bench/metric"
	"assay/bench/unit"
)

// A Gate is one parsed limit, for example `latency.p50 <= 0.8x`.
type Gate struct {
	Text   string  `json:"gate"`
	Metric string  `json:"metric"`
	Op     string  `json:"op"`    // "<=" or ">="
	Limit  float64 `json:"limit"` // in Kind's unit: 0.8 for 0.8x, −1 for −1pt, 0.033 for 33ms
	Kind   Kind    `json:"kind"`
}

// Kind says what a gate's limit is compared with.
type Kind string

// Kinds of limit.
const (
	Relative Kind = "x"        // a ratio to the baseline
	Points   Kind = "pt"       // a difference to the baseline, in percentage points
	Absolute Kind = "absolute" // the metric's own value, in its base unit
)

// Unit returns the unit of the gate's limit, as unit.Format prints it.
func (g Gate) Unit() string {
	if g.Kind != Absolute {
		return string(g.Kind)
	}
	if m := metric.Lookup(g.Metric); m != nil {
		return m.Unit
	}
	return "1"
}

// A ParseError says where in the text of a gate the mistake is.
type ParseError struct {
	Text   string
	Column int // of the first wrong character, from 1, in characters
	Msg    string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("gate %q, column %d: %s", e.Text, e.Column, e.Msg)
}

// Parse reads a gate: a metric, "<=" or ">=", and a limit with its unit. A
// limit in "x" is a ratio to the baseline, one in "pt" a difference to it in
// percentage points, anything else is absolute and must be in the metric's
// unit. The metric must be registered, and the direction must be the one in
// which the metric can be too bad. Errors are *ParseError.
func Parse(text string) (Gate, error) {
	fail := func(at int, format string, a ...any) (Gate, error) {
		return Gate{}, &ParseError{text, 1 + utf8.RuneCountInString(text[:at]), fmt.Sprintf(format, a...)}
	}
	start := len(text) - len(strings.TrimLeft(text, " \t"))
	at := strings.IndexAny(text, "<>=≤≥!")
	name := strings.TrimSpace(text)
	if at >= 0 {
		name = strings.TrimSpace(text[:at])
	}
	m := metric.Lookup(name)
	switch {
	case name == "":
		return fail(start, "no metric (have %s)", strings.Join(metric.Names(), ", "))
	case m == nil:
		return fail(start, "unknown metric %q (have %s)", name, strings.Join(metric.Names(), ", "))
	case at < 0:
		return fail(len(text), "no limit: write it like %q", example(m))
	}
	op, size, hint := operator(text[at:])
	if op == "" {
		return fail(at, "%s", hint)
	}
	if want := direction(m); m.Better != 0 && op != want {
		return fail(at, "%s is better when it is %s, so its gate must be %s", m.Name, better(m), want)
	}
	rest := at + size
	rest += len(text[rest:]) - len(strings.TrimLeft(text[rest:], " \t"))
	if rest == len(text) {
		return fail(rest, "no limit: write it like %q", example(m))
	}
	v, base, err := unit.Parse(text[rest:])
	if err != nil {
		return fail(rest, "%v", err)
	}
	g := Gate{Text: strings.TrimSpace(text), Metric: m.Name, Op: op, Limit: v}
	if msg := g.resolve(m, base); msg != "" {
		return fail(rest, "%s", msg)
	}
	return g, nil
}

// operator reads the comparison at the beginning of s; where it is not one of
// the two, hint says what to write.
func operator(s string) (op string, size int, hint string) {
	for _, o := range []string{"<=", ">="} {
		if strings.HasPrefix(s, o) {
			return o, len(o), ""
		}
	}
	for wrong, right := range map[string]string{"<": "<=", "≤": "<=", ">": ">=", "≥": ">="} {
		if strings.HasPrefix(s, wrong) {
			return "", 0, fmt.Sprintf("%q is not a comparison of gates: write %q", wrong, right)
		}
	}
	return "", 0, `a gate compares with "<=" or ">="`
}

// resolve sets the kind from the limit's unit, or says why it does not fit.
func (g *Gate) resolve(m *metric.Metric, base string) string {
	relative := m.Unit != "ratio" && m.Unit != "dB" && m.Better != 0
	switch {
	case base == "x" && relative:
		g.Kind = Relative
		if g.Limit <= 0 {
			return "a ratio to the baseline must be above 0"
		}
	case base == "pt" && m.Unit == "ratio" && m.Name != metric.Agreement.Name:
		g.Kind = Points
		if g.Limit < -100 || g.Limit > 100 {
			return "a difference in points lies between -100 and 100"
		}
	case base == "1" && m.Unit == "ratio": // top1 >= 0.92 is as good as 92%
		g.Kind = Absolute
	case base == m.Unit:
		g.Kind = Absolute
	default:
		return fmt.Sprintf("%s is not compared in %s: write it like %q", m.Name, named(base), example(m))
	}
	if g.Kind == Absolute && m.Unit == "ratio" && (g.Limit < 0 || g.Limit > 1) {
		return fmt.Sprintf("a share lies between 0%% and 100%%, a difference is written in points: %q", example(m))
	}
	return ""
}

func direction(m *metric.Metric) string {
	if m.Better > 0 {
		return ">="
	}
	return "<="
}

func better(m *metric.Metric) string {
	if m.Better > 0 {
		return "higher"
	}
	return "lower"
}

func named(base string) string {
	switch base {
	case "x":
		return "multiples of the baseline"
	case "pt":
		return "points"
	case "ratio":
		return "percent"
	case "1":
		return "a number without a unit"
	}
	return base
}

// example is a gate on m that parses.
func example(m *metric.Metric) string {
	limit := map[string]string{"sec": "0.8x", "B": "0.5x", "J": "0.7x", "W": "0.7x", "J·sec": "0.7x", "1/sec": "1.2x", "1/J": "1.2x", "ratio": "-1pt", "dB": "30dB", "1": "0.5x"}[m.Unit]
	switch {
	case m == metric.Agreement:
		limit = "99%"
	case m.Better == 0: // no ratio of it is better than another
		limit = "8"
	}
	return fmt.Sprintf("%s %s %s", m.Name, direction(m), limit)
}
