package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"assay/bench/engine"
	"assay/bench/engine/native"
	"assay/bench/memory"
	"assay/bench/runner"
	"assay/bench/stat"
	"assay/models"
	"assay/models/arch"
	"assay/models/compress"
	"assay/models/onnx"
	"assay/models/tensor"
)

// A net is an architecture in one variant, "" as it is built.
type net struct{ group, arch, technique string }

var nets = []net{
	{"MobileNetV2-224", "mobilenetv2-224", ""},
	{"MobileNetV2-224", "mobilenetv2-224", "sparse-90"},
	{"ResNet-18-224", "resnet18-224", ""},
	{"ResNet-18-224", "resnet18-224", "sparse-90"},
	{"BERT-mini, 128 tokens", "bert-mini", ""},
	{"BERT-mini, 128 tokens", "bert-mini", "int8-dynamic"},
}

// maxDynamic bounds the difference of BERT-mini's INT8 variant: every layer
// rounds in the range of its own input, so that a last bit moves a step of 1/255
// in all that follow. Quantization itself changes its outputs by 3 %.
const maxDynamic = 3e-2

// seed draws the weights and the inputs of the nets.
const seed = 6

// race writes the net to dir.
func (n net) race(ctx context.Context, dir string) (race, error) {
	r := race{group: n.group, name: n.technique, far: maxFloat}
	m, err := arch.Build(n.arch, seed)
	if err != nil {
		return r, err
	}
	in := arch.Inputs(m, seed)
	if n.technique == "" {
		r.name = "dense"
	} else {
		t, err := compress.Lookup(n.technique)
		if err != nil {
			return r, err
		}
		m, _, err = t.Apply(ctx, m, compress.Options{Trial: in, Forward: func(m *onnx.Model, want []string) (compress.Forward, error) {
			f, err := native.Forward(m, want)
			return f, err
		}})
		if err != nil {
			return r, fmt.Errorf("%s of %s: %w", n.technique, n.arch, err)
		}
	}
	if n.technique == "int8-dynamic" {
		r.far = maxDynamic
	}
	path := filepath.Join(dir, n.arch+n.technique+".onnx")
	r.art, r.sets = models.Artifact{Path: path, Format: "onnx"}, [][]tensor.Tensor{in}
	return r, onnx.WriteFile(path, m)
}

// whole are the two rows of a race that take a fresh process for each reading:
// the time from loading the model to its first answer, and the process's peak
// memory by then.
func (r race) whole(ctx context.Context, rounds int, cpus []int) (times, peaks [2][]float64, err error) {
	for k := range rounds {
		for j := range engines {
			i := (j + k) % len(engines)
			if err := r.cold(ctx, i, cpus, &times[i], &peaks[i]); err != nil {
				return times, peaks, fmt.Errorf("%s: %w", engines[i], err)
			}
		}
	}
	return times, peaks, nil
}

// cold adds one reading of engine i.
func (r race) cold(ctx context.Context, i int, cpus []int, times, peaks *[]float64) error {
	w, err := runner.Start(ctx, runner.Command{Path: self, Args: []string{"worker", "-engine", engines[i]}, CPUs: cpus})
	if err != nil {
		return err
	}
	defer w.Kill()
	begun := time.Now()
	if _, err := w.Load(ctx, r.art, engine.Options{Provider: "cpu", Threads: 1, Batch: 1}); err != nil {
		return err
	}
	if _, err := w.Infer(ctx, r.sets[0]); err != nil {
		return err
	}
	*times = append(*times, time.Since(begun).Seconds())
	u, err := memory.Read(w.Pid())
	if err != nil {
		return err
	}
	*peaks = append(*peaks, float64(u.PeakRSS))
	return nil
}

// netRows races the nets and prints what concerns whole sessions.
func (t *table) netRows(ctx context.Context, dir string, rounds int, wanted func(group string) bool) error {
	cold := map[string][2][2][]float64{}
	var order []string
	for _, n := range nets {
		if !wanted(n.group) {
			continue
		}
		r, err := n.race(ctx, dir)
		if err != nil {
			return err
		}
		if err := t.row(ctx, r, rounds); err != nil {
			return fmt.Errorf("%s %s: %w", r.group, r.name, err)
		}
		times, peaks, err := r.whole(ctx, min(rounds, coldRounds), t.cpus)
		if err != nil {
			return fmt.Errorf("%s %s: %w", r.group, r.name, err)
		}
		name := r.group + " " + r.name
		cold[name], order = [2][2][]float64{times, peaks}, append(order, name)
	}
	for k, group := range []race{{group: "load and first inference"}, {group: "peak memory", unit: "B"}} {
		for _, name := range order {
			group.name = name
			t.print(group, cold[name][k], "")
		}
	}
	return nil
}

// coldRounds bounds the fresh processes of a row: they vary little.
const coldRounds = 7

// least returns the shortest inference of one block of w.
func least(ctx context.Context, w *runner.Worker) (float64, error) {
	b, err := w.Run(ctx, block, 5)
	if err != nil {
		return 0, err
	}
	var s []float64
	for _, l := range b.Latencies {
		s = append(s, l.Seconds())
	}
	return stat.Quantile(s, 0), nil
}
