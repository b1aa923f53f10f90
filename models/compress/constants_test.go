package compress

import (
	"slices"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestFoldConstants wants weights that go through a Transpose and a Reshape to
// be plain constants of the same numbers.
func TestFoldConstants(t *testing.T) {
	b := newNet(-1, 6)
	v := b.random("w", 1, 2, 3, 4)
	b.node("Transpose", "t", []string{"w"}, onnx.IntsAttr("perm", 1, 0, 2))
	b.m.Graph.AddInitializer("shape", tensor.From(tensor.Int64, []int64{6, 4}, 2))
	b.node("Reshape", "r", []string{"t", "shape"})
	b.node("MatMul", "y", []string{"x", "r"})
	out, err := Fold(b.output("y"))
	if err != nil {
		t.Fatal(err)
	}
	if got := ops(out); !slices.Equal(got, []string{"MatMul"}) {
		t.Fatalf("left are %v", got)
	}
	got := tensor.Of[float32](out.Graph.Initializer("r").Tensor)
	for i := range got { // element [a, b, c] of the transposed is [b, a, c] of w
		if want := v[i/4%2*12+i/8*4+i%4]; got[i] != want {
			t.Errorf("element %d is %g, want %g", i, got[i], want)
		}
	}
}
