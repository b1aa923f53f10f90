package bench

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// scenarioSetup is a short plan, and scenarioGroup a group, of one scenario.
func scenarioSetup(t *testing.T, name string, p ScenarioPlan) Setup {
	set := testSetup(t)
	set.Plan = Plan{Trials: 2, MaxTrials: 2, Rounds: 2, Precision: 0.01, Block: 2 * time.Millisecond, Scenarios: map[string]ScenarioPlan{name: p}}
	set.Data = few
	return set
}

func scenarioGroup(t *testing.T, name string, gates []string, scripts ...script) Group {
	g := testGroup(t, gates, scripts...)
	for i := range g.Cases {
		g.Cases[i].Scenario = name
	}
	return g
}

// notes joins what is said of a case.
func notes(c CaseResult) string { return strings.Join(c.Notes, "; ") }

func value(t *testing.T, c CaseResult, name string) metric.Estimate {
	t.Helper()
	e, ok := c.Value(name)
	if !ok || !(e.Value > 0) {
		t.Errorf("%s of %s: %+v, %v", name, c.Variant, e, ok)
	}
	return e
}

// TestMultiStream: a query is a batch, or as many inferences where the model
// has a fixed one, and cannot take less time than its samples do.
func TestMultiStream(t *testing.T) {
	const each, n = 20 * time.Microsecond, 4
	set := scenarioSetup(t, loadgen.MultiStream, ScenarioPlan{Samples: n, Queries: 662})
	g := scenarioGroup(t, loadgen.MultiStream, []string{"query.p99 <= 100s", "query.p99 <= 1000x"}, script{Sample: each}, script{Sample: each, Fixed: true})
	r := mustRun(t, context.Background(), set, g).Groups[0]
	for _, c := range r.Cases {
		p50, p90, p99 := value(t, c, "query.p50"), value(t, c, "query.p90"), value(t, c, "query.p99")
		if least := n * each.Seconds(); p50.Value < least || p90.Value < p50.Value || p99.Value < p90.Value {
			t.Errorf("%s: query of %d samples of %v takes %v, %v, %v", c.Variant, n, each, p50.Value, p90.Value, p99.Value)
		}
		if v := value(t, c, "throughput"); v.Value > 1/each.Seconds() {
			t.Errorf("%s: %v samples per second, each takes %v", c.Variant, v.Value, each)
		}
		if want := "shorter than LoadGen's rule (600 s, 662 queries)"; p99.Note != want {
			t.Errorf("%s: note %q, want %q", c.Variant, p99.Note, want)
		}
		if _, ok := c.Value("latency.p50"); ok {
			t.Errorf("%s has the latency of single-stream", c.Variant)
		}
		if e, ok := c.Value("top1"); !ok || e.Value != 1 {
			t.Errorf("%s: accuracy %+v at the case's own batch", c.Variant, e)
		}
	}
	if s := notes(r.Cases[1]); !strings.Contains(s, "fixed batch") || !strings.Contains(s, "a query is 4 inferences") || notes(r.Cases[0]) != "" {
		t.Errorf("notes %q and %q", notes(r.Cases[0]), s)
	}
	if w := words(r.Cases[1]); w["query.p99 <= 100s"] == verdict.Skipped || w["query.p99 <= 1000x"] == verdict.Skipped {
		t.Errorf("verdicts %v", w)
	}
	if r.AA == nil || r.AA.Ratio.Metric != "query.p99" || r.Trials != 2 {
		t.Errorf("control %+v, %d trials", r.AA, r.Trials)
	}
}

