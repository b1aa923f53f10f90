package render_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchproc"

	"assay/bench/stat"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// TestGobenchIsRead goes benchstat's own way: benchfmt reads the lines,
// benchproc groups them by variant, benchmath compares the samples.
func TestGobenchIsRead(t *testing.T) {
	var buf bytes.Buffer
	if err := render.Render(&buf, "gobench", example.Result(), render.Options{}); err != nil {
		t.Fatal(err)
	}
	var parser benchproc.ProjectionParser
	variant, err := parser.Parse("/variant", nil)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := benchproc.NewFilter(`/model:resnet8 /engine:"onnxruntime@1.30.0"`)
	if err != nil {
		t.Fatal(err)
	}
	seconds := map[string][]float64{}
	top1 := map[string]float64{}
	r := benchfmt.NewReader(&buf, "result.bench")
	for r.Scan() {
		var res *benchfmt.Result
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Fatal(rec)
		case *benchfmt.Result:
			res = rec
		default:
			continue
		}
		if ok, err := filter.Apply(res); err != nil || !ok {
			continue
		}
		if res.GetConfig("goarch") != "amd64" || res.GetConfig("commit") != "4feca9f" {
			t.Fatalf("configuration is lost: %+v", res.Config)
		}
		v := variant.Project(res).Get(variant.Fields()[0])
		if s, ok := res.Value("sec/op"); ok {
			seconds[v] = append(seconds[v], s)
		}
		if a, ok := res.Value("top1"); ok {
			top1[v] = a
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"baseline", "int8-qdq", "int8-dynamic", "pruned-50", "sparse-90", "student"} {
		if n := len(seconds[v]); n != example.Trials {
			t.Errorf("%s has %d lines with sec/op, want one per trial, %d", v, n, example.Trials)
		}
	}
	if top1["baseline"] != 0.9261 {
		t.Errorf("top1 of the baseline is %g", top1["baseline"])
	}
	first := example.Result().Groups[0].Cases[1].Samples[0]
	if got, want := seconds["int8-qdq"][0], stat.Median(first.Values); math.Abs(got/want-1) > 1e-8 {
		t.Errorf("the first trial of int8-qdq took %g s, want %g", got, want)
	}
	old := benchmath.NewSample(seconds["baseline"], &benchmath.DefaultThresholds)
	new := benchmath.NewSample(seconds["int8-qdq"], &benchmath.DefaultThresholds)
	if c := benchmath.AssumeNothing.Compare(old, new); c.P > 0.05 {
		t.Errorf("benchstat sees no difference between 152 and 96 µs: %v", c)
	}
}

func TestGobenchUnitsAreDeclared(t *testing.T) {
	var buf bytes.Buffer
	if err := render.Render(&buf, "gobench", example.Result(), render.Options{}); err != nil {
		t.Fatal(err)
	}
	r := benchfmt.NewReader(strings.NewReader(buf.String()), "result.bench")
	for r.Scan() {
		if err, ok := r.Result().(*benchfmt.SyntaxError); ok {
			t.Fatal(err)
		}
	}
	for unit, want := range map[string]string{"top1": "higher", "size-B": "lower", "throughput/s": "higher", "latency-p90-sec": "lower"} {
		if m := r.Units()[benchfmt.UnitMetadataKey{Unit: unit, Key: "better"}]; m == nil || m.Value != want {
			t.Errorf("unit %s: better is %v, want %s", unit, m, want)
		}
	}
}
