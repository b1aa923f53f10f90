// Proof shows on a real machine what the simulation shows on paper: that A/A
// groups do not fail and that a slowed worker does. It needs a quiet machine; its figures go into
// docs/method.md. It is a program of its own, since the product has no hook to
// slow a worker:
//
//	assay-proof [-n 20] [-engine onnxruntime] [-model resnet8] [aa] [slow]
//	assay-proof parity      native against ONNX Runtime on all test images
//	assay-proof [-rounds 15] speed [GROUP …]   and their times, interleaved
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/metric"
	"assay/bench/runner"
	"assay/bench/task"
	"assay/bench/verdict"
	"assay/models"
	"assay/models/zoo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if err := serve(ctx, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "assay-proof:", err)
		os.Exit(1)
	}
}

// A trick is what the candidate's worker does differently from the baseline's.
type trick struct {
	name   string
	gate   string
	flags  []string // of the candidate's worker
	expect verdict.Word
	claim  string
}

var tricks = []trick{
	{"aa", "latency.p50 <= 1.05x", nil, verdict.Pass, "equal workers against a 5 % gate: no fail"},
	{"slow", "latency.p50 <= 1.03x", []string{"-slow", "1.05"}, verdict.Fail, "a worker slowed by 5 % against a 3 % gate: fail in 17 of 20"},
}

func run(ctx context.Context, args []string, w io.Writer) error {
	fs := flag.NewFlagSet("assay-proof", flag.ContinueOnError)
	n := fs.Int("n", 20, "groups per claim")
	eng := fs.String("engine", "onnxruntime", "engine")
	model := fs.String("model", "resnet8", "model of the zoo")
	rounds := fs.Int("rounds", 15, "visits of each worker for a row of speed")
	if err := fs.Parse(args); err != nil {
		return err
	}
	names := fs.Args()
	if slices.Contains(names, "parity") {
		_, err := agree(ctx, w, 0)
		return err
	}
	if len(names) > 0 && names[0] == "speed" {
		return speed(ctx, w, *rounds, names[1:])
	}
	for _, t := range tricks {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		if err := prove(ctx, w, t, *n, *eng, *model); err != nil {
			return err
		}
	}
	return nil
}

// prove runs n groups of baseline and tricked candidate.
func prove(ctx context.Context, w io.Writer, t trick, n int, eng, model string) error {
	art, err := zoo.Artifact(model, bench.Baseline)
	if err != nil {
		return err
	}
	set, err := setup(t, model)
	if err != nil {
		return err
	}
	gate, err := verdict.Parse(t.gate)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s (%s on %s)\n", t.claim, model, eng)
	count := map[verdict.Word]int{}
	var devs []float64
	for i := range n {
		r, err := bench.Run(ctx, set, []bench.Group{group(art, model, eng, gate)})
		if err != nil {
			return err
		}
		g := r.Groups[0]
		c := g.Cases[1]
		if len(c.Verdicts) == 0 || g.AA == nil || r.Partial != "" {
			return fmt.Errorf("group %d was not measured: %s %s %s", i+1, c.Status, c.Reason, r.Partial)
		}
		v := c.Verdicts[0]
		count[v.Word]++
		devs = append(devs, g.AA.Deviation)
		e, _ := c.Ratio(metric.P50.Name)
		fmt.Fprintf(w, "%2d  %-12s %.4fx (%.4f to %.4f)  A/A %.4fx, between trials %.2f %%, %d trials  %s\n", i+1, v.Word, e.Value, e.Low, e.High, g.AA.Ratio.Value, 100*g.AA.Deviation, g.Trials, v.Reason)
	}
	slices.Sort(devs)
	fmt.Fprintf(w, "=> %d of %d %s; fail %d, inconclusive %d, untrusted %d; deviation between trials %.2f to %.2f %%, median %.2f %%\n\n",
		count[t.expect], n, t.expect, count[verdict.Fail], count[verdict.Inconclusive], count[verdict.Untrusted], 100*devs[0], 100*devs[len(devs)-1], 100*devs[len(devs)/2])
	return nil
}

func group(a models.Artifact, model, eng string, gate verdict.Gate) bench.Group {
	g := bench.Group{Gates: []bench.Gate{{Gate: gate}}}
	for _, v := range []string{bench.Baseline, "candidate"} {
		g.Cases = append(g.Cases, bench.Case{Task: "proof", Model: model, Variant: v, Engine: eng, Provider: "cpu", Threads: 1, Batch: 1, Scenario: "single-stream", Artifact: a})
	}
	return g
}

// setup is that of assay run, with this program as the worker.
func setup(t trick, model string) (bench.Setup, error) {
	set, err := bench.Local()
	if err != nil {
		return set, err
	}
	exe, err := os.Executable()
	if err != nil {
		return set, err
	}
	card, err := zoo.Model(model)
	if err != nil {
		return set, err
	}
	data, err := zoo.Data(card.Task)
	if err != nil {
		return set, err
	}
	samples, err := task.Open(zoo.FS(), data, "test", 64)
	if err != nil {
		return set, err
	}
	set.Plan = bench.Plan{Trials: 5, MaxTrials: 10, Rounds: 4, Precision: 0.01, PrecisionBy: map[string]float64{"native": 0.03}, Block: 50 * time.Millisecond}
	set.Data = func(c bench.Case, _ []engine.Desc) (bench.Dataset, error) { return samples.For(c.Artifact.Input), nil }
	set.Command = func(c bench.Case) (runner.Command, error) {
		args := []string{"worker", "-engine", c.Engine}
		if c.Variant != bench.Baseline {
			args = append(args, t.flags...)
		}
		return runner.Command{Path: exe, Args: args}, nil
	}
	return set, nil
}
