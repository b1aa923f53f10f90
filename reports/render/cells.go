package render

import (
	"math"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/unit"
)

// baseline fills a row with absolute values.
func (r *rowView) baseline(c *bench.CaseResult, accuracy string) {
	if e, ok := c.Value("top1"); ok {
		r.accuracy = unit.Format(e.Value, e.Unit)
	} else if accuracy == "agreement" {
		r.accuracy = "reference"
	}
	r.main = mainValue(c)
	r.memory = value(c, "memory.peak")
	r.size = value(c, "size")
	r.packed = value(c, "size.packed")
	if e, ok := c.Value("energy.net"); ok {
		r.energy = unit.Format(e.Value, e.Unit)
	}
}

// candidate fills a row with what differs from the baseline: differences for
// accuracy and memory, ratios with their half-widths for the rest.
func (r *rowView) candidate(c, base *bench.CaseResult, accuracy string) {
	if e, ok := c.Ratio("top1"); ok {
		r.accuracy = strings.TrimSuffix(unit.Signed(e.Value, "pt"), " pt") + " " + unit.PlusMinus((e.High-e.Low)/2, "pt")
	} else if e, ok := c.Value("top1"); ok {
		r.accuracy = unit.Format(e.Value, e.Unit)
	} else if e, ok := c.Value("agreement"); ok {
		r.accuracy = unit.Format(e.Value, e.Unit)
		if accuracy != "agreement" {
			r.accuracy += " agree"
		}
	}
	r.main = mainValue(c)
	if e, ok := c.Speedup(); ok {
		r.speedup = ratioText(e)
	}
	own, ok1 := c.Value("memory.peak")
	ref, ok2 := base.Value("memory.peak")
	if ok1 && ok2 {
		r.memory = bytesDiff(own.Value - ref.Value)
	} else if ok1 {
		r.memory = unit.Format(own.Value, "B")
	}
	r.size = share(c, "size")
	r.packed = share(c, "size.packed")
	if e, ok := c.Ratio("energy.net"); ok {
		r.energy = ratioText(e)
	}
}

// value is a metric's absolute value, "" where there is none.
func value(c *bench.CaseResult, name string) string {
	if e, ok := c.Value(name); ok && finite(e.Value) {
		return unit.Format(e.Value, e.Unit)
	}
	return ""
}

// share is an exact ratio to the baseline; the absolute value where there is
// no baseline to compare with.
func share(c *bench.CaseResult, name string) string {
	if e, ok := c.Ratio(name); ok {
		return unit.Ratio(e.Value)
	}
	return value(c, name)
}

// mainValue is a case's value of its scenario's main metric: offline with the
// batch that gave it.
func mainValue(c *bench.CaseResult) string {
	text := value(c, bench.MainMetric(c.Scenario).Name)
	if e, ok := c.Value("batch"); ok && text != "" {
		text += ", batch " + unit.Count(int(e.Value))
	}
	return text
}

// ratioText is "1.58× ±1 %"; the half-width is relative.
func ratioText(e metric.Estimate) string {
	s := unit.Ratio(e.Value)
	if e.High > e.Low && e.Value > 0 {
		s += " " + unit.PlusMinus((e.High-e.Low)/2/e.Value, "x")
	}
	return s
}

// bytesDiff is a difference of memory in tenths of a megabyte, as its
// neighbours are, from 100 MB on with three digits.
func bytesDiff(v float64) string {
	if math.Abs(v) >= 99.95e6 {
		return unit.Signed(v, "B")
	}
	s := unit.Fixed(v/1e6, 1) + " MB"
	if !strings.HasPrefix(s, unit.Minus) {
		s = "+" + s
	}
	return s
}
