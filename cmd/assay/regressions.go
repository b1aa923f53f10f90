package main

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"assay/bench/stat/watch"
	"assay/reports"
	"assay/reports/regress"
	"assay/reports/render"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

// remembered is how far back a series is looked at: twice what a level
// remembers of it.
const remembered = 240 * 24 * time.Hour

type regressionFlags struct {
	store   string
	format  string
	suite   string
	device  string
	since   string
	alarms  string
	confirm bool
	data    string
	budget  time.Duration
	alerts  webhookFlags
}

func newRegressions() *cobra.Command {
	var f regressionFlags
	c := &cobra.Command{
		Use:   "regressions",
		Short: "What has changed over the nights, where, how large, how sure, and why",
		Long: `Regressions looks at every series of the store: the same case and metric on one
device over runs. A series that is off its level is a suspect; a suspect is
told when tonight's build, measured beside the last accepted one, is worse
(--confirm measures, on this device), or when the series alone proves it on
three nights.

--false-alarms is the number of false alarms per night that you accept, all
series together. assay ack accepts a change.

  0  nothing has got worse
  1  something has, beyond doubt, and is not acknowledged
  2  usage or I/O`,
		Example: "  assay regressions\n  assay regressions --confirm --since 1d --format markdown",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			hook, err := f.alerts.hook()
			if err != nil {
				return err
			}
			r, err := f.run(c)
			tell(c, hook, regressionsMessage(r), err)
			return err
		},
	}
	f.alerts.add(c)
	fl := c.Flags()
	fl.StringVar(&f.store, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.StringVar(&f.format, "format", "table", "output format: "+strings.Join(render.RegressionFormats(), ", "))
	fl.StringVar(&f.suite, "suite", "", "runs of this suite")
	fl.StringVar(&f.device, "device", "", "runs on this device (id or name)")
	fl.StringVar(&f.since, "since", "7d", "changes told not longer ago than this, counted from the newest run: 7d, 36h")
	fl.StringVar(&f.alarms, "false-alarms", "1/30", "expected false alarms per night, all series together")
	fl.BoolVar(&f.confirm, "confirm", false, "first measure tonight's suspects of this device again, beside the last accepted build")
	fl.StringVar(&f.data, "data", "", "with --confirm: folder of samples for models without a task")
	fl.DurationVar(&f.budget, "budget", 30*time.Minute, "with --confirm: time for it")
	return c
}

func (f *regressionFlags) run(c *cobra.Command) (*regress.Report, error) {
	format, err := render.Lookup(f.format)
	if err != nil || format.Regressions == nil {
		return nil, usage("unknown format %q (have %s)", f.format, strings.Join(render.RegressionFormats(), ", "))
	}
	plan := watch.Standard
	if plan.Budget, err = perNight(f.alarms); err != nil {
		return nil, err
	}
	back, err := ago(f.since)
	if err != nil {
		return nil, err
	}
	db, err := openStore(c.Context(), f.store)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, usage("--store none leaves nothing to look at")
	}
	defer db.Close()
	r, err := f.find(c.Context(), db, plan, back)
	if err != nil {
		return nil, err
	}
	if f.confirm && len(r.Requests) > 0 {
		if err := f.again(c, db, plan, r); err != nil {
			return nil, err
		}
		if r, err = f.find(c.Context(), db, plan, back); err != nil {
			return nil, err
		}
	}
	o := render.Options{Width: width(c.OutOrStdout(), 120), Color: colour(c.OutOrStdout())}
	if err := format.Regressions(c.OutOrStdout(), r, o); err != nil {
		return nil, err
	}
	if n := len(r.Changes); n > 0 {
		return r, exitError{exitFail, fmt.Sprintf("%d worse", n)}
	}
	return r, nil
}

func (f *regressionFlags) find(ctx context.Context, db *store.SQLite, plan watch.Plan, back time.Duration) (*regress.Report, error) {
	newest, err := db.Newest(ctx)
	if err != nil {
		return nil, err
	}
	filter := reports.Filter{Suite: f.suite, Device: f.device}
	if !newest.IsZero() {
		filter.Since = newest.Add(-max(remembered, back))
	}
	l, err := db.Log(ctx, filter)
	if err != nil {
		return nil, err
	}
	return regress.Find(l, regress.Options{Plan: plan, Since: newest.Add(-back), Now: time.Now()}), nil
}

// perNight reads "1/30" or "0.05".
func perNight(s string) (float64, error) {
	r, ok := new(big.Rat).SetString(strings.TrimSpace(s))
	if ok {
		if v, _ := r.Float64(); v > 0 && v <= 10 {
			return v, nil
		}
	}
	return 0, usage("--false-alarms %q: want a number of alarms per night above 0 and up to 10, such as 1/30 or 0.05", s)
}

// ago reads a duration that may be in days or weeks: "7d", "2w", "36h".
func ago(s string) (time.Duration, error) {
	for unit, n := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if v, ok := strings.CutSuffix(s, unit); ok {
			if days, err := strconv.ParseFloat(v, 64); err == nil && days >= 0 && days <= 36500 {
				return time.Duration(days * float64(n)), nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, usage("--since %q: want a time such as 7d, 2w or 36h", s)
	}
	return d, nil
}
