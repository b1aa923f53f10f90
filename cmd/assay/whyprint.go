package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"assay/bench/cause"
	"assay/bench/host"
	"assay/bench/unit"

	"github.com/olekukonko/tablewriter/pkg/twwarp"
	"github.com/spf13/cobra"
)

// print writes explanations: a table each, or one JSON array.
func (f *whyFlags) print(c *cobra.Command, d host.Device, found []explanation) error {
	w := c.OutOrStdout()
	if f.format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(found)
	}
	for i := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := found[i].print(w, f.format, d, width(w, 120)); err != nil {
			return err
		}
	}
	return nil
}

// print writes the heading, the table of operators and what it comes to.
func (e *explanation) print(w io.Writer, format string, d host.Device, total int) error {
	markdown := format == "markdown"
	heading := fmt.Sprintf("%s · %s · %s", e.Model, e.Variant, e.Engine)
	if e.Build != "" {
		heading += "@" + e.Build
	}
	where := fmt.Sprintf("%s · %s, batch %d", d.CPU, plural(e.Threads, "thread"), e.Batch)
	if markdown {
		heading, where = "### "+heading+"\n", where+"\n"
	}
	fmt.Fprintf(w, "%s\n%s\n", heading, where)
	if e.Skipped != "" {
		lines, _ := twwarp.WrapString("not profiled: "+e.Skipped, total)
		_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
		return err
	}
	if err := e.table(w, markdown, total); err != nil {
		return err
	}
	lines, _ := twwarp.WrapString(e.summary(), total)
	if markdown {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// narrow is the width below which causes stand under their operator, where
// they have the whole line, instead of in a column.
const narrow = 100

func (e *explanation) table(w io.Writer, markdown bool, total int) error {
	l := list{header: []string{"OPERATOR", "NODES", "BASELINE", "VARIANT", "", "ROOF", "WHY"}}
	for i := range e.Rows {
		l.rows = append(l.rows, cells(&e.Rows[i]))
	}
	if markdown || total >= narrow {
		return l.table(w, markdown, total)
	}
	const why = 6
	l.header = l.header[:why]
	for i, row := range l.rows {
		l.rows[i] = row[:why]
	}
	var buf bytes.Buffer
	if err := l.table(&buf, false, total); err != nil {
		return err
	}
	at := -1 // the header is the first line
	for line := range strings.Lines(buf.String()) {
		fmt.Fprint(w, line)
		if at >= 0 && at < len(e.Rows) && len(e.Rows[at].Why) > 0 {
			const indent = "    "
			lines, _ := twwarp.WrapString(strings.Join(e.Rows[at].Why, "; "), total-len(indent))
			fmt.Fprintf(w, "%s%s\n", indent, strings.Join(lines, "\n"+indent))
		}
		at++
	}
	return nil
}

// cells prints one class of operators.
func cells(r *cause.Row) []string {
	nodes := fmt.Sprint(r.Baseline.Nodes)
	if r.Variant.Nodes != r.Baseline.Nodes {
		nodes += "→" + fmt.Sprint(r.Variant.Nodes)
	}
	word := r.Word
	if s := r.SpeedUp(); s > 0 {
		word += " " + unit.Ratio(s)
	}
	roof := ""
	if s := r.Variant.Share; s > 0 {
		roof = fmt.Sprintf("%.0f %%", 100*s)
	}
	return []string{r.Class, nodes, took(r.Baseline), took(r.Variant), word, roof, strings.Join(r.Why, "; ")}
}

func took(s cause.Sum) string {
	if s.Nodes == 0 {
		return "–"
	}
	return unit.Format(s.NS*1e-9, "sec")
}

// summary says what the whole inference gains, and which operators bring it.
func (e *explanation) summary() string {
	of := map[string][]string{}
	for i := range e.Rows {
		r := &e.Rows[i]
		if r.Word != cause.Equal || r.Variant.MACs != 0 { // what multiplies nothing was not compressed
			of[r.Word] = append(of[r.Word], r.Class)
		}
	}
	s := fmt.Sprintf("Whole inference: %s → %s, %s.", unit.Format(e.Baseline.NS*1e-9, "sec"), unit.Format(e.Own.NS*1e-9, "sec"), unit.Ratio(e.Baseline.NS/e.Own.NS))
	if v := of[cause.Pays]; v != nil {
		s += " Pay: " + strings.Join(v, ", ") + "."
	}
	if v := slices.Concat(of[cause.Equal], of[cause.Costs], of[cause.Added]); v != nil {
		s += " Do not: " + strings.Join(v, ", ") + "."
	}
	return s
}
