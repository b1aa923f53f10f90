package render

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"assay/bench/metric"
)

// memoryDetails are what memory is made of; its peak is in the main table.
var memoryDetails = []detail{
	{"load", metric.LoadMemory.Name},
	{"run", metric.RunMemory.Name},
	{"steady", metric.Steady.Name},
	{"arena", metric.ArenaMemory.Name},
	{"shared", metric.SharedMemory.Name},
	{"cgroup", metric.CgroupMemory.Name},
}

// memoryTable writes what is known of every case's memory beside its peak: a
// column per source that says anything, and nothing where none does.
func memoryTable(buf *bytes.Buffer, v *view, o Options) error {
	rows := detailRows(v, o, memoryDetails)
	for col := len(memoryDetails); col > 0; col-- {
		if !slices.ContainsFunc(rows[1:], func(r []string) bool { return r[col] != "" }) {
			drop(rows, col)
		}
	}
	if len(rows[0]) == 1 {
		return nil
	}
	lines, err := grid(rows)
	if err != nil {
		return err
	}
	fmt.Fprintf(buf, "\n%s\n%s\n", o.paint(bold, "memory"), strings.TrimRight(lines[0], " "))
	at := 1
	for _, s := range v.sections {
		for i := range s.engines {
			e := &s.engines[i]
			if len(e.rows) == 0 {
				continue
			}
			fmt.Fprintln(buf, hang("", o.text(plain(e.group.Model)+" on "+e.heading), o.width()))
			for range e.rows {
				fmt.Fprintln(buf, strings.TrimRight(lines[at], " "))
				at++
			}
		}
	}
	for _, source := range sharedSources(v) {
		fmt.Fprintln(buf, hang("  ", o.text("shared: known by "+source), o.width()))
	}
	return nil
}

// sharedSources are what told the memory that is shared with a GPU.
func sharedSources(v *view) []string {
	var out []string
	each(v, func(r *rowView) {
		if e, ok := r.c.Value(metric.SharedMemory.Name); ok && e.Source != "" && !slices.Contains(out, plain(e.Source)) {
			out = append(out, plain(e.Source))
		}
	})
	return out
}
