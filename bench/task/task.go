// Package task judges a model's outputs: one file per family of accuracy
// metrics, registered by its init. A family turns outputs into an answer per
// sample, so that every comparison with a baseline can be paired.
package task

import (
	"fmt"
	"math"
	"sort"

	"assay/models/tensor"
)

// A Family is one way of scoring. Answer is called once per sample with that
// sample's outputs in graph order (batch dimension 1).
type Family interface {
	// Metric is the name of the accuracy metric, for example "top1".
	Metric() string
	// Answer reduces outputs to what is compared with the label.
	Answer(out []tensor.Tensor) (int, error)
}

var registry = map[string]Family{}

// Register adds f; it panics on a second family of the same metric.
func Register(f Family) {
	if registry[f.Metric()] != nil {
		panic(fmt.Sprintf("task family %q registered twice", f.Metric()))
	}
	registry[f.Metric()] = f
}

// Lookup returns the family that scores the metric called name.
func Lookup(name string) (Family, error) {
	if f := registry[name]; f != nil {
		return f, nil
	}
	var have []string
	for n := range registry {
		have = append(have, n)
	}
	sort.Strings(have)
	return nil, fmt.Errorf("no task family scores %q (have %v)", name, have)
}

// SQNR returns the signal-to-quantization-noise ratio of y against x in dB,
// 20·log₁₀(‖x‖ ÷ ‖x−y‖), pooled over all values; +Inf where they are equal.
// It returns NaN for no values and where lengths differ.
func SQNR(x, y [][]float32) float64 {
	if len(x) != len(y) || len(x) == 0 {
		return math.NaN()
	}
	var signal, noise float64
	for i := range x {
		if len(x[i]) != len(y[i]) {
			return math.NaN()
		}
		for j, v := range x[i] {
			d := float64(v) - float64(y[i][j])
			signal += float64(v) * float64(v)
			noise += d * d
		}
	}
	return 10 * math.Log10(signal/noise)
}
