package main

import (
	"context"
	"fmt"
	"time"

	"assay/bench/energy"
	"assay/bench/runner"
)

// joules sets the ratios by net energy: an idle window, a window for the
// baseline and for each plan, and an idle window, as the method wants them of
// this meter. The search itself goes by latency: no meter resolves a layer.
func (p *planner) joules(ctx context.Context, list []frontier) error {
	m, err := p.openMeter(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	rate, err := m.Period(ctx, runner.Monotonic)
	if err != nil {
		return fmt.Errorf("energy: %w", err)
	}
	s := energy.NewSchedule(m, rate, 0, 0, 0)
	workers := []*runner.Worker{p.base}
	for _, f := range list {
		w, err := timed(ctx, p.engine, p.file(), f.Model, p.set)
		if err != nil {
			return err
		}
		defer w.Kill()
		workers = append(workers, w)
	}
	sampler := energy.Start(ctx, m, s.Every, runner.Monotonic)
	before, err := restWindow(ctx, sampler, s)
	var active []energy.Window
	for _, w := range workers {
		if err == nil {
			var a energy.Window
			a, err = loadWindow(ctx, w, s)
			active = append(active, a)
		}
	}
	var after energy.Window
	if err == nil {
		after, err = restWindow(ctx, sampler, s)
	}
	pause(ctx, 3*s.Every) // a last reading that fails must not cost the last window
	trace := sampler.Stop()
	if err != nil {
		return fmt.Errorf("energy: %w", err)
	}
	var net []float64
	for _, a := range active {
		j, err := energy.Evaluate(trace, before, a, after)
		switch {
		case err != nil:
			return fmt.Errorf("energy: %w", err)
		case j.Invalid != "":
			return fmt.Errorf("energy by %s cannot be used: %s", m, j.Invalid)
		case j.Below:
			return fmt.Errorf("energy by %s: the load is below what the meter detects (%.3g J per inference)", m, j.Limit)
		}
		net = append(net, j.Net)
	}
	for i := range list {
		x := net[i+1] / net[0]
		list[i].Ratio, list[i].low, list[i].high = x, x, x
	}
	return nil
}

// openMeter opens the meter that --meter or the device names.
func (p *planner) openMeter(ctx context.Context) (energy.Meter, error) {
	env, kind, err := meterEnv(p.meter)
	if err != nil {
		return energy.Meter{}, err
	}
	m, err := energy.Open(ctx, env, kind)
	if err != nil {
		return m, fmt.Errorf("energy cannot be measured here: %w", err)
	}
	return m, nil
}

// restWindow waits until the power has come to rest and takes an idle window.
func restWindow(ctx context.Context, sampler *energy.Sampler, s energy.Schedule) (energy.Window, error) {
	pause(ctx, s.Guard)
	_, err := sampler.Settle(ctx, s.Settle, func() (float64, bool) { return 0, false })
	if err != nil {
		return energy.Window{}, err
	}
	from := runner.Monotonic()
	pause(ctx, s.Idle)
	return energy.Window{From: from, To: runner.Monotonic()}, ctx.Err()
}

// loadWindow lets w run without pause, for as long as the meter may lag and
// then for a window.
func loadWindow(ctx context.Context, w *runner.Worker, s energy.Schedule) (energy.Window, error) {
	if _, err := w.Run(ctx, s.Guard, 1); err != nil {
		return energy.Window{}, err
	}
	b, err := w.Run(ctx, s.Window, 5)
	return energy.Window{From: time.Duration(b.Start), To: time.Duration(b.End), Inferences: b.Inferences}, err
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
