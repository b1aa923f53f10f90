package main

import (
	"errors"
	"fmt"
	"strings"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/render"

	"github.com/spf13/cobra"
)

func newGate() *cobra.Command {
	var f runFlags
	var from, against string
	var alerts webhookFlags
	c := &cobra.Command{
		Use:   "gate",
		Short: "Decide a release: exit 0 every gate passed, 1 a fail, 3 anything undecided",
		Long: `Gate measures a suite (--suite), or reads a run (--from), and maps the
verdicts of its gates to an exit code:

  0  every gate passed
  1  a gate failed
  2  usage or I/O
  3  undecided: inconclusive, untrusted, an error, a skip that is not optional,
     or nothing was judged at all

With --against, the run is also compared with an earlier one: a timing that is
worse beyond doubt fails.

With --webhook, or ASSAY_WEBHOOK, whatever ends with another code than 0 is told
to that address too.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			hook, err := alerts.hook()
			if err != nil {
				return err
			}
			r, more, err := gate(c, &f, from, against)
			tell(c, hook, gateMessage(r, more), err)
			return err
		},
	}
	f.add(c)
	alerts.add(c)
	c.Flags().StringVar(&from, "from", "", "judge this run instead of measuring: an id, latest, or a JSON file")
	c.Flags().StringVar(&against, "against", "", "an earlier run (id, latest or JSON file) that this one must not be worse than")
	return c
}

// gate judges a run, and what it says against an earlier one. Its error holds
// the exit code.
func gate(c *cobra.Command, f *runFlags, from, against string) (r *bench.Result, more []verdict.Verdict, err error) {
	if r, err = gateRun(c, f, from); err != nil {
		return r, nil, errors.Join(err, f.writeJUnit(c, r, nil))
	}
	if against != "" {
		base, err := loadRun(c.Context(), f.store, against)
		if err != nil {
			return r, nil, err
		}
		if more, err = reports.Against(r, base); err != nil {
			return r, nil, err
		}
		for _, v := range more {
			if v.Word != verdict.Pass {
				fmt.Fprintf(c.ErrOrStderr(), "assay: against %s: %s %s %s\n", base.Run, v.Word, v.Gate, v.Reason)
			}
		}
	}
	if err := f.writeJUnit(c, r, more); err != nil {
		return r, more, err
	}
	return r, more, decide(append(verdictsOf(r), more...))
}

// gateRun measures or reads the run to be judged, and prints it.
func gateRun(c *cobra.Command, f *runFlags, from string) (*bench.Result, error) {
	switch {
	case from == "" && f.suite == "":
		return nil, usage("nothing to judge: name a suite (--suite release) or a run (--from latest)")
	case from != "" && f.suite != "":
		return nil, usage("--suite measures and --from reads: use one of them")
	case from == "":
		return f.run(c, nil)
	}
	if _, err := render.Lookup(f.format); err != nil {
		return nil, usage("%v", err)
	}
	r, err := loadRun(c.Context(), f.store, from)
	if err != nil {
		return nil, err
	}
	o := render.Options{Width: width(c.OutOrStdout(), 120), Color: colour(c.OutOrStdout()), Details: f.details}
	return r, errors.Join(render.Render(c.OutOrStdout(), f.format, r, o), f.writeReport(c, r, false))
}

func verdictsOf(r *bench.Result) []verdict.Verdict {
	var all []verdict.Verdict
	for _, g := range r.Groups {
		for _, c := range g.Cases {
			all = append(all, c.Verdicts...)
		}
	}
	return all
}

// decide maps verdicts to the exit code and says how many of what there are.
func decide(all []verdict.Verdict) error {
	code := verdict.ExitCode(all)
	if code == verdict.ExitPass {
		return nil
	}
	fails, undecided := 0, 0
	for _, v := range all {
		switch {
		case v.Word == verdict.Fail:
			fails++
		case v.Undecided():
			undecided++
		}
	}
	msg := fmt.Sprintf("%d fail, %d undecided", fails, undecided)
	if len(all) == 0 {
		msg = "nothing was judged: the suite has no gates that apply here"
	}
	return exitError{code, strings.TrimSpace(msg)}
}
