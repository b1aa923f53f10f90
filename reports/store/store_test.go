package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// open opens a new store in a folder of the test's own.
func open(t *testing.T) *SQLite {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "data", "assay.db"))
}

func openAt(t *testing.T, path string) *SQLite {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *SQLite, r *bench.Result) {
	t.Helper()
	if err := s.Put(context.Background(), r); err != nil {
		t.Fatal(err)
	}
}

// numbered is the example as another run.
func numbered(id string, day int) *bench.Result {
	r := example.Result()
	r.Run = id
	r.Started, r.Ended = r.Started.AddDate(0, 0, day), r.Ended.AddDate(0, 0, day)
	return r
}

// text is a result in its exact form.
func text(t *testing.T, r *bench.Result) string {
	t.Helper()
	var buf bytes.Buffer
	if err := render.Render(&buf, "json", r, render.Options{}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func count(t *testing.T, s *SQLite, table string) int {
	t.Helper()
	var n int
	if err := s.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPutGetIsExact(t *testing.T) {
	s := open(t)
	want := example.Result()
	put(t, s, want)
	got, err := s.Get(context.Background(), want.Run)
	if err != nil {
		t.Fatal(err)
	}
	if text(t, got) != text(t, want) {
		t.Error("a stored run is not printed as the run itself")
	}
}

func TestPutTwiceChangesNothing(t *testing.T) {
	s := open(t)
	put(t, s, example.Result())
	rows := map[string]int{}
	for _, table := range []string{"runs", "summaries", "samples"} {
		rows[table] = count(t, s, table)
		if rows[table] == 0 {
			t.Errorf("no row in %s", table)
		}
	}
	again := example.Result()
	again.Suite = "another"
	put(t, s, again)
	for table, n := range rows {
		if got := count(t, s, table); got != n {
			t.Errorf("%s has %d rows after the second delivery, %d before", table, got, n)
		}
	}
	if r, err := s.Get(context.Background(), again.Run); err != nil || r.Suite != "quick" {
		t.Errorf("the second delivery replaced the first: %v, %v", r, err)
	}
}

func TestSummariesAreOnePerSeries(t *testing.T) {
	s := open(t)
	r := example.Result()
	put(t, s, r)
	want := 0
	for _, g := range r.Groups {
		for _, c := range g.Cases {
			want += len(c.Values)
		}
	}
	if got := count(t, s, "summaries"); got != want {
		t.Errorf("%d summaries, want %d: one per case and metric", got, want)
	}
}

func TestGetByPrefix(t *testing.T) {
	s := open(t)
	for _, id := range []string{"aa11", "aa22", "bb33", "bb"} {
		put(t, s, numbered(id, 0))
	}
	for _, c := range []struct{ prefix, want, err string }{
		{"aa1", "aa11", ""},
		{"bb", "bb", ""}, // an exact id wins over a longer one
		{"aa", "", `run "aa" is ambiguous (have aa11, aa22)`},
		{"zz", "", `no such run: "zz"`},
		{"%", "", `no such run: "%"`},
		{"latest", "bb", ""},
	} {
		t.Run(c.prefix, func(t *testing.T) {
			r, err := s.Get(context.Background(), c.prefix)
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want an error with %q", err, c.err)
				}
			case err != nil:
				t.Error(err)
			case r.Run != c.want:
				t.Errorf("got run %s, want %s", r.Run, c.want)
			}
		})
	}
	if _, err := s.Get(context.Background(), "zz"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v is not ErrNotFound", err)
	}
}

func TestList(t *testing.T) {
	s := open(t)
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	s.now = func() time.Time { at = at.Add(time.Hour); return at }
	for i, id := range []string{"a1", "b2", "c3"} {
		r := numbered(id, i)
		r.Labels = map[string]string{"job": id}
		put(t, s, r)
	}
	start := example.Result().Started
	for _, c := range []struct {
		name string
		f    reports.Filter
		want string
	}{
		{"all, newest first", reports.Filter{}, "c3 b2 a1"},
		{"limit", reports.Filter{Limit: 2}, "c3 b2"},
		{"label", reports.Filter{Labels: map[string]string{"job": "b2"}}, "b2"},
		{"label and limit", reports.Filter{Labels: map[string]string{"job": "a1"}, Limit: 1}, "a1"},
		{"since", reports.Filter{Since: start.AddDate(0, 0, 1)}, "c3 b2"},
		{"device by name", reports.Filter{Device: "bench-1"}, "c3 b2 a1"},
		{"other device", reports.Filter{Device: "bench-2"}, ""},
		{"suite", reports.Filter{Suite: "nightly"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs, err := s.List(context.Background(), c.f)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, r := range runs {
				ids = append(ids, r.ID)
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	runs, err := s.List(context.Background(), reports.Filter{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := reports.Summary(example.Result())
	if got := runs[0]; got.Cases != want.Cases || got.Words["fail"] != want.Words["fail"] || got.Received != at || got.Started != start.AddDate(0, 0, 2) {
		t.Errorf("listed %+v", got)
	}
}

func TestHistory(t *testing.T) {
	s := open(t)
	for i, id := range []string{"a1", "b2", "c3"} {
		r := numbered(id, 0) // a device without a clock: the same time each night
		r.Groups[0].Cases[1].Values[0].Value *= 1 + 0.1*float64(i)
		r.Groups[0].Cases[1].Values[0].High *= 2
		put(t, s, r)
	}
	f := reports.SeriesFilter{Model: "resnet8", Variant: "int8-qdq", Engine: "onnxruntime", Metric: "latency.p50"}
	points, err := s.History(context.Background(), f, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 2 || points[0].Run != "b2" || points[1].Run != "c3" {
		t.Fatalf("got %+v, want the points of b2 and c3", points)
	}
	if got, want := points[1].Value.Value/points[0].Value.Value, 1.2/1.1; got < want-1e-9 || got > want+1e-9 {
		t.Errorf("the last two points are %g apart, want %g", got, want)
	}
	if !points[0].Trusted || points[0].Verdict != "pass" {
		t.Errorf("got %+v, want trusted and passed", points[0])
	}
	f.Model = "mobilenetv2-mini"
	if points, err = s.History(context.Background(), f, 0); err != nil || len(points) != 3 || points[0].Trusted {
		t.Errorf("got %+v, %v, want three points that are not trusted", points, err)
	}
}

func TestPath(t *testing.T) {
	t.Setenv("ASSAY_STORE", "/elsewhere/runs.db")
	if p, err := Path(); err != nil || p != "/elsewhere/runs.db" {
		t.Errorf("got %q, %v", p, err)
	}
	os.Unsetenv("ASSAY_STORE")
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	if p, err := Path(); err != nil || p != filepath.Join(dir, "assay", "assay.db") {
		t.Errorf("got %q, %v", p, err)
	}
}

// TestEnergyHistory: what another meter measured is another series, and every
// point says by what it was measured.
func TestEnergyHistory(t *testing.T) {
	s := open(t)
	for i, source := range []string{"rapl (package)", "shelly (wall)", "rapl (package)"} {
		r := example.WithEnergy(numbered(fmt.Sprintf("run%d", i), i), source)
		put(t, s, r)
		back, err := s.Get(context.Background(), r.Run)
		if err != nil || text(t, back) != text(t, r) {
			t.Errorf("%s came back changed: %v", r.Run, err)
		}
	}
	points, err := s.History(context.Background(), reports.SeriesFilter{Model: "resnet8", Variant: "baseline", Engine: "native", Metric: "energy.net"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	series := map[string][]string{}
	for _, p := range points {
		series[p.Value.Source] = append(series[p.Value.Source], p.Run)
	}
	if len(series) != 2 || len(series["rapl (package)"]) != 2 || len(series["shelly (wall)"]) != 1 {
		t.Errorf("series %v", series)
	}
}
