package main

import (
	"fmt"
	"io"
	"strings"

	"assay/bench/host"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter/pkg/twwarp"
)

// printChecklist writes an item per paragraph, which reads well on the
// narrowest terminal: state, name, what is, and below what to do about it.
func printChecklist(w io.Writer, items []host.Item, total int) error {
	name := 0
	for _, i := range items {
		name = max(name, runewidth.StringWidth(i.Name))
	}
	const state = len("unknown")
	indent := state + 2 + name + 2
	var b strings.Builder
	for _, i := range items {
		fmt.Fprintf(&b, "%-*s  %s  ", state, i.State, runewidth.FillRight(i.Name, name))
		lines, _ := twwarp.WrapString(i.Detail, max(total-indent, minColumn))
		if i.Remedy != "" {
			more, _ := twwarp.WrapString(i.Remedy, max(total-indent-2, minColumn))
			lines = append(lines, "→ "+strings.Join(more, "\n"+strings.Repeat(" ", indent+2)))
		}
		b.WriteString(strings.Join(lines, "\n"+strings.Repeat(" ", indent)) + "\n")
	}
	fmt.Fprintf(&b, "\n%s\n", host.Summary(items))
	_, err := io.WriteString(w, b.String())
	return err
}
