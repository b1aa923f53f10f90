package runner

import (
	"context"
	"slices"
	"testing"

	"assay/models"
	"assay/models/tensor"
)

// TestInferKeepsTheTimedSets: infer has a binding of its own, made once, and
// the timed sets come back when they are run.
func TestInferKeepsTheTimedSets(t *testing.T) {
	s := &server{ctx: context.Background(), engine: fake{}}
	if _, err := s.load(&request{Artifact: &models.Artifact{Path: "quick"}, Options: &options{Batch: 1}}); err != nil {
		t.Fatal(err)
	}
	ses := s.ses.(*fakeSession)
	if err := s.bind(2, slices.Concat(pair(1, 2), pair(3, 4))); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		x := float32(i)
		out, err := s.infer(pair(x, -x))
		if err != nil || !slices.Equal(tensor.Of[float32](out[0]), []float32{2 * x, -2 * x}) {
			t.Errorf("infer(%v) = %v, %v", x, out, err)
		}
	}
	if ses.binds != 2 {
		t.Errorf("%d bindings for 3 inferences, want 2 with the timed one", ses.binds)
	}
	if _, _, err := s.run(&request{MinRuns: 2}); err != nil {
		t.Fatal(err)
	}
	if ses.binds != 3 || len(ses.sets) != 2 {
		t.Errorf("%d bindings, %d sets bound", ses.binds, len(ses.sets))
	}
	if _, err := s.infer([]tensor.Tensor{tensor.New(tensor.Float32, 2, 2)}); err == nil {
		t.Error("a wrong shape was accepted")
	}
}
