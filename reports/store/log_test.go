package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/bench/stat/watch"
	"assay/reports"
	"assay/reports/internal/example"
)

func TestLog(t *testing.T) {
	s := open(t)
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	s.now = func() time.Time { at = at.Add(24 * time.Hour); return at }
	for i, id := range []string{"c1", "b2", "a3"} {
		put(t, s, numbered(id, i))
	}
	ctx := context.Background()
	key := ""
	if keys, err := s.SeriesKeys(ctx, "b2"); err != nil || len(keys) == 0 {
		t.Fatalf("%v, %v", keys, err)
	} else {
		key = keys[0]
	}
	for _, why := range []string{"first", "second"} {
		if err := s.Ack(ctx, reports.Ack{Series: key, Run: "b2", Why: why}); err != nil {
			t.Fatal(err)
		}
	}
	again := reports.Remeasured{Series: key, Run: "a3", Accepted: "c1", By: "x", Control: true, Ratio: watch.Ratio{Mid: 0.1, SE: 0.01, DF: 7, N: 9}}
	for range 2 {
		if err := s.PutAgain(ctx, []reports.Remeasured{again}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.Log(ctx, reports.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Runs) != 3 || l.Runs[0].ID != "c1" || l.Runs[2].ID != "a3" {
		t.Errorf("runs %+v, want them by the time they were received", l.Runs)
	}
	if got := l.Runs[0].Facts["kernel"]; got != example.Result().Device.Kernel || got == "" {
		t.Errorf("kernel %q", got)
	}
	if n := count(t, s, "summaries"); len(l.Series)*3 != n {
		t.Errorf("%d series of 3 runs, the store has %d summaries", len(l.Series), n)
	}
	for _, x := range l.Series {
		if _, err := reports.ParseSeries(x.Key); err != nil || len(x.Points) != 3 {
			t.Errorf("%s has %d points: %v", x.Key, len(x.Points), err)
		}
	}
	if len(l.Acks) != 1 || l.Acks[0].Why != "second" {
		t.Errorf("acknowledgements %+v", l.Acks)
	}
	if len(l.Again) != 1 || l.Again[0].Ratio != again.Ratio || !l.Again[0].Control || l.Again[0].Accepted != "c1" {
		t.Errorf("second measurements %+v", l.Again)
	}
	if l, err := s.Log(ctx, reports.Filter{Suite: "nightly"}); err != nil || len(l.Runs)+len(l.Series) != 0 {
		t.Errorf("another suite has %+v, %v", l, err)
	}
}

// asBefore writes a store as the program of an earlier schema kept it.
func asBefore(t *testing.T, path, old string, version int) {
	t.Helper()
	db, err := openRaw(old, "rwc")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	stmts := append(slices.Clone(migrations[:version]), "ATTACH '"+path+"' AS now",
		"INSERT INTO main.runs SELECT * FROM now.runs", "INSERT INTO main.summaries SELECT * FROM now.summaries", "INSERT INTO main.samples SELECT * FROM now.samples",
		fmt.Sprintf("PRAGMA main.user_version = %d", version), fmt.Sprintf("PRAGMA main.application_id = %d", application))
	for _, stmt := range stmts {
		if _, err := db.Exec(stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
}

// TestOldStore opens stores of earlier schemas: runs get their facts, and
// every number is what it was.
func TestOldStore(t *testing.T) {
	ctx := context.Background()
	for version := 2; version < len(migrations); version++ {
		path, old := filepath.Join(t.TempDir(), "assay.db"), filepath.Join(t.TempDir(), "old.db")
		s := openAt(t, path)
		put(t, s, example.Result())
		put(t, s, numbered("b2", 1))
		want, err := s.History(ctx, reports.SeriesFilter{}, 0)
		if err != nil || len(want) == 0 {
			t.Fatal(want, err)
		}
		asBefore(t, path, old, version)
		s = openAt(t, old)
		got, err := s.History(ctx, reports.SeriesFilter{}, 0)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("schema %d: %d points, want %d as they were; %v", version, len(got), len(want), err)
		}
		for range 2 { // the second time from the table
			l, err := s.Log(ctx, reports.Filter{})
			if err != nil || len(l.Runs) != 2 || l.Runs[0].Facts["kernel"] != example.Result().Device.Kernel {
				t.Fatalf("%+v, %v", l, err)
			}
		}
		if n := count(t, s, "facts"); n != 2 {
			t.Errorf("%d facts are kept", n)
		}
	}
}

// TestOldProgram adds a run by the statements of a program that had the file
// open before its schema changed.
func TestOldProgram(t *testing.T) {
	s := open(t)
	put(t, s, example.Result())
	before := count(t, s, "series")
	for _, stmt := range []string{
		"INSERT INTO runs SELECT 'b2', suite, started, ended, received, device, name, class, version, partial, labels, groups_n, cases_n, words, result, 0 FROM runs",
		"INSERT INTO summaries SELECT 'b2', series, device, task, model, variant, engine, build, provider, threads, batch, scenario, metric, unit, 2 * value, low, high, n, verdict, trusted FROM summaries",
	} {
		if _, err := s.db.Exec(stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
	if n := count(t, s, "series"); n != before {
		t.Errorf("%d series, want the %d of before", n, before)
	}
	if n := count(t, s, "summaries s JOIN summaries o USING (series) WHERE s.run = 'b2' AND o.run <> 'b2' AND s.value = 2 * o.value"); n != before {
		t.Errorf("%d numbers of the second run, want %d", n, before)
	}
}

func TestDamagedFacts(t *testing.T) {
	s := open(t)
	put(t, s, example.Result())
	if _, err := s.db.Exec("UPDATE facts SET facts = '{'"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Log(context.Background(), reports.Filter{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

func TestParts(t *testing.T) {
	s, ctx := open(t), context.Background()
	dir := t.TempDir()
	file := func(name string, size int) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(strings.Repeat(name[:1], size)), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	s.now = func() time.Time { at = at.Add(24 * time.Hour); return at }
	for i, id := range []string{"r1", "r2", "r3", "r4"} {
		put(t, s, numbered(id, i))
		parts := []Part{{Role: RoleAssay, Path: file("same", 100)}, {Role: RoleFile, Path: file(id[1:]+"model", 1000)}}
		if err := s.KeepParts(ctx, id, parts, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(id string) int {
		p, err := s.Parts(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p {
			if b, err := os.ReadFile(x.Path); err != nil || len(b) == 0 {
				t.Errorf("part %s of %s: %v", x.Role, id, err)
			}
		}
		return len(p)
	}
	if kept("r2") != 2 || count(t, s, "parts") != 8 {
		t.Errorf("r2 has %d parts of %d", kept("r2"), count(t, s, "parts"))
	}
	if err := s.Ack(ctx, reports.Ack{Series: "x", Run: "r3", Why: "y"}); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepParts(ctx, "r4", nil, 3500); err != nil { // r1, r3, r4 and what all have are 3,100 bytes
		t.Fatal(err)
	}
	for id, want := range map[string]int{"r1": 2, "r2": 1, "r3": 2, "r4": 2} {
		if got := kept(id); got != want {
			t.Errorf("of %s %d parts are left, want %d", id, got, want)
		}
	}
	if err := s.KeepParts(ctx, "r4", nil, 10); err == nil || !strings.Contains(err.Error(), "--keep-limit") {
		t.Errorf("more than the limit is protected: %v", err)
	}
	if err := s.KeepParts(ctx, "r4", []Part{{Role: RoleFile, Path: file("other", 5), SHA256: strings.Repeat("0", 64)}}, 1<<20); err == nil || !strings.Contains(err.Error(), "has changed since") {
		t.Errorf("a file that is not what was measured is kept: %v", err)
	}
}

// TestNewestOfNothing is the zero time.
func TestNewestOfNothing(t *testing.T) {
	s := open(t)
	if at, err := s.Newest(context.Background()); err != nil || !at.IsZero() {
		t.Errorf("%v, %v", at, err)
	}
	put(t, s, example.Result())
	if at, err := s.Newest(context.Background()); err != nil || time.Since(at) > time.Hour {
		t.Errorf("%v, %v", at, err)
	}
}