// TestOffline: each case is measured at its own batch.
func TestOffline(t *testing.T) {
	const spin, each = 500 * time.Microsecond, 20 * time.Microsecond
	set := scenarioSetup(t, loadgen.Offline, ScenarioPlan{MaxBatch: 8, Duration: 20 * time.Millisecond})
	g := scenarioGroup(t, loadgen.Offline, []string{"throughput >= 0.001x", "batch <= 8"},
		script{Spin: spin, Sample: each}, script{Spin: spin, Sample: each, Fixed: true}, script{Load: "broken"})
	r := mustRun(t, context.Background(), set, g).Groups[0]
	for i, c := range r.Cases[:2] {
		n, v := value(t, c, "batch").Value, value(t, c, "throughput")
		if !slices.Contains([]float64{1, 2, 4, 8}, n) || i == 1 && n != 1 {
			t.Errorf("%s: batch of %v", c.Variant, n)
		}
		if most := n / (spin + time.Duration(n)*each).Seconds(); v.Value > most {
			t.Errorf("%s: %v samples per second at a batch of %v, at most %v can be", c.Variant, v.Value, n, most)
		}
		if v.Note != "shorter than LoadGen's rule (600 s, 24,576 samples)" {
			t.Errorf("%s: note %q", c.Variant, v.Note)
		}
	}
	if s := notes(r.Cases[1]); !strings.Contains(s, "no batch above 1 was tried, since 2 fails: load: fixed batch of 1, not 2") {
		t.Errorf("notes %q", s)
	}
	if c := r.Cases[2]; c.Status != Errored || !strings.Contains(c.Reason, "broken") {
		t.Errorf("a bad model: %s %q", c.Status, c.Reason)
	}
	want := verdict.Pass
	if len(r.Untrusted) > 0 { // a machine too busy for it
		want = verdict.Untrusted
	}
	if w := words(r.Cases[1]); w["batch <= 8"] != want || w["throughput >= 0.001x"] == verdict.Skipped {
		t.Errorf("verdicts %v, untrusted for %q", w, r.Untrusted)
	}
	if r.AA == nil || r.AA.Ratio.Metric != "throughput" {
		t.Errorf("control %+v", r.AA)
	}
}

// TestOfflineMemory: a batch that memory might not hold is not tried.
func TestOfflineMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a worker is read on Linux")
	}
	set := scenarioSetup(t, loadgen.Offline, ScenarioPlan{MaxBatch: 8})
	set.MemAvailable = func() int64 { return 1 << 20 }
	r := mustRun(t, context.Background(), set, scenarioGroup(t, loadgen.Offline, nil, script{Spin: spin}, script{Spin: spin})).Groups[0]
	for _, c := range r.Cases {
		if v := value(t, c, "batch"); v.Value != 1 || !strings.Contains(notes(c), "memory might not hold") {
			t.Errorf("%s: batch of %v, notes %q", c.Variant, v.Value, notes(c))
		}
	}
}

func TestBatchSearch(t *testing.T) {
	for _, c := range []struct {
		name  string
		rates []float64 // at 1, 2, 4, …
		want  int
		tried int
	}{
		{"rises", []float64{10, 20, 40, 80}, 8, 4},
		{"levels off", []float64{10, 20, 20.1, 20.1, 99}, 2, 4},
		{"dips once", []float64{10, 9, 20, 30}, 8, 4},
		{"falls", []float64{10, 5, 2, 99}, 1, 3},
	} {
		b := batchSearch{c: &candidate{}}
		tried := 0
		for i, r := range c.rates {
			if b.done {
				break
			}
			b.told(1<<i, r)
			tried++
		}
		if b.c.found != c.want || tried != c.tried {
			t.Errorf("%s: batch of %d after %d tries, want %d after %d", c.name, b.c.found, tried, c.want, c.tried)
		}
	}
}

