package render

import (
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"

	"assay/bench/verdict"
)

// cells counts terminal columns as everywhere but in East Asian locales, so
// that a table looks the same wherever it is stored.
var cells = func() *runewidth.Condition {
	c := runewidth.NewCondition()
	c.EastAsianWidth = false
	return c
}()

func width(s string) int { return cells.StringWidth(s) }

// pad fills s up to n columns on the right.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// fit shortens s to n columns.
func fit(s string, n int) string {
	if width(s) <= n {
		return s
	}
	return cells.Truncate(s, n, "…")
}

// wrap breaks text into lines of at most n columns, at spaces where it can.
func wrap(text string, n int) []string {
	n = max(n, 8)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for width(word) > n {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			head := cells.Truncate(word, n, "")
			if head == "" { // a single character wider than the line
				break
			}
			lines, word = append(lines, head), word[len(head):]
		}
		switch {
		case line == "":
			line = word
		case width(line)+1+width(word) <= n:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// hang wraps text under a first line that begins with lead: "! like
// this".
func hang(lead, text string, n int) string {
	indent := strings.Repeat(" ", width(lead))
	return lead + strings.Join(wrap(text, n-width(lead)), "\n"+indent)
}

// ascii maps the characters that the formats print themselves.
var ascii = strings.NewReplacer("·", "-", "×", "x", "±", "+-", "−", "-", "µ", "u", "–", "-", "…", "...", "≤", "<=", "≥", ">=", "→", "->", "÷", "/", "∞", "inf", "°", "")

// text is s as the terminal may show it.
func (o Options) text(s string) string {
	if !o.ASCII {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c > 0x7e {
			return '?'
		}
		return c
	}, ascii.Replace(s))
}

// Basic ANSI colours only: terminals choose them to be readable on their own
// background.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours s if asked to.
func (o Options) paint(code, s string) string {
	if !o.Color || code == "" || s == "" {
		return s
	}
	return fmt.Sprintf("\x1b[%sm%s\x1b[0m", code, s)
}

// color of a verdict's word.
func color(w verdict.Word) string {
	switch w {
	case verdict.Pass:
		return green
	case verdict.Fail, verdict.Error:
		return red
	case verdict.Inconclusive, verdict.Untrusted:
		return yellow
	}
	return ""
}

// wordText is a verdict as the table shows it: what forbids a release stands
// out without colour too.
func wordText(w verdict.Word) string {
	if w == verdict.Fail {
		return "FAIL"
	}
	return string(w)
}
