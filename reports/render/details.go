package render

import (
	"bytes"
	"fmt"
	"strings"

	"assay/bench/host"
	"assay/bench/unit"
)

// A detail is one column of the tables of details: absolute values for every
// case.
type detail struct{ name, metric string }

var details = []detail{
	{"p90", ".p90"}, // of an inference, or of a scenario's query
	{"p99", ".p99"},
	{"throughput", "throughput"},
	{"start", "latency.start"},
	{"load", "latency.load"},
	{"first", "latency.first"},
	{"agreement", "agreement"},
	{"sqnr", "sqnr"},
}

// detailsTable writes tails, throughput, cold starts and fidelity of every
// case, and the control and deviation of every group.
func detailsTable(buf *bytes.Buffer, v *view, o Options) error {
	rows := detailRows(v, o, details)
	for _, col := range []int{8, 7} { // fidelity gives way on a narrow terminal
		if gridWidth(rows) > o.width()+len(gap) {
			drop(rows, col)
		}
	}
	lines, err := grid(rows)
	if err != nil {
		return err
	}
	fmt.Fprintf(buf, "\n%s\n%s\n", o.paint(bold, "details"), strings.TrimRight(lines[0], " "))
	at := 1
	for _, s := range v.sections {
		for i := range s.engines {
			e := &s.engines[i]
			fmt.Fprintln(buf, hang("", o.text(groupText(e)), o.width()))
			for range e.rows {
				fmt.Fprintln(buf, strings.TrimRight(lines[at], " "))
				at++
			}
		}
	}
	for _, text := range tailNotes(v) {
		fmt.Fprintln(buf, hang("  ", o.text(text), o.width()))
	}
	return memoryTable(buf, v, o)
}

// detailRows are the cells of every case, below their names.
func detailRows(v *view, o Options, cols []detail) [][]string {
	rows := [][]string{{""}}
	for _, d := range cols {
		rows[0] = append(rows[0], d.name)
	}
	each(v, func(r *rowView) {
		cells := []string{o.text("  " + fit(r.name, 32))}
		for _, d := range cols {
			if strings.HasPrefix(d.metric, ".") {
				cells = append(cells, o.text(value(r.c, "latency"+d.metric)+value(r.c, "query"+d.metric)))
				continue
			}
			cells = append(cells, o.text(value(r.c, d.metric)))
		}
		rows = append(rows, cells)
	})
	return rows
}

// drop takes column col out of rows.
func drop(rows [][]string, col int) {
	for i := range rows {
		rows[i] = append(rows[i][:col:col], rows[i][col+1:]...)
	}
}

// groupText is "resnet8 on native@0.1.0 · A/A 1.002× ±0.4 % · between trials
// 0.3 % · 5 trials × 4 rounds · 3 of 80 blocks dropped · watched 38 times …".
func groupText(e *engineView) string {
	g := e.group
	parts := []string{plain(g.Model) + " on " + e.heading}
	if g.AA != nil {
		parts = append(parts, controlText(g.AA), "between trials "+unit.PlusMinus(g.AA.Deviation, "x"))
	}
	if g.Trials > 0 {
		parts = append(parts, span(g.Trials, g.Trials, "trial")+" × "+span(g.Rounds, g.Rounds, "round"))
		parts = append(parts, fmt.Sprintf("%s of %s blocks dropped", unit.Count(g.Dropped), unit.Count(g.Blocks)))
	}
	return join(append(parts, watchText(g.During)...))
}

// watchText is "watched 38 times for 0.02 % of a core", "2,680 of 2,700 MHz",
// "at most 61 °C (x86_pkg_temp)"; nothing where nobody looked.
func watchText(d host.During) []string {
	if d.Looks == 0 {
		return nil
	}
	parts := []string{fmt.Sprintf("watched %s for %.2g %% of a core", span(d.Looks, d.Looks, "time"), 100*d.Cost)}
	mhz := d.LoadMHz
	if mhz == 0 {
		mhz = d.MHz
	}
	if mhz > 0 && d.LimitMHz > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s MHz", unit.Count(int(mhz)), unit.Count(int(d.LimitMHz))))
	}
	if d.Hottest != "" {
		parts = append(parts, fmt.Sprintf("at most %.0f °C (%s)", d.Celsius, plain(d.Hottest)))
	}
	return parts
}

// independence is MLPerf's condition for the bound of a percentile.
const independence = "p90, p99: their bounds hold for independent queries only, which those of one process are not"

// tailNotes says what the percentiles rest on: first where the queries were
// too few for early stopping, then the condition that holds for all.
func tailNotes(v *view) []string {
	var out []string
	tails := false
	each(v, func(r *rowView) {
		for _, name := range []string{"latency.p90", "latency.p99"} {
			e, ok := r.c.Value(name)
			_, query := r.c.Value(strings.Replace(name, "latency", "query", 1))
			tails = tails || ok || query
			if ok && e.Note != "" && len(out) < 4 {
				out = append(out, fmt.Sprintf("%s of %s on %s: %s", strings.TrimPrefix(name, "latency."), plain(r.c.Variant), plain(r.c.Engine), plain(e.Note)))
			}
		}
	})
	if tails {
		out = append(out, independence)
	}
	return out
}
