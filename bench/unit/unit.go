// Package unit prints base units for people and reads limits that people
// write. Inside the program every number is in a base unit ("sec", "B", "J",
// "W", "J·sec", "ratio", "1/sec", "1/J", "1", "dB") and prefixes exist only here. Numbers are
// printed with three significant digits, negative ones with a real minus sign
// (U+2212), and a plain space before the unit.
package unit

import (
	"math"
	"strconv"
	"strings"
)

// Minus is the sign of negative numbers in tables.
const Minus = "−"

// Format prints value, given in a metric's base unit. A "ratio" is a share
// (accuracy) and printed in percent; "x" is a ratio to a baseline, "pt" a
// difference in percentage points. An unknown unit is printed as it is.
//
//	Format(152e-6, "sec")   152 µs
//	Format(31.2e6, "B")     31.2 MB
//	Format(0.9261, "ratio") 92.61 %
//	Format(1.58, "x")       1.58×
//	Format(-0.06, "pt")     −0.06 pt
//	Format(1234, "1/sec")   1,234 /s
//	Format(45e-9, "J·sec")  45.0 nJ·s
func Format(value float64, unit string) string {
	switch unit {
	case "sec":
		return scaled(value, "s", small)
	case "B":
		return scaled(value, "B", large)
	case "J":
		return scaled(value, "J", both)
	case "W":
		return scaled(value, "W", both)
	case "J·sec":
		return scaled(value, "J·s", product)
	case "Hz":
		return scaled(value, "Hz", large)
	case "ratio":
		return Percent(value)
	case "x":
		return Ratio(value)
	case "pt":
		return fixed(value, 2) + " pt"
	case "1/sec":
		return Number(value) + " /s"
	case "1/J":
		return Number(value) + " /J"
	case "1", "":
		return Number(value)
	case "dB":
		return fixed(value, 1) + " dB"
	}
	return Number(value) + " " + unit
}

// Signed is Format with a sign in front of positive values too: "+0.0 MB",
// "−1.4 MB". It is meant for differences. Those of bytes are of memory, whose
// grain is coarse: below 10 MB they are in tenths of a megabyte.
func Signed(value float64, unit string) string {
	s := Format(value, unit)
	if unit == "B" && math.Abs(value) < 9.95e6 {
		s = fixed(value/1e6, 1) + " MB"
	}
	if strings.HasPrefix(s, Minus) || math.IsNaN(value) {
		return s
	}
	return "+" + s
}

// Ratio prints a ratio to a baseline: "1.58×", "12.3×", "0.053×".
func Ratio(v float64) string { return ratioDigits(v) + "×" }

// Precise prints a ratio that is near 1, as the A/A control's: "1.002×".
func Precise(v float64) string { return fixed(v, 3) + "×" }

// Percent prints a share with two decimals: 0.9261 is "92.61 %".
func Percent(v float64) string { return fixed(100*v, 2) + " %" }

// PlusMinus prints a half-width: PlusMinus(0.2, "pt") is "±0.20 pt". The unit
// "x" is relative and printed in percent, whole from 1 % on: 0.01 is "±1 %",
// 0.004 is "±0.4 %".
func PlusMinus(half float64, unit string) string {
	half = math.Abs(half)
	if unit == "x" {
		if p := 100 * half; p < 0.95 {
			return "±" + fixed(p, 1) + " %"
		}
		return "±" + fixed(100*half, 0) + " %"
	}
	return "±" + Format(half, unit)
}

// Number prints a plain number: whole ones and those from 100 on with
// thousands separated by commas, smaller ones with three significant digits.
func Number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return fixed(v, 0)
	case math.Abs(v) >= 1e15 || v != 0 && math.Abs(v) < 1e-4:
		return strings.ReplaceAll(strconv.FormatFloat(v, 'g', 3, 64), "-", Minus)
	case v == math.Trunc(v) || math.Abs(v) >= 99.95:
		return commas(fixed(v, 0))
	}
	return digits(v)
}

// Count prints a whole number with commas: 10000 is "10,000".
func Count(n int) string { return Number(float64(n)) }

// A ladder is the prefixes that a unit is printed with, by power of 1000.
type ladder struct{ low, high int }

var (
	small   = ladder{-3, 0} // ns to s
	large   = ladder{0, 4}  // B to TB
	both    = ladder{-3, 3}
	product = ladder{-4, 3} // microjoules times microseconds are pJ·s
)

var prefixes = map[int]string{-4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T"}

// prefix returns the power of 1000 that leaves 1 to 999 before the point.
func (l ladder) prefix(v float64) int {
	p := l.low
	for p < l.high && math.Abs(v)/math.Pow(1000, float64(p)) >= 999.5 {
		p++
	}
	return p
}

// scaled prints v with an SI prefix.
func scaled(v float64, base string, l ladder) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return fixed(v, 0) + " " + base
	}
	p := l.prefix(v)
	x := v / math.Pow(1000, float64(p))
	if p == 0 && base == "B" { // bytes are whole
		return fixed(x, 0) + " B"
	}
	return commas(digits(x)) + " " + prefixes[p] + base
}

// digits prints three significant digits, all of those before the point.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 99.95 || a == 0 || math.IsNaN(v):
		return fixed(v, 0)
	case a >= 9.995:
		return fixed(v, 1)
	case a >= 0.9995:
		return fixed(v, 2)
	case a >= 0.09995:
		return fixed(v, 3)
	}
	return strings.ReplaceAll(strconv.FormatFloat(v, 'g', 3, 64), "-", Minus)
}

// ratioDigits is digits with two decimals down to 0.1: 0.29, not 0.290.
func ratioDigits(v float64) string {
	if a := math.Abs(v); a >= 0.0995 && a < 0.9995 || a == 0 {
		return fixed(v, 2)
	}
	return digits(v)
}

// fixed prints a number of decimals with a real minus sign; what rounds to
// zero has none. NaN is "?", infinity "∞".
func fixed(v float64, decimals int) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return Minus + "∞"
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	if v < 0 && strings.Trim(s, "0.") != "" {
		return Minus + s
	}
	return s
}

// commas separates the thousands of what fixed printed; a number with an
// exponent has none.
func commas(s string) string {
	if strings.Contains(s, "e") {
		return s
	}
	sign := ""
	if strings.HasPrefix(s, Minus) {
		sign, s = Minus, s[len(Minus):]
	}
	whole, rest, point := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		rest = "." + rest
	}
	return sign + whole + rest
}

// Fixed prints a number of decimals with a real minus sign; what rounds to
// zero has no sign. NaN is "?", infinity "∞".
func Fixed(v float64, decimals int) string { return fixed(v, decimals) }

// Detailed is Format with n significant digits, for two values that look the
// same with three.
func Detailed(v float64, unit string, n int) string {
	n = max(n, 3)
	f, ok := map[string]struct {
		base string
		ladder
	}{"sec": {"s", small}, "B": {"B", large}, "J": {"J", both}, "W": {"W", both}, "J·sec": {"J·s", product}}[unit]
	switch {
	case ok && v != 0 && !math.IsNaN(v) && !math.IsInf(v, 0):
		p := f.prefix(v)
		return strings.ReplaceAll(strconv.FormatFloat(v/math.Pow(1000, float64(p)), 'g', n, 64), "-", Minus) + " " + prefixes[p] + f.base
	case unit == "ratio":
		return fixed(100*v, n-1) + " %"
	case unit == "1/sec":
		return fixed(v, n-3) + " /s"
	case unit == "1/J":
		return fixed(v, n-3) + " /J"
	}
	return Format(v, unit)
}
