// Command simulate proves the window method of package energy (docs/method.md,
// "Energy"): it lets simulated sensors with a known truth go through the whole
// of it on a virtual clock (schedule, recorder, trace, windows, interval over
// rounds) and prints a Markdown table. Seeds are fixed: the same source gives
// the same table. It exits with 1 if a promise is not kept.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"assay/bench/energy"
	"assay/bench/stat"
	"assay/bench/unit"
)

// The promises of docs/method.md.
const (
	mostError  = 0.02  // of the net energy, in 99 % of the windows that claim it
	mostWrong  = 0.003 // of all windows in use: those whose error is far beyond what they say of themselves
	leastCover = 0.94  // of the interval over rounds, at 95 %
	systematic = 0.005 // by which the interval may miss the truth: no repetition shows it
	nearlyAll  = 0.98
)

const (
	rounds  = 5
	each    = 1e-3 // sec per inference
	smaller = 0.7  // the candidate's net energy, of the baseline's
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	reps := flags.Int("reps", 200, "groups per row")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	fmt.Fprintln(stdout, "| sensor | windows that claim 2 % | their error: 99 % within | in use without that claim | below detection | invalid | interval over 5 rounds | it covers the truth, to 0.5 % |")
	fmt.Fprintln(stdout, "|---|---:|---:|---:|---:|---:|---:|---:|")
	broken := 0
	for i, r := range rows {
		t := simulate(r, *reps, uint64(i))
		fmt.Fprintln(stdout, t.row(r))
		if t.why != "" && (r.want == claims || r.want == interval) {
			fmt.Fprintf(stderr, "simulate: %s: an invalid window: %s\n", r.name, t.why)
		}
		for _, b := range t.broken(r) {
			fmt.Fprintf(stderr, "simulate: %s: %s\n", r.name, b)
			broken++
		}
	}
	if broken > 0 {
		return 1
	}
	return 0
}

// A tally is what became of a row's windows.
type tally struct {
	windows, claimed, used, below, invalid int

	errors  []float64 // of windows that claim
	wrong   int       // windows in use that are far off
	halves  []float64 // half-widths of the ratio's interval
	covered int
	why     string // the first invalid window's
}

func simulate(r row, reps int, seed uint64) *tally {
	t := &tally{}
	for k := range reps {
		t.group(r, rand.New(rand.NewPCG(seed, uint64(k))))
	}
	return t
}

// group lets one group of a baseline and a candidate be measured.
func (t *tally) group(r row, rnd *rand.Rand) {
	m := energy.Meter{Name: "simulated", Scope: r.model.scope, Interval: seconds(r.model.period)}
	d := &device{}
	s := newSensor(r.model, d, rnd)
	s.share = r.share
	m.Total = []energy.Sensor{s}
	sched := energy.NewSchedule(m, energy.Rate{Period: m.Interval, Measured: true}, 0, 0, 0)
	idles, loads := r.plan(d, s, sched, rnd)
	trace := record(m, s, sched.Every, idles[rounds].To, rnd)
	var logs []float64
	for i, pair := range loads {
		var nets [2]float64
		for c, w := range pair {
			j, err := energy.Evaluate(trace, idles[i], w, idles[i+1])
			if err != nil {
				panic(err) // the windows above make sense
			}
			if t.count(j, r.rise*[]float64{1, smaller}[c]*w.Length().Seconds()/float64(w.Inferences)) {
				nets[c] = j.Net
			}
		}
		if nets[0] > 0 && nets[1] > 0 {
			logs = append(logs, math.Log(nets[1]/nets[0]))
		}
	}
	if len(logs) < 2 {
		return
	}
	iv := stat.SteinInterval(logs, len(logs), 0.95)
	t.halves = append(t.halves, (iv.High-iv.Low)/2)
	if off := math.Abs(iv.Mid - math.Log(smaller)); off <= (iv.High-iv.Low)/2+systematic {
		t.covered++
	}
}

// record reads a meter as Sampler does: once in every stretch of length every,
// at a random moment.
func record(m energy.Meter, s *sensor, every, end time.Duration, rnd *rand.Rand) energy.Trace {
	rec := energy.NewRecorder(m, every)
	begin := s.now
	for k := 0; s.now < end+3*every; k++ { // the bench waits as long, lest the last reading fail
		rec.Look(context.Background())
		s.now = begin + time.Duration((float64(k)+1+rnd.Float64())*float64(every))
	}
	return rec.End(context.Background())
}

