package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// draw is n runs of AR(1) noise with deviation sd, all of it from a seed.
func draw(seed uint64, n int, sd, rho float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, n)
	z := r.NormFloat64()
	for i := range x {
		x[i] = sd * z
		z = rho*z + math.Sqrt(1-rho*rho)*r.NormFloat64()
	}
	return x
}

// from adds f to x from run at on.
func from(x []float64, at int, f func(i int) float64) []float64 {
	for i := at; i < len(x); i++ {
		x[i] += f(i - at)
	}
	return x
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

func TestQn(t *testing.T) {
	for _, c := range []struct {
		name string
		x    []float64
		want float64
		tol  float64
	}{
		{"nothing", nil, math.NaN(), 0},
		{"one", []float64{1}, math.NaN(), 0},
		{"two", []float64{0, 1}, 2.2219 * 0.399, 1e-9},
		// All distances: 1,1,1,1,2,2,2,3,3,4; h = 3, so the third: 1.
		{"1 to 5", []float64{5, 1, 4, 2, 3}, 2.2219 * 0.844, 1e-9},
		{"constant", []float64{7, 7, 7, 7}, 0, 0},
		{"infinite", []float64{1, math.Inf(1), 2}, math.NaN(), 0},
		{"NaN", []float64{1, math.NaN(), 2}, math.NaN(), 0},
		{"normal", draw(1, 2000, 3, 0), 3, 0.15},
		{"a third is far off", from(draw(2, 900, 1, 0), 600, constant(1e6)), 1, 1.0},
	} {
		if got := Qn(c.x); !(math.Abs(got-c.want) <= c.tol) && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: got %g, want %g ±%g", c.name, got, c.want, c.tol)
		}
	}
}

func TestLocation(t *testing.T) {
	for _, c := range []struct {
		name  string
		x     []float64
		scale float64
		want  float64
	}{
		{"nothing", nil, 1, math.NaN()},
		{"mean where nothing is clipped", []float64{1, 2, 6}, 10, 3},
		{"median where the scale is unknown", []float64{1, 2, 60}, 0, 2},
		// Σψ = (0−m)·2 + 3·1 = 0, so the outlier counts as one clipped value.
		{"an outlier counts as 3 deviations", []float64{0, 0, 1e9}, 1, 1.5},
	} {
		if got := Location(c.x, c.scale, 3); math.Abs(got-c.want) > 1e-9 && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: got %g, want %g", c.name, got, c.want)
		}
	}
}

func TestSuccessive(t *testing.T) {
	for _, c := range []struct {
		name    string
		x       []float64
		sd, rho float64
	}{
		{"independent", draw(3, 3000, 2, 0), 2, 0},
		{"correlated", draw(4, 3000, 2, 0.4), 2, 0.4},
		{"steps do not enter", from(from(draw(5, 3000, 2, 0), 1000, constant(50)), 2000, constant(-80)), 2, 0},
		{"slow drift does not enter", from(draw(6, 3000, 2, 0), 0, func(i int) float64 { return 0.05 * float64(i) }), 2, 0},
		{"constant", make([]float64, 9), 0, 0},
	} {
		n := Successive(c.x)
		// 3,000 runs: the standard error of ρ is 1/√3000, of SD about 1.5 %.
		if math.Abs(n.SD-c.sd) > 0.07*c.sd || math.Abs(n.Rho-c.rho) > 0.09 {
			t.Errorf("%s: got %+v, want sd %g, rho %g", c.name, n, c.sd, c.rho)
		}
	}
	if n := Successive([]float64{1, 2, 3}); !math.IsNaN(n.SD) {
		t.Errorf("three runs give a deviation: %+v", n)
	}
}

func TestShrink(t *testing.T) {
	n := Noise{SD: 1, Rho: 0.2, N: 50}.Shrink(0.5, 100)
	if math.Abs(n.Rho-0.4) > 1e-12 {
		t.Errorf("rho %g, want 0.4: a third of 0.2, two thirds of 0.5", n.Rho)
	}
	if was, is := 1-0.2, n.SD*n.SD*(1-n.Rho); math.Abs(was-is) > 1e-12 {
		t.Errorf("the variance of differences was %g and is %g: they are what was seen", was, is)
	}
	if n := (Noise{SD: 1, Rho: -0.5, N: 50}).Shrink(math.NaN(), 100); n.Rho != 0 {
		t.Errorf("negative correlation is kept: %+v", n)
	}
}

// TestInflation holds the formula against the variance of simulated means.
func TestInflation(t *testing.T) {
	n := Noise{SD: 1, Rho: 0.4}
	for _, k := range []int{1, 2, 5, 21} {
		ss := 0.0
		const reps = 20000
		x := draw(uint64(k), reps*k, 1, 0.4)
		for i := range reps {
			m := Mean(x[i*k : (i+1)*k])
			ss += m * m
		}
		// The standard error of a variance from 20,000 values is 1 %.
		if got, want := float64(k)*ss/reps, n.Inflation(k); math.Abs(got/want-1) > 0.05 {
			t.Errorf("mean of %d: the variance is inflated %.3f times, the formula says %.3f", k, got, want)
		}
	}
}

