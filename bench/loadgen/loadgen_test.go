package loadgen

import (
	"math"
	"slices"
	"testing"
	"time"

	"assay/bench/stat"
)

// TestPublishedFigures: LoadGen's own numbers (early_stopping.cc with c = 0.99
// and d = 0; mlperf.conf: 662 queries for multi-stream, 24,576 samples offline).
func TestPublishedFigures(t *testing.T) {
	for _, c := range []struct {
		p    float64
		over int
		want int
	}{
		{0.90, 1, 64},
		{0.90, 2, 81},
		{0.90, 10, 197},
		{0.95, 1, 130},
		{0.99, 1, 662},
		{0.99, 2, 838},
		{0.99, 10, 2010},
		{0.999, 1, 6636},
	} {
		if !Holds(c.p, c.want, c.over) || Holds(c.p, c.want-1, c.over) {
			t.Errorf("p%v with %d over the bound does not want %d queries", 100*c.p, c.over, c.want)
		}
		if got := Allowed(c.p, c.want); got != c.over {
			t.Errorf("of %d queries %d may be over p%v, want %d", c.want, got, 100*c.p, c.over)
		}
	}
	if got := Allowed(0.99, 100); got != -1 {
		t.Errorf("100 queries allow %d over p99, want −1: they prove nothing", got)
	}
	for scenario, want := range map[string]int{SingleStream: 64, MultiStream: 662, Offline: 24576, Server: 662} {
		if r, ok := RuleOf(scenario); !ok || r.Queries != want || r.Duration != 600*time.Second {
			t.Errorf("%s: %+v, want %d", scenario, r, want)
		}
	}
	if _, ok := RuleOf("interactive"); ok || len(Names()) != 4 {
		t.Error("an unknown scenario has a rule")
	}
}

// TestIndependent: the table of inference_rules.adoc, "Number of Queries", also
// in ISCA 2020, table 4: 23,886 → 3·2¹³, 50,425 → 7·2¹³ and 262,742 → 33·2¹³.
func TestIndependent(t *testing.T) {
	for p, want := range map[float64]int{0.90: 24_576, 0.95: 57_344, 0.99: 270_336} {
		if got := Independent(p); got != want {
			t.Errorf("p%v wants %d independent queries, published are %d", 100*p, got, want)
		}
	}
}

func TestShorter(t *testing.T) {
	for _, c := range []struct {
		scenario string
		d        time.Duration
		n        int
		want     string
	}{
		{MultiStream, 600 * time.Second, 662, ""},
		{MultiStream, 600 * time.Second, 661, "shorter than LoadGen's rule (600 s, 662 queries)"},
		{Offline, time.Minute, 1 << 20, "shorter than LoadGen's rule (600 s, 24,576 samples)"},
		{"none", 0, 0, ""},
	} {
		if got := Shorter(c.scenario, c.d, c.n); got != c.want {
			t.Errorf("%s, %v, %d: %q, want %q", c.scenario, c.d, c.n, got, c.want)
		}
	}
}

// TestGaps holds the schedule to theory: exponential gaps by mean and by the
// Kolmogorov–Smirnov distance, and Poisson counts, whose variance is their
// mean. Seeds are fixed, so this passes or fails for ever.
func TestGaps(t *testing.T) {
	const n = 100_000
	for stream := range uint64(3) {
		gaps := Gaps(ScheduleSeed, stream, n)
		if m := stat.Mean(gaps); math.Abs(m-1) > 4/math.Sqrt(n) { // the deviation of the mean is 1/√n
			t.Errorf("stream %d: mean gap %v", stream, m)
		}
		if d := ksExponential(gaps); d > 1.628/math.Sqrt(n) { // Kolmogorov's critical value at 1 %
			t.Errorf("stream %d: distance %v from an exponential", stream, d)
		}
		if r := stat.Autocorrelation(gaps); math.Abs(r) > 4/math.Sqrt(n) {
			t.Errorf("stream %d: gaps correlate by %v", stream, r)
		}
		const width = 10.0 // gaps; counts in such windows are Poisson of mean 10
		counts := make([]float64, int(0.9*n/width))
		at := 0.0
		for _, g := range gaps {
			if at += g; int(at/width) < len(counts) {
				counts[int(at/width)]++
			}
		}
		mean, v := stat.Mean(counts), stat.SD(counts)*stat.SD(counts)
		// The deviation of a Poisson sample's dispersion index is √(2/windows).
		if math.Abs(v/mean-1) > 4*math.Sqrt(2/float64(len(counts))) || math.Abs(mean-width) > 4*math.Sqrt(width/float64(len(counts))) {
			t.Errorf("stream %d: counts of mean %v and variance %v, want %v", stream, mean, v, width)
		}
	}
	a, b := Gaps(1, 2, 10), Gaps(1, 2, 20)
	for i := range a {
		if a[i] != b[i] {
			t.Fatal("more gaps of the same stream are other gaps")
		}
	}
	if c := Gaps(1, 3, 10); c[0] == a[0] || len(Gaps(1, 1, -5)) != 0 {
		t.Error("two streams are equal")
	}
}

// ksExponential is the largest distance between the empirical distribution of
// x and 1 − e^−x.
func ksExponential(x []float64) float64 {
	n, d := float64(len(x)), 0.0
	s := slices.Sorted(slices.Values(x))
	for i, v := range s {
		f := 1 - math.Exp(-v)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	return d
}

func TestArrivals(t *testing.T) {
	got := Arrivals([]float64{1, 0.5, 2}, 1000)
	for i, want := range []int64{1_000_000, 1_500_000, 3_500_000} {
		if got[i] != want {
			t.Errorf("arrival %d at %d ns, want %d", i, got[i], want)
		}
	}
	if got := Arrivals([]float64{1, 1}, 1e-300); got[1] < 0 {
		t.Errorf("a slow rate overflows: %v", got)
	}
}

func TestQueries(t *testing.T) {
	for _, c := range []struct {
		p, rate, seconds float64
		want             int
	}{
		{0.99, 5000, 1, 5000},
		{0.99, 10, 1, 662}, // early stopping wants more than a second of them
		{0.90, 10, 1, 64},
		{0.99, math.Inf(1), 1, MaxQueries},
		{0.99, math.NaN(), 1, MaxQueries},
		{0.99, 1e12, 1, MaxQueries},
	} {
		if got := Queries(c.p, c.rate, c.seconds); got != c.want {
			t.Errorf("%v: %d queries", c, got)
		}
	}
	if s := ProbeSeconds(0.01, 0.5); s != 1 {
		t.Errorf("a bound of 10 ms is probed for %v s, want 1", s)
	}
}
