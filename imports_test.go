package assay

import (
	"os/exec"
	"strings"
	"testing"
)

// allowed says which packages of this module a package may import, by the
// longest matching prefix; docs/design.md, "Tree", gives the reasons.
var allowed = map[string][]string{
	"assay":                     {},
	"assay/models/tensor":       {},
	"assay/bench/unit":          {},
	"assay/bench/stat":          {},
	"assay/bench/stat/simulate": {"assay/bench/stat", "assay/bench/unit", "assay/bench/verdict"},
	"assay/bench/stat/watch":    {"assay/bench/stat"},
	"assay/bench/stat/nights":   {"assay/bench/stat", "assay/bench/unit"},
	"assay/bench/kernel/isa":    {},
	"assay/bench/kernel":        {"assay/bench/kernel", "assay/models/tensor"},
	"assay/models":              {"assay/models"},
	"assay/models/zoo/make":     {"assay/models", "assay/bench/engine/native"},
	"assay/bench/metric":        {"assay/bench/unit", "assay/bench/stat"},
	"assay/bench/verdict":       {"assay/bench/unit", "assay/bench/stat", "assay/bench/metric"},
	"assay/bench/host":          {"assay/bench/unit", "assay/bench/stat"},
	"assay/bench/memory":        {"assay/bench/unit", "assay/bench/host"},
	"assay/bench/energy":        {"assay/bench/unit", "assay/bench/stat", "assay/bench/host"},
	"assay/bench/loadgen":       {"assay/bench/stat"},
	"assay/bench/task":          {"assay/bench/stat", "assay/bench/metric", "assay/models"},
	"assay/bench/engine":        {"assay/models"},
	"assay/bench/engine/ortlib": {},
	"assay/bench/engine/ort":    {"assay/bench/engine", "assay/models"},
	"assay/bench/engine/native": {"assay/bench/engine", "assay/bench/kernel", "assay/models"},
	"assay/bench/sandbox":       {},
	"assay/bench/runner":        {"assay/bench/engine", "assay/bench/sandbox", "assay/models"},
	"assay/bench":               {"assay/bench/unit", "assay/bench/stat", "assay/bench/metric", "assay/bench/verdict", "assay/bench/host", "assay/bench/memory", "assay/bench/energy", "assay/bench/loadgen", "assay/bench/task", "assay/bench/engine", "assay/bench/sandbox", "assay/bench/runner", "assay/models"},
	"assay/bench/proof":         {"assay/bench", "assay/models"},
	"assay/suites":              {"=assay", "assay/bench", "assay/models"},
	"assay/reports":             {"assay/bench", "assay/reports"},
	"assay/agents":              {"assay/agents", "assay/suites", "assay/bench", "assay/models"},
	"assay/cmd":                 {"assay"},

	"assay/bench/energy/simulate": {"assay/bench/unit", "assay/bench/stat", "assay/bench/energy"},
}

// never lists what no prefix may allow.
var never = [][2]string{
	{"assay/bench", "assay/bench/engine/ort"}, // the only cgo: cmd/assay-ort, and the proofs
	{"assay/suites", "assay/bench/engine/ort"},
	{"assay/reports", "assay/bench/engine/ort"},
	{"assay/cmd/assay", "assay/bench/engine/ort"},
	{"assay/reports", "assay/agents"},
	{"assay/agents", "assay/reports"},
}

// TestImports keeps the import direction of docs/design.md.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		rule, ok := longest(f[0])
		if !ok {
			t.Errorf("package %s has no rule in imports_test.go", f[0])
			continue
		}
		for _, imp := range f[1:] {
			if within(imp, "assay") && !permits(rule, imp) {
				t.Errorf("%s imports %s: docs/design.md allows it only %v", f[0], imp, rule)
			}
			for _, n := range never {
				if within(f[0], n[0]) && !strings.HasPrefix(f[0], "assay/cmd/assay-ort") && !within(f[0], "assay/bench/engine/ort") && f[0] != "assay/bench/proof" && imp == n[1] {
					t.Errorf("%s imports %s, which nothing but cmd/assay-ort may", f[0], imp)
				}
			}
		}
	}
}

func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func longest(path string) ([]string, bool) {
	for p := path; p != "."; {
		if r, ok := allowed[p]; ok {
			return r, true
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return nil, false
}

// permits reports whether a rule allows imp.
func permits(rule []string, imp string) bool {
	for _, r := range rule {
		if exact, ok := strings.CutPrefix(r, "="); ok && imp == exact || !ok && within(imp, r) {
			return true
		}
	}
	return false
}
