package suites

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var fenced = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestDocs loads every example of the guide and README that is a whole file, and holds it
// to the schema; the other examples are the models or gates of a suite.
func TestDocs(t *testing.T) {
	var blocks [][][]byte
	for _, name := range []string{"../docs/writing-a-suite.md", "../README.md"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, fenced.FindAllSubmatch(b, -1)...)
	}
	if len(blocks) != 6 { // as many as the guide and README have
		t.Errorf("%d examples, want 6", len(blocks))
	}
	for i, m := range blocks {
		body := string(m[1])
		if !strings.Contains(body, "suites:") {
			body = "suites:\n  a:\n    " + strings.ReplaceAll(body, "\n", "\n    ")
		}
		name := fmt.Sprintf("example-%d.yaml", i+1)
		if _, err := LoadFS(mapFS(name, body), name); err != nil {
			t.Errorf("%v\n%s", err, body)
		}
		if err := compile(t).Validate(instance(t, []byte(body))); err != nil {
			t.Errorf("%s: %v\n%s", name, err, body)
		}
	}
}

// TestDocsDefaults holds the defaults that the guide states to the code.
func TestDocsDefaults(t *testing.T) {
	p := DefaultPlan()
	got := fmt.Sprintln(p.Trials, p.MaxTrials, p.Rounds, showPercent(p.Precision), showPercent(p.PrecisionBy["native"]), p.Budget, p.Block, p.Cold, p.Samples)
	if want := "5 20 4 1% 3% 0s 50ms 10 0\n"; got != want {
		t.Errorf("defaults are %s; docs/writing-a-suite.md and the descriptions in Run say %s", got, want)
	}
}
