package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/bench/lock"
	"assay/models"
	"assay/reports/render"
	"assay/reports/store"
	"assay/suites"

	"github.com/spf13/cobra"
)

// runFlags are the flags of everything that measures: run and gate.
type runFlags struct {
	file    string   // suite file
	suite   string   // name in it
	data    string   // folder of samples, for files without a suite
	format  string   // of the report
	labels  []string // key=value
	store   string   // path, "" for the default, "none" for nowhere
	report  string   // path of the HTML report, "" for beside the store, "none" for nowhere
	junit   string   // path of the JUnit file, "" for none
	keep    bool     // keep the build, so that it can be measured again
	limit   int64    // MB of kept builds
	details bool
	engines []string // for files without a suite
	gates   []string
	trials  int
	rounds  int
	budget  time.Duration
	samples int
	threads []int
	batch   []int
	load    []string // scenarios of files without a suite
	soak    time.Duration
	soaks   int
	prepare bool // hold the clock for the run
	energy  energyFlags
	scale   float64 // how pixels of data become inputs of files without a card
	mean    []float64
	std     []float64
	influx  influxFlags // where runs are pushed to
}

func (f *runFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.file, "file", "", "suite file (default suites.yaml here, else the suites that come with assay)")
	fl.StringVar(&f.suite, "suite", "", "suite to run")
	fl.StringVar(&f.format, "format", "table", "output format: "+strings.Join(render.Formats(), ", "))
	fl.StringArrayVar(&f.labels, "label", nil, "key=value recorded with the run, for example commit=1a2b3c (repeatable)")
	fl.StringVar(&f.store, "store", "", `SQLite file that keeps the run, or "none" (default $ASSAY_STORE or the user's data folder)`)
	fl.BoolVar(&f.details, "details", false, "also print tails, cold starts, throughput, controls and memory")
	fl.BoolVar(&f.keep, "keep-build", false, "keep models and programs beside the store, so that assay regressions --confirm can measure them again")
	fl.Int64Var(&f.limit, "keep-limit", 2000, "with --keep-build: MB that kept builds may take")
	f.addReports(c)
	fl.IntVar(&f.trials, "trials", 0, "trials instead of the suite's")
	fl.IntVar(&f.rounds, "rounds", 0, "rounds instead of the suite's")
	fl.DurationVar(&f.budget, "budget", 0, "time budget instead of the suite's")
	fl.DurationVar(&f.soak, "soak", 0, "also run every case without pause for so long, and print its first minute and its plateau: 10m")
	fl.IntVar(&f.soaks, "soaks", 1, "soaks of each case: gates on what is sustained need 2")
	fl.BoolVar(&f.prepare, "prepare", false, "as root: governor performance and no boost for the run, put back afterwards")
	fl.IntVar(&f.samples, "samples", 0, "samples for accuracy instead of the suite's")
	f.influx.add(fl)
	f.energy.add(c)
}

// addPair adds the flags that only a comparison of files knows.
func (f *runFlags) addPair(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "folder of samples: JPEG or PNG, in one folder per class where they are labelled")
	fl.Float64Var(&f.scale, "scale", 255, "pixel p of --data becomes (p/scale − mean) / std")
	fl.Float64SliceVar(&f.mean, "mean", nil, "mean of each channel, after scaling (default 0)")
	fl.Float64SliceVar(&f.std, "std", nil, "deviation of each channel, after scaling (default 1)")
	fl.StringSliceVar(&f.engines, "engine", nil, "engines for files without a suite (default onnxruntime,native)")
	fl.StringArrayVar(&f.gates, "gate", nil, `gate for files without a suite, for example "latency.p50 <= 0.8x" (repeatable)`)
	fl.IntSliceVar(&f.threads, "threads", nil, "threads of an inference, for files without a suite (default 1)")
	fl.StringSliceVar(&f.load, "scenario", nil, "how load is put on files without a suite: "+strings.Join(loadgen.Names(), ", ")+" (default single-stream)")
	fl.IntSliceVar(&f.batch, "batch", nil, "samples of an inference, for files without a suite (default 1)")
}

func newRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [BASELINE CANDIDATE …]",
		Short: "Measure a suite, or files beside each other, on this device",
		Long: `Run measures on this device, prints a table and stores the run.

With --suite it runs a suite; with files it compares them without one: the
first is the baseline. Without --data, files are fed with seeded noise and
judged by their agreement with the baseline.

It exits 0 when measuring has finished, whatever was found: assay gate decides.`,
		Example: "  assay run --suite quick\n  assay run base.onnx small.onnx --data photos/",
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.run(c, args)
			return errors.Join(err, f.writeJUnit(c, r, nil))
		},
	}
	f.add(c)
	f.addPair(c)
	return c
}

