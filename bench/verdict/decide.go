package verdict

import (
	"fmt"
	"math"
	"strconv"

	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/unit"
)

// Evidence is what was measured for one gate of one case, in the gate's unit
// (Gate.Unit: "x", "pt" or the metric's own).
type Evidence struct {
	// Word is Error, Skipped, Inconclusive or Untrusted where there is nothing
	// to judge, with its Reason; "" where there is.
	Word   Word
	Reason string

	// Untrusted is why timing cannot be believed, "" if it can. It replaces
	// verdicts on timing and energy; exact metrics keep theirs.
	Untrusted string

	// At returns the interval at a confidence: wider for higher levels, of
	// width zero for exact metrics (stat.Exactly).
	At func(level float64) stat.Interval

	// Needed returns how many units of evidence in all would set the interval
	// at this confidence apart from limit; stat.MaxNeeded or more if no
	// affordable number does. nil where that is not known.
	Needed func(limit, level float64) int

	N  int    // units of evidence that there are
	Of string // what they are: "trials", "samples"
}

// Decide judges one gate at a confidence, for example 0.95: pass if the whole
// interval is inside the limit, fail if it is wholly outside, inconclusive if
// neither. Several gates of one release are judged together by Judge.
func Decide(g Gate, e Evidence, level float64) Verdict {
	v := Verdict{Gate: g.Text, Metric: g.Metric, Limit: g.Limit, Reason: e.Reason}
	if e.Word == "" && e.At == nil {
		e.Word, v.Reason = Skipped, "not measured"
	}
	if e.Word != "" {
		v.Word = e.Word
		return v
	}
	i := e.At(level)
	v.Value, v.Low, v.High = i.Mid, i.Low, i.High
	if m := metric.Lookup(g.Metric); e.Untrusted != "" && m != nil && m.Timing {
		v.Word, v.Reason = Untrusted, e.Untrusted
		return v
	}
	v.Word = word(g, i)
	switch v.Word {
	case Fail:
		v.Reason = wanted(g, i.Mid)
	case Inconclusive:
		v.Reason = undecided(g, i, e, level)
	}
	return v
}

// word places an interval against a limit. The limit itself is inside.
func word(g Gate, i stat.Interval) Word {
	in, out := i.High <= g.Limit, i.Low > g.Limit
	if g.Op == ">=" {
		in, out = i.Low >= g.Limit, i.High < g.Limit
	}
	switch {
	case math.IsNaN(i.Low) || math.IsNaN(i.High):
		return Inconclusive
	case in:
		return Pass
	case out:
		return Fail
	}
	return Inconclusive
}

// wanted is "1.01x, wanted <= 0.80x", with as many decimals as tell the two apart.
func wanted(g Gate, v float64) string {
	for digits := 2; ; digits++ {
		a, b := show(g, v, digits), show(g, g.Limit, digits)
		if a != b || digits == 6 {
			return fmt.Sprintf("%s, wanted %s %s", a, g.Op, b)
		}
	}
}

// undecided says where the interval lies and how much more would decide.
func undecided(g Gate, i stat.Interval, e Evidence, level float64) string {
	s := wanted(g, i.Mid)
	if math.IsNaN(i.Mid) {
		return "no value"
	}
	if !math.IsInf(i.Low, 0) && !math.IsInf(i.High, 0) {
		s += fmt.Sprintf(" (%s to %s)", show(g, i.Low, 2), show(g, i.High, 2))
	}
	if e.Needed == nil {
		return s
	}
	switch n := e.Needed(g.Limit, level); {
	case n >= stat.MaxNeeded:
		return s + fmt.Sprintf("; no affordable number of %s decides", e.Of)
	case n > e.N:
		return s + fmt.Sprintf("; needs %s %s, has %s", unit.Count(n), e.Of, unit.Count(e.N))
	}
	return s
}

// show prints a value in a gate's unit: ratios as the gate writes them.
func show(g Gate, v float64, digits int) string {
	switch {
	case g.Kind == Relative:
		return strconv.FormatFloat(v, 'f', digits, 64) + "x"
	case digits > 2 && g.Kind == Points:
		return unit.Fixed(v, digits) + " pt"
	case digits > 2:
		return unit.Detailed(v, g.Unit(), digits+1)
	}
	return unit.Format(v, g.Unit())
}
