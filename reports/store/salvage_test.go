package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/reports"
)

// TestSalvage damages pages: what can be read comes back, what is lost is
// counted, and every run is one or the other.
func TestSalvage(t *testing.T) {
	const runs, page = 20, 4096
	rnd := rand.New(rand.NewPCG(7, 7))
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
	}{
		{"one page in the middle", func(b []byte) []byte { fill := b[len(b)/2/page*page:][:page]; clear(fill); return b }},
		{"every ninth page", func(b []byte) []byte {
			for at := 44 * page; at+page <= len(b); at += 9 * page { // the first ones list the tables
				for i := range page {
					b[at+i] = byte(rnd.Uint32())
				}
			}
			return b
		}},
		{"cut in half", func(b []byte) []byte { return b[:len(b)/2/page*page] }},
		{"cut within a page", func(b []byte) []byte { return b[:len(b)*3/4+100] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := kept(t, runs, nil)
			if err := os.WriteFile(path, c.damage(contents(t, path)), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := look(t, path); !strings.Contains(got, "bad file: ") {
				t.Fatalf("looked at, it is\n%s", got)
			}
			before := contents(t, path)
			backup, done, err := Repair(context.Background(), path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(contents(t, backup), before) {
				t.Error("the copy is not the file as it was")
			}
			if got := look(t, path); got != "" {
				t.Errorf("after the repair\n%s", got)
			}
			s := openAt(t, path)
			n := count(t, s, "runs")
			for i := range runs {
				id := fmt.Sprintf("night%02d", i)
				if has, err := s.Has(context.Background(), id); err != nil {
					t.Error(err)
				} else if has {
					if _, err := s.Get(context.Background(), id); err != nil {
						t.Error(err)
					}
				}
			}
			put(t, s, numbered("next", 50))
			if n < runs/4 || n == runs && c.name != "one page in the middle" && !strings.Contains(strings.Join(done, " "), "could not be read") {
				t.Errorf("%d of %d runs are left; said %q", n, runs, done)
			}
			t.Logf("%d of %d runs; %s", n, runs, strings.Join(done, " | "))
		})
	}
}

// TestSalvageOld: the numbers of a run whose own row cannot be read come back
// out of a damaged file of an earlier schema too.
func TestSalvageOld(t *testing.T) {
	ctx := context.Background()
	path, old := kept(t, 6, nil), filepath.Join(t.TempDir(), "old.db")
	s := openAt(t, path)
	want, err := s.History(ctx, reports.SeriesFilter{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	asBefore(t, path, old, 3)
	alter(t, old, "UPDATE runs SET result = x'00' WHERE run = 'night01'", "DROP TABLE samples")
	if got := look(t, old); !strings.Contains(got, "bad file: tables are missing: it has 2 of the 3") {
		t.Errorf("looked at, it is\n%s", got)
	}
	_, done, err := Repair(ctx, old)
	if err != nil {
		t.Fatal(err)
	}
	got, err := openAt(t, old).History(ctx, reports.SeriesFilter{}, 0)
	if err != nil || len(got) != len(want) {
		t.Errorf("%d of %d points are left: %v; said %q", len(got), len(want), err, done)
	}
	for i := range min(len(got), len(want)) {
		if got[i].Series != want[i].Series || got[i].Value.Value != want[i].Value.Value {
			t.Fatalf("point %d is %+v, was %+v", i, got[i], want[i])
		}
	}
}

// TestTablesLost: where the list of tables is damaged, nothing is saved, that
// is said, and the file stays as it is.
func TestTablesLost(t *testing.T) {
	const page = 4096
	path := kept(t, 3, nil)
	b := contents(t, path)
	for i := page; i < 40*page; i++ {
		b[i] = 0xa5
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := look(t, path); !strings.HasPrefix(got, "bad ") {
		t.Errorf("looked at, it is\n%s", got)
	}
	if _, _, err := Repair(context.Background(), path); err == nil || !strings.Contains(err.Error(), "the list of its tables is damaged") {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(b, contents(t, path)) {
		t.Error("the file is not as it was")
	}
}

// TestFlippedBytes changes single bytes anywhere: no panic, and a store that
// was repaired is whole. The seed is fixed.
func TestFlippedBytes(t *testing.T) {
	path := kept(t, 6, nil)
	whole := contents(t, path)
	rnd := rand.New(rand.NewPCG(3, 3))
	repaired := 0
	for range 24 {
		b := bytes.Clone(whole)
		for range 1 + rnd.IntN(20) {
			b[100+rnd.IntN(len(b)-100)] ^= byte(1 + rnd.IntN(255)) // the file's header is TestRepairRefuses' matter
		}
		at := filepath.Join(t.TempDir(), "assay.db")
		if err := os.WriteFile(at, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Examine(context.Background(), at); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Repair(context.Background(), at); err != nil {
			t.Logf("not repaired: %v", err)
			continue
		}
		repaired++
		if got := look(t, at); strings.Contains(got, "bad ") {
			t.Errorf("after the repair\n%s", got)
		}
	}
	if repaired < 20 {
		t.Errorf("only %d of 24 were repaired", repaired)
	}
}
