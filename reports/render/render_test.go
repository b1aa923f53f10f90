package render_test

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"assay/bench"
	"assay/bench/metric"
	"assay/reports"
	"assay/reports/chart"
	"assay/reports/internal/example"
	"assay/reports/render"
)

var update = flag.Bool("update", false, "write the goldens")

// golden compares got with testdata/name, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (write it with go test -update); got:\n%s", path, got)
	}
}

func TestGoldens(t *testing.T) {
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"table-120.txt", "table", render.Options{Width: 120}},
		{"table-80.txt", "table", render.Options{Width: 80}},
		{"table-details.txt", "table", render.Options{Width: 120, Details: true}},
		{"table-details-80.txt", "table", render.Options{Width: 80, Details: true}},
		{"table-ascii.txt", "table", render.Options{Width: 100, ASCII: true}},
		{"table-color.txt", "table", render.Options{Width: 120, Color: true}},
		{"result.json", "json", render.Options{}},
		{"result.md", "markdown", render.Options{}},
		{"result.bench", "gobench", render.Options{}},
		{"result.junit.xml", "junit", render.Options{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			var buf bytes.Buffer
			r := example.Result()
			if c.format == "json" || c.format == "gobench" {
				r = small(r)
			}
			if err := render.Render(&buf, c.format, r, c.o); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, buf.Bytes())
		})
	}
}

// small keeps two cases of the first group, and the group that was skipped.
func small(r *bench.Result) *bench.Result {
	r.Groups = []bench.GroupResult{r.Groups[0], r.Groups[3]}
	r.Groups[0].Cases = r.Groups[0].Cases[:2]
	return r
}

// later is the example a night later: a new runtime, one slower case, one
// case less.
func later() *bench.Result {
	r := example.Result()
	r.Run, r.Started, r.Ended = "91b07cc2d35e4f10", r.Started.AddDate(0, 0, 1), r.Ended.AddDate(0, 0, 1)
	r.Engines[0].Build, r.Groups[0].Build = "1.31.0", "1.31.0"
	slow := &r.Groups[0].Cases[1]
	for i := range slow.Values {
		if strings.HasPrefix(slow.Values[i].Metric, "latency.p") {
			slow.Values[i].Value, slow.Values[i].Low, slow.Values[i].High = 1.1*slow.Values[i].Value, 1.1*slow.Values[i].Low, 1.1*slow.Values[i].High
			slow.Against[i].Value, slow.Against[i].Low, slow.Against[i].High = 1.1*slow.Against[i].Value, 1.1*slow.Against[i].Low, 1.1*slow.Against[i].High
		}
	}
	for i := range slow.Samples {
		for j := range slow.Samples[i].Values {
			if strings.HasPrefix(slow.Samples[i].Metric, "latency.p") {
				slow.Samples[i].Values[j] *= 1.1
			}
		}
	}
	r.Groups[1].Cases = r.Groups[1].Cases[:3]
	return r
}

func history() *reports.History {
	a, b := reports.Summary(later()), reports.Summary(example.Result())
	b.Partial = "interrupted"
	h := &reports.History{Runs: []reports.Run{a, b}}
	for i, r := range []*bench.Result{example.Result(), later()} {
		c := &r.Groups[0].Cases[1]
		e, _ := c.Value("latency.p50")
		h.Points = append(h.Points, reports.Point{
			Run: r.Run, Started: r.Started, Series: reports.SeriesKey(&c.Case, e.Metric, r.Device.ID), Device: r.Device.ID,
			Model: c.Model, Variant: c.Variant, Engine: c.Engine, Build: r.Groups[0].Build, Value: e, Verdict: "pass", Trusted: i == 0,
		})
	}
	return h
}

func TestListingGoldens(t *testing.T) {
	cmp, err := reports.Compare(example.Result(), later())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"history-120.txt", "table", render.Options{Width: 120}},
		{"history-80.txt", "table", render.Options{Width: 80}},
		{"history.md", "markdown", render.Options{}},
		{"history.json", "json", render.Options{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			var buf bytes.Buffer
			if err := render.History(&buf, c.format, history(), c.o); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, buf.Bytes())
		})
	}
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"compare-120.txt", "table", render.Options{Width: 120}},
		{"compare-80.txt", "table", render.Options{Width: 80}},
		{"compare.md", "markdown", render.Options{}},
		{"compare.json", "json", render.Options{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			var buf bytes.Buffer
			if c.format == "json" {
				if cmp, err = reports.Compare(small(example.Result()), small(later())); err != nil {
					t.Fatal(err)
				}
			}
			if err := render.Comparison(&buf, c.format, cmp, c.o); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, buf.Bytes())
		})
	}
}

