package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"assay/bench/runner"
	"assay/bench/unit"
	"assay/models/compress"
	"assay/models/compress/search"

	"github.com/spf13/cobra"
)

// How plans are compared at last: so many blocks of each by turns. The 4th and
// 12th of 15 in order hold the median of independent values with 96 %.
const (
	frontBlocks = 15
	frontLow    = 3
	frontHigh   = 11
)

// level is what two ratios must differ by for a plan to be worth a file: less
// is within what two measurements of one file differ by.
const level = 0.01

// A frontier is a plan with its last measurement.
type frontier struct {
	search.Found
	low, high float64 // of the ratio
}

// search makes the plans that are worth a file.
func (f *compressFlags) search(c *cobra.Command, model string) error {
	if err := f.plan.check(); err != nil {
		return usage("%v", err)
	}
	if err := f.set.Check(); err != nil {
		return usage("%v", err)
	}
	techniques, err := f.candidates()
	if err != nil {
		return err
	}
	base, err := findModel(model, f.norm)
	if err != nil {
		return usage("%v", err)
	}
	dir, err := f.folder(base, model)
	if err != nil {
		return err
	}
	k := kitchen{base: base, calibrate: f.calibrate, set: f.set}
	defer k.close()
	if err := k.open(c.Context()); err != nil {
		return err
	}
	if k.opt.Calibration == nil {
		return usage("plans are compared on real samples: --calibrate TASK:N or --calibrate FOLDER")
	}
	if len(f.set.Exclude)+len(f.set.ExcludeOps) > 0 {
		return usage("--exclude and --exclude-op say by hand what --plan search finds: leave them out")
	}
	free, err := alone(c)
	if err != nil {
		return err
	}
	defer free()
	p, err := f.plan.open(c.Context(), &k)
	if p != nil {
		defer p.close()
	}
	if err != nil {
		return err
	}
	return p.search(c, techniques, dir, f.verbose)
}

func (p *planner) search(c *cobra.Command, techniques []string, dir string, verbose bool) error {
	ctx := c.Context()
	limit, err := p.limit()
	if err != nil {
		return err
	}
	meters := search.Meters{Profile: p.profile, Ratio: p.ratio, Drop: p.drop}
	r, err := search.Run(ctx, p.k.m, techniques, p.k.opt, meters, search.Limits{Drop: limit, Time: p.budget}, func(s string) {
		fmt.Fprintln(c.ErrOrStderr(), "assay:", s)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.k.base.name, err)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "assay: %v\n", n)
	}
	front, err := p.compare(ctx, search.Front(r.Tried, limit, level), limit)
	if err != nil {
		return err
	}
	if len(front) == 0 {
		fmt.Fprintf(c.OutOrStdout(), "nothing is made: of %d plans, none loses at most %.2g pt and costs less %s than %s on %s\n", len(r.Tried), 100*limit, p.metric, p.k.base.name, p.engine)
		return nil
	}
	return p.write(c, r, front, limit, dir, verbose)
}

// compare measures the plans of the front once more, all by turns, and returns
// those that still belong to it and whose gain is more than the blocks' spread.
func (p *planner) compare(ctx context.Context, front []search.Found, limit float64) ([]frontier, error) {
	out := make([]frontier, len(front))
	for i, f := range front {
		out[i] = frontier{f, f.Ratio, f.Ratio}
	}
	var err error
	switch p.metric {
	case "latency":
		err = p.blocks(ctx, out)
	case "energy":
		err = p.joules(ctx, out)
	}
	if err != nil {
		return nil, err
	}
	for i := range front {
		front[i].Ratio = out[i].Ratio
	}
	front = search.Front(front, limit, 0)
	return slices.DeleteFunc(out, func(f frontier) bool {
		return f.high >= 1 || !slices.ContainsFunc(front, func(g search.Found) bool { return slices.Equal(f.Choice, g.Choice) })
	}), nil
}

