package bench

import (
	"encoding/json"
	"math"
	"testing"
)

// TestAnswersKept: the answers of all samples are kept, outputs as far as they
// fit, and what JSON cannot hold ends them.
func TestAnswersKept(t *testing.T) {
	row := func(n int) []float32 { return make([]float32, n) }
	for name, c := range map[string]struct {
		values [][]float32
		want   int
	}{
		"none":          {nil, 0},
		"small":         {[][]float32{row(10), row(10)}, 2},
		"as many as go": {[][]float32{row(500), row(500), row(500)}, 2},
		"exactly":       {[][]float32{row(1024), row(1)}, 1},
		"too large":     {[][]float32{row(1025)}, 0},
		"not a number":  {[][]float32{row(1), {float32(math.NaN())}, row(1)}, 1},
		"infinite":      {[][]float32{{float32(math.Inf(-1))}}, 0},
	} {
		o := &outputs{answers: []int{3, 1, 2}, labels: []int{3, 1, 1}, values: c.values}
		a := o.kept()
		if len(a.Outputs) != c.want || len(a.Classes) != 3 {
			t.Errorf("%s: %d outputs, want %d, of %d answers", name, len(a.Outputs), c.want, len(a.Classes))
		}
		if _, err := json.Marshal(a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		o.labels[0] = 4
		if o.kept().Set == a.Set {
			t.Errorf("%s: other labels, the same set", name)
		}
	}
}
