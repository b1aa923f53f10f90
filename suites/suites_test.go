package suites

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"assay/bench"
	"assay/models/zoo"
)

const zero64 = "0000000000000000000000000000000000000000000000000000000000000000"

const cardHead = `kind: model
licence: MIT
source: made for a test
input: {name: x}
output: {name: y}
`

// testZoo has a task and two models; only the files of tiny exist.
func testZoo() *zoo.Zoo {
	variant := func(file string) string { return "{file: " + file + ", sha256: " + zero64 + ", size: 1}" }
	return zoo.New(fstest.MapFS{
		"shapes.yaml": {Data: []byte("name: shapes\nkind: data\nformat: idx\nlicence: MIT\nsource: drawn\nsplits:\n" +
			"  test: {images: shapes/i.gz, samples: 10, sha256: {images: \"" + zero64 + "\"}}\n")},
		"tiny.yaml": {Data: []byte("name: tiny\ntask: shapes\n" + cardHead + "variants:\n" +
			"  baseline: " + variant("tiny/b.onnx") + "\n  small: " + variant("tiny/s.onnx") + "\n")},
		"twin.yaml": {Data: []byte("name: twin\ntask: shapes\n" + cardHead + "variants:\n" +
			"  baseline: " + variant("twin/b.onnx") + "\n")},
		"free.yaml": {Data: []byte("name: free\n" + cardHead + "variants:\n" +
			"  baseline: " + variant("free/b.onnx") + "\n")},
	})
}

func testEnv() Env {
	return Env{Labels: map[string]string{"arch": "amd64"}, Cores: 2, Zoo: testZoo()}
}

