package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/engine/ortlib"
	"assay/bench/metric"
	"assay/bench/runner"
	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/models"
	"assay/models/zoo"
	"assay/reports"
	"assay/reports/regress"
	"assay/reports/store"
	"assay/suites"

	"github.com/spf13/cobra"
)

// tonight is the variant of a second measurement's candidate: tonight's build.
// Its baseline is the last accepted one.
const tonight = "tonight"

// confirmSamples is how many samples the workers are fed and checked with.
const confirmSamples = 64

// confirmBlock is the least duration of a block, that of every suite.
const confirmBlock = 50 * time.Millisecond

// A second is the second measurement of one case: its series, the run whose
// build is measured, and that of the accepted build.
type second struct {
	group    bench.Group
	requests []regress.Request
}

// again measures what the report asks for of this device, and keeps what it
// finds. What cannot be measured again is said and left as it is.
func (f *regressionFlags) again(c *cobra.Command, db *store.SQLite, plan watch.Plan, r *regress.Report) error {
	set, err := bench.Local()
	if err != nil {
		return err
	}
	all, err := f.seconds(c, db, r.Requests, set.Device.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	x := &suites.Expansion{Tasks: map[string]*models.DataCard{}}
	var groups []bench.Group
	for _, s := range all {
		groups = append(groups, s.group)
		if card, err := zoo.Data(s.group.Cases[0].Task); err == nil {
			x.Tasks[s.group.Cases[0].Task] = card
		}
	}
	feed, err := newFeed(x, f.data, confirmSamples, models.IO{Scale: 255})
	if err != nil {
		return usage("%v", err)
	}
	set.Suite, set.Version, set.Plan, set.Data = "confirm", buildVersion(), f.plan(plan, r, all), feed.data
	set.Command = func(c bench.Case) (runner.Command, error) { return builtCommand(c, db) }
	step, end := progress(c.ErrOrStderr())
	set.Progress, set.Explain = step, nil
	res, err := bench.Run(c.Context(), set, groups)
	end()
	if err != nil {
		return err
	}
	var found []reports.Remeasured
	for i, s := range all {
		found = append(found, read(c, s, &res.Groups[i], res.Run)...)
	}
	return db.PutAgain(context.WithoutCancel(c.Context()), found)
}

// plan is how thoroughly is measured again: so that the interval is as narrow
// as the smallest change that counts, at the level of a decision.
func (f *regressionFlags) plan(p watch.Plan, r *regress.Report, all []second) bench.Plan {
	alpha := p.ConfirmAlpha(r.Series)
	out := bench.Plan{
		Trials: watch.Pilot, MaxTrials: watch.MaxTrials, Rounds: 4, Block: confirmBlock, Samples: confirmSamples, Budget: f.budget,
		Precision: p.Least * stat.TQuantile(0.95, watch.Pilot-1) / stat.TQuantile(1-2*alpha, watch.Pilot-1),
	}
	for _, s := range all {
		for _, q := range s.requests {
			if m := fieldOf(q.Series, "metric"); m == metric.Start.Name || m == metric.Load.Name || m == metric.First.Name {
				out.Cold = 2 * watch.Pilot
			}
		}
	}
	return out
}

func fieldOf(series, name string) string {
	f, err := reports.ParseSeries(series)
	if err != nil {
		return ""
	}
	return f[name]
}

// seconds groups the requests for this device by case, and finds the builds.
func (f *regressionFlags) seconds(c *cobra.Command, db *store.SQLite, asked []regress.Request, device string) ([]second, error) {
	say := func(format string, a ...any) { fmt.Fprintf(c.ErrOrStderr(), "assay: "+format+"\n", a...) }
	var out []second
	at, others := map[string]int{}, 0
	runs := map[string]*bench.Result{}
	get := func(id string) (*bench.Result, error) {
		if r := runs[id]; r != nil {
			return r, nil
		}
		r, err := db.Get(c.Context(), id)
		runs[id] = r
		return r, err
	}
	for _, q := range asked {
		if fieldOf(q.Series, "device") != device {
			others++
			continue
		}
		key, _, _ := strings.Cut(q.Series, "/metric=")
		key += "\x00" + q.Run + "\x00" + q.Accepted
		if i, ok := at[key]; ok {
			if i >= 0 {
				out[i].requests = append(out[i].requests, q)
			}
			continue
		}
		now, err := get(q.Run)
		if err != nil {
			return nil, err
		}
		was, err := get(q.Accepted)
		if err != nil {
			return nil, err
		}
		g, err := pairOf(c.Context(), db, q, now, was)
		if err != nil {
			say("%s is not measured again: %v", key[:strings.IndexByte(key, 0)], err)
			at[key] = -1
			continue
		}
		at[key] = len(out)
		out = append(out, second{g, []regress.Request{q}})
	}
	if others > 0 {
		say("%d series of other devices are measured again there: assay regressions --confirm on each", others)
	}
	return out, nil
}

// pairOf is the group of a second measurement: the accepted build's file and
// tonight's, each with the engine it was measured with.
func pairOf(ctx context.Context, db *store.SQLite, q regress.Request, now, was *bench.Result) (bench.Group, error) {
	var g bench.Group
	for _, x := range []struct {
		r       *bench.Result
		variant string
	}{{was, bench.Baseline}, {now, tonight}} {
		c, ok := caseOf(x.r, q.Series)
		if !ok {
			return g, fmt.Errorf("run %s does not hold it", x.r.Run)
		}
		parts, err := db.Parts(ctx, x.r.Run)
		if err != nil {
			return g, err
		}
		i := slices.IndexFunc(parts, func(p store.Part) bool { return p.Role == store.RoleFile && p.SHA256 == c.Artifact.SHA256 })
		if i < 0 {
			return g, fmt.Errorf("the model of run %s was not kept (assay run --keep-build keeps it)", x.r.Run)
		}
		// The suite carries the run whose programs serve the case.
		c.Artifact.Path, c.Variant, c.Suite = parts[i].Path, x.variant, x.r.Run
		g.Cases = append(g.Cases, c)
	}
	return g, nil
}

// caseOf finds the case of a series in a run.
func caseOf(r *bench.Result, series string) (bench.Case, bool) {
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			c := &r.Groups[i].Cases[j]
			if c.Status == bench.OK && strings.HasPrefix(series, reports.SeriesKey(&c.Case, "", r.Device.ID)) {
				return c.Case, true
			}
		}
	}
	return bench.Case{}, false
}

