package energy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"assay/bench/host"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// recorded expands a recorded tree. The archives are not unpacked in the
// repository because their paths hold ':', which Go module zips forbid; the
// comment at the top of each names its sources (S: a made-up value). \0 stands
// for NUL, which ends every string of a device tree.
func recorded(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	root := fstest.MapFS{}
	for _, f := range a.Files {
		root[f.Name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(f.Data), `\0`, "\x00"))}
	}
	return root
}

// inTree is an environment of a recorded tree, whose clock moves on by 1 ms
// with every look at it.
func inTree(root fstest.MapFS) Env {
	var now time.Duration
	return Env{System: host.Recorded(root), Now: func() time.Duration { now += time.Millisecond; return now }}
}

// describe writes what Find gives, with a reading of every sensor.
func describe(t testing.TB, found []Finding) string {
	t.Helper()
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s\n", f.Kind)
		for _, m := range f.Meters {
			describeMeter(t, &b, m)
		}
		if f.Err != nil {
			fmt.Fprintf(&b, "  error: %v\n", f.Err)
			if r := RemedyOf(f.Err); r != "" {
				fmt.Fprintf(&b, "  remedy: %s\n", r)
			}
		}
	}
	if len(found) == 0 {
		return "no meter\n"
	}
	return b.String()
}

func describeMeter(t testing.TB, b *strings.Builder, m Meter) {
	fmt.Fprintf(b, "  %v\n", m)
	for _, s := range m.Total {
		d := s.Domain()
		switch r, err := s.Read(t.Context()); {
		case err != nil:
			fmt.Fprintf(b, "    %s: %v\n", d.Name, err)
		case d.Kind == Counter:
			fmt.Fprintf(b, "    %s: counter at %.6g J\n", d.Name, r.Value)
		default:
			fmt.Fprintf(b, "    %s: %.6g W\n", d.Name, r.Value)
		}
	}
	for _, p := range m.Parts {
		fmt.Fprintf(b, "    part: %s (%s)\n", p.Name, p.Kind)
	}
	if m.Interval > 0 {
		fmt.Fprintf(b, "    every %v\n", m.Interval)
	}
	if m.Error > 0 {
		fmt.Fprintf(b, "    within %g %%\n", 100*m.Error)
	}
	if m.Estimated != "" {
		fmt.Fprintf(b, "    estimated: %s\n", m.Estimated)
	}
	for _, n := range m.Notes {
		fmt.Fprintf(b, "    note: %s\n", n)
	}
	if err := m.Close(); err != nil {
		t.Errorf("close %v: %v", m, err)
	}
}

// TestBoards holds what is found on every recorded board against its golden.
func TestBoards(t *testing.T) {
	trees, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(trees) == 0 {
		t.Fatalf("no recorded boards: %v", err)
	}
	for _, file := range trees {
		board := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(board, func(t *testing.T) {
			got := describe(t, Find(t.Context(), inTree(recorded(t, board))))
			golden := filepath.Join("testdata", board+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant (go test ./bench/energy -run TestBoards -update writes it)\n%s", got, want)
			}
		})
	}
}
