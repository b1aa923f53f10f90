package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwarp"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"
)

// listFormats are the formats of plain lists; results have more (reports/render).
var listFormats = []string{"table", "markdown", "json"}

// A list is a plain table: what `models list`, `doctor` and their like print.
type list struct {
	header []string
	rows   [][]string
	data   any // what JSON holds instead of the printed cells
}

// formatFlag adds --format to a command that prints a list.
func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "table", "output format: "+strings.Join(listFormats, ", "))
}

// print writes l as format says.
func (l list) print(w io.Writer, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(l.data)
	case "markdown", "table":
		return l.table(w, format == "markdown", width(w, 120))
	}
	return usage("unknown format %q (have %s)", format, strings.Join(listFormats, ", "))
}

// table writes l in total columns.
func (l list) table(w io.Writer, markdown bool, total int) error {
	opts := []tablewriter.Option{
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft), tablewriter.WithTrimSpace(tw.Off),
	}
	rows := l.rows
	if markdown {
		opts = append(opts, tablewriter.WithRenderer(renderer.NewMarkdown()))
	} else {
		rows = l.fit(total)
		opts = append(opts, tablewriter.WithRowAutoWrap(tw.WrapNone), tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.Off, Bottom: tw.Off},
			Settings: tw.Settings{Separators: tw.Separators{BetweenColumns: tw.Off}, Lines: tw.Lines{ShowHeaderLine: tw.Off}},
		}))
	}
	t := tablewriter.NewTable(w, opts...)
	t.Header(l.header)
	if err := t.Bulk(rows); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	return t.Render()
}

// minColumn is the width below which a column is not wrapped.
const minColumn = 16

// fit wraps the cells of the widest columns so that a row has at most total
// columns, two of which pad each cell.
func (l list) fit(total int) [][]string {
	widths := make([]int, len(l.header))
	for _, row := range append([][]string{l.header}, l.rows...) {
		for i, c := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(c))
		}
	}
	for over := len(widths) * 2; ; {
		sum, widest := over, 0
		for i, n := range widths {
			sum += n
			if n > widths[widest] {
				widest = i
			}
		}
		if sum <= total || widths[widest] <= minColumn {
			break
		}
		widths[widest]--
	}
	var out [][]string
	for _, row := range l.rows {
		wrapped := make([]string, len(row))
		for i, c := range row {
			lines, _ := twwarp.WrapString(c, widths[i])
			wrapped[i] = strings.Join(lines, "\n")
		}
		out = append(out, wrapped)
	}
	return out
}
