package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"

	"assay/bench/engine"
	"assay/bench/task"
	"assay/models"
	"assay/models/tensor"
	"assay/models/zoo"
)

// Limits of the agreement between the native engine and ONNX Runtime.
const (
	maxFlips = 0.001 // of the samples, top-1
	maxFloat = 1e-3  // of the largest output, for float models
)

// A parity is how two engines agree on one model over n samples.
type parity struct {
	model, variant string
	n, flips       int
	worst          float64 // largest |a−b| ÷ largest |a| of a sample
	quantized      bool    // integer models: rounding may differ by a step
}

func (p parity) ok() bool {
	return float64(p.flips) <= maxFlips*float64(p.n) && (p.quantized || p.worst <= maxFloat)
}

// agree runs every variant of the zoo through both engines over the first
// samples of the test set, stratified (0 is all), and prints what differs.
func agree(ctx context.Context, w io.Writer, samples int) ([]parity, error) {
	cards, err := zoo.Cards()
	if err != nil {
		return nil, err
	}
	var all []parity
	for _, c := range cards {
		data, err := zoo.Data(c.Task)
		if err != nil {
			return nil, err
		}
		set, err := task.Open(zoo.FS(), data, "test", samples)
		if err != nil {
			return nil, err
		}
		for _, v := range sortedVariants(c) {
			a, err := zoo.Artifact(c.Name, v)
			if err != nil {
				return nil, err
			}
			p, err := compare(ctx, a, set.For(a.Input))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", c.Name, v, err)
			}
			p.model, p.variant = c.Name, v
			p.quantized = slices.Contains([]string{"int8-qdq", "int8-dynamic"}, v)
			all = append(all, p)
			fmt.Fprintf(w, "%-18s %-13s %d flips of %d, largest difference %.2g of the largest output\n", p.model, p.variant, p.flips, p.n, p.worst)
		}
	}
	return all, nil
}

func sortedVariants(c *models.Card) []string {
	var out []string
	for v := range c.Variants {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// compare splits the samples over the cores; each has a session per engine.
func compare(ctx context.Context, a models.Artifact, in task.Inputs) (parity, error) {
	n := runtime.NumCPU()
	parts, errs := make([]parity, n), make([]error, n)
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() { parts[k], errs[k] = shard(ctx, a, in, k, n) })
	}
	wg.Wait()
	p := parity{n: in.Len()}
	for k := range n {
		if errs[k] != nil {
			return p, errs[k]
		}
		p.flips += parts[k].flips
		p.worst = max(p.worst, parts[k].worst)
	}
	return p, nil
}

func shard(ctx context.Context, a models.Artifact, in task.Inputs, k, n int) (parity, error) {
	var p parity
	fam, err := task.Lookup("top1")
	if err != nil {
		return p, err
	}
	var runs []func([]tensor.Tensor) (tensor.Tensor, error)
	for _, name := range []string{"onnxruntime", "native"} {
		f, done, err := open(ctx, name, a)
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		defer done()
		runs = append(runs, f)
	}
	for i := k; i < in.Len() && ctx.Err() == nil; i += n {
		x, err := in.Input(i)
		if err != nil {
			return p, err
		}
		var out [2]tensor.Tensor
		var answer [2]int
		for e, f := range runs {
			if out[e], err = f(x); err != nil {
				return p, err
			}
			if answer[e], err = fam.Answer([]tensor.Tensor{out[e]}); err != nil {
				return p, err
			}
		}
		if answer[0] != answer[1] {
			p.flips++
		}
		p.worst = max(p.worst, difference(tensor.Of[float32](out[0]), tensor.Of[float32](out[1])))
	}
	return p, ctx.Err()
}

// open returns a function that runs a on the named engine, and its end.
func open(ctx context.Context, name string, a models.Artifact) (func([]tensor.Tensor) (tensor.Tensor, error), func() error, error) {
	e, err := engine.Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	s, err := e.Open(ctx, a, engine.Options{Provider: "cpu", Threads: 1, Batch: 1})
	if err != nil {
		return nil, nil, err
	}
	ins, outs := s.IO()
	x, y := tensor.New(ins[0].Type, ins[0].Shape...), tensor.New(outs[0].Type, outs[0].Shape...)
	if err := s.Bind([][]tensor.Tensor{{x}}, []tensor.Tensor{y}); err != nil {
		return nil, nil, err
	}
	return func(in []tensor.Tensor) (tensor.Tensor, error) {
		copy(x.Data, in[0].Data)
		return y, s.Run(0)
	}, s.Close, nil
}

func difference(a, b []float32) float64 {
	var largest, worst float64
	for i := range a {
		largest = max(largest, math.Abs(float64(a[i])))
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	if largest == 0 {
		return worst
	}
	return worst / largest
}
