package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"assay/bench/engine/native"
	"assay/models"
	"assay/models/compress"
	"assay/models/data"
	"assay/models/onnx"
	"assay/models/tensor"
)

// batch is how many images are run at once.
const batch = 32

// forward lets techniques run models on the native engine.
func forward(m *onnx.Model, want []string) (compress.Forward, error) {
	return native.Forward(m, want)
}

// variant applies t to c's baseline, calibrated on the calibration split of
// c's task.
func (z shop) variant(ctx context.Context, c *models.Card, t compress.Technique) (*onnx.Model, *compress.Report, error) {
	base := c.Variants["baseline"]
	m, err := onnx.Load(filepath.Join(z.dir, filepath.FromSlash(base.File)))
	if err != nil {
		return nil, nil, err
	}
	defer m.Close()
	s, err := z.split(c, "calibration")
	if err != nil {
		return nil, nil, err
	}
	return t.Apply(ctx, m, compress.Options{Forward: forward, Calibration: batches(c.Input, s, 0, s.Len())})
}

// split opens a split of the task of c.
func (z shop) split(c *models.Card, name string) (data.Stream, error) {
	path := filepath.Join(z.dir, c.Task+".yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := models.ParseData(path, b)
	if err != nil {
		return nil, err
	}
	p, ok := d.Splits[name]
	if !ok {
		return nil, fmt.Errorf("%s has no split %q", path, name)
	}
	return data.Open(d.Format, os.DirFS(z.dir), p.Images, p.Labels)
}

// batches yields samples from to to (not included) as inputs of the model.
func batches(io models.IO, s data.Stream, from, to int) iter.Seq2[[]tensor.Tensor, error] {
	return func(yield func([]tensor.Tensor, error) bool) {
		for i := from; i < to; i += batch {
			var list []tensor.Tensor
			for j := i; j < min(i+batch, to); j++ {
				t, err := at(io, s, j)
				if err != nil {
					yield(nil, err)
					return
				}
				list = append(list, t)
			}
			t, err := data.Batch(list)
			if !yield([]tensor.Tensor{t}, err) || err != nil {
				return
			}
		}
	}
}

func at(io models.IO, s data.Stream, i int) (tensor.Tensor, error) {
	x, err := s.At(i)
	if err != nil {
		return tensor.Tensor{}, err
	}
	return data.Prepare(io, x)
}

// accuracy returns the top-1 of m in percent on the test split of c's task,
// one share of the images per CPU. Images are run one at a time: dynamic
// quantization looks at a whole batch.
func (z shop) accuracy(ctx context.Context, c *models.Card, m *onnx.Model) (float64, error) {
	s, err := z.split(c, "test")
	if err != nil {
		return 0, err
	}
	n := runtime.GOMAXPROCS(0)
	right, errs := make([]int, n), make([]error, n)
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() { right[k], errs[k] = count(ctx, c, m, s, k*s.Len()/n, (k+1)*s.Len()/n) })
	}
	wg.Wait()
	sum := 0
	for k := range n {
		if errs[k] != nil {
			return 0, errs[k]
		}
		sum += right[k]
	}
	return 100 * float64(sum) / float64(s.Len()), nil
}

// count returns how many of the samples from to to m classifies correctly.
func count(ctx context.Context, c *models.Card, m *onnx.Model, s data.Stream, from, to int) (int, error) {
	run, err := native.Forward(m, []string{c.Output.Name})
	if err != nil {
		return 0, err
	}
	right := 0
	for i := from; i < to; i++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		x, err := at(c.Input, s, i)
		if err != nil {
			return 0, err
		}
		out, err := run([]tensor.Tensor{x})
		if err != nil {
			return 0, err
		}
		y := out[c.Output.Name]
		if y.Type != tensor.Float32 || y.Len() == 0 {
			return 0, fmt.Errorf("output %q is %v%v, no logits", c.Output.Name, y.Type, y.Shape)
		}
		best, v := 0, tensor.Of[float32](y)
		for j := range v {
			if v[j] > v[best] {
				best = j
			}
		}
		if best == s.Label(i) {
			right++
		}
	}
	return right, nil
}