func TestPELT(t *testing.T) {
	x := from(from(draw(7, 300, 1, 0), 100, constant(3)), 200, constant(-4))
	penalty := 2 * math.Log(300) * 2
	for _, c := range []struct {
		name    string
		x       []float64
		sd, pen float64
		want    []int
	}{
		{"none", draw(8, 300, 1, 0), 1, penalty, nil},
		{"two", x, 1, penalty, []int{100, 200}},
		{"no deviation", x, 0, penalty, nil},
		{"no penalty", x, 1, 0, nil},
		{"too short", x[:5], 1, penalty, nil},
		{"NaN", []float64{1, 2, math.NaN(), 4, 5, 6, 7}, 1, penalty, nil},
	} {
		got := PELT(c.x, c.sd, c.pen, 3)
		if !slices.EqualFunc(got, c.want, func(a, b int) bool { return max(a-b, b-a) <= 3 }) {
			t.Errorf("%s: cut at %v, want %v", c.name, got, c.want)
		}
	}
}

// TestPELTIsOptimal compares with every cut there is.
func TestPELTIsOptimal(t *testing.T) {
	for seed := range uint64(200) {
		x := draw(seed, 12, 1, 0)
		x = from(x, 4+int(seed%5), constant(2))
		for _, least := range []int{1, 2, 3} {
			if got, want := price(x, PELT(x, 1, 4, least), 4), exhaust(x, 4, least); math.Abs(got-want) > 1e-9 {
				t.Fatalf("seed %d, stretches of %d: PELT's cut costs %g, the best %g", seed, least, got, want)
			}
		}
	}
}

func price(x []float64, cuts []int, penalty float64) float64 {
	sum, from := 0.0, 0
	for _, to := range append(slices.Clone(cuts), len(x)) {
		for _, v := range x[from:to] {
			d := v - Mean(x[from:to])
			sum += d * d
		}
		from = to
	}
	return sum + penalty*float64(len(cuts))
}

func exhaust(x []float64, penalty float64, least int) float64 {
	best := math.Inf(1)
	for set := range 1 << (len(x) - 1) {
		var cuts []int
		last, ok := 0, true
		for i := 1; i < len(x); i++ {
			if set>>(i-1)&1 == 1 {
				ok = ok && i-last >= least
				cuts, last = append(cuts, i), i
			}
		}
		if ok && len(x)-last >= least {
			best = min(best, price(x, cuts, penalty))
		}
	}
	return best
}

func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{nil, []float64{1}, 1},
		{[]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, 2.0 / 70}, // 2 of the C(8,4) orders
		{[]float64{8, 1}, []float64{2, 3}, 1},
	} {
		x := slices.Clone(c.x)
		if got := MannWhitney(c.x, c.y); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v against %v: p = %g, want %g", c.x, c.y, got, c.want)
		}
		if !slices.Equal(x, c.x) {
			t.Error("the sample was reordered")
		}
	}
}

// TestExplain counts how often each kind is told and bounded rightly.
func TestExplain(t *testing.T) {
	const n, at, reps = 90, 60, 200
	for _, c := range []struct {
		name   string
		rho    float64
		change func(x []float64) []float64
		kind   Kind
		size   float64
		right  float64 // least share of the right kind; seen in a first run, less a margin
		covers float64 // least share of sizes inside their 95 % interval, of the right ones
	}{
		{"nothing", 0, func(x []float64) []float64 { x[n-1] = 0; return x }, None, 0, 0.85, 0},
		{"step of 2 deviations", 0, func(x []float64) []float64 { return from(x, at, constant(2)) }, Step, 2, 0.9, 0.85},
		{"step, correlated", 0.4, func(x []float64) []float64 { return from(x, at, constant(3)) }, Step, 3, 0.9, 0.85},
		{"drift of 4 deviations", 0, func(x []float64) []float64 {
			return from(x, at, func(i int) float64 { return 4 * float64(i+1) / (n - at) })
		}, Drift, 4, 0.75, 0.8},
		{"three times the noise", 0, func(x []float64) []float64 {
			for i := at; i < n; i++ {
				x[i] *= 3
			}
			return x
		}, Spread, math.Log(3), 0.6, 0.5},
		{"the last run alone", 0, func(x []float64) []float64 { x[n-1] = 8; return x }, Spike, 8, 0.85, 0.9},
	} {
		right, covers, bounded := 0, 0, 0
		for seed := range uint64(reps) {
			x := c.change(draw(seed, n, 1, c.rho))
			noise := Successive(x).Shrink(c.rho, 100)
			got := Explain(x, noise)
			if got.Kind != c.kind {
				continue
			}
			right++
			if got.Size.Contains(c.size) {
				covers++
			}
			if got.Early <= at && at <= got.Late {
				bounded++
			}
		}
		t.Logf("%s: kind %d of %d, size covered %d, time covered %d", c.name, right, reps, covers, bounded)
		if got := float64(right) / reps; got < c.right {
			t.Errorf("%s: told %q in %.2f of the cases, want %.2f", c.name, c.kind, got, c.right)
		}
		if got := float64(covers) / float64(max(right, 1)); got < c.covers {
			t.Errorf("%s: the size is covered in %.2f, want %.2f", c.name, got, c.covers)
		}
		if got := float64(bounded) / float64(max(right, 1)); c.kind == Step && got < 0.9 {
			t.Errorf("%s: the time is covered in %.2f, want 0.90", c.name, got)
		}
	}
}

func TestExplainRefuses(t *testing.T) {
	for _, x := range [][]float64{nil, {1}, {1, 2, 3, 4, 5, math.NaN()}, {1, 2, 3, 4, 5, math.Inf(1)}} {
		if got := Explain(x, Noise{SD: 1}); got != (Change{}) {
			t.Errorf("%v: %+v", x, got)
		}
	}
	if got := Explain(draw(1, 30, 1, 0), Noise{SD: math.NaN()}); got != (Change{}) {
		t.Errorf("unknown noise: %+v", got)
	}
}
