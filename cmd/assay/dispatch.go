package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"assay/agents"
	"assay/agents/hub"
	"assay/bench"
	"assay/reports"
	"assay/reports/render"
	"assay/suites"

	"github.com/spf13/cobra"
)

// dispatchFlags are what a dispatch is asked for.
type dispatchFlags struct {
	data, suite, format, at string
	each, wait              bool
	own                     []string // labels
	order                   agents.Order
}

func newDispatch() *cobra.Command {
	var f dispatchFlags
	c := &cobra.Command{
		Use:   "dispatch [FILE] --suite SUITE",
		Short: "Give a suite to devices of the fleet",
		Long: `Dispatch gives a suite to every device whose labels match --to (--each), or to one
device of each class among them (--any). The suite travels as one document, with
everything that it includes; model files that it names travel along.

With --wait it shows what the devices do, prints their tables when they have ended,
and exits 3 if a device was away or returned no result. Without, assay fleet jobs
shows how things stand.`,
		Example: "  assay dispatch suites.yaml --suite nightly --to 'class=jetson-orin-* | arch=arm64' --each --wait",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c, strings.Join(args, "")) },
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", hubFlag)
	fl.StringVar(&f.suite, "suite", "", "suite to dispatch")
	fl.StringVar(&f.order.To, "to", "", "label expression, for example 'class=rpi5 | arch=arm64 & !site=lab' (default every device)")
	fl.BoolVar(&f.each, "each", false, "every device that matches (the default)")
	fl.BoolVar(&f.order.Any, "any", false, "one device of each class that matches, whichever is free first")
	fl.StringVar(&f.order.Lane, "priority", "nightly", "which jobs a device takes first: "+strings.Join(agents.Lanes, ", then "))
	fl.BoolVar(&f.wait, "wait", false, "wait for the results and print them")
	fl.StringVar(&f.at, "at", "", "do so whenever this is due: minute, hour, day, month, weekday, for example '0 2 * * *'")
	fl.DurationVar(&f.order.Expire, "expire", 24*time.Hour, "a job that has not ended after this is lost")
	fl.StringArrayVar(&f.own, "label", nil, "key=value recorded with the runs, for example commit=1a2b3c (repeatable)")
	fl.StringVar(&f.format, "format", "table", "output format: "+strings.Join(listFormats, ", "))
	return c
}

// check refuses what is wrong before anything is read or sent.
func (f *dispatchFlags) check() error {
	switch {
	case f.each && f.order.Any:
		return usage("--each and --any do not go together: every device, or one of each class")
	case f.at != "" && f.wait:
		return usage("--at and --wait do not go together: assay fleet shows what a schedule has come to")
	case !slices.Contains(listFormats, f.format):
		return usage("unknown format %q (have %s)", f.format, strings.Join(listFormats, ", "))
	case !slices.Contains(agents.Lanes, f.order.Lane):
		return usage("unknown priority %q (have %s)", f.order.Lane, strings.Join(agents.Lanes, ", "))
	}
	if _, err := agents.ParseExpr(f.order.To); err != nil {
		return usage("%v", err)
	}
	return nil
}

func (f *dispatchFlags) run(c *cobra.Command, file string) error {
	if err := f.check(); err != nil {
		return err
	}
	job, files, err := packJob(file, f.suite, f.own)
	if err != nil {
		return usage("%v", err)
	}
	cl, err := dial(f.data)
	if err != nil {
		return err
	}
	defer cl.Close()
	id := make([]byte, 4)
	rand.Read(id) // never fails since Go 1.24
	f.order.ID, f.order.Job = hex.EncodeToString(id), job
	if f.at != "" {
		return schedule(c, cl, agents.Schedule{ID: f.order.ID, Cron: f.at, Order: f.order}, files)
	}
	return dispatch(c, cl, f.order, files, f.wait, f.format)
}

func dial(data string) (*hub.Client, error) {
	dir, err := folder(data, hubVariable, "hub")
	if err != nil {
		return nil, err
	}
	return hub.Dial(dir)
}

