package task

import (
	"math"
	"testing"

	"assay/models/tensor"
)

func TestTop1(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		out  []float32
		want int // −1 for an error
	}{
		{"highest", []float32{0, 3, 2}, 1},
		{"tie goes to the lowest class", []float32{1, 2, 2}, 1},
		{"NaN never wins", []float32{nan, 1, nan}, 1},
		{"all NaN", []float32{nan, nan}, -1},
		{"negative", []float32{-3, -1, -2}, 1},
	} {
		got, err := top1{}.Answer([]tensor.Tensor{tensor.From(tensor.Float32, c.out, 1, len(c.out))})
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s: got %d, %v; want %d", c.name, got, err, c.want)
		}
	}
	if _, err := (top1{}).Answer(nil); err == nil {
		t.Error("no output: want an error")
	}
}

func TestSQNR(t *testing.T) {
	x := [][]float32{{3, 4}} // norm 5
	y := [][]float32{{3, 4.5}}
	if got := SQNR(x, y); math.Abs(got-20) > 1e-9 { // 20·log10(5/0.5)
		t.Errorf("got %v dB, want 20", got)
	}
	if !math.IsInf(SQNR(x, x), 1) {
		t.Error("equal outputs: want +Inf")
	}
	if !math.IsNaN(SQNR(x, [][]float32{{1}})) || !math.IsNaN(SQNR(nil, nil)) {
		t.Error("unequal or no outputs: want NaN")
	}
}
