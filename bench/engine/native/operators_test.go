package native

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/operators.md")

// TestOperatorsDoc keeps docs/operators.md, which error messages name.
func TestOperatorsDoc(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Operators of the native engine

What the native engine runs of ONNX, operator sets 1 to 23 (before 7 only what still means the same, and the old broadcasting). A model that uses anything else is refused when it is opened, by operator and node, and its case is skipped. An operator may be here and one of its attributes, element types or forms not: the message then says so. Every shape must be fixed when a model is opened: If wants results of one shape from both branches unless its condition is constant, Loop a state that keeps its shape and a constant number of iterations where it collects values; graphs inside nodes read the values around them. ` + "`make conformance`" + ` runs ONNX's own backend tests on it.

`)
	names := opNames()
	fmt.Fprintf(&b, "%d operators:\n", len(names))
	for _, n := range names {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	const file = "../../../docs/operators.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s does not list this engine's operators (%v): go test ./bench/engine/native -run OperatorsDoc -update", file, err)
	}
}
