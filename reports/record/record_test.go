package record_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/reports/internal/example"
	"assay/reports/record"
	"assay/reports/render"
)

var update = flag.Bool("update", false, "rewrite golden files")

// nights are the example and a second run of the same device.
func nights() []*bench.Result {
	second := example.WithEnergy(example.Result(), "rapl (package)")
	second.Run, second.Started, second.Ended = "second", second.Started.AddDate(0, 0, 1), second.Ended.AddDate(0, 0, 1)
	second.Labels = nil
	return []*bench.Result{example.Result(), second}
}

func write(t *testing.T, form string, runs []*bench.Result) []byte {
	t.Helper()
	f, err := record.Lookup(form)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := f.Write(&buf)
	for _, r := range runs {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func read(form string, b []byte) ([]*bench.Result, error) {
	f, err := record.Lookup(form)
	if err != nil {
		return nil, err
	}
	var out []*bench.Result
	err = f.Read(bytes.NewReader(b), record.Origin{Name: "in", Modified: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, func(r *bench.Result) error {
		out = append(out, r)
		return nil
	})
	return out, err
}

// rounds takes the numbers of rounds out of a Go benchmark file: a run that was
// read from one has the median of each trial and no rounds.
func rounds(form string, b []byte) string {
	if form != "gobench" {
		return string(b)
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if f := strings.SplitN(line, " ", 3); len(f) == 3 && strings.HasPrefix(line, "Benchmark") {
			line = f[0] + " N " + f[2]
		}
		out.WriteString(line)
	}
	return out.String()
}

// TestRoundTrip writes, reads and writes again, in every form that there is.
func TestRoundTrip(t *testing.T) {
	for _, form := range record.Names() {
		t.Run(form, func(t *testing.T) {
			want := write(t, form, nights())
			runs, err := read(form, want)
			if err != nil {
				t.Fatal(err)
			}
			if len(runs) != 2 || runs[0].Run != example.Result().Run || runs[1].Run != "second" {
				t.Fatalf("read %d runs", len(runs))
			}
			if got := write(t, form, runs); rounds(form, got) != rounds(form, want) {
				t.Errorf("a run is not written again as it was read:\n%s", firstDifference(rounds(form, want), rounds(form, got)))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %.400q\ngot  %.400q", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// TestEstimatesSurvive compares every number of every case, not its text.
func TestEstimatesSurvive(t *testing.T) {
	for _, form := range []string{"csv", "jsonl", "parquet"} {
		t.Run(form, func(t *testing.T) {
			want := nights()[0]
			runs, err := read(form, write(t, form, []*bench.Result{want}))
			if err != nil {
				t.Fatal(err)
			}
			if len(runs[0].Groups) != len(want.Groups) {
				t.Fatalf("%d groups, want %d", len(runs[0].Groups), len(want.Groups))
			}
			for i, g := range want.Groups {
				for j, c := range g.Cases {
					got := runs[0].Groups[i].Cases[j]
					if got.Variant != c.Variant || got.Status != c.Status || got.Reason != c.Reason || got.Artifact.SHA256 != c.Artifact.SHA256 {
						t.Errorf("groups[%d].cases[%d] is another: %+v", i, j, got.Case)
					}
					if n := len(c.Values); n != len(got.Values) || n > 0 && !slices.Equal(c.Values, got.Values) {
						t.Errorf("%s %s: values\ngot  %+v\nwant %+v", c.Model, c.Variant, got.Values, c.Values)
					}
					if len(c.Verdicts) != len(got.Verdicts) {
						t.Errorf("%s %s: %d verdicts, want %d", c.Model, c.Variant, len(got.Verdicts), len(c.Verdicts))
					}
					if form != "csv" && len(got.Samples) != len(c.Samples) {
						t.Errorf("%s %s: %d samples, want %d", c.Model, c.Variant, len(got.Samples), len(c.Samples))
					}
				}
				if !slices.Equal(runs[0].Groups[i].Untrusted, g.Untrusted) {
					t.Errorf("groups[%d]: untrusted is lost", i)
				}
			}
			if form != "jsonl" && (len(runs[0].Warnings) != 1 || !strings.HasPrefix(runs[0].Warnings[0], "imported from ")) {
				t.Errorf("the run does not say what it lacks: %q", runs[0].Warnings)
			}
		})
	}
}

func TestGobenchTrials(t *testing.T) {
	want := example.Result()
	runs, err := read("gobench", write(t, "gobench", []*bench.Result{want}))
	if err != nil {
		t.Fatal(err)
	}
	c, got := want.Groups[0].Cases[1], runs[0].Groups[0].Cases[1]
	var medians []float64
	for _, s := range c.Samples {
		if s.Metric == metric.P50.Name {
			medians = append(medians, stat.Median(s.Values))
		}
	}
	e, ok := got.Value("latency.p50")
	iv := stat.TInterval(stat.Logs(medians), 0.95).Exp()
	near := func(a, b float64) bool { return a/b > 1-1e-8 && a/b < 1+1e-8 } // nine digits are written
	if !ok || !near(e.Value, iv.Mid) || !near(e.Low, iv.Low) || !near(e.High, iv.High) || e.N != example.Trials {
		t.Errorf("latency.p50 is %+v, want %+v of %d trials", e, iv, example.Trials)
	}
	if got.Build != "1.30.0" || got.Engine != "onnxruntime" || got.Task != "fashion-mnist" || runs[0].Device.ID != want.Device.ID || !runs[0].Started.Equal(want.Started) {
		t.Errorf("the case is another: %+v of %+v", got.Case, runs[0].Device)
	}
}

// goTest is output of go test -bench, cut short.
const goTest = `goos: linux
goarch: arm64
pkg: example.org/codec
cpu: Cortex-A76
BenchmarkDecode/size=64-4   	     100	     12000 ns/op	      64 B/op	       0 allocs/op
BenchmarkDecode/size=64-4   	     100	     12100 ns/op	      64 B/op	       0 allocs/op
BenchmarkDecode/size=64-4   	     100	     11900 ns/op	      64 B/op	       0 allocs/op
BenchmarkEncode             	     100	       500 ns/op	   200 MB/s
PASS
ok  	example.org/codec	1.234s
`

func TestForeignBenchmarks(t *testing.T) {
	runs, err := read("gobench", []byte(goTest))
	if err != nil {
		t.Fatal(err)
	}
	r := runs[0]
	if len(runs) != 1 || r.Suite != "example.org/codec" || r.Device.Name != "linux arm64 Cortex-A76" || len(r.Groups) != 2 || !strings.HasPrefix(r.Run, "go-") {
		t.Fatalf("%d runs; %+v", len(runs), r)
	}
	c := r.Groups[0].Cases[0]
	e, _ := c.Value("latency.p50")
	if c.Model != "Decode/size=64" || c.Threads != 4 || c.Engine != "go" || e.N != 3 || !(e.Low < 12e-6 && 12e-6 < e.High) {
		t.Errorf("%+v: %+v", c.Case, e)
	}
	if e, ok := c.Value("allocs/op"); !ok || e.Value != 0 {
		t.Errorf("allocs/op: %+v", e)
	}
	if e, ok := r.Groups[1].Cases[0].Value("B/s"); !ok || e.Value != 200e6 || e.Note == "" {
		t.Errorf("B/s: %+v, want 200 MB/s and a note that one trial has no interval", e)
	}
	again, err := read("gobench", []byte(goTest))
	if err != nil || again[0].Run != r.Run || again[0].Device.ID != r.Device.ID {
		t.Errorf("reading it again gives another run: %v", err)
	}
}

func TestGolden(t *testing.T) {
	r := nights()[0]
	r.Groups = r.Groups[1:2]
	got := write(t, "csv", []*bench.Result{r})
	path := filepath.Join("testdata", "result.csv")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %s", path, firstDifference(string(want), string(got)))
	}
}

func TestRefuses(t *testing.T) {
	csv := string(write(t, "csv", nights()[:1]))
	line := func(n int) string { return strings.Split(csv, "\n")[n-1] + "\n" }
	swap := func(old, new string) string { return strings.Replace(csv, old, new, 1) }
	for _, c := range []struct{ name, form, in, want string }{
		{"empty", "csv", "", "in: it is empty"},
		{"unknown column", "csv", swap("device_name", "gerät"), `in:1: column "gerät" is unknown`},
		{"missing column", "csv", "run,model\n", `in:1: column "device" is missing`},
		{"NaN", "csv", swap("0.000152,", "NaN,"), `in:2:`},
		{"infinite", "csv", swap("0.000152,", "1e999,"), `"1e999" is not a finite number`},
		{"negative", "csv", swap("0.000152,", "-0.000152,"), "in:2: latency.p50 is -0.000152: it cannot be negative"},
		{"a word", "csv", swap("0.000152,", "fast,"), `value: "fast" is not a finite number`},
		{"short line", "csv", line(1) + "a,b\n", "wrong number of fields"},
		{"twice", "csv", line(1) + line(2) + line(2), "in:3: latency.p50 of resnet8 baseline on onnxruntime is given twice"},
		{"scattered", "csv", line(1) + line(2) + strings.Replace(line(2), "6f1c2a90d4b7e358", "other", 1) + line(3), "in:4: run 6f1c2a90d4b7e358 begins a second time"},
		{"a bad id", "csv", line(1) + strings.Replace(line(2), "6f1c2a90d4b7e358", "a b", 1), `in:2: run "a b" is not an id`},
		{"not JSON", "jsonl", "{}\nx\n", `in:1: read result: schema ""`},
		{"second line cut", "jsonl", string(write(t, "jsonl", nights()[:1])) + `{"schema":`, "in:2: read result: "},
		{"not Parquet", "parquet", "PAR1 PAR1", "in: it is no Parquet file or a damaged one"},
		{"no benchmark", "gobench", "PASS\n", "in: it holds no benchmark"},
		{"a bad count", "gobench", "BenchmarkX x 3 ns/op\n", "in:1: "},
		{"a negative time", "gobench", "BenchmarkX 1 -3 sec/op\n", "in:1: sec/op is -3"},
		{"NaN time", "gobench", "BenchmarkX 1 NaN ns/op\n", "in:1: sec/op is not a finite number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.form, []byte(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "in:") {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestDamagedParquet cuts the file and flips bytes everywhere in it: an error
// or a result, never a panic.
func TestDamagedParquet(t *testing.T) {
	whole := write(t, "parquet", nights()[:1])
	for at := 0; at < len(whole); at += 1 + len(whole)/400 {
		if _, err := read("parquet", whole[:at]); err == nil {
			t.Errorf("cut at %d of %d bytes, it was read", at, len(whole))
		}
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		_, _ = read("parquet", b)
	}
}

func FuzzRead(f *testing.F) {
	csv, err := os.ReadFile(filepath.Join("testdata", "result.csv"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, csv[:2000])
	f.Add(1, []byte(goTest))
	f.Add(2, []byte(`{"schema":"assay.result/1","run":"a"}`))
	forms := []string{"csv", "gobench", "jsonl"}
	f.Fuzz(func(t *testing.T, form int, b []byte) {
		name := forms[uint(form)%uint(len(forms))]
		runs, err := read(name, b)
		if err != nil {
			return
		}
		for _, r := range runs { // what was read can be kept and printed
			if err := render.Render(&bytes.Buffer{}, "table", r, render.Options{}); err != nil {
				t.Error(err)
			}
			if _, err := render.Marshal(r); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestGuess(t *testing.T) {
	for name, want := range map[string]string{"a.csv": "csv", "a.b.PARQUET": "parquet", "runs.jsonl": "jsonl", "run.json": "jsonl", "x.bench": "gobench", "csv": "", "a.xlsx": ""} {
		if got := record.Guess(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
