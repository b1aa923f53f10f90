// Package example builds a result that looks like a real night: two models on
// two engines, all variants, every word of a verdict, a case that broke, one
// that was skipped, a group that cannot be trusted. Tests of the formats, of
// the comparison and of the store share it. It is deterministic: noise comes
// from a fixed seed.
package example

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/host"
	"assay/bench/metric"
)

// Trials and Rounds of every group.
const (
	Trials = 5
	Rounds = 4
)

// A row is one case before noise: seconds, shares and bytes.
type row struct {
	variant string
	p50     float64 // sec
	top1    float64 // share
	memory  float64 // B
	size    int64   // B
	packed  int64   // B, 0 where the engine does not pack
	spread  float64 // between-trial standard deviation of the log
}

var resnet8ORT = []row{
	{"baseline", 152e-6, 0.9261, 31.2e6, 312_400, 0, 0.004},
	{"int8-qdq", 96e-6, 0.9255, 29.8e6, 90_600, 0, 0.004},
	{"int8-dynamic", 171e-6, 0.9259, 30.4e6, 89_900, 0, 0.005},
	{"pruned-50", 89e-6, 0.9205, 30.9e6, 84_200, 0, 0.004},
	{"sparse-90", 153e-6, 0.9220, 31.2e6, 312_400, 0, 0.004},
	{"student", 77e-6, 0.9190, 30.6e6, 118_300, 0, 0.004},
}

var resnet8Native = []row{
	{"baseline", 118e-6, 0.9261, 9.0e6, 312_400, 309_800, 0.005},
	{"int8-qdq", 94.9e-6, 0.9255, 8.7e6, 90_600, 79_100, 0.014},
	{"pruned-50", 66e-6, 0.9205, 8.6e6, 84_200, 82_000, 0.005},
	{"sparse-90", 31e-6, 0.9220, 8.8e6, 312_400, 43_700, 0.005},
}

var mobilenetORT = []row{
	{"baseline", 1.31e-3, 0.9214, 38.4e6, 2_410_000, 0, 0.020},
	{"int8-qdq", 0.83e-3, 0.9146, 35.1e6, 690_000, 0, 0.030},
	{"sparse-90", 1.32e-3, 0.9170, 38.4e6, 2_410_000, 0, 0.020},
}

// Result returns a fresh copy of the example.
func Result() *bench.Result {
	start := time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)
	r := &bench.Result{
		Schema: bench.Schema, Run: "6f1c2a90d4b7e358", Suite: "quick", Started: start, Ended: start.Add(161 * time.Second),
		Version: "0.1.0", Device: device(),
		Before: host.Condition{At: start, Governor: "performance", MHz: 2700, Throttled: -1, Quota: 0, Load1: 0.12, FreeMem: 6 << 30},
		After:  host.Condition{At: start.Add(161 * time.Second), Governor: "performance", MHz: 2700, Throttled: -1, Quota: 0, Load1: 1.02, FreeMem: 6 << 30, Steal: 0.4},
		Engines: []engine.Info{
			{Name: "onnxruntime", Build: "1.30.0", Providers: []string{"cpu"}, Settings: map[string]string{"graph_optimization": "all", "spinning": "off"}},
			{Name: "native", Build: "0.1.0", Providers: []string{"cpu"}},
		},
		Labels: map[string]string{"commit": "4feca9f", "branch": "main"},
		Plan: bench.Plan{
			Trials: Trials, MaxTrials: 12, Rounds: Rounds, Precision: 0.01, PrecisionBy: map[string]float64{"native": 0.03},
			Budget: 4 * time.Minute, Block: 50 * time.Millisecond, Cold: 10, Samples: 2000,
		},
		Accuracy: "2,000 of 10,000 samples, stratified",
	}
	r.Groups = []bench.GroupResult{
		group("fashion-mnist", "resnet8", "onnxruntime", "1.30.0", resnet8ORT, 1),
		group("fashion-mnist", "resnet8", "native", "0.1.0", resnet8Native, 2),
		group("fashion-mnist", "mobilenetv2-mini", "onnxruntime", "1.30.0", mobilenetORT, 3),
		missing("fashion-mnist", "mobilenetv2-mini"),
	}
	r.Groups[0].During = host.During{
		Looks: 38, Cost: 0.00019, MHz: 2700, MinMHz: 2690, LoadMHz: 2700, LimitMHz: 2700, Celsius: 61.4, Hottest: "k10temp Tctl",
		Governors: []string{"performance"}, Others: 0.04, Neighbours: []host.Neighbour{{Name: "sshd", PID: 812, Cores: 0.02}},
	}
	r.Groups[1].Doubts = []string{"3 of 80 blocks dropped, most often because the hypervisor stole 4 % of it"}
	r.Groups[2].Untrusted = []string{"the A/A control says 1.031x for the baseline against itself (1.012 to 1.050): something but the model makes the difference"}
	r.Groups[2].AA.Ratio.Value, r.Groups[2].AA.Ratio.Low, r.Groups[2].AA.Ratio.High = 1.031, 1.012, 1.050
	broken(&r.Groups[2])
	for i := range r.Groups {
		judge(&r.Groups[i])
	}
	note(&r.Groups[0], "sparse-90", "sparse-90 does not pay on onnxruntime: it runs zeros at full price")
	note(&r.Groups[0], "int8-dynamic", "int8-dynamic does not pay on onnxruntime: this CPU has no VNNI, so integer products are widened")
	return r
}

