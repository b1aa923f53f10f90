package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"assay/bench/stat"
	"assay/bench/unit"
)

// A table prints races as they end, and the geometric mean of each group.
type table struct {
	w        io.Writer
	cpus     []int
	settings string
	group    string
	ratios   []float64
}

func (t *table) row(ctx context.Context, r race, rounds int) error {
	times, settings, why, err := r.run(ctx, rounds, t.cpus)
	if err != nil {
		return err
	}
	t.settings = settings
	t.print(r, times, why)
	return nil
}

// print prints a row of times, or of what r.unit says, a ratio of each round unless why
// says why there is none.
func (t *table) print(r race, times [2][]float64, why string) {
	if r.group != t.group {
		t.mean()
		t.group = r.group
		fmt.Fprintf(t.w, "\n%-30s %12s %12s   %s\n", r.group, engines[0], engines[1], "ratio")
	}
	ratio := why
	if why == "" {
		rs := make([]float64, len(times[0]))
		for i := range rs {
			rs[i] = times[0][i] / times[1][i]
		}
		m := stat.Median(rs)
		t.ratios = append(t.ratios, m)
		ratio = fmt.Sprintf("%s (%s to %s)", unit.Ratio(m), unit.Ratio(stat.Quantile(rs, 0.25)), unit.Ratio(stat.Quantile(rs, 0.75)))
	}
	of := cmp.Or(r.unit, "sec")
	fmt.Fprintf(t.w, "  %-28s %12s %12s   %s\n", r.name, unit.Format(stat.Median(times[0]), of), unit.Format(stat.Median(times[1]), of), ratio)
}

// mean ends a group.
func (t *table) mean() {
	if len(t.ratios) > 1 {
		fmt.Fprintf(t.w, "  %-28s %12s %12s   %s\n", "geometric mean", "", "", unit.Ratio(stat.Geomean(t.ratios)))
	}
	t.ratios = nil
}

func (t *table) end() {
	t.mean()
	fmt.Fprintf(t.w, "\n%s", t.settings)
}