// run measures, prints and stores. A run that was interrupted is printed and
// stored too; its error then only carries the exit code.
func (f *runFlags) run(c *cobra.Command, files []string) (*bench.Result, error) {
	if _, err := render.Lookup(f.format); err != nil {
		return nil, usage("%v", err)
	}
	if f.soak < 0 || f.soaks < 1 {
		return nil, usage("--soak %v --soaks %d: a soak is a time such as 10m, and there is one at least", f.soak, f.soaks)
	}
	own, err := labels(f.labels)
	if err != nil {
		return nil, err
	}
	held := f.hold(c)
	defer held.end()
	set, err := bench.Local()
	if err != nil {
		return nil, err
	}
	held.note(&set.Device)
	x, err := f.expand(c, files, set.Device)
	if err != nil {
		return nil, usage("%v", err)
	}
	for _, w := range x.Warnings {
		fmt.Fprintf(c.ErrOrStderr(), "assay: %s\n", w)
	}
	if x.Skipped != "" {
		return nil, exitError{exitUndecided, x.Skipped}
	}
	defer wrote(c.ErrOrStderr())() // after the store is closed
	keep, err := f.open(c.Context())
	if err != nil {
		return nil, err
	}
	defer keep.close()
	feed, err := f.fill(c, &set, x)
	if err != nil {
		return nil, err
	}
	set.Labels = own
	free, err := alone(c)
	if err != nil {
		return nil, err
	}
	defer free()
	step, end := progress(c.ErrOrStderr())
	set.Progress = step
	r, err := keep.measure(c.Context(), set, x.Groups)
	end()
	if err != nil {
		return nil, err
	}
	r.Accuracy = feed.text(r)
	r.Warnings = slices.Concat(r.Warnings, x.Warnings, held.doubts, feed.doubts(r))
	err = f.finish(c, r, keep.db)
	pushAfter(c, keep.db, keep.client)
	return r, err
}

// fill gives a setup what the suite and the flags say: plan, workers, samples
// and energy.
func (f *runFlags) fill(c *cobra.Command, set *bench.Setup, x *suites.Expansion) (*feed, error) {
	set.Suite, set.Version, set.Plan, set.Command = x.Suite, buildVersion(), f.plan(x.Plan), workerCommand
	set.Announce = func(text string) { fmt.Fprintf(c.ErrOrStderr(), "assay: %s\n", text) }
	if err := f.energy.set(set); err != nil {
		return nil, err
	}
	feed, err := newFeed(x, f.data, set.Plan.Samples, models.IO{Scale: f.scale, Mean: f.mean, Std: f.std})
	if err != nil {
		return nil, usage("%v", err)
	}
	set.Data = feed.data
	return feed, nil
}

// finish stores and prints a result, and writes its report. The table is
// printed even if storing fails, and all is stored even if the run was
// interrupted: nothing measured is lost.
func (f *runFlags) finish(c *cobra.Command, r *bench.Result, db *store.SQLite) error {
	var stored error
	if db != nil {
		stored = db.Put(context.WithoutCancel(c.Context()), r)
	}
	o := render.Options{Width: width(c.OutOrStdout(), 120), Color: colour(c.OutOrStdout()), Details: f.details}
	printed := render.Render(c.OutOrStdout(), f.format, r, o)
	if stored == nil && db != nil {
		fmt.Fprintf(c.ErrOrStderr(), "run %s is stored in %s\n", r.Run, db.Where())
		if f.keep {
			stored = keepBuild(c.Context(), db, r, f.limit<<20)
		}
	}
	if err := errors.Join(stored, printed, f.writeReport(c, r, true)); err != nil {
		return err
	}
	if r.Partial != "" {
		return exitError{exitInterrupted, "the run is partial: " + r.Partial}
	}
	return nil
}

// expand turns the flags into groups of cases.
func (f *runFlags) expand(c *cobra.Command, files []string, d device) (*suites.Expansion, error) {
	switch {
	case f.suite != "" && len(files) > 0:
		return nil, fmt.Errorf("--suite and files do not go together: run one or the other")
	case f.suite == "" && len(files) == 0:
		return nil, fmt.Errorf("nothing to run: name a suite (--suite quick) or two files (assay suites list shows the suites)")
	case len(files) > 0:
		task := ""
		if f.data != "" {
			task = dataTask(f.data)
		}
		return suites.Pair(files[0], files[1:], suites.PairOptions{Task: task, Engines: f.engines, Gates: f.gates, Threads: f.threads, Batch: f.batch, Scenarios: f.load})
	case f.data != "" || len(f.engines)+len(f.gates)+len(f.threads)+len(f.batch)+len(f.load) > 0:
		return nil, fmt.Errorf("--data, --engine, --gate, --threads, --batch and --scenario belong to files without a suite: a suite says them itself")
	}
	file, err := suites.Find(f.file)
	if err != nil {
		return nil, err
	}
	return file.Expand(f.suite, suites.Env{Labels: deviceLabels(d), Engines: suites.Engines, Make: maker(c)})
}

// plan returns p with what the flags override.
func (f *runFlags) plan(p bench.Plan) bench.Plan {
	if f.trials > 0 {
		p.Trials, p.MaxTrials = f.trials, max(p.MaxTrials, f.trials)
	}
	if f.rounds > 0 {
		p.Rounds = f.rounds
	}
	if f.budget > 0 {
		p.Budget = f.budget
	}
	if f.samples > 0 {
		p.Samples = f.samples
	}
	if f.soak > 0 {
		p.Soak = bench.NewSoak(f.soak, f.soaks)
	}
	return p
}

// alone waits until no other assay measures on this machine.
func alone(c *cobra.Command) (free func(), err error) {
	return lock.Take(c.Context(), func() {
		fmt.Fprintf(c.ErrOrStderr(), "waiting: another assay measures on this machine, and two at once measure each other (%s)\n", lock.Path())
	})
}