// blocks sets the ratios by blocks of all plans and the baseline by turns.
func (p *planner) blocks(ctx context.Context, list []frontier) error {
	workers := make([]*runner.Worker, 0, len(list))
	defer func() {
		for _, w := range workers {
			w.Kill()
		}
	}()
	for _, f := range list {
		w, err := timed(ctx, p.engine, p.file(), f.Model, p.set)
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	ratios := make([][]float64, len(list))
	for range frontBlocks {
		b, err := p.base.Run(ctx, latencyBlock, 5)
		if err != nil {
			return err
		}
		base := median(b.Latencies)
		for i, w := range workers {
			b, err := w.Run(ctx, latencyBlock, 5)
			if err != nil {
				return err
			}
			ratios[i] = append(ratios[i], median(b.Latencies)/base)
		}
	}
	for i := range list {
		slices.Sort(ratios[i])
		list[i].low, list[i].Ratio, list[i].high = ratios[i][frontLow], ratios[i][frontBlocks/2], ratios[i][frontHigh]
	}
	return nil
}

// write writes the files, and tells why each layer got what it has: of all
// plans where verbose, else of the last, which costs least.
func (p *planner) write(c *cobra.Command, r *search.Result, front []frontier, limit float64, dir string, verbose bool) error {
	t := compress.Technique{Name: "search", Doc: "a technique for each layer, chosen by what was measured"}
	plans := list{header: []string{"PLAN", "FILE", strings.ToUpper(p.metric), "ACCURACY", "BYTES"}}
	layers := list{header: []string{"LAYER", "OP", "TECHNIQUE", "WHY"}}
	for i, f := range front {
		why := r.Why(f.Found, limit, p.text)
		for j := range r.Layers {
			note(f.Report, r.Layers[j].Node, why[j])
		}
		card := &planCard{Metric: p.metric, Engine: p.engine, Ratio: f.text(), Accuracy: p.accuracy(f.Found), From: f.From}
		path := filepath.Join(dir, fmt.Sprintf("%s-plan-%d.onnx", p.k.base.name, i+1))
		made, err := p.k.write(c.Context(), t, path, r.Base, f.Model, f.Report, card)
		if err != nil {
			return err
		}
		plans.rows = append(plans.rows, []string{fmt.Sprint(i + 1), path, f.text(), card.Accuracy, fmt.Sprintf("%.2f×", float64(made.report.After)/p.whole)})
		if !verbose && i < len(front)-1 {
			continue
		}
		for j, l := range r.Layers {
			technique := "as it is"
			if k := f.Choice[j]; k >= 0 {
				technique = l.Options[k].Technique
			}
			layers.rows = append(layers.rows, []string{fmt.Sprintf("%d %s", i+1, l.Node), l.Op, technique, why[j]})
		}
	}
	if err := plans.print(c.OutOrStdout(), "table"); err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout())
	return layers.print(c.OutOrStdout(), "table")
}

// note enters why a layer got what it has into the report of a plan.
func note(r *compress.Report, node, why string) {
	for i, n := range r.Nodes {
		if n.Name == node {
			r.Nodes[i].Reason = strings.TrimPrefix(n.Reason+"; "+why, "; ")
		}
	}
}

func (f frontier) text() string {
	if f.low == f.high {
		return fmt.Sprintf("%.2f×", f.Ratio)
	}
	return fmt.Sprintf("%.2f× (%.2f–%.2f)", f.Ratio, f.low, f.high)
}

// accuracy says how much a plan loses on the calibration samples, with the
// paired interval.
func (p *planner) accuracy(f search.Found) string {
	x := p.pairs[f.Model]
	in := x.Interval(0.95)
	text := fmt.Sprintf("%+.2f (%+.2f…%+.2f) pt on %d", 100*x.Difference(), 100*in.Low, 100*in.High, x.N)
	if p.k.data.Label(0) < 0 {
		return fmt.Sprintf("%.2f %% of %d answers differ", -100*x.Difference(), x.N)
	}
	return text
}

// text prints what a layer costs.
func (p *planner) text(x float64) string {
	if p.metric == "size" {
		return unit.Format(x, "B")
	}
	return unit.Format(x, "sec")
}
