package render_test

import (
	"bytes"
	"strings"
	"testing"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// load is the example under the other scenarios.
func load() *bench.Result {
	r := example.Result()
	r.Plan.Scenarios = map[string]bench.ScenarioPlan{
		"multi-stream": {Samples: 8, Queries: 662}, "offline": {MaxBatch: 64, Duration: 2e9}, "server": {Latency: 10e6, Percentile: 0.99, Duration: 2e9},
	}
	var out []bench.GroupResult
	for i, name := range []string{"single-stream", "multi-stream", "offline", "server"} {
		g := example.Result().Groups[0]
		g.Scenario, g.Cases = name, g.Cases[:4]
		for j := range g.Cases {
			c := &g.Cases[j]
			c.Scenario = name
			if i > 0 {
				main := bench.MainMetric(name)
				g.AA.Ratio.Metric = main.Name
				scenarioValues(c, main, float64(int(8)<<j))
			}
		}
		out = append(out, g)
	}
	g := &out[3].Cases[3]
	g.Values, g.Against = g.Values[3:], g.Against[3:]
	g.Missing = map[string]string{"rate.max": "none: an inference alone takes 12ms, the bound is 10ms"}
	for _, v := range []string{"rate.max >= 1.2x"} {
		g.Verdicts = append(g.Verdicts, verdict.Verdict{Gate: v, Word: verdict.Fail, Metric: "rate.max", Limit: 1.2, Reason: g.Missing["rate.max"]})
	}
	r.Groups = out
	return r
}

// scenarioValues puts a scenario's metrics in the place of the latencies.
func scenarioValues(c *bench.CaseResult, main *metric.Metric, batch float64) {
	var verdicts []verdict.Verdict
	for _, v := range c.Verdicts {
		if v.Metric != "latency.p50" {
			verdicts = append(verdicts, v)
		}
	}
	c.Verdicts, c.Notes = verdicts, nil
	rule := map[string]string{"rate.max": "662 queries", "throughput": "24,576 samples", "query.p99": "662 queries"}[main.Name]
	put := func(es []metric.Estimate, ratio bool) {
		for i := range es {
			e := &es[i]
			switch {
			case e.Metric == "latency.p50" && main.Better > 0:
				e.Metric, e.Value, e.Low, e.High = main.Name, 1/e.Value, 1/e.High, 1/e.Low
				e.Unit = map[bool]string{false: main.Unit, true: "ratio"}[ratio]
				e.Note = "shorter than LoadGen's rule (600 s, " + rule + ")"
			case e.Metric == "latency.p50":
				e.Metric, e.Note = main.Name, "shorter than LoadGen's rule (600 s, "+rule+")"
			case strings.HasPrefix(e.Metric, "latency.p"):
				e.Metric, e.Note = strings.Replace(e.Metric, "latency", "query", 1)+"x", ""
			case e.Metric == "throughput":
				e.Metric = "other"
			}
		}
	}
	put(c.Values, false)
	put(c.Against, true)
	if main.Name == "throughput" {
		c.Values = append(c.Values, metric.Estimate{Metric: "batch", Unit: "1", Value: batch, Low: batch, High: batch, N: 1})
	}
}

// soaked is the example on a device that throttles: int8-qdq keeps its clock.
func soaked() *bench.Result {
	r := example.Result()
	r.Groups = r.Groups[:1]
	r.Groups[0].Cases = r.Groups[0].Cases[:3]
	for i, held := range []float64{0.7, 0.99, 0.8} {
		c := &r.Groups[0].Cases[i]
		p50, _ := c.Value("latency.p50")
		first := bench.SoakPart{Latency: p50.Value, Throughput: 1 / p50.Value, Celsius: 51, MHz: 2400}
		last := bench.SoakPart{Latency: p50.Value / held, Throughput: held / p50.Value, Celsius: 79, MHz: 2400 * held}
		c.Soak = &bench.SoakInfo{Duration: 600, Burst: first, Sustained: last, Points: []bench.SoakPoint{{At: 10, SoakPart: first}, {At: 600, SoakPart: last}}}
	}
	r.Groups[0].Cases[2].Soak.Sustained.Celsius = 0
	return r
}

// TestSoakGoldens: cases are ranked by what they hold.
func TestSoakGoldens(t *testing.T) {
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"soak-120.txt", "table", render.Options{Width: 120}},
		{"soak-60.txt", "table", render.Options{Width: 60, ASCII: true}},
		{"soak.md", "markdown", render.Options{}},
	} {
		var buf bytes.Buffer
		if err := render.Render(&buf, c.format, soaked(), c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, buf.Bytes())
	}
}

// TestScenarioGoldens: each section has its scenario's main metric as a column.
func TestScenarioGoldens(t *testing.T) {
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"scenarios-120.txt", "table", render.Options{Width: 120, Details: true}},
		{"scenarios-80.txt", "table", render.Options{Width: 80}},
		{"scenarios.md", "markdown", render.Options{}},
	} {
		var buf bytes.Buffer
		if err := render.Render(&buf, c.format, load(), c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, buf.Bytes())
	}
}
