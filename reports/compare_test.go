package reports_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/internal/example"
)

type estimate = metric.Estimate

// night is the example as another run, changed by f.
func night(f func(*bench.Result)) *bench.Result {
	r := example.Result()
	r.Run = "night"
	if f != nil {
		f(r)
	}
	return r
}

// scale multiplies a metric of a case, its trials and its ratio.
func scale(c *bench.CaseResult, name string, by float64) {
	for i := range c.Values {
		if c.Values[i].Metric == name {
			c.Values[i].Value, c.Values[i].Low, c.Values[i].High = by*c.Values[i].Value, by*c.Values[i].Low, by*c.Values[i].High
		}
	}
	for i := range c.Against {
		if c.Against[i].Metric == name {
			c.Against[i].Value, c.Against[i].Low, c.Against[i].High = by*c.Against[i].Value, by*c.Against[i].Low, by*c.Against[i].High
		}
	}
	for i := range c.Samples {
		if c.Samples[i].Metric == name {
			for j := range c.Samples[i].Values {
				c.Samples[i].Values[j] *= by
			}
		}
	}
}

func find(t *testing.T, c *reports.Comparison, eng, model, variant, name string) reports.Change {
	t.Helper()
	for _, x := range c.Changes {
		if x.Engine == eng && x.Model == model && x.Variant == variant && x.Metric == name {
			return x
		}
	}
	t.Fatalf("no change of %s for %s %s on %s", name, model, variant, eng)
	return reports.Change{}
}

func TestCompareRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		b    *bench.Result
		o    reports.CompareOptions
		want string // "" if it is to be compared
	}{
		{"itself", example.Result(), reports.CompareOptions{}, "they are one run"},
		{"another schema", night(func(r *bench.Result) { r.Schema = "assay.result/9" }), reports.CompareOptions{}, `run night has schema "assay.result/9"`},
		{"another device", night(func(r *bench.Result) { r.Device.ID = "other" }), reports.CompareOptions{}, "different devices, bench-1 (amd64-amd-epyc-2c) and"},
		{"another device, asked for", night(func(r *bench.Result) { r.Device.ID = "other" }), reports.CompareOptions{CrossDevice: true}, ""},
		{"other threads", night(func(r *bench.Result) {
			for i := range r.Groups {
				for j := range r.Groups[i].Cases {
					r.Groups[i].Cases[j].Threads = 4
				}
			}
		}), reports.CompareOptions{}, "no case in common; the nearest differ in threads=1 against threads=4"},
		{"nothing in it", night(func(r *bench.Result) { r.Groups = nil }), reports.CompareOptions{}, "one of them holds no case"},
		{"nothing measured", night(func(r *bench.Result) {
			for i := range r.Groups {
				for j := range r.Groups[i].Cases {
					r.Groups[i].Cases[j].Status = bench.Errored
				}
			}
		}), reports.CompareOptions{}, "no case was measured in both"},
		{"all untrusted, only timing", night(func(r *bench.Result) {
			for i := range r.Groups {
				r.Groups[i].Untrusted = []string{"throttled"}
				for j := range r.Groups[i].Cases {
					c := &r.Groups[i].Cases[j]
					c.Values = slices.DeleteFunc(c.Values, func(e estimate) bool { return !strings.HasPrefix(e.Metric, "latency") })
				}
			}
		}), reports.CompareOptions{}, "no metric of a shared case was measured, and could be trusted, in both"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := reports.CompareWith(example.Result(), c.b, c.o)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestCompareFindsTheChange(t *testing.T) {
	b := night(func(r *bench.Result) {
		scale(&r.Groups[0].Cases[1], "latency.p50", 1.10)
		scale(&r.Groups[0].Cases[3], "latency.p50", 0.90)
		scale(&r.Groups[0].Cases[4], "size", 0.5)
		scale(&r.Groups[0].Cases[5], "top1", 0.95)
		r.Engines[0].Build, r.Device.Kernel = "1.31.0", "6.13.0"
		r.Groups[0].Cases[1].Artifact.SHA256 = "beef"
	})
	c, err := reports.Compare(example.Result(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		variant, metric string
		want            reports.Direction
		value           float64
	}{
		{"baseline", "latency.p50", reports.Same, 1},
		{"int8-qdq", "latency.p50", reports.Worse, 1.10},
		{"pruned-50", "latency.p50", reports.Better, 0.90},
		{"sparse-90", "size", reports.Better, 0.5},
		{"student", "top1", reports.Worse, -0.05 * 91.90},
		{"student", "memory.peak", reports.Same, 1},
		{"baseline", "top1", reports.Same, 0},
	} {
		got := find(t, c, "onnxruntime", "resnet8", x.variant, x.metric)
		if got.Word != x.want || math.Abs(got.Ratio.Value-x.value) > 1e-9 || got.Ratio.Low > got.Ratio.Value || got.Ratio.High < got.Ratio.Value {
			t.Errorf("%s %s is %s: %+v, want %s %g", x.variant, x.metric, got.Word, got.Ratio, x.want, x.value)
		}
	}
	if r := find(t, c, "onnxruntime", "resnet8", "int8-qdq", "latency.p50").Relative; r == nil || math.Abs(r.Value-1.1) > 1e-9 || r.Low <= 1 {
		t.Errorf("relative to its baseline int8-qdq is %+v, want 1.1", r)
	}
	for _, want := range []string{"onnxruntime: 1.30.0 → 1.31.0", "kernel: 6.12.0 → 6.13.0", "file of resnet8 int8-qdq: 000000000000 → beef"} {
		if !slices.Contains(c.Causes, want) {
			t.Errorf("causes are %q, without %q", c.Causes, want)
		}
	}
	if len(c.Doubts) == 0 || !strings.HasPrefix(c.Doubts[0], "across runs: not interleaved") {
		t.Errorf("the first doubt is not that runs are not interleaved: %q", c.Doubts)
	}
	for _, x := range c.Changes {
		if x.Model == "mobilenetv2-mini" && strings.HasPrefix(x.Metric, "latency") {
			t.Errorf("timing of an untrusted group is compared: %+v", x)
		}
	}
}

func TestCompareSaysWhenAllMoved(t *testing.T) {
	b := night(func(r *bench.Result) {
		for i := range r.Groups {
			for j := range r.Groups[i].Cases {
				scale(&r.Groups[i].Cases[j], "latency.p50", 1.07)
			}
		}
	})
	c, err := reports.Compare(example.Result(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.Contains(s, "moved alike (1.07x to 1.07x)") }) {
		t.Errorf("doubts are %q", c.Doubts)
	}
}

func TestCompareWithoutTrials(t *testing.T) {
	strip := func(r *bench.Result) *bench.Result {
		for i := range r.Groups {
			for j := range r.Groups[i].Cases {
				r.Groups[i].Cases[j].Samples = nil
			}
		}
		return r
	}
	with, err := reports.Compare(example.Result(), night(nil))
	if err != nil {
		t.Fatal(err)
	}
	without, err := reports.Compare(strip(example.Result()), strip(night(nil)))
	if err != nil {
		t.Fatal(err)
	}
	a := find(t, with, "onnxruntime", "resnet8", "int8-qdq", "latency.p50").Ratio
	b := find(t, without, "onnxruntime", "resnet8", "int8-qdq", "latency.p50").Ratio
	if b.High-b.Low <= 0 || b.Note == "" || b.Low > 1 || b.High < 1 || a.Note != "" {
		t.Errorf("with trials %+v, without %+v", a, b)
	}
}

func TestAgainst(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(*bench.Result)
		gate string // beginning of the gate's text
		want verdict.Word
	}{
		{"nothing changed", nil, "resnet8 int8-qdq on onnxruntime: latency.p50", verdict.Pass},
		{"10 % slower", func(r *bench.Result) { scale(&r.Groups[0].Cases[1], "latency.p50", 1.1) }, "resnet8 int8-qdq on onnxruntime: latency.p50", verdict.Fail},
		{"5 % slower", func(r *bench.Result) { scale(&r.Groups[0].Cases[1], "latency.p50", 1.05) }, "resnet8 int8-qdq on onnxruntime: latency.p50", verdict.Inconclusive},
		{"less accurate", func(r *bench.Result) { scale(&r.Groups[0].Cases[1], "top1", 0.9) }, "resnet8 int8-qdq on onnxruntime: top1", verdict.Fail},
		{"same file, same answers", nil, "resnet8 int8-qdq on onnxruntime: top1", verdict.Pass},
		{"larger file", func(r *bench.Result) { scale(&r.Groups[0].Cases[1], "size", 2) }, "resnet8 int8-qdq on onnxruntime: size", verdict.Fail},
		{"untrusted before", nil, "mobilenetv2-mini int8-qdq on onnxruntime: latency.p50", verdict.Untrusted},
		{"case is gone", func(r *bench.Result) { r.Groups[1].Cases = r.Groups[1].Cases[:2] }, "resnet8 sparse-90 on native: latency.p50", verdict.Skipped},
		{"case broke", func(r *bench.Result) {
			r.Groups[1].Cases[3].Status, r.Groups[1].Cases[3].Reason = bench.Errored, "crashed"
		}, "resnet8 sparse-90 on native: latency.p50", verdict.Error},
	} {
		t.Run(c.name, func(t *testing.T) {
			vs, err := reports.Against(night(c.f), example.Result())
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(vs, func(v verdict.Verdict) bool { return strings.HasPrefix(v.Gate, c.gate) })
			if i < 0 {
				t.Fatalf("no verdict on %s", c.gate)
			}
			if vs[i].Word != c.want {
				t.Errorf("got %+v, want %s", vs[i], c.want)
			}
		})
	}
	if _, err := reports.Against(night(func(r *bench.Result) { r.Device.ID = "x" }), example.Result()); err == nil {
		t.Error("another device's run was judged")
	}
}

// served puts a group beside the first one that is the same under the server
// scenario: its rate is what the latency was.
func served(r *bench.Result) *bench.Result {
	g := example.Result().Groups[0]
	g.Scenario = "server"
	for i := range g.Cases {
		c := &g.Cases[i]
		c.Scenario = "server"
		for j := range c.Values {
			if e := &c.Values[j]; e.Metric == "latency.p50" {
				e.Metric, e.Unit = "rate.max", "1/sec"
			}
		}
		for j := range c.Samples {
			if s := &c.Samples[j]; s.Metric == "latency.p50" {
				s.Metric, s.Unit = "rate.max", "1/sec"
			}
		}
	}
	r.Groups = append(r.Groups, g)
	return r
}

// TestAgainstScenarios: the same case under two scenarios is two cases, each
// judged by its own main metric.
func TestAgainstScenarios(t *testing.T) {
	now := served(night(nil))
	server := &now.Groups[len(now.Groups)-1].Cases[1]
	scale(server, "rate.max", 0.8)
	scale(server, "memory.peak", 2)
	vs, err := reports.Against(now, served(example.Result()))
	if err != nil {
		t.Fatal(err)
	}
	for gate, want := range map[string]verdict.Word{
		"resnet8 int8-qdq on onnxruntime: latency.p50 <= 1.05x":      verdict.Pass,
		"resnet8 int8-qdq on onnxruntime: memory.peak":               verdict.Pass,
		"resnet8 int8-qdq on onnxruntime, server: rate.max >= 0.95x": verdict.Fail,
		"resnet8 int8-qdq on onnxruntime, server: memory.peak":       verdict.Fail,
		"resnet8 pruned-50 on onnxruntime, server: rate.max":         verdict.Pass,
	} {
		i := slices.IndexFunc(vs, func(v verdict.Verdict) bool { return strings.HasPrefix(v.Gate, gate) })
		if i < 0 || vs[i].Word != want {
			t.Errorf("%s: want %s, have %+v", gate, want, vs)
		}
	}
}

func TestSeriesKey(t *testing.T) {
	c := example.Result().Groups[0].Cases[1].Case
	const want = "device=d1/task=fashion-mnist/model=resnet8/variant=int8-qdq/engine=onnxruntime/provider=cpu/threads=1/batch=1/scenario=single-stream/metric=latency.p50"
	if got := reports.SeriesKey(&c, "latency.p50", "d1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.Build, c.Suite, c.Artifact.SHA256 = "9", "other", "0"
	if got := reports.SeriesKey(&c, "latency.p50", "d1"); got != want {
		t.Errorf("a build, a suite or a file changed the series to %s", got)
	}
	a, b := c, c
	a.Model, a.Variant = "m/variant=v", ""
	b.Model, b.Variant = "m", "v/variant="
	if reports.CaseKey(&a) == reports.CaseKey(&b) {
		t.Error("two cases share a key")
	}
}
