package render

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/unit"
)

// energyCell is what stands for a case's energy where it has no value: the
// word that its reason begins with, as bench gives it.
func energyCell(reason string) string {
	for _, word := range []string{"below detection", "invalid", "untrusted"} {
		if strings.HasPrefix(reason, word) {
			return word
		}
	}
	return notMeasured
}

// energyReason is why a case has no energy, "" where it has some or where
// nobody asked for it.
func energyReason(c *bench.CaseResult) string {
	if c.Status != bench.OK {
		return ""
	}
	return c.Missing["energy.net"]
}

// sharedEnergyReason is the reason that all measured cases of a group share.
func sharedEnergyReason(g *bench.GroupResult) string {
	reason := ""
	for i := range g.Cases {
		c := &g.Cases[i]
		switch why := energyReason(c); {
		case c.Status != bench.OK:
		case why == "", reason != "" && why != reason:
			return ""
		default:
			reason = why
		}
	}
	return reason
}

// energyNote is the footnote for a reason.
func energyNote(reason string) string {
	if energyCell(reason) == notMeasured {
		return "energy not measured: " + reason
	}
	return "energy " + reason
}

// energyLines say by what energy was measured: one line per meter and way of
// measuring, and then what else to know of it.
func energyLines(r *bench.Result) []string {
	var out []string
	var done []*bench.EnergyInfo
	for i := range r.Groups {
		e := r.Groups[i].Energy
		if e == nil || e.Rounds == 0 || slices.ContainsFunc(done, func(d *bench.EnergyInfo) bool { return alikeEnergy(d, e) }) {
			continue
		}
		done = append(done, e)
		var same []*bench.EnergyInfo
		for j := range r.Groups {
			if x := r.Groups[j].Energy; x != nil && alikeEnergy(x, e) {
				same = append(same, x)
			}
		}
		out = append(out, energyLine(same))
	}
	return out
}

// alikeEnergy reports whether two groups were measured alike.
func alikeEnergy(a, b *bench.EnergyInfo) bool {
	return a.Meter == b.Meter && a.Window == b.Window && a.IdleTime == b.IdleTime && a.Rounds == b.Rounds
}

// energyLine is "energy by rapl (package): package-0 · new values every 1 ms,
// read every 100 ms · 5 rounds of 10 s, idle 30 s at 11.3 W · reading takes
// 0.1 % of a core · A/A 1.003× ±0.8 %".
func energyLine(es []*bench.EnergyInfo) string {
	e := es[0]
	low, high, cost, discarded := e.Idle, e.Idle, 0.0, 0
	var worst *bench.Control
	for _, x := range es {
		low, high, cost, discarded = min(low, x.Idle), max(high, x.Idle), max(cost, x.Cost), discarded+x.Discarded
		if x.AA != nil && (worst == nil || math.Abs(math.Log(x.AA.Ratio.Value)) > math.Abs(math.Log(worst.Ratio.Value))) {
			worst = x.AA
		}
	}
	idle := unit.Format(low, "W")
	if top := unit.Format(high, "W"); top != idle {
		idle += " to " + top
	}
	parts := []string{
		"energy by " + plain(e.Meter),
		fmt.Sprintf("new values every %s, read every %s", unit.Format(e.Period, "sec"), unit.Format(e.Every, "sec")),
		fmt.Sprintf("%s of %s, idle %s at %s", span(e.Rounds, e.Rounds, "round"), seconds(e.Window), seconds(e.IdleTime), idle),
		"reading takes " + unit.Percent(cost) + " of a core",
	}
	if discarded > 0 {
		parts = append(parts, fmt.Sprintf("%d invalid %s dropped", discarded, plural(discarded, "window")))
	}
	if worst != nil {
		parts = append(parts, controlText(worst))
	}
	if e.Error > 0 {
		parts = append(parts, "the sensor itself: "+unit.PlusMinus(e.Error, "x")+", in no interval")
	}
	if e.Estimated != "" {
		parts = append(parts, "estimated: "+plain(e.Estimated))
	}
	return join(parts)
}

// seconds is "10 s", or "0.3 s".
func seconds(s float64) string {
	if s >= 60 {
		return duration(time.Duration(s * float64(time.Second)))
	}
	return fmt.Sprintf("%.3g s", s)
}

// energyDetails are the columns of the table on energy.
var energyDetails = []struct{ name, metric string }{
	{"net", "energy.net"},
	{"gross", "energy.gross"},
	{"power", "power"},
	{"efficiency", "energy.efficiency"},
	{"energy × delay", "energy.delay"},
}

// energyTable writes the energy of every case in absolute numbers, where any
// was measured.
func energyTable(buf *bytes.Buffer, v *view, o Options) error {
	rows := [][]string{{""}}
	for _, d := range energyDetails {
		rows[0] = append(rows[0], d.name)
	}
	heads := map[int]string{} // by the row that follows
	for _, s := range v.sections {
		for i := range s.engines {
			e, first := &s.engines[i], len(rows)
			for j := range e.rows {
				cells := []string{o.text("  " + fit(e.rows[j].name, 32))}
				for _, d := range energyDetails {
					cells = append(cells, o.text(value(e.rows[j].c, d.metric)))
				}
				if strings.Join(cells[1:], "") != "" {
					rows = append(rows, cells)
				}
			}
			if len(rows) > first {
				heads[first] = plain(e.group.Model) + " on " + e.heading
			}
		}
	}
	if len(rows) == 1 {
		return nil
	}
	lines, err := grid(rows)
	if err != nil {
		return err
	}
	fmt.Fprintf(buf, "\n%s\n", o.paint(bold, "energy"))
	for i, line := range lines {
		if heads[i] != "" {
			fmt.Fprintln(buf, hang("", o.text(heads[i]), o.width()))
		}
		fmt.Fprintln(buf, strings.TrimRight(line, " "))
	}
	return nil
}
