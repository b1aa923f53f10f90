package stat

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// check compares within a relative tolerance of 1e-6, or 1e-9 around zero.
func check(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-9+1e-6*math.Abs(want) && got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestSummaries(t *testing.T) {
	nan := math.NaN()
	x := []float64{4, 1, 3, 2}
	check(t, "mean", Mean(x), 2.5)
	check(t, "mean of nothing", Mean(nil), nan)
	check(t, "sd", SD(x), math.Sqrt(5.0/3))
	check(t, "sd of one", SD(x[:1]), nan)
	check(t, "sd far from zero", SD([]float64{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}), math.Sqrt(30)) // Knuth, TAOCP 2, 4.2.2
	check(t, "median", Median(x), 2.5)
	check(t, "median, odd", Median(x[:3]), 3)
	check(t, "median of nothing", Median(nil), nan)
	check(t, "quantile 0.9", Quantile(x, 0.9), 3.7) // R: quantile(c(4,1,3,2), 0.9)
	check(t, "quantile 0.25", Quantile(x, 0.25), 1.75)
	check(t, "quantile, clamped", Quantile(x, 7), 4)
	check(t, "quantile, clamped below", Quantile(x, -7), 1)
	check(t, "quantile NaN", Quantile(x, nan), nan)
	check(t, "geomean", Geomean([]float64{1, 10, 100}), 10)
	check(t, "geomean of a negative", Geomean([]float64{1, -1}), nan)
	check(t, "geomean of zero", Geomean([]float64{1, 0}), nan)
	check(t, "autocorrelation, alternating", Autocorrelation([]float64{1, -1, 1, -1}), -0.75)
	check(t, "autocorrelation, constant", Autocorrelation([]float64{1, 1, 1}), nan)
	check(t, "autocorrelation of two", Autocorrelation(x[:2]), nan)
	if !slices.Equal(x, []float64{4, 1, 3, 2}) {
		t.Errorf("the input was reordered: %v", x)
	}
}

func TestQuantileIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 30).Draw(t, "x")
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		qa, qb := Quantile(x, min(a, b)), Quantile(x, max(a, b))
		if qa > qb+1e-9*math.Abs(qb) || qa < slices.Min(x)-1e-9 || qb > slices.Max(x)+1e-9 {
			t.Fatalf("quantiles %v and %v of %v", qa, qb, x)
		}
	})
}

func TestFactors(t *testing.T) {
	// Student's t and the normal distribution: any table, here R's qt and qnorm.
	check(t, "t 0.95, 4", TQuantile(0.95, 4), 2.7764451)
	check(t, "t 0.95, 9", TQuantile(0.95, 9), 2.2621572)
	check(t, "t 0.99, 4", TQuantile(0.99, 4), 4.6040949)
	check(t, "t 0.95, 1", TQuantile(0.95, 1), 12.7062047)
	check(t, "t 0.999, 4", TQuantile(0.999, 4), 8.6103016)
	check(t, "z 0.95", ZQuantile(0.95), 1.9599640)
	check(t, "z 0.99", ZQuantile(0.99), 2.5758293)
	for name, v := range map[string]float64{"no freedom": TQuantile(0.95, 0), "certainty": TQuantile(1, 4), "NaN": TQuantile(math.NaN(), 4), "z, certainty": ZQuantile(1)} {
		if !math.IsInf(v, 1) {
			t.Errorf("%s: factor %v, want +Inf", name, v)
		}
	}
	check(t, "t of no confidence", TQuantile(0, 4), 0)
}

func TestTInterval(t *testing.T) {
	// By hand: Σd² = 0.868, s/√5 = √(0.217/5), times t = 2.7764451.
	i := TInterval([]float64{5.1, 4.9, 5.6, 5.8, 6.0}, 0.95)
	check(t, "low", i.Low, 5.48-2.7764451*math.Sqrt(0.217/5))
	check(t, "mid", i.Mid, 5.48)
	check(t, "high", i.High, 5.48+2.7764451*math.Sqrt(0.217/5))
	if one := TInterval([]float64{3}, 0.95); !math.IsInf(one.Low, -1) || !math.IsInf(one.High, 1) || one.Mid != 3 {
		t.Errorf("interval of one value: %v", one)
	}
	if none := TInterval(nil, 0.95); !math.IsNaN(none.Mid) || !math.IsNaN(none.Low) {
		t.Errorf("interval of nothing: %v", none)
	}
}

