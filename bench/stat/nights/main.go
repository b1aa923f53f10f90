// Command nights proves docs/regressions.md by simulation: it runs the whole
// procedure of bench/stat/watch, second measurements included, over years of
// 200 series under many kinds of noise and change, and prints Markdown tables
// of false alarms, cost, power and delay, with those of other programs' rules
// on the same series beside them. Seeds are fixed: the same source gives the
// same tables. It exits with 1 if a promise is not kept.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sync"

	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/bench/unit"
)

// stable are the worlds in which nothing changes: every alarm is false.
var stable = []World{
	{Name: "independent, 0.5 %", SD: 0.005},
	{Name: "independent, 1 %", SD: 0.01},
	{Name: "independent, 2 %", SD: 0.02},
	{Name: "independent, 5 %", SD: 0.05},
	{Name: "0.5 %, 5 % of runs spike by 10 %", SD: 0.005, Spikes: 0.05, By: 0.10},
	{Name: "2 %, 5 % of runs spike by 10 %", SD: 0.02, Spikes: 0.05, By: 0.10},
	{Name: "2 %, AR(1) ρ = 0.4", SD: 0.02, Rho: 0.4},
	{Name: "1 %, nights that shift all series by 2 %", SD: 0.01, Common: 0.02},
	{Name: "all of it: 1 %, ρ = 0.4, spikes, shifts of 1 %", SD: 0.01, Rho: 0.4, Spikes: 0.05, By: 0.10, Common: 0.01},
}

// changing are the worlds in which a fifth of the series change.
var changing = []World{
	{Name: "step 2 % in 0.5 %", SD: 0.005, Step: 0.02},
	{Name: "step 2 % in 2 %", SD: 0.02, Step: 0.02},
	{Name: "step 5 % in 2 %", SD: 0.02, Step: 0.05},
	{Name: "step 10 % in 2 %", SD: 0.02, Step: 0.10},
	{Name: "step 5 % in 5 %", SD: 0.05, Step: 0.05},
	{Name: "step 10 % in 5 %", SD: 0.05, Step: 0.10},
	{Name: "step 2 % in 2 %, ρ = 0.4", SD: 0.02, Rho: 0.4, Step: 0.02},
	{Name: "step 5 % in 2 %, ρ = 0.4", SD: 0.02, Rho: 0.4, Step: 0.05},
	{Name: "step 5 % in 2 %, spikes", SD: 0.02, Spikes: 0.05, By: 0.10, Step: 0.05},
	{Name: "step 5 % in 1 %, nights shift by 2 %", SD: 0.01, Common: 0.02, Step: 0.05},
	{Name: "drift 0.1 % a night in 2 %", SD: 0.02, Drift: 0.001},
	{Name: "step 5 % in 2 %, not in the build", SD: 0.02, Step: 0.05, Kept: true},
	{Name: "drift 0.1 % a night in 2 %, not in the build", SD: 0.02, Drift: 0.001, Kept: true},
}

// beyond are worlds that break an assumption: their numbers are printed, so
// that everybody knows where the method ends, but they are not promised.
var beyond = []World{
	{Name: "1 %, which grows to 3 % in a fifth of the series", SD: 0.01, Grow: 3},
	{Name: "2 %, all of which persists in every second series", SD: 0.02, Mixed: true},
	{Name: "2 %, ρ = 0.8", SD: 0.02, Rho: 0.8},
}

// shares of a night's deviation that persist into the second measurement.
var shares = []float64{0, 0.25, 1}

// alone is the plan without second measurements.
func alone() watch.Plan {
	p := watch.Standard
	p.Alone = true
	return p
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("nights", flag.ContinueOnError)
	flags.SetOutput(stderr)
	years := flags.Int("years", 1, "years per cell")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	s := results{stable: cells(stable, *years, 1000), changing: cells(changing, *years, 2000)}
	s.beyond = cells(beyond, *years, 3000)
	s.peersStable, s.peersChanging = rivals(stable, *years, 1000), rivals(changing, *years, 2000)
	s.print(stdout, *years)
	broken := s.broken()
	for _, b := range broken {
		fmt.Fprintf(stderr, "nights: %s\n", b)
	}
	if len(broken) > 0 {
		return 1
	}
	return 0
}

