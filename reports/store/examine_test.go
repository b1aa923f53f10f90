package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/bench"
	"assay/bench/host"
	"assay/reports"
)

// kept makes a closed store with n runs, a night each, changed by f.
func kept(t *testing.T, n int, f func(i int, r *bench.Result)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "assay.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := numbered(fmt.Sprintf("night%02d", i), i)
		r.Started, r.Ended = r.Started.AddDate(-5, 0, 0), r.Ended.AddDate(-5, 0, 0) // long before any clock that runs this
		s.now = func() time.Time { return r.Ended.Add(time.Minute) }
		if f != nil {
			f(i, r)
		}
		put(t, s, r)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// alter executes statements that no assay would.
func alter(t *testing.T, path string, stmts ...string) {
	t.Helper()
	db, err := openRaw(path, "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range append([]string{"PRAGMA foreign_keys = 0"}, stmts...) {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// look examines a store and returns the items that are not good, a line each.
func look(t *testing.T, path string) string {
	t.Helper()
	items, err := Examine(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, i := range items {
		if i.State != host.Good {
			fmt.Fprintf(&out, "%s %s: %s (%s)\n", i.State, i.Name, i.Detail, i.Remedy)
		}
	}
	return out.String()
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWholeStoreIsGood(t *testing.T) {
	path := kept(t, 3, nil)
	before := contents(t, path)
	if text := look(t, path); text != "" {
		t.Errorf("a whole store is said to be\n%s", text)
	}
	if !bytes.Equal(before, contents(t, path)) {
		t.Error("looking at it changed the file")
	}
	items, err := Examine(context.Background(), filepath.Join(t.TempDir(), "none.db"))
	if err != nil || len(items) != 1 || !strings.Contains(items[0].Detail, "does not exist yet") {
		t.Errorf("a store that is not there: %+v, %v", items, err)
	}
}

// TestExamineAndMend: what is wrong with rows, what is said of it, and what
// Repair leaves of that.
func TestExamineAndMend(t *testing.T) {
	started := func(r *bench.Result, y int) {
		r.Started, r.Ended = r.Started.AddDate(y, 0, 0), r.Ended.AddDate(y, 0, 0)
	}
	for _, c := range []struct {
		name  string
		f     func(i int, r *bench.Result)
		stmts []string
		want  string
		left  string // after Repair
		done  string
	}{
		{
			"a run's text is damaged", nil,
			[]string{"UPDATE runs SET result = x'1f8b00' WHERE run = 'night01'"},
			"bad runs: 1 run cannot be read: night01", "", "1 run could not be read; what is left of the numbers is kept: night01",
		},
		{
			"labels are no JSON", nil,
			[]string{"UPDATE runs SET labels = '{' WHERE run = 'night01'", "UPDATE runs SET result = x'00' WHERE run = 'night01'"},
			"bad runs: 1 run cannot be read", "", "1 run could not be read",
		},
		{
			"samples are cut", nil,
			[]string{"UPDATE samples SET data = x'00' WHERE run = 'night02' AND grp = 0"},
			"bad runs: 1 run cannot be read: night02", "", "1 run could not be read",
		},
		{
			"samples of a case that is not there", nil,
			[]string{"UPDATE samples SET pos = 77 WHERE run = 'night02' AND grp = 0 AND pos = 0"},
			"bad runs: 1 run cannot be read: night02", "", "1 run could not be read",
		},
		{
			"a number was changed", nil,
			[]string{"UPDATE points SET value = 2 * value WHERE run = 'night00' AND series IN (SELECT id FROM series WHERE metric = 'latency.p50')"},
			"bad numbers: the rows of 1 run are not those of the run itself: night00", "", "the rows of 1 run made again from the run itself: night00",
		},
		{
			"an infinite number", nil,
			[]string{"UPDATE points SET high = 9e999 WHERE run = 'night00' AND series IN (SELECT id FROM series WHERE metric = 'latency.p50')"},
			"bad numbers: the rows of 1 run", "", "made again",
		},
		{
			"rows are missing", nil,
			[]string{"DELETE FROM points WHERE run IN ('night00', 'night01')"},
			"bad numbers: the rows of 2 runs are not those of the run itself: night00, night01", "", "the rows of 2 runs made again",
		},
		{
			"series without a name", nil,
			[]string{"PRAGMA foreign_keys = 0", "DELETE FROM series WHERE metric = 'latency.p50'"},
			"bad numbers: the rows of 3 runs are not those of the run itself", "", "the rows of 3 runs made again",
		},
		{
			"rows without a run", nil,
			[]string{"DELETE FROM runs WHERE run = 'night00'"},
			"bad file: ", "", "rows of runs that are not there removed",
		},
		{
			"facts are no JSON", nil,
			[]string{"UPDATE facts SET facts = '{' WHERE run = 'night01'"},
			"bad facts: under what 1 run", "", "the facts of 1 run found again",
		},
		{
			"this store's clock was ahead", nil,
			[]string{"UPDATE runs SET received = received + 20 * 365 * 86400 * 1000000000 WHERE run > 'night00'"},
			"bad clock: 2 runs by a time of arrival that is still to come", "", "the time of arrival of 2 runs set to now",
		},
		{
			"a clock that was not set", func(i int, r *bench.Result) {
				if i == 1 {
					started(r, -51) // 1970
				}
			}, nil, "warn clock: 1 run by a clock that was not set (before 2020): night01", "same", "",
		},
		{
			"a clock ahead", nil,
			[]string{"UPDATE runs SET started = started + 10 * 86400 * 1000000000, ended = ended + 10 * 86400 * 1000000000 WHERE run = 'night01'"},
			"warn clock: 1 run by a clock more than a day ahead", "same", "",
		},
		{"a clock set back in the run", func(i int, r *bench.Result) {
			if i == 1 {
				r.Ended = r.Started.Add(-time.Hour)
			}
		}, nil, "warn clock: 1 run by a clock that was set back during the run: night01", "same", ""},
		{
			"a copy", func(i int, r *bench.Result) {
				r.Started, r.Ended = r.Started.AddDate(0, 0, -i), r.Ended.AddDate(0, 0, -i)
			}, nil,
			"warn copies: 2 runs with the time and the numbers of another under an id of their own: night01, night02", "same", "",
		},
		{
			"two at the same time", func(i int, r *bench.Result) {
				r.Started, r.Ended = r.Started.AddDate(0, 0, -i).Add(time.Duration(i)*time.Second), r.Ended.AddDate(0, 0, -i)
			}, nil, "warn overlap: 2 runs began while another was measured on the same device: night01, night02", "same", "",
		},
		{"a negative time", func(i int, r *bench.Result) {
			if i == 2 {
				v := &r.Groups[0].Cases[0].Values[0]
				v.Value, v.Low, v.High = -v.Value, -v.High, -v.Low
			}
		}, nil, "warn values: 1 run with values that cannot be, such as a negative time: night02", "same", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := kept(t, 3, c.f)
			alter(t, path, c.stmts...)
			if got := look(t, path); !strings.Contains(got, c.want) {
				t.Fatalf("got\n%swant %q", got, c.want)
			}
			before := contents(t, path)
			backup, done, err := Repair(context.Background(), path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(contents(t, backup), before) {
				t.Error("the copy is not the file as it was")
			}
			if got := strings.Join(done, "\n"); !strings.Contains(got, c.done) || c.done == "" && got != "" {
				t.Errorf("done %q, want %q", got, c.done)
			}
			switch got := look(t, path); {
			case c.left == "" && got != "":
				t.Errorf("after the repair\n%s", got)
			case c.left == "same" && !strings.Contains(got, c.want):
				t.Errorf("got %q, want it to be said still", got)
			}
		})
	}
}

func TestRemadeRunKeepsItsNumbers(t *testing.T) {
	path := kept(t, 2, nil)
	s := openAt(t, path)
	f := reports.SeriesFilter{Model: "resnet8"}
	before, err := s.History(context.Background(), f, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	alter(t, path, "UPDATE runs SET result = x'00' WHERE run = 'night01'")
	if _, _, err := Repair(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	after, err := s.History(context.Background(), f, 0)
	if err != nil || len(after) != len(before) {
		t.Fatalf("%d points, want %d: %v", len(after), len(before), err)
	}
	for i := range after {
		if after[i].Series != before[i].Series || after[i].Value.Value != before[i].Value.Value || after[i].Value.Low != before[i].Value.Low || after[i].Trusted != before[i].Trusted {
			t.Errorf("%+v, was %+v", after[i], before[i])
		}
	}
	r, err := s.Get(context.Background(), "night01")
	if err != nil || len(r.Warnings) != 1 || r.Warnings[0] != remadeNote || r.Device.Name != "bench-1" || r.Labels["commit"] == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRepairRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		alter      []string
	}{
		{"newer", "its schema is version 99", []string{"PRAGMA user_version = 99"}},
		{"another program's", "database of another program", []string{"PRAGMA application_id = 5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := kept(t, 1, nil)
			alter(t, path, c.alter...)
			before := contents(t, path)
			if got := look(t, path); !strings.Contains(got, c.want) || !strings.HasPrefix(got, "bad ") {
				t.Errorf("looked at, it is\n%s", got)
			}
			if _, _, err := Repair(context.Background(), path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if !bytes.Equal(before, contents(t, path)) {
				t.Error("the file changed")
			}
		})
	}
	t.Run("no database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "assay.db")
		if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 400), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := look(t, path); !strings.Contains(got, "bad file: its first page cannot be read") {
			t.Errorf("looked at, it is\n%s", got)
		}
		if _, _, err := Repair(context.Background(), path); err == nil {
			t.Error("it was repaired")
		}
	})
	t.Run("a folder", func(t *testing.T) {
		if _, err := Examine(context.Background(), t.TempDir()); err == nil {
			t.Error("a folder was examined")
		}
		if _, _, err := Repair(context.Background(), t.TempDir()); err == nil {
			t.Error("a folder was repaired")
		}
	})
}

// TestHolderProcess is the body of a second process, not a test of its own.
func TestHolderProcess(t *testing.T) {
	path := os.Getenv("ASSAY_TEST_HOLDER")
	if path == "" {
		t.Skip("runs only as a child of TestRepairWhileInUse")
	}
	s := openAt(t, path)
	put(t, s, numbered("theirs", -1000))
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent closes it
}

func TestRepairWhileInUse(t *testing.T) {
	path := kept(t, 1, nil)
	cmd := exec.Command(os.Args[0], "-test.run=^TestHolderProcess$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "ASSAY_TEST_HOLDER="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf, n := make([]byte, 4096), 0
	for !bytes.Contains(buf[:n], []byte("held")) {
		k, err := out.Read(buf[n:])
		if err != nil {
			t.Fatalf("the other process said %q: %v", buf[:n], err)
		}
		n += k
	}
	if _, _, err := Repair(context.Background(), path); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("got %v, want a refusal", err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Repair(context.Background(), path); err != nil {
		t.Errorf("nobody holds it any more: %v", err)
	}
	if got := look(t, path); got != "" {
		t.Errorf("after the repair\n%s", got)
	}
}