// TestWidth holds every line of every table within the width asked for.
func TestWidth(t *testing.T) {
	cmp, err := reports.Compare(example.Result(), later())
	if err != nil {
		t.Fatal(err)
	}
	count := runewidth.NewCondition()
	count.EastAsianWidth = false
	for _, w := range []int{80, 100, 120, 160} {
		var buf bytes.Buffer
		o := render.Options{Width: w, Details: true}
		if err := render.Comparison(&buf, "table", cmp, render.Options{Width: w}); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{render.Render(&buf, "table", example.Result(), o), render.History(&buf, "table", history(), o), render.Comparison(&buf, "table", cmp, o)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for line := range strings.Lines(buf.String()) {
			line = strings.TrimSuffix(line, "\n")
			if n := count.StringWidth(line); n > w {
				t.Errorf("width %d: a line of %d columns: %s", w, n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("width %d: blanks end the line %q", w, line)
			}
		}
	}
}

// TestColourSaysNothingNew strips the colours and expects the plain table.
func TestColourSaysNothingNew(t *testing.T) {
	var plain, painted bytes.Buffer
	if err := errors.Join(render.Render(&plain, "table", example.Result(), render.Options{}), render.Render(&painted, "table", example.Result(), render.Options{Color: true})); err != nil {
		t.Fatal(err)
	}
	stripped := painted.String()
	for _, code := range []string{"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		if !strings.Contains(stripped, code) {
			t.Errorf("the table never uses %q", code)
		}
		stripped = strings.ReplaceAll(stripped, code, "")
	}
	if stripped != plain.String() {
		t.Error("without its colours the table is another")
	}
}

func TestASCII(t *testing.T) {
	r := example.Result()
	r.Groups[0].Cases[1].Variant = "int8-größer"
	for _, format := range []string{"table", "markdown"} {
		var buf bytes.Buffer
		if err := render.Render(&buf, format, r, render.Options{ASCII: true, Details: true}); err != nil {
			t.Fatal(err)
		}
		for _, c := range buf.String() {
			if c > 0x7e {
				t.Errorf("%s: %q is not ASCII", format, c)
			}
		}
	}
}

// TestHostileText gives every text field a terminal escape, markup and a line
// break.
func TestHostileText(t *testing.T) {
	const bad = "x\x1b[31m\n| <b>|\u202e\x07y"
	r := example.Result()
	r.Suite, r.Accuracy, r.Partial, r.Device.CPU, r.Device.Arch = bad, bad, bad, bad, bad
	r.Labels, r.Warnings = map[string]string{bad: bad, "job": bad}, []string{bad}
	for i := range r.Groups {
		g := &r.Groups[i]
		g.Task, g.Model, g.Engine, g.Build, g.Provider = bad, bad, bad, bad, bad
		g.Doubts = []string{bad}
		for j := range g.Cases {
			c := &g.Cases[j]
			c.Model, c.Variant, c.Engine, c.Reason, c.Notes = bad, bad, bad, bad, []string{bad}
			for k := range c.Verdicts {
				c.Verdicts[k].Reason, c.Verdicts[k].Gate, c.Verdicts[k].Metric = bad, bad, bad
			}
		}
	}
	for _, format := range []string{"table", "markdown", "gobench", "html", "junit"} {
		var buf bytes.Buffer
		if err := render.Render(&buf, format, r, render.Options{Details: true}); err != nil {
			t.Fatal(err)
		}
		if s := buf.String(); strings.ContainsAny(s, "\x1b\x07\u202e") {
			t.Errorf("%s lets control characters through", format)
		} else if format == "markdown" && strings.Contains(s, "<b>") {
			t.Error("markdown lets markup through")
		}
	}
}

// TestOddResults prints what a run may leave behind when it ends early.
func TestOddResults(t *testing.T) {
	empty := &bench.Result{Schema: bench.Schema, Run: "r", Started: time.Unix(10, 0), Ended: time.Unix(5, 0)}
	noCases := example.Result()
	for i := range noCases.Groups {
		noCases.Groups[i].Cases = nil
	}
	noBaseline := example.Result()
	noBaseline.Groups[0].Cases[0].Status = bench.Errored
	noBaseline.Groups[0].Cases[0].Values, noBaseline.Groups[0].Cases[0].Reason = nil, "gone"
	nan := example.Result()
	for i := range nan.Groups[0].Cases {
		for j := range nan.Groups[0].Cases[i].Values {
			nan.Groups[0].Cases[i].Values[j].Value = math.NaN()
		}
		for j := range nan.Groups[0].Cases[i].Against {
			nan.Groups[0].Cases[i].Against[j].High = math.Inf(1)
		}
		nan.Groups[0].Cases[i].Samples = append(nan.Groups[0].Cases[i].Samples, metric.Sample{Metric: "latency.p50", Values: []float64{math.NaN()}})
	}
	nan.Groups[0].AA.Deviation = math.NaN()
	long := example.Result()
	long.Groups[0].Cases[1].Variant = strings.Repeat("very-long-", 20)
	for name, r := range map[string]*bench.Result{"empty": empty, "no cases": noCases, "no baseline": noBaseline, "not a number": nan, "long names": long} {
		t.Run(name, func(t *testing.T) {
			for _, format := range render.Formats() {
				for _, w := range []int{0, 1, 80} {
					var buf bytes.Buffer
					if err := render.Render(&buf, format, r, render.Options{Width: w, Details: true, Color: true}); err != nil {
						t.Errorf("%s at width %d: %v", format, w, err)
					}
					if strings.Contains(strings.ReplaceAll(buf.String(), string(chart.Script()), ""), "NaN") {
						t.Errorf("%s prints NaN", format)
					}
				}
			}
		})
	}
}

func TestNoLabelsMeansAgreement(t *testing.T) {
	r := example.Result()
	r.Groups = r.Groups[:1]
	for i := range r.Groups[0].Cases {
		c := &r.Groups[0].Cases[i]
		c.Task = ""
		keep := c.Values[:0]
		for _, e := range c.Values {
			if e.Metric != "top1" {
				keep = append(keep, e)
			}
		}
		c.Values = keep
		for k, e := range c.Against {
			if e.Metric == "top1" {
				c.Against = append(c.Against[:k], c.Against[k+1:]...)
				break
			}
		}
	}
	var buf bytes.Buffer
	if err := render.Render(&buf, "table", r, render.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"agreement", "98.50 %", "agreement on 2,000 of 10,000"} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("no %q in:\n%s", want, buf.String())
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	const want = `unknown format "yaml" (have gobench, html, json, junit, markdown, table)`
	if err := render.Render(&bytes.Buffer{}, "yaml", example.Result(), render.Options{}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := render.History(&bytes.Buffer{}, "gobench", history(), render.Options{}); err == nil {
		t.Error("gobench wrote a history")
	}
}