func device() host.Device {
	return host.Device{
		ID: "d41d8cd98f00b204", Name: "bench-1", Class: "amd64-amd-epyc-2c", Arch: "amd64", OS: "linux", Kernel: "6.12.0",
		CPU: "AMD EPYC 9B45", Cores: 2, Features: []string{"avx2", "avx512f"}, Memory: 8 << 30, Virtual: "kvm",
	}
}

func group(task, model, eng, build string, rows []row, seed uint64) bench.GroupResult {
	g := bench.GroupResult{
		Task: task, Model: model, Engine: eng, Build: build, Provider: "cpu", Threads: 1, Batch: 1, Scenario: "single-stream",
		Trials: Trials, Rounds: Rounds, Blocks: Trials * Rounds * (len(rows) + 1), Seconds: 40.2,
		AA: &bench.Control{Deviation: 0.0032, Tolerance: 0.01, Ratio: metric.Estimate{Metric: "latency.p50", Unit: "ratio", Value: 1.002, Low: 0.998, High: 1.006, N: Trials}},
	}
	if eng == "native" {
		g.AA.Tolerance = 0.03
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for i := range rows {
		g.Cases = append(g.Cases, measure(g, rows[i], rows[0], rnd))
	}
	return g
}

// measure invents what a case of this row would have told.
func measure(g bench.GroupResult, w, base row, rnd *rand.Rand) bench.CaseResult {
	c := bench.CaseResult{Status: bench.OK, Case: caseOf(g, w)}
	half := 2.776 * w.spread / math.Sqrt(Trials) // t₀.₉₇₅ with 4 degrees of freedom
	add := func(name string, v, half float64, n int) {
		m := metric.Lookup(name)
		e := metric.Estimate{Metric: name, Unit: m.Unit, Value: v, Low: v * math.Exp(-half), High: v * math.Exp(half), N: n}
		if name == "latency.p99" {
			e.Note = "410 queries, early stopping wants 662"
		}
		c.Values = append(c.Values, e)
	}
	against := func(name string, r, half float64, n int) {
		e := metric.Estimate{Metric: name, Unit: "ratio", Value: r, Low: r * math.Exp(-half), High: r * math.Exp(half), N: n}
		if half > 0.03 {
			e.Needed = 40
		}
		if w.variant != bench.Baseline {
			c.Against = append(c.Against, e)
		}
	}
	for _, t := range []struct {
		name   string
		v, own float64
	}{{"latency.p50", w.p50, 1}, {"latency.p90", 1.06 * w.p50, 1.2}, {"latency.p99", 1.31 * w.p50, 3}, {"throughput", 0.98 / w.p50, 1}} {
		r := w.p50 / base.p50
		if t.name == "throughput" {
			r = 1 / r
		}
		add(t.name, t.v, half*t.own, Trials)
		against(t.name, r, half*t.own, Trials)
	}
	for _, t := range []struct {
		name string
		v    float64
	}{{"latency.start", 9.1e-3}, {"latency.load", 4.2e-3}, {"latency.first", 3.1 * w.p50}} {
		add(t.name, t.v, 0.05, 10)
		against(t.name, 1, 0.07, 10)
	}
	add("memory.peak", w.memory, 0.002, Trials)
	against("memory.peak", w.memory/base.memory, 0.003, Trials)
	add("memory.steady", 0.9*w.memory, 0.002, Trials)
	against("memory.steady", w.memory/base.memory, 0.003, Trials)
	add("size", float64(w.size), 0, 1)
	against("size", float64(w.size)/float64(base.size), 0, 1)
	if w.packed > 0 {
		add("size.packed", float64(w.packed), 0, 1)
		against("size.packed", float64(w.packed)/float64(base.packed), 0, 1)
	}
	add("parameters", float64(c.Artifact.Params), 0, 1)
	accuracy(&c, w, base)
	c.Samples = samples(w, rnd)
	return c
}

func accuracy(c *bench.CaseResult, w, base row) {
	const n = 2000
	half := 1.96 * math.Sqrt(w.top1*(1-w.top1)/n)
	c.Values = append(c.Values, metric.Estimate{Metric: "top1", Unit: "ratio", Value: w.top1, Low: w.top1 - half, High: w.top1 + half, N: n})
	if w.variant == bench.Baseline {
		return
	}
	c.Values = append(c.Values, metric.Estimate{Metric: "agreement", Unit: "ratio", Value: 0.985, Low: 0.979, High: 0.990, N: n},
		metric.Estimate{Metric: "sqnr", Unit: "dB", Value: 28.4, Low: 28.4, High: 28.4, N: n})
	d := 100 * (w.top1 - base.top1)
	c.Against = append(c.Against, metric.Estimate{Metric: "top1", Unit: "pt", Value: d, Low: d - 0.24, High: d + 0.24, N: n, Note: "6 gained, 9 lost, McNemar p = 0.61"})
}

func caseOf(g bench.GroupResult, w row) bench.Case {
	c := bench.Case{
		Suite: "quick", Task: g.Task, Model: g.Model, Variant: w.variant, Engine: g.Engine, Build: g.Build, Provider: g.Provider,
		Threads: g.Threads, Batch: g.Batch, Scenario: g.Scenario,
	}
	c.Artifact.Path, c.Artifact.Format = g.Model+"-"+w.variant+".onnx", "onnx"
	c.Artifact.SHA256 = fmt.Sprintf("%064x", len(w.variant))
	c.Artifact.Size, c.Artifact.Params = w.size, w.size/4
	return c
}

// samples are the values per round of every trial, with the row's spread
// between trials and a tenth of it between rounds.
func samples(w row, rnd *rand.Rand) []metric.Sample {
	var out []metric.Sample
	for t := range Trials {
		at := w.p50 * math.Exp(w.spread*rnd.NormFloat64())
		p50, rate := make([]float64, Rounds), make([]float64, Rounds)
		for i := range p50 {
			p50[i] = at * math.Exp(0.1*w.spread*rnd.NormFloat64())
			rate[i] = 0.98 / p50[i]
		}
		out = append(out,
			metric.Sample{Metric: "latency.p50", Unit: "sec", Trial: t, Values: p50},
			metric.Sample{Metric: "throughput", Unit: "1/sec", Trial: t, Values: rate},
			metric.Sample{Metric: "memory.peak", Unit: "B", Trial: t, Values: []float64{w.memory}},
			metric.Sample{Metric: "latency.p90", Unit: "sec", Trial: t, Values: []float64{1.06 * at}})
	}
	for t := range 10 {
		out = append(out, metric.Sample{Metric: "latency.load", Unit: "sec", Trial: t, Values: []float64{4.2e-3 * math.Exp(0.05*rnd.NormFloat64())}})
	}
	return out
}

// broken adds a case whose worker died.
func broken(g *bench.GroupResult) {
	g.Cases = append(g.Cases, bench.CaseResult{
		Case: caseOf(*g, row{variant: "pruned-50", size: 610_000}), Status: bench.Errored,
		Reason: "load: worker died (signal: killed); its last words: ShapeInferenceError: Mismatch between number of inferred and declared dimensions",
	})
}

// missing is a group whose engine is not on this device.
func missing(task, model string) bench.GroupResult {
	g := bench.GroupResult{Task: task, Model: model, Engine: "openvino", Provider: "cpu", Threads: 1, Batch: 1, Scenario: "single-stream"}
	for _, v := range []string{bench.Baseline, "int8-qdq"} {
		g.Cases = append(g.Cases, bench.CaseResult{
			Case: caseOf(g, row{variant: v, size: 1}), Status: bench.Skipped, Reason: "engine openvino is not in this program (have native, onnxruntime)",
		})
	}
	return g
}

func note(g *bench.GroupResult, variant, text string) {
	for i := range g.Cases {
		if g.Cases[i].Variant == variant {
			g.Cases[i].Notes = append(g.Cases[i].Notes, text)
		}
	}
}
