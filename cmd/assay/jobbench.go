package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"assay/agents/agent"
	"assay/bench"
	"assay/bench/host"
	"assay/bench/runner"
	"assay/models"
	"assay/reports/store"
	"assay/suites"
)

// jobBench measures the jobs of an agent as assay run measures a suite.
type jobBench struct {
	device host.Device
	db     *store.SQLite // nil keeps nothing here
}

var _ agent.Bench = (*jobBench)(nil)

// Run measures a job. What was measured of one that is interrupted stays in
// this device's store.
func (b *jobBench) Run(ctx context.Context, t agent.Task) (string, []byte, error) {
	x, err := b.expand(t)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	for _, w := range x.Warnings {
		t.Say(w)
	}
	set, err := bench.Local()
	if err != nil {
		return "", nil, err
	}
	set.Device, set.Suite, set.Version, set.Plan, set.Progress = b.device, x.Suite, buildVersion(), x.Plan, t.Progress
	set.Labels = map[string]string{"dispatch": t.Dispatch}
	maps.Copy(set.Labels, t.Labels)
	set.Command = func(c bench.Case) (runner.Command, error) {
		cmd, err := workerCommand(c)
		cmd.Quiet = t.Quiet
		cmd.Sandbox = confine(cmd, c)
		return cmd, err
	}
	feed, err := newFeed(x, "", set.Plan.Samples, models.IO{})
	if err != nil {
		return "", nil, err
	}
	set.Data = feed.data
	r, err := bench.Run(ctx, set, x.Groups)
	if err != nil {
		return "", nil, err
	}
	r.Accuracy = feed.text(r)
	r.Warnings = append(append(r.Warnings, x.Warnings...), feed.doubts(r)...)
	if b.db != nil {
		if err := b.db.Put(context.WithoutCancel(ctx), r); err != nil {
			t.Say(fmt.Sprintf("run %s cannot be kept here, only sent: %v", r.Run, err))
		}
	}
	if r.Partial != "" {
		return r.Run, nil, fmt.Errorf("run %s is partial: %s", r.Run, r.Partial)
	}
	t.Say("run " + r.Run + " has ended: " + verdictWords(r))
	packed, err := packResult(r)
	return r.Run, packed, err
}

// expand reads the job's suite, which opens no files but those of the job.
// Others are refused, and so is a zoo that holds others than the hub's.
func (b *jobBench) expand(t agent.Task) (*suites.Expansion, error) {
	file, err := suites.LoadAlone(t.Path)
	if err != nil {
		return nil, err
	}
	x, err := file.Expand(t.Suite, suites.Env{Labels: deviceLabels(b.device)})
	if err != nil {
		return nil, err
	}
	if x.Skipped != "" {
		return nil, errors.New(x.Skipped)
	}
	for _, g := range x.Groups {
		for _, c := range g.Cases {
			want := t.Sums[suites.SumKey(c.Model, c.Variant)]
			if c.Artifact.SHA256 == want || c.Err != "" {
				continue
			}
			return nil, fmt.Errorf("%s %s has sha256 %.12s… here, %.12s… where the job was made: hub and agent want the same version of assay (this is %s)",
				c.Model, c.Variant, c.Artifact.SHA256, want, buildVersion())
		}
	}
	return x, nil
}
