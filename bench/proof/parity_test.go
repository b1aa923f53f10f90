package main

import (
	"context"
	"strings"
	"testing"

	"assay/bench/engine/ortlib"
)

// TestParity holds the native engine to ONNX Runtime on every committed model
// and variant, on 500 test images; `assay-proof parity` takes all 10,000.
func TestParity(t *testing.T) {
	if _, err := ortlib.Find(); err != nil {
		t.Skipf("ONNX Runtime is not there (make test fetches it): %v", err)
	}
	var out strings.Builder
	all, err := agree(context.Background(), &out, 500)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	for _, p := range all {
		if !p.ok() {
			t.Errorf("%s %s: %d flips of %d (at most %g), largest difference %.2g (at most %g)", p.model, p.variant, p.flips, p.n, maxFlips, p.worst, maxFloat)
		}
	}
	if len(all) == 0 {
		t.Error("the zoo is empty")
	}
}
