package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"assay/bench/stat"
	"assay/bench/stat/watch"
)

// most is the largest count that is still believable where mean is expected:
// one honest cell in 10,000 is above it.
func most(mean float64) int {
	p := distuv.Poisson{Lambda: mean}
	k := 0
	for p.CDF(float64(k)) < 1-1e-4 {
		k++
	}
	return k
}

// TestPromises is the short form of the proof: one year of each kind of noise
// for each persisting share. The whole proof is the command (make simulate).
func TestPromises(t *testing.T) {
	limit := most(nightsN * watch.Standard.Budget)
	for i, k := range []int{2, 4, 8} {
		for _, p := range shares {
			w := stable[k]
			w.Persist = p
			c := simulate(w, watch.Standard, 1, uint64(10+i))
			if got := int(math.Round(c.False * c.Nights)); got > limit {
				t.Errorf("%s, share %g: %d false alarms in a year, the budget allows 12, chance %d", w.Name, p, got, limit)
			}
			if c.Again > watch.Standard.Share {
				t.Errorf("%s, share %g: %.1f %% of the series are measured again per night", w.Name, p, 100*c.Again)
			}
		}
	}
	for _, x := range targets {
		i := slices.IndexFunc(changing, func(w World) bool { return w.Name == x.world })
		c := simulate(changing[i], watch.Standard, 1, 3)
		b := distuv.Binomial{N: changed, P: x.power}
		if got := math.Round(c.within(x.nights) * changed); b.CDF(got) < 1e-4 {
			t.Errorf("%s: %g of %d found within %d nights, wanted %g", x.world, got, changed, x.nights, x.power)
		}
	}
}

// TestBudgetIsCaught shows that the proof can fail: a budget a hundred times
// as large is overspent by the standard of the real one, and the same limit
// sees it.
func TestBudgetIsCaught(t *testing.T) {
	plan := watch.Standard
	plan.Budget *= 100
	c := simulate(stable[4], plan, 1, 1)
	if got, limit := int(math.Round(c.False*c.Nights)), most(nightsN*watch.Standard.Budget); got <= limit {
		t.Errorf("%d false alarms in a year at a hundred times the budget: within the limit of %d", got, limit)
	}
}

func TestRules(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	quiet := make([]float64, 90)
	for i := range quiet {
		quiet[i] = 100 + rnd.NormFloat64()
	}
	step := slices.Clone(quiet)
	for i := 60; i < len(step); i++ {
		step[i] += 20
	}
	for _, r := range peers {
		for _, c := range []struct {
			name string
			x    []float64
			want bool
		}{{"a step of 20 deviations", step, true}, {"a series of three nights", quiet[:3], false}} {
			told, got := r.new(), false
			for n := range c.x {
				got = told(c.x[:n+1]) || got
			}
			if got != c.want {
				t.Errorf("%s: %s: told %v", r.Name, c.name, got)
			}
		}
	}
}

// TestOtava holds the method against an expectation of Otava's own tests.
func TestOtava(t *testing.T) {
	x := []float64{1.02, 0.95, 0.99, 1.00, 1.12, 1.00, 1.01, 0.98, 1.01, 0.96, 0.50, 0.51, 0.48, 0.48, 0.55, 0.50, 0.49, 0.51, 0.50, 0.49}
	cuts := otava(x, 0, map[int][]int{}) // test_single_series: one change point, at 10
	if len(cuts) != 1 || cuts[0].at != 10 || cuts[0].after > cuts[0].before {
		t.Errorf("got %+v, want one at 10, downwards", cuts)
	}
}

// TestEnergy holds the sums against the definition.
func TestEnergy(t *testing.T) {
	x := []float64{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}
	mean := func(a, b []float64) float64 {
		s := 0.0
		for _, v := range a {
			for _, w := range b {
				s += math.Abs(v - w)
			}
		}
		return s
	}
	at, best := 0, 0.0
	for t := 1; t < len(x); t++ {
		for k := t + 1; k <= len(x); k++ {
			l, r := x[:t], x[t:k]
			n, m := float64(t), float64(k-t)
			q := 2 / (n + m) * mean(l, r)
			if t > 1 {
				q -= m / (n + m) / (n - 1) * mean(l, l)
			}
			if k-t > 1 {
				q -= n / (n + m) / (m - 1) * mean(r, r)
			}
			if q > best+1e-12 {
				at, best = t, q
			}
		}
	}
	if a, q := energy(x); a != at || math.Abs(q-best) > 1e-9 {
		t.Errorf("split at %d with %g, by the definition at %d with %g", a, q, at, best)
	}
}

// TestBounds checks the bounds against cases that are known.
func TestBounds(t *testing.T) {
	// A step of one deviation carries half a nat a night: ln(6000)/0.5.
	w := World{SD: 0.02, Step: math.Exp(0.02) - 1}
	if got, want := leastDelay(w), 2*math.Log(6000); math.Abs(got-want) > 1e-9 {
		t.Errorf("least delay %g, want %g", got, want)
	}
	w.Rho = 0.5 // innovations of variance 0.75 see half of it: three times as long
	if got, want := leastDelay(w), 6*math.Log(6000); math.Abs(got-want) > 1e-9 {
		t.Errorf("least delay with correlation %g, want %g", got, want)
	}
	if got := mostPower(World{SD: 0.02}); math.Abs(got-0.08) > 1e-9 {
		t.Errorf("without a step the best screening suspects %g, want the 8 %% that it may", got)
	}
}

// TestDocumented keeps the rows of docs/regressions.md those of the simulation.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/regressions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range stable {
		if got := strings.Count(string(page), "| "+w.Name+" |"); got != 3 {
			t.Errorf("docs/regressions.md has %d rows on %q, want 3: paste what make simulate prints", got, w.Name)
		}
	}
	for _, w := range beyond {
		if !strings.Contains(string(page), "| "+w.Name+" |") {
			t.Errorf("docs/regressions.md lacks the row on %q: paste what make simulate prints", w.Name)
		}
	}
	for _, w := range changing {
		if got := strings.Count(string(page), "| "+w.Name+" |"); got < 2 {
			t.Errorf("docs/regressions.md has %d rows on %q, want 2 at least: paste what make simulate prints", got, w.Name)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	var out, talk bytes.Buffer
	if code := run([]string{"-nonsense"}, &out, &talk); code != 2 {
		t.Errorf("exit code of a wrong flag: %d, want 2", code)
	}
}

// TestSecondMeasurement checks the model of one against its own words.
func TestSecondMeasurement(t *testing.T) {
	y := newYear(World{SD: 0.02, Persist: 0.25, Step: 0.05}, 9)
	var left []float64
	for n := range nightsN {
		r, trials := y.again(0, n, 0.01, 0.99)
		if trials < watch.Pilot || trials > watch.MaxTrials {
			t.Fatalf("%d trials", trials)
		}
		left = append(left, r.Mid-0.25*y.noise[0][n]-y.truth[0][n])
	}
	if m := stat.Median(left); math.Abs(m) > 0.0005 {
		t.Errorf("what neither noise nor step explains is %g in the median", m)
	}
}
