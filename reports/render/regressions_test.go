package render_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/reports/regress"
	"assay/reports/render"
)

func regressions(buf *bytes.Buffer, format string, r *regress.Report, o render.Options) error {
	f, err := render.Lookup(format)
	if err != nil {
		return err
	}
	return f.Regressions(buf, r, o)
}

// morning is a report with something of everything; figures invented.
func morning() *regress.Report {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 2, 0, 0, 0, time.UTC) }
	series := func(metric string) string {
		return "device=d41d8cd98f00/task=fashion-mnist/model=resnet8/variant=int8-qdq/engine=onnxruntime/provider=cpu/threads=1/batch=1/scenario=single-stream/metric=" + metric
	}
	change := func(metric string, w watch.Word, k stat.Kind, v, half float64) regress.Change {
		return regress.Change{
			Series: series(metric), Device: "d41d8cd98f00", Model: "resnet8", Variant: "int8-qdq", Engine: "onnxruntime", Metric: metric, Word: w, Kind: k,
			Run: "77aa88bb99cc", Told: day(24), Begin: "55aa66bb77cc", Since: day(22), Early: day(22), Late: day(22),
			Size: regress.Ratio{Value: v, Low: v * (1 - half), High: v * (1 + half)}, P: 0.0004,
			Causes: []string{"onnxruntime: 1.30.0 → 1.31.0", "kernel: 6.12.1 → 6.12.9"}, Accepted: "11aa22bb33cc",
		}
	}
	p50 := change("latency.p50", watch.Confirmed, stat.Step, 1.053, 0.006)
	p50.Again = &regress.Ratio{Value: 1.049, Low: 1.046, High: 1.052}
	p99 := change("latency.p99", watch.Held, stat.Drift, 1.08, 0.02)
	p99.Early, p99.Late, p99.Again = day(18), day(23), &regress.Ratio{Value: 1.07, Low: 1.05, High: 1.09}
	memory := change("memory.peak", watch.Unattributed, stat.Step, 1.2, 0.01)
	memory.Causes = []string{}
	suspect := change("throughput", watch.Suspect, stat.Spike, 0.93, 0.04)
	suspect.Again, suspect.Trials = &regress.Ratio{Value: 0.97, Low: 0.93, High: 1.01}, 42
	better := change("size", watch.Better, stat.Step, 0.5, 0)
	better.P = 0
	spread := change("latency.load", "", stat.Spread, 3.1, 0.2)
	return &regress.Report{
		Budget: 1.0 / 30, Nights: 90, From: day(1).AddDate(0, -3, 0), To: day(24), Since: day(17), Series: 200, Exact: 40, Short: 3,
		Changes: []regress.Change{p50, p99, memory}, Suspects: []regress.Change{suspect}, Better: []regress.Change{better}, Remarks: []regress.Change{spread}, Older: 2,
		Silent: []regress.Silent{{Device: "aa", Name: "bench-2", Last: day(21), Nights: 3}},
		Fresh:  []regress.Fresh{{Device: "d41d8cd98f00", Run: "66aa77bb88cc", At: day(23), What: []string{"governor: performance → powersave"}}},
		Alike:  []regress.Alike{{Device: "d41d8cd98f00", Worse: 70, Of: 100}},
		Passed: regress.Passed{Untrusted: 4, Repeated: 1}, Count: regress.Count{Again: 31, Controls: 360, Alarms: 0, Allowed: 16},
		Persists: []regress.Share{{Family: "latency", Value: 0.031, Low: 0.01, High: 0.052}, {Family: "memory", Value: 0.98, Low: 0.9, High: 1.06}},
	}
}

func TestRegressions(t *testing.T) {
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"regressions.txt", "table", render.Options{Width: 160}},
		{"regressions-80.txt", "table", render.Options{Width: 80}},
		{"regressions-ascii.txt", "table", render.Options{Width: 120, ASCII: true}},
		{"regressions.md", "markdown", render.Options{}},
	} {
		var buf bytes.Buffer
		if err := regressions(&buf, c.format, morning(), c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, buf.Bytes())
		for l := range strings.Lines(buf.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(l, "\n")); c.o.Width > 0 && n > c.o.Width && !strings.Contains(l, "assay ack") {
				t.Errorf("%s: %d columns: %s", c.file, n, l)
			}
			if c.o.ASCII && strings.ContainsFunc(l, func(r rune) bool { return r > 0x7e }) {
				t.Errorf("%s: not ASCII: %s", c.file, l)
			}
		}
	}
}

// TestRegressionsJSON reads back what a program would.
func TestRegressionsJSON(t *testing.T) {
	var buf bytes.Buffer
	if err := regressions(&buf, "json", morning(), render.Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Changes []struct {
			Series, Word, Kind string
			Size               struct{ Value float64 }
		}
	}
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil || len(got.Changes) != 3 || got.Changes[0].Word != "confirmed" || got.Changes[0].Size.Value != 1.053 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoRegressions(t *testing.T) {
	for _, c := range []struct {
		r    *regress.Report
		want string
	}{
		{&regress.Report{Nightless: true}, "the store holds no run that fits"},
		{&regress.Report{Budget: 0.1, Nights: 1, Series: 1}, "nothing has changed since"},
	} {
		var buf bytes.Buffer
		if err := regressions(&buf, "table", c.r, render.Options{}); err != nil || !strings.HasPrefix(buf.String(), c.want) {
			t.Errorf("%v: %s", err, buf.String())
		}
	}
}