func mapFS(pairs ...string) fs.FS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func expand(t *testing.T, file, suite string) *Expansion {
	t.Helper()
	f, err := Load(filepath.Join("testdata/good", file))
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.expand(suite, testEnv(), true)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExpand(t *testing.T) {
	x := expand(t, "full.yaml", "base")
	// 2 models × 2 engines × 1 provider × 2 threads × 2 batches.
	if len(x.Groups) != 16 {
		t.Fatalf("%d groups, want 16", len(x.Groups))
	}
	want := bench.Plan{
		Trials: 3, MaxTrials: 6, Rounds: 2, Precision: 0.01, PrecisionBy: map[string]float64{"onnxruntime": 0.005, "native": 0.02},
		Budget: 90 * time.Minute, Block: 20 * time.Millisecond, Samples: 100,
	}
	if got := x.Plan; got.PrecisionBy["native"] != 0.02 || got.PrecisionBy["onnxruntime"] != 0.005 || len(got.PrecisionBy) != 2 {
		t.Errorf("precision by engine is %v, want %v", got.PrecisionBy, want.PrecisionBy)
	} else if got.PrecisionBy, want.PrecisionBy = nil, nil; !equalPlans(got, want) {
		t.Errorf("plan is %+v, want %+v", got, want)
	}
	if x.Tasks["shapes"] == nil || len(x.Tasks) != 1 {
		t.Errorf("tasks are %v, want shapes", x.Tasks)
	}
	if len(x.Warnings) != 2 || !strings.Contains(x.Warnings[0], "tiny has no variant student") {
		t.Errorf("warnings are %q", x.Warnings)
	}
	g := x.Groups[0]
	if got := variantsOf(g); !slices.Equal(got, []string{"baseline", "small"}) {
		t.Errorf("variants of tiny are %v", got)
	}
	if c := g.Cases[1]; c.Suite != "base" || c.Task != "shapes" || c.Engine != "onnxruntime" || c.Provider != "cpu" || c.Threads != 1 || c.Batch != 1 || c.Scenario != "single-stream" || c.Artifact.SHA256 != zero64 {
		t.Errorf("case is %+v", c)
	}
	if len(g.Gates) != 3 || !slices.Equal(g.Gates[1].Variants, []string{"small"}) || !g.Gates[2].Optional {
		t.Errorf("gates of tiny on onnxruntime are %+v", g.Gates)
	}
	last := x.Groups[15] // twin on native, 2 threads, batch 8
	if len(last.Gates) != 2 || last.Cases[0].Threads != 2 || last.Cases[0].Batch != 8 || len(last.Cases) != 1 {
		t.Errorf("last group is %+v", last)
	}
}

func equalPlans(a, b bench.Plan) bool {
	return a.Trials == b.Trials && a.MaxTrials == b.MaxTrials && a.Rounds == b.Rounds && a.Precision == b.Precision &&
		a.Budget == b.Budget && a.Block == b.Block && a.Cold == b.Cold && a.Samples == b.Samples
}

func variantsOf(g bench.Group) []string {
	var out []string
	for _, c := range g.Cases {
		out = append(out, c.Variant)
	}
	return out
}

func TestExtendsAndIncludes(t *testing.T) {
	fast := expand(t, "full.yaml", "fast")
	if len(fast.Groups) != 2 || fast.Groups[0].Gates != nil || fast.Groups[0].Cases[0].Build != "1.30" {
		t.Errorf("fast is %+v", fast.Groups)
	}
	if fast.Plan.Precision != 0.02 || fast.Plan.PrecisionBy != nil || fast.Plan.Samples != 0 || fast.Plan.Trials != 3 {
		t.Errorf("plan of fast is %+v", fast.Plan)
	}
	over := expand(t, "over.yaml", "fast") // 7 trials raise the default and the inherited most
	if over.Plan.Trials != 7 || over.Plan.MaxTrials != 7 || over.Plan.Rounds != 2 || len(over.Groups) != 2 {
		t.Errorf("overridden fast is %+v", over.Plan)
	}
	fastest := expand(t, "over.yaml", "fastest")
	if fastest.Plan.Trials != 7 || fastest.Plan.Rounds != 1 || len(fastest.Groups) != 1 {
		t.Errorf("fastest is %+v in %d groups", fastest.Plan, len(fastest.Groups))
	}
}

func TestDevices(t *testing.T) {
	f, err := Load("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := testEnv()
	env.Labels = map[string]string{"arch": "arm64", "class": "rpi4"}
	x, err := f.expand("base", env, true)
	want := "suite base runs on devices with arch=amd64 or class=rpi5; this one's labels: arch=arm64, class=rpi4"
	if err != nil || len(x.Groups) != 0 || x.Skipped != want {
		t.Errorf("%d groups, %q, %v; want %q", len(x.Groups), x.Skipped, err, want)
	}
	env.Labels["class"] = "rpi5"
	if x, err = f.expand("base", env, true); err != nil || len(x.Groups) != 16 || x.Skipped != "" {
		t.Errorf("rpi5: %d groups, %q, %v", len(x.Groups), x.Skipped, err)
	}
	env.Cores = 1
	if x, err = f.expand("base", env, true); err != nil || !slices.Contains(x.Warnings, "2 threads on 1 cores: they will wait for each other") {
		t.Errorf("one core: %q, %v", x.Warnings, err)
	}
}

func TestModelsByPath(t *testing.T) {
	x := expand(t, "files.yaml", "mine")
	g := x.Groups[0]
	if len(x.Groups) != 2 || g.Cases[0].Task != "" || !slices.Equal(variantsOf(g), []string{"baseline", "small"}) {
		t.Fatalf("groups are %+v", x.Groups)
	}
	a := g.Cases[1].Artifact
	// sha256sum of "smaller", 7 bytes.
	if a.Size != 7 || a.SHA256 != "e823da61abfbd317f8fd39727af67cead1a5f82ce52e11be72a1efa1be34c5cf" {
		t.Errorf("artifact is %+v", a)
	}
	if a.Input.Layout != "NCHW" || a.Input.Scale != 255 || !slices.Equal(a.Input.Shape, []string{"N", "1", "28", "28"}) || a.Output.Name != "y" {
		t.Errorf("input is %+v, output %+v", a.Input, a.Output)
	}
	if !filepath.IsAbs(a.Path) {
		t.Errorf("path %q is not absolute", a.Path)
	}
}

// TestMissingFile costs a case, not the suite: no file of testZoo exists.
func TestMissingFile(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f, err := Load("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Expand("fast", testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Groups[0].Cases[1].Err; !strings.Contains(got, "tiny/s.onnx is not in this build") {
		t.Errorf("case says %q", got)
	}
}

// TestLibraryFitsZoo expands every ready suite with the committed models.
func TestLibraryFitsZoo(t *testing.T) {
	f, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(Env{}); err != nil {
		t.Errorf("the ready suites do not fit the zoo: %v", err)
	}
}

func TestLibrary(t *testing.T) {
	f, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Names(); !slices.Equal(got, []string{"quick", "nightly", "release"}) {
		t.Errorf("suites are %v", got)
	}
	for _, s := range f.List() {
		if s.Description == "" || s.Gates == 0 || len(s.Models) == 0 {
			t.Errorf("suite %s is listed as %+v", s.Name, s)
		}
	}
}

func TestIncludeLibrary(t *testing.T) {
	f, err := LoadFS(mapFS("a.yaml", "include: [library]\nsuites:\n  mine: {extends: quick, run: {trials: 6}}\n"), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Suite("mine")
	if err != nil || *s.Run.Trials != 6 || *s.Run.Rounds != 4 || s.Task.Text != "fashion-mnist" {
		t.Errorf("mine is %+v, %v", s, err)
	}
}

// TestShow loads what Show writes and wants the same expansion and text.
func TestShow(t *testing.T) {
	for _, c := range [][2]string{{"full.yaml", "base"}, {"full.yaml", "fast"}, {"over.yaml", "fastest"}, {"files.yaml", "mine"}} {
		f, err := Load("testdata/good/" + c[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := f.Show(c[1])
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "shown.yaml")
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		g, err := Load(name)
		if err != nil {
			t.Fatalf("%s: %v\n%s", c[1], err, b)
		}
		again, err := g.Show(c[1])
		if err != nil || string(again) != string(b) {
			t.Errorf("%s: shown again: %v\n%s\nwas\n%s", c[1], err, again, b)
		}
		x, err1 := f.expand(c[1], testEnv(), true)
		y, err2 := g.expand(c[1], testEnv(), true)
		if err1 != nil || err2 != nil || len(x.Groups) != len(y.Groups) || !equalPlans(x.Plan, y.Plan) {
			t.Errorf("%s: %v, %v: expansions differ", c[1], err1, err2)
		}
		if err := compile(t).Validate(instance(t, b)); err != nil {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	f, err := Find("")
	if err != nil || f.Path != library {
		t.Fatalf("without a file: %v, %v", f, err)
	}
	if _, err := Find("mine.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile("suites.yaml", []byte("suites: {a: {models: [tiny]}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := Find(""); err != nil || !slices.Equal(f.Names(), []string{"a"}) {
		t.Errorf("with a file: %v, %v", f, err)
	}
}

func TestPair(t *testing.T) {
	const base, small = "testdata/good/models/base.onnx", "testdata/good/models/small.onnx"
	x, err := Pair(base, []string{small, small}, PairOptions{Gates: []string{"latency.p50 <= 0.9x"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Groups) != 2 || x.Groups[1].Cases[0].Engine != "native" || x.Plan.Trials != 5 || x.Plan.PrecisionBy["native"] != 0.03 {
		t.Errorf("expansion is %+v", x)
	}
	if got := variantsOf(x.Groups[0]); !slices.Equal(got, []string{"baseline", "small", "small-2"}) {
		t.Errorf("variants are %v", got)
	}
	if c := x.Groups[0].Cases[1]; c.Model != "base" || c.Artifact.Size != 7 || c.Artifact.Format != "onnx" {
		t.Errorf("case is %+v", c)
	}
	for _, c := range []struct {
		base  string
		cands []string
		opt   PairOptions
		want  string
	}{
		{base, nil, PairOptions{}, "nothing to compare"},
		{"testdata/none.onnx", []string{small}, PairOptions{}, "testdata/none.onnx: there is no such file"},
		{base, []string{"testdata"}, PairOptions{}, `unknown model format ""`},
		{"testdata/good/full.yaml", []string{small}, PairOptions{}, `unknown model format "yaml" (have onnx)`},
		{base, []string{small}, PairOptions{Gates: []string{"latency <= 1x"}}, `unknown metric "latency"`},
		{base, []string{small}, PairOptions{Engines: []string{"nativ"}}, `unknown engine "nativ" (did you mean "native"?`},
		{base, []string{small}, PairOptions{Threads: []int{0}}, "at least 1"},
	} {
		if _, err := Pair(c.base, c.cands, c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Pair(%s, %v): %v, want %q", c.base, c.cands, err, c.want)
		}
	}
}
