package store

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"assay/reports"
	"assay/reports/internal/example"
)

// filled is a store with a run per night for n nights, oldest first, and one
// run long ago of another suite.
func filled(t *testing.T, n int) (*SQLite, time.Time) {
	t.Helper()
	s := open(t)
	at := example.Result().Started
	s.now = func() time.Time { return at }
	other := numbered("other", 0)
	other.Suite = "release"
	put(t, s, other)
	for i := range n {
		at = at.AddDate(0, 0, 1)
		put(t, s, numbered(fmt.Sprintf("night%02d", i), i))
	}
	return s, at
}

func TestPrune(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name          string
		p             Policy
		samples, runs int // of 10 nights and one release long ago
	}{
		{"no bound", Policy{}, 0, 0},
		{"age of samples", Policy{SamplesAge: 3 * day}, 6, 0}, // received 9 … 4 days ago; those of 3 … 0 days stay
		{"age of runs", Policy{RunsAge: 3 * day}, 0, 6},
		{"count of samples", Policy{SamplesCount: 4}, 6, 0},
		{"count of runs", Policy{RunsCount: 4}, 0, 6},
		{"samples sooner than runs", Policy{SamplesAge: 2 * day, RunsAge: 5 * day}, 3, 4},
		{"either bound", Policy{RunsAge: 8 * day, RunsCount: 5}, 0, 5},
		{"all but the newest", Policy{RunsAge: time.Nanosecond, SamplesAge: time.Nanosecond}, 0, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := filled(t, 10)
			for _, dry := range []bool{true, false} {
				got, err := s.Prune(context.Background(), c.p, dry)
				if err != nil || got.Samples != c.samples || got.Runs != c.runs {
					t.Fatalf("dry %v: %+v, %v, want samples of %d and %d runs", dry, got, err, c.samples, c.runs)
				}
				if dry && count(t, s, "runs") != 11 {
					t.Error("a dry run removed something")
				}
			}
			if got := count(t, s, "runs"); got != 11-c.runs {
				t.Errorf("%d runs are left, want %d", got, 11-c.runs)
			}
			for _, id := range []string{"other", "night09"} {
				if r, err := s.Get(context.Background(), id); err != nil || len(r.Groups[0].Cases[0].Samples) == 0 {
					t.Errorf("the newest run %s is no longer whole: %v", id, err)
				}
			}
			if again, err := s.Prune(context.Background(), c.p, false); err != nil || again.Samples != 0 || again.Runs != 0 {
				t.Errorf("a second time: %+v, %v, want nothing", again, err)
			}
		})
	}
}

// TestPrunedRunSaysSo: what is left of a run is what it was, and the run says
// what it lacks.
func TestPrunedRunSaysSo(t *testing.T) {
	s, _ := filled(t, 2)
	ctx := context.Background()
	f := reports.SeriesFilter{Model: "resnet8", Variant: "int8-qdq", Engine: "native", Metric: "latency.p50"}
	before, err := s.History(ctx, f, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(ctx, Policy{SamplesCount: 1}, false); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(ctx, "night00")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(r.Warnings, goneNote) {
		t.Errorf("the run does not say that its samples are gone: %q", r.Warnings)
	}
	want := numbered("night00", 0)
	for i := range want.Groups {
		for j := range want.Groups[i].Cases {
			want.Groups[i].Cases[j].Samples = nil
		}
	}
	want.Warnings = append(want.Warnings, goneNote)
	if text(t, r) != text(t, want) {
		t.Error("more than its samples is gone")
	}
	after, err := s.History(ctx, f, 0)
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the history changed: %v", err)
	}
}

// TestAcceptedRunsStay: a level that was accepted begins with a run that is
// there.
func TestAcceptedRunsStay(t *testing.T) {
	s, _ := filled(t, 4)
	ctx := context.Background()
	if err := s.Ack(ctx, reports.Ack{Series: "all", Run: "night01", Why: "agreed"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(ctx, Policy{RunsCount: 1}, false); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"night00": false, "night01": true, "night02": false, "night03": true} {
		if has, err := s.Has(ctx, id); err != nil || has != want {
			t.Errorf("%s: %v, %v, want %v", id, has, err, want)
		}
	}
}

func TestCompactGivesRoomBack(t *testing.T) {
	s, _ := filled(t, 30)
	done, err := s.Prune(context.Background(), Policy{RunsCount: 2}, false)
	if err != nil || done.Free == 0 {
		t.Fatalf("%+v, %v, want room in the file", done, err)
	}
	size := func() int64 {
		st, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	small := size()
	if free, err := s.unused(context.Background()); err != nil || free != 0 {
		t.Errorf("%d B are unused after compacting: %v", free, err)
	}
	put(t, s, numbered("more", 90))
	if small >= done.Free {
		t.Errorf("the file has %d B, of which %d B were unused", small, done.Free)
	}
}

// TestFileStopsGrowing: nights that come and go use the same room.
func TestFileStopsGrowing(t *testing.T) {
	s, at := filled(t, 12)
	s.now = func() time.Time { return at }
	pages := func() (n int) {
		if err := s.db.QueryRow("PRAGMA page_count").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	night := func(i int) {
		at = at.AddDate(0, 0, 1)
		put(t, s, numbered(fmt.Sprintf("later%03d", i), 20+i))
		if _, err := s.Prune(context.Background(), Policy{SamplesCount: 5, RunsCount: 10}, false); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		night(i)
	}
	before := pages()
	for i := range 40 {
		night(10 + i)
	}
	if after := pages(); after > before+before/10 {
		t.Errorf("%d pages after 40 more nights, %d before: they should use the same room", after, before)
	}
}

func TestLateRunsStandWhereTheyWereMeasured(t *testing.T) {
	s := open(t)
	for _, x := range []struct {
		id  string
		day int
	}{{"monday", 0}, {"wednesday", 2}, {"tuesday", 1}} { // tuesday's was delivered last
		put(t, s, numbered(x.id, x.day))
	}
	f := reports.SeriesFilter{Model: "resnet8", Variant: "int8-qdq", Engine: "native", Metric: "latency.p50"}
	for limit, want := range map[int][]string{0: {"monday", "tuesday", "wednesday"}, 2: {"tuesday", "wednesday"}} {
		points, err := s.History(context.Background(), f, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range points {
			got = append(got, p.Run)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v, want %v", limit, got, want)
		}
	}
}
