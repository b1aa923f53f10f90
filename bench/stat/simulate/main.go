// Command simulate proves the method of docs/method.md by simulation: it runs
// the whole procedure (pilot, Stein's number of trials, cap, interval,
// verdict) many times under each noise model and prints Markdown tables of
// coverage, power and false fails. Seeds are fixed: the same source gives the
// same table. It exits with 1 if a promise is not kept.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"assay/bench/unit"
)

// The promises of docs/design.md, "Measuring".
const (
	leastCover = 0.94
	leastPower = 0.95
	mostFalse  = 0.005
)

const releaseGates = 10

// plans are those of the ready suites: 5 trials at least, 4 rounds each, 1 %.
var plans = []Plan{
	{Pilot: 5, Rounds: 4, MaxTrials: 20, Precision: 0.01},
	{Pilot: 5, Rounds: 4, MaxTrials: 40, Precision: 0.01, AllPower: true},
	{Pilot: 5, Rounds: 4, MaxTrials: 20, Precision: 0.01, Budget: true},
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	reps := flags.Int("reps", 10000, "replications per cell")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	broken := 0
	for i, p := range plans {
		fmt.Fprintf(stdout, "### %s\n\n", title(p))
		table(stdout)
		for j, n := range noises {
			c := simulate(n, p, *reps, uint64(1000*i+j))
			row(stdout, c)
			for _, b := range c.broken() {
				fmt.Fprintf(stderr, "simulate: %s, %s: %s\n", title(p), n.Name, b)
				broken++
			}
		}
		fmt.Fprintln(stdout)
	}
	fmt.Fprintf(stdout, "### Where the method ends (not promised)\n\n")
	table(stdout)
	for j, n := range beyond {
		row(stdout, simulate(n, plans[0], *reps, uint64(9000+j)))
	}
	fmt.Fprintf(stdout, "\n### A release of %d gates of 3 %%, judged together; one case is 5 %% slower\n\n| noise | trials | power | equal cases that pass | any wrong verdict | any verdict where all are exactly on the limit |\n|---|---:|---:|---:|---:|---:|\n", releaseGates)
	for j, k := range []int{0, 1, 11, 13} {
		r := simulateRelease(noises[k], plans[1], releaseGates, max(*reps/20, 1), uint64(7000+j))
		fmt.Fprintf(stdout, "| %s | %.1f | %s | %s | %s | %s |\n", r.Noise.Name, r.Trials, percent(r.Power), percent(r.Passed), percent(r.Wrong), percent(r.Edge))
	}
	fmt.Fprintf(stdout, "\n### Accuracy: paired differences\n\n| samples | truly lost / won | coverage | half-width | McNemar sees it |\n|---:|---|---:|---:|---:|\n")
	for j, f := range flips {
		a := simulateAccuracy(f, max(*reps/2, 1), uint64(8000+j))
		fmt.Fprintf(stdout, "| %s | %s / %s | %s | %s | %s |\n", unit.Count(f.N), unit.Percent(f.Lost), unit.Percent(f.Won),
			percent(a.Cover95), unit.PlusMinus(100*a.Width, "pt"), percent(a.Reject))
		if a.Cover95 < leastCover {
			fmt.Fprintf(stderr, "simulate: accuracy, %d samples: coverage %s\n", f.N, percent(a.Cover95))
			broken++
		}
	}
	if broken > 0 {
		return 1
	}
	return 0
}

// broken lists the promises that a cell does not keep. Power is promised of
// the release plan, and elsewhere where cap and budget leave the trials that
// precision asks for in 95 % of the measurements.
func (c Cell) broken() []string {
	var out []string
	say := func(wrong bool, format string, a ...any) {
		if wrong {
			out = append(out, fmt.Sprintf(format, a...))
		}
	}
	say(c.Cover95 < leastCover, "coverage %s, promised %s", percent(c.Cover95), percent(leastCover))
	say(c.False > mostFalse, "false fails %s, promised at most %s", percent(c.False), percent(mostFalse))
	say(c.Power < leastPower && (c.Plan.AllPower || c.Capped < 0.05 && !c.Plan.Budget), "power %s, promised %s", percent(c.Power), percent(leastPower))
	return out
}

func title(p Plan) string {
	s := fmt.Sprintf("Pilot of %d trials × %d rounds, at most %d trials, wanted %s", p.Pilot, p.Rounds, p.MaxTrials, unit.PlusMinus(p.Precision, "x"))
	if p.Budget {
		s += ", cut short by the time budget anywhere"
	}
	return s
}

func table(w io.Writer) {
	fmt.Fprintln(w, "| noise | sd between trials | trials | capped | coverage 95 % | coverage 99 % | power: 3 % gate, 5 % slower | false fails: 5 % gate | false fails: 3 % gate | (peeking: coverage) |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
}

func row(w io.Writer, c Cell) {
	fmt.Fprintf(w, "| %s | %s | %.1f | %s | %s | %s | %s | %s | %s | %s |\n", c.Noise.Name, unit.Percent(c.Deviance), c.Trials,
		percent(c.Capped), percent(c.Cover95), percent(c.Cover99), percent(c.Power), percent(c.False), percent(c.FalseAny), percent(c.Peeking))
}

func percent(v float64) string { return unit.Fixed(100*v, 1) + " %" }
