package store

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/store/outbox"
)

// ids is a Forward whose lines tell the run and its time.
func ids(info *reports.Run, rows []reports.Row, at time.Time) ([]string, error) {
	return []string{info.ID + " " + at.Format(time.RFC3339Nano)}, nil
}

// sink keeps the lines that it is given.
type sink []string

func (s *sink) Write(_ context.Context, lines []string) error {
	*s = append(*s, lines...)
	return nil
}

func (s *sink) drain(t *testing.T, db *SQLite) {
	t.Helper()
	if _, err := db.Outbox().Drain(context.Background(), s, outbox.Options{}); err != nil {
		t.Fatal(err)
	}
}

// times returns where the points of every run lie.
func times(t *testing.T, s *SQLite) map[string]time.Time {
	t.Helper()
	rows, err := s.db.Query("SELECT run, at FROM runs")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var run string
		var at int64
		if err := rows.Scan(&run, &at); err != nil {
			t.Fatal(err)
		}
		out[run] = reports.Moment(at)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOldFile opens a file that the program before the outbox wrote: five runs
// of one device, a1, b2 and c3 begun in the same nanosecond, e5 two later, d4
// by a clock that had not been set.
func TestOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assay.db")
	gunzip(t, "testdata/v1.db.gz", path)
	s := openAt(t, path)
	var version int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != len(migrations) {
		t.Errorf("version %d, %v", version, err)
	}
	start := example.Result().Started
	want := map[string]time.Time{
		"a1": start, "b2": start.Add(1), "c3": start.Add(2), "e5": start.Add(3),
		"d4": time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC), // where it was received
	}
	got := times(t, s)
	if len(got) != len(want) {
		t.Errorf("%d runs, want %d", len(got), len(want))
	}
	for run, at := range want {
		if !got[run].Equal(at) {
			t.Errorf("the points of %s lie at %v, want %v", run, got[run], at)
		}
		if _, err := s.Get(context.Background(), run); err != nil {
			t.Error(err)
		}
	}
	points, err := s.History(context.Background(), reports.SeriesFilter{Variant: "int8-qdq", Metric: "latency.p50"}, 0)
	if err != nil || len(points) != 5 {
		t.Errorf("%d points of a series of 5: %v", len(points), err)
	}
	// It is a store like any other: new runs are kept, old ones queued when asked for.
	s.ForwardWith(ids)
	put(t, s, numbered("f6", 0))
	if at := times(t, s)["f6"]; !at.Equal(start.Add(4)) {
		t.Errorf("a new run lies at %v, want 4 ns after the first", at)
	}
	if n, err := s.Requeue(context.Background()); n != 5 || err != nil {
		t.Errorf("requeued %d, %v, want the five that were never queued", n, err)
	}
	if n, err := s.Requeue(context.Background()); n != 0 || err != nil {
		t.Errorf("requeued %d, %v, want none: all are queued", n, err)
	}
	var out sink
	out.drain(t, s)
	if len(out) != 6 {
		t.Errorf("delivered %q", out)
	}
}

func gunzip(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPutQueuesInOneTransaction(t *testing.T) {
	s := open(t)
	broken := errors.New("no line for this")
	s.ForwardWith(func(*reports.Run, []reports.Row, time.Time) ([]string, error) { return nil, broken })
	if err := s.Put(context.Background(), example.Result()); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	for _, table := range []string{"runs", "summaries", "samples", "outbox"} {
		if n := count(t, s, table); n != 0 {
			t.Errorf("%d rows in %s after a run that could not be queued", n, table)
		}
	}
	s.ForwardWith(ids)
	put(t, s, example.Result())
	put(t, s, example.Result()) // delivered twice: queued once
	if n := count(t, s, "outbox"); n != 1 {
		t.Errorf("%d rows in the outbox, want 1", n)
	}
	s.ForwardWith(nil)
	put(t, s, numbered("not-queued", 1))
	var out sink
	out.drain(t, s)
	if want := example.Result().Run + " 2026-11-20T02:00:00Z"; len(out) != 1 || out[0] != want {
		t.Errorf("delivered %q, want %q alone", out, want)
	}
}

// TestRequeuedLinesAreTheSame: a run that is queued again lies where it lay,
// and so overwrites itself.
func TestRequeuedLinesAreTheSame(t *testing.T) {
	s := open(t)
	s.ForwardWith(ids)
	for _, id := range []string{"a1", "b2", "c3"} {
		put(t, s, numbered(id, 0))
	}
	var first, again sink
	first.drain(t, s)
	if n, err := s.Requeue(context.Background()); n != 3 || err != nil {
		t.Fatalf("requeued %d, %v", n, err)
	}
	again.drain(t, s)
	if len(first) != 3 || len(again) != 3 || first[0] != again[0] || first[1] != again[1] || first[2] != again[2] {
		t.Errorf("first %q, then %q", first, again)
	}
}

// TestOlderProgram: one that had the file open when this one changed it goes
// on without knowing of times; its runs get theirs when they are queued.
func TestOlderProgram(t *testing.T) {
	s := open(t)
	for _, id := range []string{"a1", "b2", "c3"} {
		put(t, s, numbered(id, 0))
	}
	if _, err := s.db.Exec("UPDATE runs SET at = 0 WHERE run <> 'a1'"); err != nil {
		t.Fatal(err)
	}
	s.ForwardWith(ids)
	if n, err := s.Requeue(context.Background()); n != 3 || err != nil {
		t.Fatalf("requeued %d, %v", n, err)
	}
	start := example.Result().Started
	for i, id := range []string{"a1", "b2", "c3"} {
		if got, want := times(t, s)[id], start.Add(time.Duration(i)); !got.Equal(want) {
			t.Errorf("%s lies at %v, want %v", id, got, want)
		}
	}
}

func TestTimesAreOnePerDevice(t *testing.T) {
	s := open(t)
	received := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return received }
	day := example.Result().Started
	for _, c := range []struct {
		id, device string
		started    time.Time
		want       time.Time
	}{
		{"first", "a", day, day},
		{"same time", "a", day, day.Add(1)},
		{"another device", "b", day, day},
		{"taken by the one before", "a", day.Add(1), day.Add(2)},
		{"free again", "a", day.Add(10), day.Add(10)},
		{"clock went back", "a", day.AddDate(0, -3, 0), day.AddDate(0, -3, 0)},
		{"clock not set", "a", time.Unix(12, 0), received},
		{"clock not set again", "a", time.Unix(12, 0), received.Add(1)},
		{"no clock", "a", time.Time{}, received.Add(2)},
		{"clock a year ahead", "a", received.AddDate(1, 0, 0), received.Add(3)},
		{"clock hours ahead", "a", received.Add(14 * time.Hour), received.Add(14 * time.Hour)},
		{"beyond 64 bits", "a", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), received.Add(4)},
	} {
		r := numbered(c.id, 0)
		r.Device.ID, r.Started = c.device, c.started
		put(t, s, r)
		if got := times(t, s)[c.id]; !got.Equal(c.want) {
			t.Errorf("%s: lies at %v, want %v", c.id, got, c.want)
		}
	}
}
