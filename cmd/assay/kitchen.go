package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/task"
	"assay/models/compress"
	"assay/models/data"
	"assay/models/onnx"
	"assay/models/tensor"
	"assay/models/zoo"
)

// calibrationSplit is what models are calibrated on: never the test set.
const calibrationSplit = "calibration"

// How many samples are run at once, for models whose batch is free: 32, and
// fewer where the inputs have more than so many numbers together. All values
// of a batch are in memory at once, which for a network on photographs are a
// hundred times as many as its inputs.
const (
	calibrationBatch   = 32
	calibrationNumbers = 1 << 16
)

// defaultCalibration is how many samples of a zoo model's own task are used
// where nothing is said: all of the calibration split.
const defaultCalibration = 512

// A kitchen makes variants of one model.
type kitchen struct {
	base      base
	calibrate string // as the flag or the suite says
	set       compress.Settings
	targets   []compress.Target // where the variants will run; without, nothing is foreseen
	say       func(string)      // hears what is foreseen

	m      *onnx.Model
	runner *forwards
	opt    compress.Options
	data   bench.Dataset // what opt.Calibration yields in batches; nil without
	from   string        // where the samples come from

	foreseen []error // of the variant that is being made
}

// A made variant is a file with its card.
type made struct {
	path   string
	report *compress.Report
}

// open reads the model and its samples, once.
func (k *kitchen) open(ctx context.Context) error {
	if k.m != nil {
		return nil
	}
	m, err := k.base.open()
	if err != nil {
		return err
	}
	k.m, k.runner = m, &forwards{ctx: ctx}
	k.opt = compress.Options{Settings: k.set, Forward: k.runner.open}
	in, err := inputs(m)
	if err != nil {
		k.opt.Trial = nil // dynamic beyond the batch: only real samples know the shapes
	} else if noise, err := bench.Noise(in, 1); err == nil {
		if k.opt.Trial, err = noise.Input(0); err != nil {
			return err
		}
	}
	samples, err := k.samples(in)
	if err != nil || samples == nil {
		return err
	}
	k.data = samples
	k.opt.Calibration = batches(samples, freeBatch(m, in))
	return nil
}

func (k *kitchen) close() {
	if k.m != nil {
		_ = k.m.Close() // opened for reading only
		k.runner.close()
	}
}

// make applies t and writes the result to path with its card.
func (k *kitchen) make(ctx context.Context, t compress.Technique, path string) (made, error) {
	if err := k.open(ctx); err != nil {
		return made{}, err
	}
	if t.Data && k.opt.Calibration == nil {
		return made{}, usage("%s needs real samples: --calibrate TASK:N or --calibrate FOLDER", t.Name)
	}
	doubts, err := compress.Foresee(k.m, t.Name, k.set, k.targets)
	if err != nil {
		return made{}, fmt.Errorf("%s: %w", k.base.name, err)
	}
	k.foreseen = doubts
	for _, d := range doubts {
		k.say(fmt.Sprintf("%s: on %v", t.Name, d))
	}
	out, r, err := t.Apply(ctx, k.m, k.opt)
	if err != nil {
		return made{}, fmt.Errorf("%s: %w", k.base.name, err)
	}
	if why := r.Idle(); why != "" {
		return made{}, fmt.Errorf("%s: %s changes nothing, so no file is made: %s", k.base.name, t.Name, why)
	}
	return k.write(ctx, t, path, k.m, out, r, nil)
}

// write writes out, which t made of before, to path with its card.
func (k *kitchen) write(ctx context.Context, t compress.Technique, path string, before, out *onnx.Model, r *compress.Report, plan *planCard) (made, error) {
	if err := r.Compare(ctx, before, out, k.opt); errors.Is(err, errors.ErrUnsupported) {
		r.Warnings = append(r.Warnings, err)
	} else if err != nil {
		return made{}, fmt.Errorf("%s: %w", k.base.name, err)
	}
	if err := onnx.WriteFile(path, out); err != nil {
		return made{}, err
	}
	if err := writeRecord(path, k, t, r, plan); err != nil {
		return made{}, err
	}
	return made{path, r}, nil
}

