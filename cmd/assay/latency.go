package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/runner"
	"assay/models"
	"assay/models/compress"
	"assay/models/onnx"
	"assay/models/tensor"
)

// How latencies compares: blocks of both workers by turns, so that a drift of
// the clock meets both.
const (
	latencyBlocks = 5
	latencyBlock  = 50 * time.Millisecond
)

// latencies returns for each leave how long an inference takes against the
// whole technique's, by the medians of interleaved blocks in two workers.
func (k *kitchen) latencies(ctx context.Context, engineName string, whole *onnx.Model, leaves []compress.Leave) ([]float64, error) {
	dir, err := os.MkdirTemp("", "assay-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	set, err := k.firstSample()
	if err != nil {
		return nil, err
	}
	a, err := timed(ctx, engineName, filepath.Join(dir, "whole.onnx"), whole, set)
	if err != nil {
		return nil, err
	}
	defer a.Kill()
	var out []float64
	for i, l := range leaves {
		b, err := timed(ctx, engineName, filepath.Join(dir, fmt.Sprintf("%d.onnx", i)), l.Model, set)
		if err != nil {
			return nil, fmt.Errorf("without %s: %w", l.Node, err)
		}
		ratio, err := interleave(ctx, a, b)
		b.Kill()
		if err != nil {
			return nil, err
		}
		out = append(out, ratio)
	}
	return out, nil
}

// firstSample returns the inputs of the first calibration sample alone.
func (k *kitchen) firstSample() ([]tensor.Tensor, error) {
	for set, err := range k.opt.Calibration {
		if err != nil {
			return nil, err
		}
		var out []tensor.Tensor
		for _, t := range set {
			out = append(out, sampleOf(t, 0, rowsOf(t)))
		}
		return out, nil
	}
	return nil, errors.New("the calibration data are empty")
}

// rowsOf returns the batch size of t, 1 for one without dimensions.
func rowsOf(t tensor.Tensor) int {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[0]
}

// sampleOf returns the i-th of the n samples that lie in t one after the other.
func sampleOf(t tensor.Tensor, i, n int) tensor.Tensor {
	if n < 2 {
		return t
	}
	shape := slices.Clone(t.Shape)
	shape[0] /= n
	size := len(t.Data) / n
	return tensor.Tensor{Type: t.Type, Shape: shape, Data: t.Data[i*size : (i+1)*size]}
}

// timed starts a worker with m, bound to set and warm.
func timed(ctx context.Context, engineName, path string, m *onnx.Model, set []tensor.Tensor) (*runner.Worker, error) {
	cmd, err := workerCommand(bench.Case{Engine: engineName})
	if err != nil {
		return nil, err
	}
	if err := onnx.WriteFile(path, m); err != nil {
		return nil, err
	}
	w, err := runner.Start(ctx, cmd)
	if err != nil {
		return nil, err
	}
	_, err = w.Load(ctx, models.Artifact{Path: path, Format: "onnx"}, engine.Options{Provider: "cpu", Threads: 1, Batch: 1})
	if err == nil {
		err = w.Bind(ctx, [][]tensor.Tensor{set})
	}
	if err == nil {
		_, err = w.Warm(ctx, 2*latencyBlock, 5)
	}
	if err != nil {
		w.Kill()
		return nil, err
	}
	return w, nil
}

// interleave returns b's latency over a's: the median over blocks.
func interleave(ctx context.Context, a, b *runner.Worker) (float64, error) {
	var ratios []float64
	for range latencyBlocks {
		x, err := a.Run(ctx, latencyBlock, 5)
		if err != nil {
			return 0, err
		}
		y, err := b.Run(ctx, latencyBlock, 5)
		if err != nil {
			return 0, err
		}
		ratios = append(ratios, median(y.Latencies)/median(x.Latencies))
	}
	return median(ratios), nil
}

// median returns the middle of v, which it sorts; v is not empty.
func median[T ~float64 | ~int64](v []T) float64 {
	slices.Sort(v)
	return float64(v[len(v)/2])
}