// builtCommand starts the worker of a case with the programs of the run that
// the case's suite names.
func builtCommand(c bench.Case, db *store.SQLite) (runner.Command, error) {
	parts, err := db.Parts(context.Background(), c.Suite)
	if err != nil {
		return runner.Command{}, err
	}
	find := func(role string) string {
		for _, p := range parts {
			if p.Role == role {
				return p.Path
			}
		}
		return ""
	}
	switch c.Engine {
	case "native":
		if p := find(store.RoleAssay); p != "" {
			return runner.Command{Path: p, Args: []string{"worker", "--engine", "native"}}, nil
		}
	case "onnxruntime":
		if p, lib := find(store.RoleORT), find(store.RoleLib); p != "" && lib != "" {
			return runner.Command{Path: p, Env: []string{ortlib.Env + "=" + lib}}, nil
		}
	}
	return runner.Command{}, fmt.Errorf("the programs of run %s were not kept: %w", c.Suite, errors.ErrUnsupported)
}

// read takes the ratios of a measured group.
func read(c *cobra.Command, s second, g *bench.GroupResult, by string) []reports.Remeasured {
	name := fmt.Sprintf("%s on %s", s.group.Cases[0].Model, s.group.Cases[0].Engine)
	if len(g.Untrusted) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "assay: the second measurement of %s is not trusted: %s\n", name, g.Untrusted[0])
	}
	var out []reports.Remeasured
	for i := range g.Cases {
		if g.Cases[i].Variant != tonight {
			continue
		}
		if g.Cases[i].Status != bench.OK {
			fmt.Fprintf(c.ErrOrStderr(), "assay: %s could not be measured again: %s\n", name, g.Cases[i].Reason)
		}
		for _, q := range s.requests {
			m := metric.Lookup(fieldOf(q.Series, "metric"))
			if m == nil || m.Timing && len(g.Untrusted) > 0 {
				continue
			}
			e, ok := g.Cases[i].Ratio(m.Name)
			if r, fine := ratio(e); ok && fine {
				out = append(out, reports.Remeasured{Series: q.Series, Run: q.Run, Accepted: q.Accepted, By: by, Control: q.Control, Ratio: r})
			}
		}
	}
	return out
}

// ratio reads the mean and its standard error back from a 95 % interval by
// Stein's rule.
func ratio(e metric.Estimate) (watch.Ratio, bool) {
	df := min(watch.Pilot, e.N) - 1
	if e.Unit != "ratio" || df < 1 || !(e.Low > 0) || !(e.High >= e.Low) || math.IsInf(e.High, 0) {
		return watch.Ratio{}, false
	}
	return watch.Ratio{Mid: math.Log(e.Value), SE: math.Log(e.High/e.Low) / 2 / stat.TQuantile(0.95, df), DF: df, N: e.N}, true
}

// keepBuild keeps what a run was measured with.
func keepBuild(ctx context.Context, db *store.SQLite, r *bench.Result, limit int64) error {
	parts, err := partsOf(r)
	if err != nil {
		return fmt.Errorf("keep the build of run %s: %w", r.Run, err)
	}
	return db.KeepParts(context.WithoutCancel(ctx), r.Run, parts, limit)
}

// partsOf lists what a run was measured with: the models, and the programs of
// the engines that ran them.
func partsOf(r *bench.Result) ([]store.Part, error) {
	var out []store.Part
	add := func(p store.Part) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	engines := map[string]bool{}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			c := &r.Groups[i].Cases[j]
			if c.Status == bench.OK {
				engines[c.Engine] = true
				if st, err := os.Stat(c.Artifact.Path); err == nil && st.Size() != c.Artifact.Size {
					continue // its data lie in other files, without which it cannot be loaded again
				}
				add(store.Part{Role: store.RoleFile, Path: c.Artifact.Path, SHA256: c.Artifact.SHA256})
			}
		}
	}
	for name := range engines {
		cmd, err := workerCommand(bench.Case{Engine: name})
		if err != nil {
			return nil, err
		}
		if name == "native" {
			add(store.Part{Role: store.RoleAssay, Path: cmd.Path})
			continue
		}
		lib, err := ortlib.Find()
		if err != nil {
			return nil, err
		}
		add(store.Part{Role: store.RoleORT, Path: cmd.Path})
		add(store.Part{Role: store.RoleLib, Path: lib})
	}
	return out, nil
}