// TestServer: whatever the machine does, a worker of 200 µs per query cannot
// hold more than 5,000 of them per second, but for the luck of a short try.
func TestServer(t *testing.T) {
	const bound = 1500 * time.Microsecond // tries of 150 ms
	set := scenarioSetup(t, loadgen.Server, ScenarioPlan{Latency: bound, Percentile: 0.5, Duration: time.Millisecond})
	g := scenarioGroup(t, loadgen.Server, []string{"rate.max >= 0.001x", "query.p50 <= 1.5ms"}, script{Spin: spin}, script{Spin: spin})
	r := mustRun(t, context.Background(), set, g).Groups[0]
	for _, c := range r.Cases {
		if why := c.Missing["rate.max"]; why != "" { // a machine so busy that no rate holds says so
			if _, ok := c.Value("rate.max"); ok || !strings.Contains(why, "none: ") {
				t.Errorf("%s has a rate and lacks one: %s", c.Variant, why)
			}
			return
		}
		v, p50 := value(t, c, "rate.max"), value(t, c, "query.p50")
		if v.Value > 1.2/spin.Seconds() || v.N != 2 {
			t.Errorf("%s holds %v queries per second (%d trials), each takes %v", c.Variant, v.Value, v.N, spin)
		}
		if p50.Value < spin.Seconds() || p50.Value > bound.Seconds() {
			t.Errorf("%s: median of %v s at a rate that holds %v", c.Variant, p50.Value, bound)
		}
		if !strings.HasPrefix(v.Note, "shorter than LoadGen's rule (600 s") {
			t.Errorf("%s: note %q", c.Variant, v.Note)
		}
	}
	if w := words(r.Cases[1]); w["rate.max >= 0.001x"] == verdict.Skipped || w["query.p50 <= 1.5ms"] == verdict.Skipped {
		t.Errorf("verdicts %v", w)
	}
	if r.AA == nil || r.AA.Ratio.Metric != "rate.max" {
		t.Errorf("control %+v", r.AA)
	}
}

// TestServerBudget: a trial of the server takes minutes, so the budget ends
// trials also before there are as many as planned; two there always are.
func TestServerBudget(t *testing.T) {
	set := scenarioSetup(t, loadgen.Server, ScenarioPlan{Latency: time.Millisecond, Percentile: 0.5, Duration: time.Millisecond})
	set.Plan.Trials, set.Plan.MaxTrials, set.Plan.Budget = 9, 9, time.Millisecond
	r := mustRun(t, context.Background(), set, scenarioGroup(t, loadgen.Server, nil, script{Spin: 3 * time.Millisecond})).Groups[0]
	if r.Trials < 2 || r.Trials > 8 { // a second is the least share of a group
		t.Errorf("%d trials", r.Trials)
	}
}

// TestServerBound: where one inference takes longer than the bound, the case
// fails its gates, and one that is compared with it cannot be judged.
func TestServerBound(t *testing.T) {
	set := scenarioSetup(t, loadgen.Server, ScenarioPlan{Latency: time.Millisecond, Percentile: 0.5, Duration: time.Millisecond})
	slow := script{Spin: 3 * time.Millisecond}
	r := mustRun(t, context.Background(), set, scenarioGroup(t, loadgen.Server, []string{"rate.max >= 1/s"}, slow, slow)).Groups[0]
	v := r.Cases[1].Verdicts
	if len(v) != 1 || v[0].Word != verdict.Fail || !strings.Contains(v[0].Reason, "none: an inference alone takes") {
		t.Errorf("verdicts %+v", v)
	}
	if _, ok := r.Cases[1].Value("rate.max"); ok || r.Cases[1].Missing["rate.max"] == "" {
		t.Errorf("a rate that does not exist: %+v", r.Cases[1].Missing)
	}
	m := &measured{sc: scenarioOf(loadgen.Server), cases: []*candidate{{}, {}, {}}}
	mixed := m.cases[2]
	mixed.trials, mixed.rateless = make([]trialData, 3), []string{"none: x"}
	if m.judgeRates(); mixed.missing["rate.max"] != (missing{verdict.Inconclusive, "in 1 of 3 trials none: x"}) {
		t.Errorf("one trial of three without a rate: %+v", mixed.missing)
	}
	mixed.missing = nil
	m.baseline().lack(metric.MaxRate, verdict.Fail, "no rate holds 1ms")
	var e verdict.Evidence
	if !m.lacking(&e, "rate.max", m.cases[2], true) || e.Word != verdict.Inconclusive || e.Reason != "the baseline: no rate holds 1ms" {
		t.Errorf("against a baseline that holds no rate: %+v", e)
	}
	if e = (verdict.Evidence{}); m.lacking(&e, "rate.max", m.cases[2], false) {
		t.Errorf("the value itself: %+v", e)
	}
}

