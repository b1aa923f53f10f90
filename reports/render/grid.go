package render

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// gap is the space between two columns.
const gap = "  "

// grid lays out rows of equally many cells as lines, one per row, without
// borders. Numbers line up: what stands before the first space of a cell is
// aligned to the right, what follows to the left.
func grid(rows [][]string) ([]string, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	aligned := align(rows)
	var buf bytes.Buffer
	pad := tw.CellPadding{Global: tw.Padding{Right: gap, Overwrite: true}}
	plainCell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    pad,
	}
	t := tablewriter.NewTable(&buf,
		tablewriter.WithConfig(tablewriter.Config{Row: plainCell, Behavior: tw.Behavior{TrimSpace: tw.Off, TrimLine: tw.Off}}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		})),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimLine(tw.Off),
		tablewriter.WithEastAsian(tw.Off),
	)
	for _, r := range aligned {
		if err := t.Append(r); err != nil {
			return nil, fmt.Errorf("lay out table: %w", err)
		}
	}
	if err := t.Render(); err != nil {
		return nil, fmt.Errorf("lay out table: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(buf.String(), "\n"), "\n")
	if len(lines) != len(rows) {
		return nil, fmt.Errorf("lay out table: %d lines of %d rows", len(lines), len(rows))
	}
	return lines, nil
}

// align pads the cells of every column so that their numbers line up.
func align(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i := range rows {
		out[i] = make([]string, len(rows[i]))
	}
	for col := range rows[0] {
		head := 0
		for _, r := range rows {
			if h, _, ok := number(r[col]); ok {
				head = max(head, width(h))
			}
		}
		wide := 0
		for i, r := range rows {
			out[i][col] = r[col]
			if h, t, ok := number(r[col]); ok {
				out[i][col] = strings.Repeat(" ", head-width(h)) + h + t
			}
			wide = max(wide, width(out[i][col]))
		}
		for i := range out {
			out[i][col] = pad(out[i][col], wide)
		}
	}
	return out
}

// number splits "96 µs" before the space; ok is false for what is no number.
func number(s string) (head, tail string, ok bool) {
	if s == "" || !strings.ContainsRune("0123456789+-−", []rune(s)[0]) {
		return "", "", false
	}
	if i := strings.IndexByte(s, ' '); i > 0 {
		return s[:i], s[i:], true
	}
	return s, "", true
}
