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

What the native engine runs of ONNX, operator sets 7 to 23. A model that uses anything else is refused when it is opened, by operator and node, and its case is skipped. An operator may be here and one of its attributes, element types or forms not: the message then says so. ` + "`make conformance`" + ` runs ONNX's own node tests on it.

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
