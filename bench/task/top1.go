package task

import (
	"fmt"

	"assay/models/tensor"
)

func init() { Register(top1{}) }

// top1 answers with the class of the highest score of the first output. Ties
// go to the lowest class; NaN never wins.
type top1 struct{}

func (top1) Metric() string { return "top1" }

func (top1) Answer(out []tensor.Tensor) (int, error) {
	if len(out) == 0 {
		return 0, fmt.Errorf("top1: the model has no output")
	}
	v, err := out[0].Floats()
	if err != nil {
		return 0, fmt.Errorf("top1: %w", err)
	}
	best := -1
	for i, x := range v {
		if x == x && (best < 0 || x > v[best]) {
			best = i
		}
	}
	if best < 0 {
		return 0, fmt.Errorf("top1: the output has no number in it")
	}
	return best, nil
}
