package reports_test

import (
	"slices"
	"strings"
	"testing"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/internal/example"
)

func withEnergy(run, source string) *bench.Result {
	r := example.WithEnergy(example.Result(), source)
	r.Run = run
	return r
}

// TestCompareEnergy: energy is compared by one meter, and refused across
// scopes, with the reason.
func TestCompareEnergy(t *testing.T) {
	for _, x := range []struct {
		name, a, b string
		compared   bool
	}{
		{"one meter", "rapl (package)", "rapl (package)", true},
		{"other scope", "rapl (package)", "shelly (wall)", false},
		{"other meter of equal scope", "rapl (package)", "nvml (package)", false},
		{"other scope of one meter", "rapl (package)", "rapl (board)", false},
	} {
		c, err := reports.Compare(withEnergy("a", x.a), withEnergy("b", x.b))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, change := range c.Changes {
			if change.A.Source != "" {
				n++
			}
		}
		text := "is not compared: " + x.a + " measures something else than " + x.b
		said := slices.ContainsFunc(c.Doubts, func(d string) bool { return strings.Contains(d, text) })
		if (n > 0) != x.compared || said == x.compared {
			t.Errorf("%s: %d changes of energy, doubts %q", x.name, n, c.Doubts)
		}
	}
}

// TestAgainstEnergy: so does the judgement by an earlier run.
func TestAgainstEnergy(t *testing.T) {
	check := func(name string, r *bench.Result, want verdict.Word, reason string) {
		t.Helper()
		vs, err := reports.Against(r, withEnergy("base", "rapl (package)"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, v := range vs {
			if v.Metric == "energy.net" && strings.HasPrefix(v.Gate, "resnet8 baseline on native:") {
				found = true
				if v.Word != want || !strings.Contains(v.Reason, reason) {
					t.Errorf("%s: %+v, want %s %q", name, v, want, reason)
				}
			}
		}
		if found != (want != "") {
			t.Errorf("%s: judged %v", name, found)
		}
	}
	check("equal", withEnergy("r", "rapl (package)"), verdict.Pass, "")
	check("wall", withEnergy("r", "shelly (wall)"), verdict.Skipped, "not compared: rapl (package) measures something else than shelly (wall)")
	worse := withEnergy("r", "rapl (package)")
	scale(&worse.Groups[1].Cases[0], "energy.net", 1.3)
	check("30 % more", worse, verdict.Fail, "wanted <= 1.10x")
	check("not asked for", func() *bench.Result { r := example.Result(); r.Run = "r"; return r }(), "", "")
}

func TestSeriesOf(t *testing.T) {
	r := withEnergy("r", "rapl (package)")
	c := &r.Groups[0].Cases[0]
	e, _ := c.Value("energy.net")
	key := reports.SeriesOf(&c.Case, e, "d")
	if !strings.HasSuffix(key, "/metric=energy.net/source=rapl (package)") || reports.SeriesSource(key) != e.Source {
		t.Errorf("series %s", key)
	}
	e.Source = "a/b=c%"
	if got := reports.SeriesSource(reports.SeriesOf(&c.Case, e, "d")); got != e.Source {
		t.Errorf("source %q came back as %q", e.Source, got)
	}
	p50, _ := c.Value("latency.p50")
	if key := reports.SeriesOf(&c.Case, p50, "d"); key != reports.SeriesKey(&c.Case, "latency.p50", "d") || reports.SeriesSource(key) != "" {
		t.Errorf("series %s", key)
	}
}