func TestTells(t *testing.T) {
	for _, c := range []struct {
		scenario, metric string
		want             bool
	}{
		{loadgen.SingleStream, "latency.p50", true},
		{"", "latency.p50", true},
		{loadgen.Server, "latency.p50", false},
		{loadgen.Server, "rate.max", true},
		{loadgen.Server, "query.p99", true},
		{loadgen.MultiStream, "query.p99", true},
		{loadgen.Offline, "query.p99", false},
		{loadgen.Offline, "batch", true},
		{loadgen.MultiStream, "batch", false},
		{loadgen.Server, "throughput", false},
		{loadgen.Server, "size", true},
		{loadgen.Offline, "top1", true},
	} {
		if got := Tells(c.scenario, c.metric); got != c.want {
			t.Errorf("%s tells %s: %v", c.scenario, c.metric, got)
		}
	}
	for _, name := range loadgen.Names() {
		if scenarioOf(name).name != name {
			t.Errorf("scenario %s is not known", name)
		}
	}
}

func TestSpeedup(t *testing.T) {
	for _, c := range []struct {
		scenario string
		ratio    metric.Estimate
		want     stat.Interval
	}{
		{loadgen.SingleStream, metric.Estimate{Metric: "latency.p50", Value: 0.5, Low: 0.4, High: 0.8}, stat.Interval{Low: 1.25, Mid: 2, High: 2.5}},
		{loadgen.Server, metric.Estimate{Metric: "rate.max", Value: 2, Low: 1.25, High: 2.5}, stat.Interval{Low: 1.25, Mid: 2, High: 2.5}},
	} {
		r := CaseResult{Case: Case{Scenario: c.scenario}, Against: []metric.Estimate{c.ratio}}
		if e, ok := r.Speedup(); !ok || e.Low != c.want.Low || e.Value != c.want.Mid || e.High != c.want.High {
			t.Errorf("%s: %+v", c.scenario, e)
		}
	}
	if _, ok := (&CaseResult{}).Speedup(); ok {
		t.Error("nothing is faster than nothing")
	}
}

func TestQueryLatencies(t *testing.T) {
	for _, c := range []struct {
		in     []float64
		per, k int
		want   []float64
	}{
		{[]float64{1, 2, 3}, 1, 1, []float64{1, 2, 3}},
		{[]float64{1, 2, 3, 4, 5}, 1, 2, []float64{3, 7}},
		{[]float64{1, 2}, 10, 8, []float64{8, 16}},
		{[]float64{1}, 1, 2, []float64{}},
	} {
		if got := queries(c.in, c.per, c.k); !slices.Equal(got, c.want) {
			t.Errorf("%v, %d together, %d to a query: %v, want %v", c.in, c.per, c.k, got, c.want)
		}
	}
}

// TestStop: LoadGen's bound needs 662 queries for p99.
func TestStop(t *testing.T) {
	b := block{}
	for i := range 661 {
		b.latencies = append(b.latencies, float64(i))
	}
	trial := &trialData{blocks: []*block{&b}}
	if v := q99Of.value(trial); !math.IsNaN(v) {
		t.Errorf("p99 of 661 queries is %v", v)
	}
	b.latencies = append(b.latencies, 661)
	if v := q99Of.value(trial); v != 661 {
		t.Errorf("p99 of 662 queries is %v, want the slowest", v)
	}
}
