package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/bench/unit"
	"assay/reports"
)

// Across prints models side by side on the devices that ran them.
func Across(w io.Writer, all []reports.Across, o Options) error {
	var buf bytes.Buffer
	for i := range all {
		if i > 0 {
			buf.WriteByte('\n')
		}
		if err := acrossTable(&all[i]).print(&buf, o); err != nil {
			return err
		}
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// acrossTable is a row for each case and device, without the columns that
// nobody has anything in.
func acrossTable(a *reports.Across) titled {
	t := titled{
		title: join([]string{plain(a.Task), plain(a.Model), "side by side"}),
		rows:  [][]string{{"case", "engine", "device", "class", acrossAccuracy(a), "latency", "speed-up", "flips", "difference", "memory", "energy", "verdict"}},
		drop:  []string{"energy", "memory", "class", "difference", "latency", "engine"},
	}
	for i := range a.Rows {
		t.rows = append(t.rows, acrossRow(&a.Rows[i], t.rows[0][4]))
	}
	for col := len(t.rows[0]) - 1; col >= 0; col-- {
		if !slices.ContainsFunc(t.rows[1:], func(r []string) bool { return r[col] != "" }) {
			drop(t.rows, col)
		}
	}
	return t
}

// acrossAccuracy is "agreement" where no device had labels.
func acrossAccuracy(a *reports.Across) string {
	if slices.ContainsFunc(a.Rows, func(r reports.AcrossRow) bool { _, ok := r.Case.Value("top1"); return ok }) {
		return "top-1"
	}
	return "agreement"
}

func acrossRow(r *reports.AcrossRow, accuracy string) []string {
	c := r.Case
	row := rowView{c: c}
	if c.Status == bench.OK && c.Variant == bench.Baseline {
		row.baseline(c, accuracy)
	} else if c.Status == bench.OK {
		row.candidate(c, &bench.CaseResult{}, accuracy)
	}
	d := reports.Worst(c)
	word := wordText(d.Word)
	if word == "" && r.Untrusted != "" {
		word = "untrusted"
	}
	return []string{
		plain(c.Variant), plain(c.Engine) + providerText(c.Provider) + loadBeyond(&c.Case), plain(orID(r.Name, r.Device)), plain(r.Class),
		row.accuracy, row.main, row.speedup, flipsText(r.Parity), differenceText(r.Parity), row.memory, row.energy, word,
	}
}

// loadBeyond is what is not the usual single thread, batch and scenario.
func loadBeyond(c *bench.Case) string {
	usual := c.Scenario == "" || c.Scenario == loadgen.SingleStream
	if usual && c.Threads <= 1 && c.Batch <= 1 {
		return ""
	}
	return ", " + loadText(c.Threads, c.Batch, c.Scenario, bench.ScenarioPlan{})
}

// flipsText is "12 in 10,000": how many samples are answered otherwise than on the baseline device.
func flipsText(p *reports.Parity) string {
	switch {
	case p == nil:
		return ""
	case p.Reference:
		return "reference"
	case p.Reason != "":
		return plain(p.Reason)
	}
	return unit.Count(p.Flips) + " in " + unit.Count(p.Samples)
}

// differenceText is the largest difference of two outputs, of those that both
// devices kept.
func differenceText(p *reports.Parity) string {
	if p == nil || p.Reference || p.Outputs == 0 {
		return ""
	}
	return fmt.Sprintf("%.2g", p.Largest)
}