// packJob makes a job of a suite, with the paths of the files that it names.
func packJob(file, suite string, own []string) (agents.Job, map[string]agents.ModelFile, error) {
	if suite == "" {
		return agents.Job{}, nil, errors.New("nothing to dispatch: name a suite (assay suites list shows them)")
	}
	recorded, err := labels(own)
	if err != nil {
		return agents.Job{}, nil, err
	}
	f, err := suites.Find(file)
	if err != nil {
		return agents.Job{}, nil, err
	}
	p, err := f.Pack(suite, suites.Env{})
	if err != nil {
		return agents.Job{}, nil, err
	}
	job := agents.Job{Suite: suite, Document: string(p.Document), Sums: p.Sums, Labels: recorded}
	files := map[string]agents.ModelFile{}
	for _, a := range p.Files {
		m := agents.ModelFile{SHA256: a.SHA256, Format: a.Format, Size: a.Size}
		files[a.Path] = m
		if !slices.Contains(job.Files, m) {
			job.Files = append(job.Files, m)
		}
	}
	return job, files, nil
}

// send puts the files of a job into the hub's store.
func send(ctx context.Context, cl *hub.Client, files map[string]agents.ModelFile) error {
	for path, f := range files {
		if err := cl.Send(ctx, path, f); err != nil {
			return err
		}
	}
	return nil
}

// schedule keeps a dispatch for later, and for every time that it is due.
func schedule(c *cobra.Command, cl *hub.Client, s agents.Schedule, files map[string]agents.ModelFile) error {
	if err := send(c.Context(), cl, files); err != nil {
		return err
	}
	ctx, cancel := shortly(c)
	defer cancel()
	if err := cl.Schedule(ctx, s); err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), s.ID)
	return nil
}

func dispatch(c *cobra.Command, cl *hub.Client, order agents.Order, files map[string]agents.ModelFile, wait bool, format string) error {
	if err := send(c.Context(), cl, files); err != nil {
		return err
	}
	stop := func() {}
	if wait {
		var err error
		if stop, err = events(c, cl, order.ID); err != nil {
			return err
		}
		defer stop()
	}
	ctx, cancel := shortly(c)
	defer cancel()
	p, err := cl.Dispatch(ctx, order)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "dispatch %s: %s of suite %s\n", p.ID, jobCount(len(p.Targets)), p.Job.Suite)
	if !wait {
		for _, t := range p.Targets {
			if t.Missing != "" {
				fmt.Fprintf(c.ErrOrStderr(), "assay: %s was given no job: %s\n", who(t), t.Missing)
			}
		}
		fmt.Fprintln(c.OutOrStdout(), p.ID)
		return missing(p)
	}
	all, err := await(c, cl, p.ID)
	stop()
	if err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "the jobs go on: assay fleet jobs %s shows them, assay fleet cancel %s ends them\n", p.ID, p.ID)
		return err
	}
	if err := printResults(c, cl, all, format); err != nil {
		return err
	}
	return undone(all)
}

// missing is the error of a plan in which a device was away.
func missing(p agents.Plan) error {
	n := 0
	for _, t := range p.Targets {
		if t.Missing != "" {
			n++
		}
	}
	if n > 0 {
		return exitError{exitUndecided, fmt.Sprintf("%d of %s had nobody to take them", n, jobCount(len(p.Targets)))}
	}
	return nil
}

// events prints the progress of a dispatch as it comes, until stop is called.
func events(c *cobra.Command, cl *hub.Client, dispatch string) (stop func(), err error) {
	lines, end, done := make(chan string, 100), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case l := <-lines:
				fmt.Fprintln(c.ErrOrStderr(), l)
			case <-end:
				return
			}
		}
	}()
	err = cl.Events(func(e agents.Event) {
		if !strings.HasPrefix(e.Job, dispatch+"-") || e.Text == "" {
			return
		}
		select {
		case lines <- fmt.Sprintf("%3.0f %%  %s  %s", 100*e.Done, who(agents.Target{Device: e.Agent, Name: e.Name}), e.Text):
		default: // a terminal that is stopped holds nothing up
		}
	})
	return sync.OnceFunc(func() { close(end); <-done }), err
}