// results are all cells: by world, and in it by share and then alone.
type results struct {
	stable, changing, beyond   [][]Cell
	peersStable, peersChanging [][]Cell
}

// cells simulates every world with every share, and without confirmation. A
// world's seed is the same for all of them, so that they see the same series.
func cells(ws []World, years int, seed uint64) [][]Cell {
	out := make([][]Cell, len(ws))
	parallel(len(ws)*(len(shares)+1), func(k int) {
		i, j := k/(len(shares)+1), k%(len(shares)+1)
		w, plan := ws[i], alone()
		if j < len(shares) {
			w.Persist, plan = shares[j], watch.Standard
		}
		out[i][j] = simulate(w, plan, years, seed+uint64(100*i))
	}, func(i int) { out[i] = make([]Cell, len(shares)+1) }, len(ws))
	return out
}

// rivals simulates the other programs' rules.
func rivals(ws []World, years int, seed uint64) [][]Cell {
	out := make([][]Cell, len(ws))
	parallel(len(ws)*len(peers), func(k int) {
		i, j := k/len(peers), k%len(peers)
		out[i][j] = rival(ws[i], peers[j], years, seed+uint64(100*i))
	}, func(i int) { out[i] = make([]Cell, len(peers)) }, len(ws))
	return out
}

// parallel makes room, then calls f(0) to f(n−1) on all cores.
func parallel(n int, f func(int), room func(int), rooms int) {
	for i := range rooms {
		room(i)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for k := range next {
				f(k)
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	wg.Wait()
}

// broken lists the promises that are not kept.
func (s *results) broken() []string {
	var out []string
	say := func(wrong bool, format string, a ...any) {
		if wrong {
			out = append(out, fmt.Sprintf(format, a...))
		}
	}
	for i := range s.stable {
		for j, c := range s.stable[i] {
			say(c.False > watch.Standard.Budget, "%s, share %s: %s false alarms per night, the budget is %s", c.Name, shareName(j), rate(c.False), rate(watch.Standard.Budget))
			say(c.Again > watch.Standard.Share, "%s, share %s: %s of the series are measured again", c.Name, shareName(j), percent(c.Again))
		}
	}
	for _, t := range targets {
		for i := range s.changing {
			for j := range shares {
				c := &s.changing[i][j]
				got := c.within(t.nights)
				say(c.Name == t.world && shares[j] < 1 && got < t.power, "%s, share %s: %s found within %d nights, wanted %s", c.Name, shareName(j), percent(got), t.nights, percent(t.power))
			}
		}
	}
	return out
}

// targets are what is wanted where a second measurement is worth something.
var targets = []struct {
	world  string
	nights int
	power  float64
}{
	{"step 5 % in 2 %", 3, 0.95},
	{"step 2 % in 2 %", 12, 0.80},
	{"drift 0.1 % a night in 2 %", 60, 0.95},
}

func shareName(j int) string {
	if j < len(shares) {
		return fmt.Sprint(shares[j])
	}
	return "none: without confirmation"
}

// leastDelay is the least mean delay in nights of any rule that sees the
// nights alone and raises budget false alarms per night over all series: the
// log of the nights between false alarms ÷ the information of a night about a
// step (Lorden 1971, "Procedures for reacting to a change in distribution",
// Annals of Mathematical Statistics 42:1897–1908, asymptotically). Of AR(1)
// noise a night's innovation sees (1−ρ) of the step.
func leastDelay(w World) float64 {
	d := math.Log1p(w.Step)
	variance := w.SD*w.SD*(1-w.Rho*w.Rho)/((1-w.Rho)*(1-w.Rho)) + w.Common*w.Common
	return math.Log(seriesN/watch.Standard.Budget) / (d * d / (2 * variance))
}

// mostPower is the power of the best screening of one night that suspects the
// share of the series that may be measured again: by Neyman and Pearson's
// lemma, a limit on tonight's value.
func mostPower(w World) float64 {
	free := watch.Standard.Share - watch.Standard.Controls
	limit := stat.ZQuantile(1 - 2*free)
	return 0.5 * math.Erfc((limit-math.Log1p(w.Step)/math.Hypot(w.SD, w.Common))/math.Sqrt2)
}

func rate(v float64) string    { return unit.Fixed(v, 4) }
func percent(v float64) string { return unit.Fixed(100*v, 1) + " %" }
