package unit

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// scales maps what may follow a number to a base unit and the factor to it.
// "%" is a share of one. Prefixes of bytes are decimal, Ki and its like binary.
var scales = map[string]struct {
	unit  string
	times float64
}{
	"":   {"1", 1},
	"x":  {"x", 1},
	"×":  {"x", 1},
	"pt": {"pt", 1},
	"%":  {"ratio", 0.01},
	"ns": {"sec", 1e-9}, "us": {"sec", 1e-6}, "µs": {"sec", 1e-6}, "μs": {"sec", 1e-6},
	"ms": {"sec", 1e-3}, "s": {"sec", 1}, "min": {"sec", 60},
	"B": {"B", 1}, "kB": {"B", 1e3}, "KB": {"B", 1e3}, "MB": {"B", 1e6}, "GB": {"B", 1e9}, "TB": {"B", 1e12},
	"KiB": {"B", 1 << 10}, "MiB": {"B", 1 << 20}, "GiB": {"B", 1 << 30}, "TiB": {"B", 1 << 40},
	"nJ": {"J", 1e-9}, "uJ": {"J", 1e-6}, "µJ": {"J", 1e-6}, "μJ": {"J", 1e-6}, "mJ": {"J", 1e-3}, "J": {"J", 1}, "kJ": {"J", 1e3}, "Wh": {"J", 3600},
	"mW": {"W", 1e-3}, "W": {"W", 1}, "kW": {"W", 1e3},
	"pJ·s": {"J·sec", 1e-12}, "nJ·s": {"J·sec", 1e-9}, "uJ·s": {"J·sec", 1e-6}, "µJ·s": {"J·sec", 1e-6}, "μJ·s": {"J·sec", 1e-6}, "mJ·s": {"J·sec", 1e-3}, "J·s": {"J·sec", 1},
	"/J": {"1/J", 1}, "1/J": {"1/J", 1}, "k/J": {"1/J", 1e3},
	"/s": {"1/sec", 1}, "1/s": {"1/sec", 1}, "k/s": {"1/sec", 1e3},
	"dB": {"dB", 1},
	"k":  {"1", 1e3}, "M": {"1", 1e6}, "G": {"1", 1e9},
}

// timesSign is "·" in units; what a keyboard has instead is read as the same.
var timesSign = strings.NewReplacer("*", "·", "Js", "J·s", "J-s", "J·s", "⋅", "·")

// choices are named in errors, in the order that helps most.
const choices = "0.8x, -1pt, 92%, 33ms, 150us, 10MB, 40MiB, 5mJ, 100/s"

// Parse reads a number with its unit, for example "33ms", "0.8x", "-1pt",
// "10MB", "92%", and returns it in the base unit, whose name is as in Format:
// "sec", "B", "J", "W", "J·sec", "1/sec", "1/J", "dB", "ratio" for %, "x", "pt", and "1" for a
// bare number. A space before the unit and a real minus sign are allowed, and
// joule-seconds may be written "mJ·s", "mJ*s" or "mJs".
func Parse(text string) (value float64, base string, err error) {
	s := strings.TrimSpace(strings.ReplaceAll(text, Minus, "-"))
	end := numberEnd(s)
	number, suffix := s[:end], strings.TrimSpace(s[end:])
	if number == "" {
		return 0, "", fmt.Errorf("%q does not begin with a number (write it like %s)", text, choices)
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, "", fmt.Errorf("%q is not a number", number)
	}
	scale, ok := scales[suffix]
	if !ok {
		scale, ok = scales[timesSign.Replace(suffix)]
	}
	if !ok {
		if near := sameFold(suffix); near != "" {
			return 0, "", fmt.Errorf("unknown unit %q (did you mean %q?)", suffix, near)
		}
		return 0, "", fmt.Errorf("unknown unit %q (write it like %s)", suffix, choices)
	}
	if v *= scale.times; math.IsInf(v, 0) {
		return 0, "", fmt.Errorf("%q is too large", text)
	}
	return v, scale.unit, nil
}

// numberEnd returns where the decimal number at the beginning of s ends. "1e3"
// is a number, "1e" is not taken as one; "1/s" alone is no number.
func numberEnd(s string) int {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	start := i
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	if i == start {
		return 0
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		if k := j; k < len(s) && s[k] >= '0' && s[k] <= '9' {
			for k < len(s) && s[k] >= '0' && s[k] <= '9' {
				k++
			}
			return k
		}
	}
	return i
}

// sameFold returns the unit that differs from s only in case.
func sameFold(s string) string {
	var found []string
	for k := range scales {
		if k != "" && strings.EqualFold(k, s) {
			found = append(found, k)
		}
	}
	sort.Strings(found)
	if len(found) == 0 {
		return ""
	}
	return found[0]
}