func TestStein(t *testing.T) {
	// s₀ = 0.01 exactly: ±a, ±a, 0 with 4a²/4 = s₀².
	pilot := []float64{0.01, -0.01, 0.01, -0.01, 0}
	check(t, "s₀", SD(pilot), 0.01)
	for _, c := range []struct {
		half, level float64
		want        int
	}{
		{math.Expm1(0.01), 0.95, 8},   // ⌈2.7764²⌉ = ⌈7.709⌉
		{math.Expm1(0.005), 0.95, 31}, // ⌈4·7.709⌉
		{math.Expm1(0.1), 0.95, 5},    // never below the pilot
		{math.Expm1(0.01), 0.99, 22},  // ⌈4.6041²⌉ = ⌈21.198⌉
		{0, 0.95, MaxNeeded},
		{-1, 0.95, MaxNeeded},
		{math.NaN(), 0.95, MaxNeeded},
	} {
		if got := SteinTrials(pilot, c.half, c.level); got != c.want {
			t.Errorf("SteinTrials(%v, %v) = %d, want %d", c.half, c.level, got, c.want)
		}
	}
	if got := SteinTrials(pilot[:1], 0.01, 0.95); got != MaxNeeded {
		t.Errorf("trials after a pilot of one: %d", got)
	}
	if got := SteinTrials([]float64{1, 1, 1, 1, 1}, 0.01, 0.95); got != 5 {
		t.Errorf("trials without any spread: %d, want the pilot's 5", got)
	}

	// More trials do not change s₀ or its freedom, only √n.
	logs := append(slices.Clone(pilot), 0.5, -0.5, 0.5, -0.5, 0.2, -0.2, 0)
	i := SteinInterval(logs, 5, 0.95)
	check(t, "half-width", i.Half(), 2.7764451*0.01/math.Sqrt(12))
	check(t, "mid", i.Mid, 0)
	if got := SteinToDecide(logs, 5, 0.005, 0.95); got != 31 { // the distance is 0.005, as above
		t.Errorf("trials to decide: %d, want 31", got)
	}
	if got := SteinToDecide(logs, 5, Mean(logs), 0.95); got != MaxNeeded {
		t.Errorf("trials to decide on the limit itself: %d", got)
	}
}

func TestHolm(t *testing.T) {
	// Sorted .005 ≤ .0125, .01 ≤ .0167, then .03 > .025 stops.
	levels, rejected := Holm([]float64{0.01, 0.04, 0.03, 0.005, math.NaN()}, 0.05)
	want := []float64{0.05 / 4, 0.05 / 3, 0.05 / 3, 0.05 / 5, 0.05 / 3}
	for i := range want {
		check(t, "level", levels[i], want[i])
	}
	if !slices.Equal(rejected, []bool{true, false, false, true, false}) {
		t.Errorf("rejected %v", rejected)
	}
	if l, r := Holm(nil, 0.05); len(l) != 0 || len(r) != 0 {
		t.Errorf("of nothing: %v %v", l, r)
	}
}

// TestEarlyStop holds the numbers that MLPerf publishes: table in the
// inference policies and loadgen/results.cc's log of n = 1024 queries.
func TestEarlyStop(t *testing.T) {
	for _, c := range []struct {
		p       float64
		t, want int
	}{
		{0.9, 1, 64},
		{0.9, 2, 81},
		{0.9, 10, 197},
		{0.99, 1, 662},
		{0.99, 2, 838},
		{0.99, 10, 2010},
		{0.95, 1, 130},
		{0.999, 1, 6636},
		{0.9, -3, 44},
		{1, 1, MaxNeeded},
		{math.NaN(), 1, MaxNeeded},
	} {
		if got := EarlyStopQueries(c.p, c.t); got != c.want {
			t.Errorf("EarlyStopQueries(%v, %d) = %d, want %d", c.p, c.t, got, c.want)
		}
	}
	for _, c := range []struct {
		p       float64
		n, want int
	}{{0.9, 1024, 945}, {0.99, 1024, 1022}, {0.9, 64, 64}, {0.9, 63, 0}, {0.99, 661, 0}, {0.9, 0, 0}} {
		if got, ok := EarlyStopRank(c.p, c.n); got != c.want || ok != (c.want > 0) {
			t.Errorf("EarlyStopRank(%v, %d) = %d, %v, want %d", c.p, c.n, got, ok, c.want)
		}
	}
	x := make([]float64, 1024)
	for i := range x {
		x[i] = float64(1024 - i)
	}
	if got, ok := EarlyStop(x, 0.9); got != 945 || !ok {
		t.Errorf("EarlyStop = %v, %v, want the 945th of 1024", got, ok)
	}
	if got, ok := EarlyStop(x[:10], 0.99); !math.IsNaN(got) || ok {
		t.Errorf("EarlyStop of 10 = %v, %v", got, ok)
	}
}

func TestIntervalArithmetic(t *testing.T) {
	i := Interval{-2, 1, 3}
	if got := i.Scale(-100); got != (Interval{-300, -100, 200}) {
		t.Errorf("scaled: %v", got)
	}
	if !i.Contains(-2) || !i.Contains(3) || i.Contains(3.1) {
		t.Errorf("Contains disagrees with the ends of %v", i)
	}
	check(t, "half", i.Half(), 2.5)
	check(t, "exp", (Interval{0, 0, math.Log(2)}).Exp().High, 2)
	if e := Exactly(4); e.Low != 4 || e.High != 4 || e.Mid != 4 {
		t.Errorf("Exactly: %v", e)
	}
}