// plan writes the device's power over all rounds, and says where the windows
// are.
func (r row) plan(d *device, s *sensor, sched energy.Schedule, rnd *rand.Rand) (idles []energy.Window, loads [][2]energy.Window) {
	const before, settle = 5.0, 12.0 // sec; the latter is what Sampler.Settle takes where there is nothing to wait for
	guard, window, idle := sched.Guard.Seconds(), sched.Window.Seconds(), sched.Idle.Seconds()
	round := 3*guard + settle + idle + 2*window
	base := func(t float64) float64 { return r.idle * (1 + r.drift*t/round) }
	now := 0.0
	add := func(length, a, b, burst float64) energy.Window {
		from, to := d.add(length, base(now)+a, base(now+length)+b, burst)
		now = to
		return energy.Window{From: seconds(from), To: seconds(to)}
	}
	add(before, 0, 0, 0)
	s.now = seconds(before)
	for i := range rounds + 1 {
		add(guard+settle, 0, 0, 0)
		idles = append(idles, add(idle, 0, 0, 0))
		if i == rounds {
			break
		}
		if at := now - rnd.Float64()*idle; r.fault != nil {
			if rnd.IntN(2) == 0 {
				at = now + rnd.Float64()*(guard+window)
			}
			s.faults = append(s.faults, fault{at, at + r.long, r.fault})
		}
		var pair [2]energy.Window
		for _, c := range rnd.Perm(2) {
			x := r.rise * []float64{1, smaller}[c]
			add(guard, x, x, r.burst)
			pair[c] = add(window, x*(1-r.warm/2), x*(1+r.warm/2), r.burst)
			pair[c].Inferences = int(window / each)
		}
		loads = append(loads, pair)
	}
	return idles, loads
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// count files a window; true if its net energy is used.
func (t *tally) count(j energy.Joules, truth float64) bool {
	t.windows++
	switch {
	case j.Invalid != "":
		t.invalid++
		if t.why == "" {
			t.why = j.Invalid
		}
		return false
	case j.Below:
		t.below++
		return false
	}
	off := math.Abs(j.Net/truth - 1)
	if j.Claimed() {
		t.claimed++
		t.errors = append(t.errors, off)
	} else {
		t.used++
	}
	if off > max(mostError, j.Bound+4*j.Noise) {
		t.wrong++
	}
	return true
}

// row is a line of the table.
func (t *tally) row(r row) string {
	share := func(n int) string {
		if n == 0 {
			return ""
		}
		return percent(float64(n) / float64(t.windows))
	}
	errors, half, cover := "", "", ""
	if len(t.errors) > 0 {
		errors = unit.Percent(stat.Quantile(t.errors, 0.99))
	}
	if n := len(t.halves); n > 0 {
		half, cover = unit.PlusMinus(stat.Median(t.halves), "x"), percent(float64(t.covered)/float64(n))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |", r.name, share(t.claimed), errors, share(t.used), share(t.below), share(t.invalid), half, cover)
}

func percent(v float64) string { return unit.Fixed(100*v, 1) + " %" }

// broken lists the promises that a row does not keep.
func (t *tally) broken(r row) []string {
	var out []string
	say := func(wrong bool, format string, a ...any) {
		if wrong {
			out = append(out, fmt.Sprintf(format, a...))
		}
	}
	all, inUse := float64(t.windows), t.claimed+t.used
	if len(t.errors) > 0 {
		e := stat.Quantile(t.errors, 0.99)
		say(e > mostError, "windows that claim 2 %% are off by %s", percent(e))
	}
	say(float64(t.wrong) > mostWrong*all, "%d of %d windows in use are far off", t.wrong, inUse)
	if n := len(t.halves); n > 0 && (r.want == claims || r.want == interval) {
		say(float64(t.covered) < t.least(n), "the interval covers in %d of %d groups", t.covered, n)
	}
	switch r.want {
	case claims:
		say(float64(t.claimed) < nearlyAll*all, "%d of %d windows claim 2 %%", t.claimed, t.windows)
	case interval:
		say(float64(inUse) < nearlyAll*all, "%d of %d windows are in use", inUse, t.windows)
	case below:
		say(float64(t.below) < nearlyAll*all, "%d of %d windows are below detection", t.below, t.windows)
	case refuses:
		say(float64(t.invalid+t.below) < nearlyAll*all, "%d of %d windows are invalid, %d below detection", t.invalid, t.windows, t.below)
	case some:
		say(t.invalid == 0 && r.model.kind != energy.Counter || inUse == 0, "%d windows are invalid, %d in use", t.invalid, inUse)
	}
	return out
}

// least is how many of n groups the interval must cover: leastCover, less
// three deviations of what so few groups tell.
func (t *tally) least(n int) float64 {
	return float64(n) * (leastCover - 3*math.Sqrt(leastCover*(1-leastCover)/float64(n)))
}
