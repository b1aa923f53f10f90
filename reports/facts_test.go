package reports_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
)

func TestFacts(t *testing.T) {
	r := example.Result()
	f := reports.Facts(r)
	for _, k := range []string{"assay", "kernel", "onnxruntime", "native", "cores"} {
		if f[k] == "" {
			t.Errorf("%s is not told (have %v)", k, slices.Sorted(maps.Keys(f)))
		}
	}
	c := &r.Groups[0].Cases[1]
	if got := f[reports.FileFact(c.Model, c.Variant, c.Engine)]; got != c.Artifact.SHA256[:12] {
		t.Errorf("file %q, want the head of %s", got, c.Artifact.SHA256)
	}
	other := maps.Clone(f)
	other["kernel"] = "7.0"
	if got := reports.Differ(f, other); len(got) != 1 || !strings.HasPrefix(got[0], "kernel: ") {
		t.Errorf("differ: %v", got)
	}
	if !reports.SameCondition(f, other) {
		t.Error("another kernel is another condition")
	}
	other["cores"] = "1"
	if reports.SameCondition(f, other) {
		t.Error("fewer cores are the same condition")
	}
}

func TestParseSeries(t *testing.T) {
	c := bench.Case{Task: "a/b=c%", Model: "m\nn", Variant: "é", Engine: "e", Provider: "", Threads: 2, Batch: 3, Scenario: "s"}
	f, err := reports.ParseSeries(reports.SeriesKey(&c, "latency.p50", "d/1"))
	if err != nil || f["task"] != c.Task || f["model"] != c.Model || f["variant"] != c.Variant || f["device"] != "d/1" || f["threads"] != "2" || f["metric"] != "latency.p50" {
		t.Errorf("%v, %v", f, err)
	}
	for text, want := range map[string]string{"": "want fields", "device": "want fields", "device=%zz": "want fields", "device=a/model=b": "lacks variant="} {
		if _, err := reports.ParseSeries(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParseSeries reads any text without a panic, and its own keys exactly.
func FuzzParseSeries(f *testing.F) {
	c := bench.Case{Model: "resnet8", Variant: "int8-qdq", Engine: "native"}
	f.Add(reports.SeriesKey(&c, "latency.p50", "d41d"), "m")
	f.Add("device=%", "a/b")
	f.Add("===", "=%2F")
	f.Fuzz(func(t *testing.T, text, model string) {
		_, _ = reports.ParseSeries(text)
		c := bench.Case{Model: model, Variant: text, Engine: "e"}
		got, err := reports.ParseSeries(reports.SeriesKey(&c, "top1", text))
		if err != nil || got["model"] != model || got["variant"] != text || got["device"] != text {
			t.Errorf("%q %q: %v, %v", text, model, got, err)
		}
	})
}
