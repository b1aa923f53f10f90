package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/cause"
	"assay/bench/engine"
	"assay/bench/engine/native"
	"assay/models"
	"assay/models/tensor"
	"assay/suites"

	"github.com/spf13/cobra"
)

// whyFlags are the flags of assay why.
type whyFlags struct {
	file    string
	format  string
	engines []string
	threads int
	batch   int
	rounds  int
	budget  time.Duration
}

func newWhy() *cobra.Command {
	var f whyFlags
	c := &cobra.Command{
		Use:   "why MODEL [VARIANT] | BASELINE.onnx CANDIDATE.onnx",
		Short: "Which operators pay for a compression on each engine, which do not, and why",
		Long: `Why profiles a baseline and its variants on every engine, operator by operator,
and lays them side by side. MODEL is one of the zoo (assay models list) or of
the suite file; without VARIANT all of its variants are looked at.

A cause is named only where the profile, the file or the CPU shows it. ROOF is
the share that an operator reaches of what this device calculates and moves at
most. It exits 0 when profiling has finished, 3 where no engine could profile.`,
		Example: "  assay why resnet8 sparse-90\n  assay why base.onnx small.onnx",
		Args:    cobra.RangeArgs(1, 2),
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.file, "file", "", "suite file in which MODEL is looked up (default suites.yaml here, else the suites that come with assay)")
	fl.StringSliceVar(&f.engines, "engine", suites.Engines, "engines to profile")
	fl.IntVar(&f.threads, "threads", 1, "threads of an inference")
	fl.IntVar(&f.batch, "batch", 1, "samples of an inference")
	fl.IntVar(&f.rounds, "rounds", 5, "visits to every model, in turns; times are medians over them")
	fl.DurationVar(&f.budget, "budget", 2*time.Second, "time for each model and engine")
	formatFlag(c, &f.format)
	return c
}

// An explanation is one variant beside its baseline on one engine: what is
// printed, and the JSON.
type explanation struct {
	Model    string          `json:"model"`
	Variant  string          `json:"variant"`
	Engine   string          `json:"engine"`
	Build    string          `json:"build,omitempty"`
	Threads  int             `json:"threads"`
	Batch    int             `json:"batch"`
	Skipped  string          `json:"skipped,omitempty"` // why there is nothing
	Rows     []cause.Row     `json:"operators"`
	Baseline *engine.Profile `json:"baseline_profile,omitempty"`
	Own      *engine.Profile `json:"variant_profile,omitempty"`
}

func (f *whyFlags) run(c *cobra.Command, args []string) error {
	if !slices.Contains(listFormats, f.format) {
		return usage("unknown format %q (have %s)", f.format, strings.Join(listFormats, ", "))
	}
	if f.threads < 1 || f.batch < 1 || f.rounds < 1 || f.budget <= 0 {
		return usage("%d threads, batch %d, %d rounds, budget %v: all are at least 1", f.threads, f.batch, f.rounds, f.budget)
	}
	set, err := bench.Local()
	if err != nil {
		return err
	}
	x, cases, err := f.cases(args)
	if err != nil {
		return usage("%v", err)
	}
	feed, err := newFeed(x, "", boundSets, models.IO{})
	if err != nil {
		return err
	}
	found, err := f.explain(c, set, cases, feed)
	if err != nil {
		return err
	}
	if err := f.print(c, set.Device, found); err != nil {
		return err
	}
	if !slices.ContainsFunc(found, func(e explanation) bool { return e.Skipped == "" }) {
		return exitError{exitUndecided, "no engine could profile the model"}
	}
	return nil
}

// boundSets is how many samples a profile rotates through.
const boundSets = 64

// explain profiles the cases, the baseline first, on every engine.
func (f *whyFlags) explain(c *cobra.Command, set bench.Setup, cases []bench.Case, feed *feed) ([]explanation, error) {
	env := cause.Env{Features: set.Device.Features}
	type measured struct {
		info  engine.Info
		sides []cause.Side
		err   error
	}
	all := make([]measured, len(f.engines))
	for i, name := range f.engines {
		fmt.Fprintf(c.ErrOrStderr(), "profiling %s on %s\n", cases[0].Model, name)
		m := &all[i]
		m.info, m.sides, m.err = f.measure(c, set, name, cases, feed)
		if err := c.Context().Err(); err != nil {
			return nil, err
		}
		if m.err == nil && m.sides[0].Profile.Roof != nil {
			env.Roof = m.sides[0].Profile.Roof // the device's: native tells it, and it holds for all
		}
	}
	var out []explanation
	for i, name := range f.engines {
		env.Engine, env.Sparse = name, name == "native" && hasSparse()
		for k := 1; k < len(cases); k++ {
			m, e := &all[i], explanation{Model: cases[0].Model, Variant: cases[k].Variant, Engine: name, Build: all[i].info.Build, Threads: f.threads, Batch: f.batch}
			if m.err != nil {
				e.Skipped = m.err.Error()
			} else {
				e.Rows = cause.Compare(m.sides[0], m.sides[k], env)
				e.Baseline, e.Own = &m.sides[0].Profile, &m.sides[k].Profile
			}
			out = append(out, e)
		}
	}
	return out, nil
}

// hasSparse reports whether the native engine has kernels that skip zeros and
// this CPU can run them.
func hasSparse() bool {
	for _, r := range native.Kernels() {
		if r.Usable && strings.Contains(strings.ToLower(r.Operator+r.Variant), "sparse") {
			return true
		}
	}
	return false
}

func (f *whyFlags) measure(c *cobra.Command, set bench.Setup, name string, cases []bench.Case, feed *feed) (engine.Info, []cause.Side, error) {
	cmd, err := workerCommand(bench.Case{Engine: name})
	if err != nil {
		return engine.Info{}, nil, err
	}
	cmd.CPUs = set.CPUs(f.threads)
	var artifacts []models.Artifact
	for _, k := range cases {
		artifacts = append(artifacts, k.Artifact)
	}
	return cause.Measure(c.Context(), cmd, artifacts, cause.Plan{
		Options: engine.Options{Provider: "cpu", Threads: f.threads, Batch: f.batch},
		Rounds:  f.rounds, Each: f.budget / time.Duration(f.rounds),
		Inputs: func(a models.Artifact, in []engine.Desc) ([][]tensor.Tensor, error) {
			d, err := feed.data(bench.Case{Task: cases[0].Task, Artifact: a}, in)
			if err != nil {
				return nil, err
			}
			return bench.InputSets(d, boundSets, f.batch)
		},
	})
}
