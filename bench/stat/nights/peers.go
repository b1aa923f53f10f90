package main

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"assay/bench/stat"
)

// A Rule is another program's way of telling that a series has changed for
// the worse, with its published defaults, in code of our own. It is asked
// every night, as ours is.
type Rule struct {
	Name string
	new  func() func(x []float64) bool // told tonight; x is the series until tonight, in its own unit
}

var peers = []Rule{
	{"Apache Otava (windowed E-divisive, t test, p 0.001)", newOtava},
	{"benchstat (U test, α 0.05: last 10 nights, 10 before)", plainRule(benchstat)},
	{"z > 5 (Conbench: tonight, 100 nights before)", plainRule(zScore)},
	{"Perfherder (weighted t > 7 and 2 %, 12 to 24 nights, 12 after)", plainRule(perfherder)},
}

func plainRule(f func(x []float64) bool) func() func([]float64) bool {
	return func() func([]float64) bool { return f }
}

// zScore is Conbench's rule: tonight is more than 5 standard deviations above
// the mean of its history.
func zScore(x []float64) bool {
	n := len(x) - 1
	hist := x[max(0, n-100):n]
	return len(hist) >= 10 && x[n]-stat.Mean(hist) > 5*stat.SD(hist)
}

// benchstat compares the last ten nights with the ten before, as its
// documentation advises: Mann–Whitney's U at 0.05, two-sided.
func benchstat(x []float64) bool {
	n := len(x)
	if n < 20 {
		return false
	}
	before, after := x[n-20:n-10], x[n-10:]
	return stat.Median(after) > stat.Median(before) && stat.MannWhitney(before, after) < 0.05
}

// perfherder is Mozilla's rule: a t whose means weigh the nights near the
// change most, above 7 and above its neighbours', for a change of 2 % at
// least. The twelve nights after the change must be there.
func perfherder(x []float64) bool {
	const back, fore = 24, 12
	at := len(x) - fore - 1 // its neighbour after it has 12 nights too
	if at < 13 {
		return false
	}
	t := func(at int) (t, ratio float64) {
		w := slices.Clone(x[max(0, at-back):at])
		slices.Reverse(w)
		m1, v1 := weighted(w)
		m2, v2 := weighted(x[at : at+fore])
		return (m2 - m1) / math.Sqrt(v1+v2), m2 / m1
	}
	here, ratio := t(at)
	left, _ := t(at - 1)
	right, _ := t(at + 1)
	return here > 7 && ratio >= 1.02 && here >= math.Abs(left) && here >= math.Abs(right)
}

