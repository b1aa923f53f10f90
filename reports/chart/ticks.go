package chart

import (
	"math"
	"strings"

	"assay/bench/unit"
)

// A tick is a labelled place on an axis.
type tick struct {
	at    float64
	label string
}

// ticks are few round numbers, printed with their unit.
type ticks struct {
	unit string
	log  bool
	most int
}

// between returns the ticks of a range, with their labels.
func (t ticks) between(low, high float64) []tick {
	var at []float64
	if t.log {
		at = roundLog(low, high, t.most)
	}
	if len(at) < 2 { // linear ticks of a range that is positive are positive
		at = roundLinear(low, high, t.most)
	}
	out := make([]tick, len(at))
	for i, v := range at {
		out[i] = tick{v, t.label(v, at)}
	}
	return out
}

// label prints v with as many digits as tell it from its neighbours.
func (t ticks) label(v float64, at []float64) string {
	switch {
	case v == 0 && t.unit != "ratio":
		return "0"
	case t.unit == "x":
		if len(at) > 1 && at[1]-at[0] < 0.0099 {
			return unit.Precise(v)
		}
		return unit.Fixed(v, 2) + "×"
	case t.unit == "ratio":
		if len(at) > 1 && at[1]-at[0] >= 0.0099 {
			return unit.Fixed(100*v, 0) + " %"
		}
		return unit.Fixed(100*v, 1) + " %"
	}
	s := unit.Format(v, t.unit)
	number, rest, _ := strings.Cut(s, " ")
	if strings.Contains(number, ".") { // "50.0 µs" is "50 µs" on an axis
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return strings.TrimSpace(number + " " + rest)
}

// roundLinear returns up to most multiples of 1, 2 or 5 times a power of ten.
func roundLinear(low, high float64, most int) []float64 {
	span := high - low
	if !(span > 0) || !usable(span) {
		return []float64{low}
	}
	step := math.Pow(10, math.Floor(math.Log10(span/float64(most))))
	for _, m := range []float64{1, 2, 5, 10, 20} {
		if span/(m*step) <= float64(most) {
			step *= m
			break
		}
	}
	var out []float64
	for k := math.Ceil(low/step - 1e-9); k*step <= high+1e-9*step && len(out) <= 2*most; k++ {
		out = append(out, k*step)
	}
	return out
}

// roundLog returns up to most of 1, 2, 5 (or 1, 3, or 1) times powers of ten,
// or of every nth power where there are too many.
func roundLog(low, high float64, most int) []float64 {
	if !(low > 0) || !usable(high) {
		return nil
	}
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	far := math.Ceil((last - first) / float64(most))
	for _, s := range []struct {
		lead []float64
		by   float64
	}{{[]float64{1, 2, 5}, 1}, {[]float64{1, 3}, 1}, {[]float64{1}, 1}, {[]float64{1}, far}} {
		var out []float64
		for e := first; e <= last && len(out) <= most; e += max(s.by, 1) {
			for _, m := range s.lead {
				if v := m * math.Pow(10, e); v >= low*(1-1e-9) && v <= high*(1+1e-9) {
					out = append(out, v)
				}
			}
		}
		if len(out) <= most {
			return out
		}
	}
	return nil
}
