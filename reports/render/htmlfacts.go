package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/host"
	"assay/bench/unit"
)

// resultFacts are the folded tables at the end: what a reader needs to trust
// or to repeat the run.
func resultFacts(r *bench.Result) []facts {
	return []facts{
		{Title: "Device", Rows: deviceRows(&r.Device)},
		{Title: "Condition", Head: []string{"", "before", "after"}, Rows: conditionRows(&r.Before, &r.After)},
		{Title: "Software", Rows: softwareRows(r)},
		{Title: "Plan", Rows: planRows(&r.Plan)},
	}
}

// filled drops the rows that say nothing.
func filled(rows [][]string) [][]string {
	return slices.DeleteFunc(rows, func(r []string) bool { return strings.Join(r[1:], "") == "" })
}

func deviceRows(d *host.Device) [][]string {
	rows := [][]string{
		{"name", plain(d.Name)},
		{"class", plain(d.Class)},
		{"id", plain(d.ID)},
		{"board", plain(d.Board)},
		{"processor", plain(d.CPU)},
		{"cores", atLeastOne(d.Cores)},
		{"features", plain(strings.Join(d.Features, " "))},
		{"memory", bytesText(d.Memory)},
		{"virtual", plain(d.Virtual)},
		{"system", join([]string{plain(d.OS), arch(d.Arch), plain(d.Kernel)})},
	}
	for _, k := range slices.Sorted(maps.Keys(d.Facts)) {
		rows = append(rows, []string{plain(k), plain(d.Facts[k])})
	}
	return filled(rows)
}

func atLeastOne(n int) string {
	if n < 1 {
		return ""
	}
	return unit.Count(n)
}

func bytesText(n int64) string {
	if n <= 0 {
		return ""
	}
	return unit.Format(float64(n), "B")
}

func conditionRows(before, after *host.Condition) [][]string {
	var rows [][]string
	for _, f := range []struct {
		name string
		text func(*host.Condition) string
	}{
		{"governor", func(c *host.Condition) string { return plain(c.Governor) }},
		{"clock driver", func(c *host.Condition) string { return plain(c.Driver) }},
		{"clock", func(c *host.Condition) string { return above(c.MHz, fmt.Sprintf("%.0f MHz", c.MHz)) }},
		{"highest clock", func(c *host.Condition) string { return above(c.MaxMHz, fmt.Sprintf("%.0f MHz", c.MaxMHz)) }},
		{"processors online", func(c *host.Condition) string { return atLeastOne(c.CPUs) }},
		{"temperature", func(c *host.Condition) string { return temperatures(c.Celsius) }},
		{"throttle events since boot", func(c *host.Condition) string { return counted(c.Throttled) }},
		{"firmware flags", func(c *host.Condition) string { return above(float64(c.Firmware), fmt.Sprintf("%#x", c.Firmware)) }},
		{"stolen since boot", func(c *host.Condition) string { return above(c.Steal, unit.Format(c.Steal, "sec")) }},
		{"cgroup throttled", func(c *host.Condition) string { return counted(c.Quota) }},
		{"load, 1 minute", func(c *host.Condition) string { return unit.Fixed(c.Load1, 2) }},
		{"memory available", func(c *host.Condition) string { return bytesText(c.FreeMem) }},
		{"swap used", func(c *host.Condition) string { return bytesText(c.SwapUsed) }},
		{"notes", func(c *host.Condition) string { return plain(strings.Join(c.Notes, "; ")) }},
	} {
		rows = append(rows, []string{f.name, f.text(before), f.text(after)})
	}
	return filled(rows)
}

// above is text, where v is known and not zero.
func above(v float64, text string) string {
	if !finite(v) || v <= 0 {
		return ""
	}
	return text
}

// counted is a counter of events; −1 is unknown.
func counted(n int64) string {
	if n < 0 {
		return ""
	}
	return unit.Number(float64(n))
}

func temperatures(all map[string]float64) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("%s %s °C", plain(k), unit.Fixed(all[k], 0)))
	}
	return strings.Join(out, ", ")
}

func softwareRows(r *bench.Result) [][]string {
	rows := [][]string{{"assay", plain(r.Version)}, {"result", plain(r.Schema)}}
	for i := range r.Engines {
		e := &r.Engines[i]
		rows = append(rows, []string{plain(e.Name), join([]string{plain(e.Build), plain(strings.Join(e.Providers, " ")), labelText(e.Settings)})})
	}
	return filled(append(rows, []string{"labels", labelText(r.Labels)}))
}

func planRows(p *bench.Plan) [][]string {
	rows := [][]string{
		{"trials", fmt.Sprintf("%s to %s", unit.Count(p.Trials), unit.Count(p.MaxTrials))},
		{"rounds", unit.Count(p.Rounds)},
		{"block", lasting(p.Block)},
		{"precision", precisions(p)},
		{"budget", lasting(p.Budget)},
		{"cold starts", unit.Count(p.Cold)},
		{"samples", samplesText(p.Samples)},
	}
	if e := p.Energy; e != nil {
		rows = append(rows, []string{"energy", join([]string{
			span(e.Rounds, e.Rounds, "round"), lead("window ", lasting(e.Window)), lead("idle ", lasting(e.Idle)),
			lead("settle ", lasting(e.Settle)), lead("meter ", plain(e.Meter)), lead("budget ", lasting(e.Budget)),
		})})
	}
	return filled(rows)
}

func lead(word, text string) string {
	if text == "" {
		return ""
	}
	return word + text
}

func lasting(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return d.String()
}

func precisions(p *bench.Plan) string {
	if p.Precision <= 0 {
		return ""
	}
	out := []string{unit.PlusMinus(p.Precision, "x")}
	for _, k := range slices.Sorted(maps.Keys(p.PrecisionBy)) {
		out = append(out, plain(k)+" "+unit.PlusMinus(p.PrecisionBy[k], "x"))
	}
	return strings.Join(out, ", ")
}

func samplesText(n int) string {
	if n == 0 {
		return "all"
	}
	return unit.Count(n)
}

// energyFacts say by what the energy of a group was measured, or why it was
// not, and what else to know of it.
func energyFacts(g *bench.GroupResult, heading string) []string {
	if e := g.Energy; e != nil && e.Rounds > 0 {
		out := []string{heading + ": " + energyLine([]*bench.EnergyInfo{e})}
		for _, n := range e.Notes {
			out = append(out, plain(n))
		}
		return out
	}
	var why []string
	measured := false
	for i := range g.Cases {
		c := &g.Cases[i]
		measured = measured || c.Status == bench.OK
		if text := plain(energyReason(c)); text != "" && !slices.Contains(why, text) {
			why = append(why, text)
		}
	}
	if !measured {
		return nil
	}
	return []string{"Energy: " + notMeasured + lead(": ", strings.Join(why, "; "))}
}
