package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/engine/native"
	"assay/bench/runner"
	"assay/models"
	"assay/models/compress"
	"assay/models/onnx"
	"assay/models/tensor"
)

// forwards runs models for compression: on the native engine, or on an ONNX
// Runtime worker where the native engine lacks an operator.
type forwards struct {
	ctx     context.Context
	workers []*ortForward
	last    string // the engine that ran last
}

// liveWorkers bounds the models that are held open at a time: techniques look
// at two together.
const liveWorkers = 3

// open implements compress.Options.Forward.
func (f *forwards) open(m *onnx.Model, want []string) (compress.Forward, error) {
	run, err := native.Forward(m, want)
	if err != nil {
		return f.other(m, want, err)
	}
	return func(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
		f.last = "native"
		out, err := run(in)
		if errors.Is(err, errors.ErrUnsupported) { // some is found out only by planning
			if run, err = f.other(m, want, err); err == nil {
				return run(in)
			}
		}
		return out, err
	}, nil
}

// other opens m on ONNX Runtime; why is what the native engine said.
func (f *forwards) other(m *onnx.Model, want []string, why error) (compress.Forward, error) {
	cmd, err := workerCommand(bench.Case{Engine: "onnxruntime"})
	if err != nil {
		return nil, fmt.Errorf("%w; %v", why, err)
	}
	o := &ortForward{ctx: f.ctx, cmd: cmd, m: m, want: want, why: why}
	if len(f.workers) == liveWorkers { // one that is asked again starts again
		f.workers[0].end()
		f.workers = f.workers[1:]
	}
	f.workers = append(f.workers, o)
	return func(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
		f.last = "onnxruntime"
		return o.run(in)
	}, nil
}

// close ends the workers.
func (f *forwards) close() {
	for _, o := range f.workers {
		o.end()
	}
}

// An ortForward runs one model in a worker; what is wanted becomes an output.
type ortForward struct {
	ctx   context.Context
	cmd   runner.Command
	m     *onnx.Model
	want  []string
	why   error
	w     *runner.Worker
	batch int
	names []string // of the worker's outputs
}

func (o *ortForward) run(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
	batch := 1
	if len(in) > 0 && len(in[0].Shape) > 0 {
		batch = in[0].Shape[0]
	}
	if o.w == nil || batch != o.batch {
		o.end()
		if err := o.start(batch); err != nil {
			return nil, fmt.Errorf("onnxruntime: %w (native: %v)", err, o.why)
		}
	}
	got, err := o.w.Infer(o.ctx, in)
	if err != nil {
		return nil, fmt.Errorf("onnxruntime: %w", err)
	}
	out := map[string]tensor.Tensor{}
	for i, name := range o.names {
		out[name] = got[i]
	}
	for i, v := range o.m.Graph.Inputs {
		if slices.Contains(o.want, v.Name) && i < len(in) {
			out[v.Name] = in[i]
		}
	}
	return out, nil
}

// start opens the model with the values that are wanted as outputs.
func (o *ortForward) start(batch int) error {
	m := o.m.Clone()
	made := m.Graph.Producers()
	for _, s := range o.want {
		if made[s] != nil && !m.Graph.IsOutput(s) {
			m.Graph.Outputs = append(m.Graph.Outputs, onnx.ValueInfo{Name: s})
		}
	}
	if err := typed(m); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "assay-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.onnx")
	if err := onnx.WriteFile(path, m); err != nil {
		return err
	}
	w, err := runner.Start(o.ctx, o.cmd)
	if err != nil {
		return err
	}
	l, err := w.Load(o.ctx, models.Artifact{Path: path, Format: "onnx"}, engine.Options{Provider: "cpu", Threads: 1, Batch: batch})
	if err != nil {
		w.Kill()
		return err
	}
	o.w, o.batch, o.names = w, batch, nil
	for _, d := range l.Out {
		o.names = append(o.names, d.Name)
	}
	return nil
}

// typed gives the outputs that have no type the one that inference finds:
// ONNX Runtime wants it.
func typed(m *onnx.Model) error {
	known, err := onnx.InferShapes(m, nil)
	if err != nil {
		return err
	}
	for i, v := range m.Graph.Outputs {
		if v.Type == tensor.Undefined {
			m.Graph.Outputs[i] = known[v.Name]
			m.Graph.Outputs[i].Name = v.Name
		}
	}
	return nil
}

func (o *ortForward) end() {
	if o.w != nil {
		_ = o.w.Close(o.ctx) // it is of no more use either way
		o.w = nil
	}
}