// who names the device or class of a target.
func who(t agents.Target) string {
	switch {
	case t.Device == "":
		return "any " + t.Class
	case t.Name == "":
		return t.Device
	}
	return t.Name
}

// await waits until every job has ended.
func await(c *cobra.Command, cl *hub.Client, id string) ([]hub.JobStatus, error) {
	told := map[string]bool{}
	for {
		all, err := cl.Status(c.Context(), id)
		if err != nil {
			if c.Context().Err() != nil {
				return nil, exitError{exitInterrupted, "interrupted"}
			}
			return nil, err
		}
		open := false
		for _, s := range all {
			if s.Outcome == nil {
				open = true
			} else if !told[s.Target.Job] {
				told[s.Target.Job] = true
				fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", who(s.Target), ending(s))
			}
		}
		if !open {
			return all, nil
		}
		select {
		case <-c.Context().Done():
			return nil, exitError{exitInterrupted, "interrupted"}
		case <-time.After(time.Second):
		}
	}
}

// ending says in words how a job stands.
func ending(s hub.JobStatus) string {
	switch {
	case s.Outcome == nil && s.Step != "":
		return string(s.State) + ": " + s.Step
	case s.Outcome == nil:
		return string(s.State)
	case s.State == agents.Done:
		return "done, run " + s.Outcome.Run
	}
	return strings.TrimSuffix(string(s.State)+": "+s.Outcome.Reason, ": ")
}

// printResults prints the table of every device that returned one, all of them
// side by side, and a list of all jobs.
func printResults(c *cobra.Command, cl *hub.Client, all []hub.JobStatus, format string) error {
	words := map[string]string{}
	var results []*bench.Result
	o := render.Options{Width: width(c.OutOrStdout(), 120), Color: colour(c.OutOrStdout())}
	for _, s := range all {
		if s.State != agents.Done {
			continue
		}
		r, err := fetchResult(c.Context(), cl, s.Outcome.Run)
		if err != nil {
			return err
		}
		words[s.Target.Job] = verdictWords(r)
		if format == "json" {
			continue
		}
		fmt.Fprintf(c.OutOrStdout(), "── %s, %s ──\n", who(agents.Target{Device: r.Device.ID, Name: r.Device.Name}), r.Device.Class)
		results = append(results, r)
		if err := render.Render(c.OutOrStdout(), format, r, o); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout())
	}
	if format == "table" && len(results) > 1 {
		if err := render.Across(c.OutOrStdout(), reports.SideBySide(results, ""), o); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout())
	}
	return jobList(all, words).print(c.OutOrStdout(), format)
}

func fetchResult(ctx context.Context, cl *hub.Client, run string) (*bench.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	b, err := cl.Result(ctx, run)
	if err != nil {
		return nil, err
	}
	return unpackResult(b)
}

// verdictWords counts the verdicts of a result: "1 fail, 2 pass".
func verdictWords(r *bench.Result) string {
	count := reports.Count(r)
	var parts []string
	for w, n := range count {
		parts = append(parts, fmt.Sprintf("%d %s", n, w))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// jobList is the table of the jobs of a dispatch.
func jobList(all []hub.JobStatus, words map[string]string) list {
	l := list{header: []string{"JOB", "DEVICE", "CLASS", "STATE", "VERDICTS"}, data: all}
	for _, s := range all {
		name := who(s.Target)
		if s.Target.Device == "" && s.Agent != "" {
			name = s.Agent
		}
		l.rows = append(l.rows, []string{s.Target.Job, name, s.Target.Class, ending(s), words[s.Target.Job]})
	}
	return l
}

// jobCount is "1 job" or "2 jobs".
func jobCount(n int) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

// undone is the error of a dispatch in which a job has no result.
func undone(all []hub.JobStatus) error {
	n := 0
	for _, s := range all {
		if s.State != agents.Done {
			n++
		}
	}
	if n > 0 {
		return exitError{exitUndecided, fmt.Sprintf("%d of %s returned no result", n, jobCount(len(all)))}
	}
	return nil
}