// samples opens what the model is calibrated on; nil where nothing is named.
func (k *kitchen) samples(in []engine.Desc) (bench.Dataset, error) {
	from := k.calibrate
	if from == "" && k.base.task != "" {
		from = fmt.Sprintf("%s:%d", k.base.task, defaultCalibration)
	}
	if from == "" {
		return nil, nil
	}
	if len(in) != 1 {
		return nil, fmt.Errorf("calibrate: images feed models with one input, this one has %d", len(in))
	}
	set, err := openSamples(from)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	k.from = from
	io := k.base.known
	if k.base.zoo == "" {
		io = (&feed{norm: k.base.norm}).guess(in[0])
	}
	return set.For(io), nil
}

// openSamples opens TASK:N, TASK or a folder. N is bound by what there is.
func openSamples(from string) (*task.Set, error) {
	name, count, numbered := strings.Cut(from, ":")
	card, err := zoo.Data(name)
	if err != nil {
		if st, e := os.Stat(from); e == nil && st.IsDir() {
			return task.Folder(os.DirFS(from), 0)
		}
		return nil, fmt.Errorf("%q is no folder and no task: %w", from, err)
	}
	n := 0
	if numbered {
		if n, err = strconv.Atoi(count); err != nil || n < 1 {
			return nil, fmt.Errorf("%q: want TASK:N with a number of samples, at least 1", from)
		}
	}
	set, err := task.Open(zoo.FS(), card, calibrationSplit, n)
	if err == nil && n > set.Total() {
		err = fmt.Errorf("%q: its calibration split has %d samples", from, set.Total())
	}
	return set, err
}

// batches yields the samples of s, n at a time.
func batches(s bench.Dataset, n int) iter.Seq2[[]tensor.Tensor, error] {
	return func(yield func([]tensor.Tensor, error) bool) {
		for i := 0; i < s.Len(); i += n {
			var list []tensor.Tensor
			for j := i; j < min(i+n, s.Len()); j++ {
				in, err := s.Input(j)
				if err != nil {
					yield(nil, err)
					return
				}
				list = append(list, in[0])
			}
			t, err := data.Batch(list)
			if !yield([]tensor.Tensor{t}, err) || err != nil {
				return
			}
		}
	}
}

// freeBatch returns how many samples of inputs in m takes at once.
func freeBatch(m *onnx.Model, in []engine.Desc) int {
	for _, v := range m.Graph.Inputs {
		if m.Graph.Initializer(v.Name) == nil && v.HasShape && len(v.Shape) > 0 && v.Shape[0].Param == "" && v.Shape[0].Value >= 0 {
			return int(max(v.Shape[0].Value, 1))
		}
	}
	numbers := 1
	for _, d := range in {
		if n, err := tensor.Elements(d.Shape); err == nil {
			numbers = max(numbers, n)
		}
	}
	return min(calibrationBatch, max(1, calibrationNumbers/numbers))
}

// inputs describes the true inputs of m with batch 1.
func inputs(m *onnx.Model) ([]engine.Desc, error) {
	var out []engine.Desc
	for _, v := range m.Graph.Inputs {
		if m.Graph.Initializer(v.Name) != nil {
			continue
		}
		d := engine.Desc{Name: v.Name, Type: v.Type}
		for i, s := range v.Shape {
			n := int(s.Value)
			if s.Param != "" || s.Value < 0 {
				if n = 1; i > 0 {
					return out, fmt.Errorf("dimension %d of input %q is not fixed", i, v.Name)
				}
			}
			d.Shape = append(d.Shape, n)
		}
		if !v.HasShape {
			return out, fmt.Errorf("input %q has no shape", v.Name)
		}
		out = append(out, d)
	}
	return out, nil
}