// weighted is a mean with weights that fall off linearly, and the variance of
// a value around it, over their number.
func weighted(x []float64) (mean, variance float64) {
	n, sum := float64(len(x)), 0.0
	for i, v := range x {
		k := (n - float64(i)) / n
		mean, sum = mean+k*v, sum+k
	}
	mean /= sum
	for _, v := range x {
		variance += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, variance / n
}

// otavaWindow is Otava's window; it moves by half of it.
const otavaWindow = 50

// newOtava remembers the change points that were told already, and the weak
// ones of windows that are full, which later nights do not change.
func newOtava() func(x []float64) bool {
	var told []int
	full := map[int][]int{}
	return func(x []float64) bool {
		from := max(0, (len(x)-2*otavaWindow)/(otavaWindow/2)*(otavaWindow/2))
		alarm := false
		for _, cp := range otava(x[from:], from, full) {
			at := cp.at + from
			if slices.ContainsFunc(told, func(t int) bool { return max(t-at, at-t) <= 5 }) {
				continue
			}
			told = append(told, at)
			alarm = alarm || cp.after > cp.before
		}
		return alarm
	}
}

// A cut is a change point with the means and the p-value of its two sides.
type cut struct {
	at            int
	before, after float64
	p             float64
}

// otava is the method of Fleming and others 2023 ("Hunter: using change point
// detection to hunt for performance regressions", ICPE): weak change points
// at p = 0.01 in windows, of which those at 0.001 are kept. full holds the weak
// ones of full windows, by where they begin; x begins at from.
func otava(x []float64, from int, full map[int][]int) []cut {
	var weak []int
	for start := 0; start < len(x); {
		end := min(start+otavaWindow, len(x))
		got, ok := full[from+start]
		if !ok {
			got = divisive(x[start:end], 0.01)
		}
		if end-start == otavaWindow {
			full[from+start] = got
		}
		next := start + otavaWindow/2
		for _, at := range got {
			if !slices.Contains(weak, at+start) {
				weak = append(weak, at+start)
			}
			next = max(next, at+start)
		}
		start = next
	}
	slices.Sort(weak)
	for len(weak) > 0 {
		cuts := sides(x, weak)
		worst := 0
		for i := range cuts {
			if cuts[i].p > cuts[worst].p {
				worst = i
			}
		}
		if cuts[worst].p < 0.001 {
			return cuts // every magnitude is above the default of 0
		}
		weak = slices.Delete(weak, worst, worst+1)
	}
	return nil
}

func sides(x []float64, at []int) []cut {
	out := make([]cut, len(at))
	for i, a := range at {
		from, to := 0, len(x)
		if i > 0 {
			from = at[i-1]
		}
		if i+1 < len(at) {
			to = at[i+1]
		}
		out[i] = compare(x[from:a], x[a:to], a)
	}
	return out
}

// compare is Student's test with Otava's deviations, whose divisor is n.
func compare(left, right []float64, at int) cut {
	c := cut{at: at, before: stat.Mean(left), after: stat.Mean(right), p: 1}
	n1, n2 := float64(len(left)), float64(len(right))
	if n1+n2 < 3 {
		return c
	}
	v1, v2 := population(left), population(right)
	pooled := ((n1-1)*v1 + (n2-1)*v2) / (n1 + n2 - 2)
	t := math.Abs(c.after-c.before) / math.Sqrt(pooled*(1/n1+1/n2))
	c.p = 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n1 + n2 - 2}.CDF(-t)
	return c
}

func population(x []float64) float64 {
	m, ss := stat.Mean(x), 0.0
	for _, v := range x {
		ss += (v - m) * (v - m)
	}
	return ss / float64(len(x))
}

// divisive splits x where the energy distance of the two sides is largest, as
// long as the sides differ (Matteson and James 2014, "A nonparametric approach
// for multiple change point analysis of multivariate data", JASA 109:334–345;
// a t test at level p in the place of permutations).
func divisive(x []float64, p float64) []int {
	var at []int
	for {
		best, gain := -1, 0.0
		from := 0
		for _, to := range append(slices.Clone(at), len(x)) {
			if k, q := energy(x[from:to]); k > 0 && q > gain {
				best, gain = from+k, q
			}
			from = to
		}
		if best < 0 {
			return at
		}
		more := append(slices.Clone(at), best)
		slices.Sort(more)
		if sides(x, more)[slices.Index(more, best)].p > p {
			return at
		}
		at = more
	}
}

// energy returns the split τ that maximises Matteson and James's Q(τ, κ) over
// τ and the end κ of the right side (ibid., eq. 5 to 7), with exponent 1.
func energy(x []float64) (at int, best float64) {
	n := len(x)
	if n < 2 {
		return 0, 0
	}
	col := make([]float64, n*(n+1)) // col[k(n+1)+t] = Σ_{i<t} |xᵢ−xₖ|
	all := make([]float64, n+1)     // Σ_{i<j<k} |xᵢ−xⱼ|
	for k := range n {
		row := col[k*(n+1):]
		for i := range k {
			row[i+1] = row[i] + math.Abs(x[i]-x[k])
		}
		all[k+1] = all[k] + row[k]
	}
	for t := 1; t < n; t++ {
		right := 0.0
		for k := t + 1; k <= n; k++ {
			row := col[(k-1)*(n+1):]
			right += row[k-1] - row[t]
			l, r := float64(t), float64(k-t)
			q := 2 / (l + r) * (all[k] - all[t] - right)
			if t > 1 {
				q -= 2 * r / (l + r) / (l - 1) * all[t]
			}
			if k-t > 1 {
				q -= 2 * l / (l + r) / (r - 1) * right
			}
			if q > best {
				at, best = t, q
			}
		}
	}
	return at, best
}
