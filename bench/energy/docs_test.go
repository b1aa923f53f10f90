package energy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs holds docs/devices.md against the code: the meters that it names
// are read, and its kinds are those that are registered.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?:--meter |ASSAY_METER=)'?([^\\s`']+)").FindAllSubmatch(page, -1)
	if len(named) < 5 {
		t.Errorf("%d examples", len(named))
	}
	for _, m := range named {
		kind, _, inside := strings.Cut(string(m[1]), "/")
		if inside && slices.Contains(Kinds(), kind) {
			continue
		}
		if _, err := ParseExternal(string(m[1])); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	for _, k := range Kinds() {
		if !strings.Contains(string(page), "\n| "+k+" |") {
			t.Errorf("docs/devices.md has no row for %s", k)
		}
	}
}
