package host

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestBoards: what every recorded board is, in what condition, what its
// checklist says, and what a run on it would be told, if it stayed as it is.
func TestBoards(t *testing.T) {
	trees, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(trees) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	for _, tree := range trees {
		name := strings.TrimSuffix(filepath.Base(tree), ".txtar")
		if name == "cgroup" {
			continue // it is no board
		}
		sys := Recorded(recorded(t, name, ""))
		d, err := Identify(sys)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := Observe(sys)
		c.At = time.Time{}
		w := NewWatch(sys, nil)
		g := w.Glance()
		g.At = time.Time{}
		doubts, violations := Compare(c, w.End(), c)
		check(t, name, struct {
			Device     Device
			Condition  Condition
			Glance     Glance
			Doubts     []string
			Violations []string
			Checklist  []Item
		}{d, c, g, doubts, violations, Checklist(d, c, During{})})
	}
}

func check(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))) {
		t.Errorf("%s: see the difference with -update and git diff\n%s", file, b.String())
	}
}
