package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"

	"assay/bench/engine"
	"assay/bench/kernel/pool"
	"assay/bench/kernel/roof"
	"assay/bench/runner"
	"assay/bench/stat"
	"assay/bench/unit"
)

// scaling prints what a second thread brings the native engine, and what share
// that is of what it brings multiplications that need nothing but registers
// and L1: a virtual core may be half of a real one. Of every block only the
// fastest reading counts, since one thread that waits for its core makes both
// wait.
func (t *table) scaling(ctx context.Context, dir string, rounds int, cpus []int, wanted func(group string) bool) error {
	if runtime.NumCPU() < 2 {
		return nil
	}
	fmt.Fprintln(t.w)
	for _, n := range nets {
		if n.technique != "" || !wanted(n.group+" two threads") {
			continue
		}
		r, err := n.race(ctx, dir)
		if err != nil {
			return err
		}
		if err := t.scalingOf(ctx, r, rounds, cpus); err != nil {
			return fmt.Errorf("%s, two threads: %w", r.group, err)
		}
	}
	return nil
}

func (t *table) scalingOf(ctx context.Context, r race, rounds int, cpus []int) error {
	var ws [2]*runner.Worker
	var loops [2]*pool.Pool
	for i := range ws {
		w, err := runner.Start(ctx, runner.Command{Path: self, Args: []string{"worker", "-engine", "native"}, CPUs: cpus})
		if err != nil {
			return err
		}
		defer w.Kill()
		if _, err := w.Load(ctx, r.art, engine.Options{Provider: "cpu", Threads: i + 1, Batch: 1}); err != nil {
			return err
		}
		if err := w.Bind(ctx, r.sets); err != nil {
			return err
		}
		ws[i], loops[i] = w, pool.New(i+1)
		defer loops[i].Close()
	}
	var gains, bare []float64
	for range rounds {
		var seconds, rates [2]float64
		for _, i := range rand.Perm(2) {
			rates[i] = roof.Multiplications(loops[i], block)
			s, err := least(ctx, ws[i])
			if err != nil {
				return err
			}
			seconds[i] = s
		}
		gains, bare = append(gains, seconds[0]/seconds[1]), append(bare, rates[1]/rates[0])
	}
	g, b := stat.Median(gains), stat.Median(bare)
	fmt.Fprintf(t.w, "  %-28s second thread %s, multiplications alone %s, share %.0f %%\n", r.group, unit.Ratio(g), unit.Ratio(b), 100*g/b)
	return nil
}
