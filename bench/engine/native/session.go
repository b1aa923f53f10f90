package native

import (
	"errors"
	"fmt"
	"slices"

	"assay/bench/engine"
	"assay/bench/kernel/pool"
	"assay/models/onnx"
	"assay/models/tensor"
)

// A session is one planned model.
type session struct {
	m       *onnx.Model // holds the bytes of constants
	pool    *pool.Pool
	env     *env
	outs    []int // slots of the outputs
	steps   []step
	in, out []engine.Desc
	sets    [][]tensor.Tensor
	packed  int64
	arena   int64
	nodes   []engine.Node // what the steps belong to
}

var (
	_ engine.Session  = (*session)(nil)
	_ engine.Sizer    = (*session)(nil)
	_ engine.Arena    = (*session)(nil)
	_ engine.Profiler = (*session)(nil)
)

func descs(values []*value) []engine.Desc {
	out := make([]engine.Desc, len(values))
	for i, v := range values {
		out[i] = engine.Desc{Name: v.name, Type: v.typ, Shape: slices.Clone(v.shape)}
	}
	return out
}

// IO describes the inputs and outputs, in graph order.
func (s *session) IO() (in, out []engine.Desc) { return s.in, s.out }

// PackedSize returns the bytes of all weights as the kernels read them.
func (s *session) PackedSize() int64 { return s.packed }

// ArenaSize returns the bytes that the plan gives to values and scratch.
// Weights lie beside them.
func (s *session) ArenaSize() int64 { return s.arena }

// Bind checks and keeps the tensors. Elements must be aligned for their type.
func (s *session) Bind(sets [][]tensor.Tensor, out []tensor.Tensor) error {
	if s.steps == nil {
		return errClosed
	}
	if len(sets) == 0 {
		return errors.New("bind: no input set")
	}
	for i, set := range sets {
		if err := check(s.in, set); err != nil {
			return fmt.Errorf("bind input set %d: %w", i, err)
		}
	}
	if err := check(s.out, out); err != nil {
		return fmt.Errorf("bind outputs: %w", err)
	}
	s.sets = sets
	for i, t := range out {
		s.env.buf[s.outs[i]] = t.Data
	}
	return nil
}

// check reports tensors that are not those that want describes.
func check(want []engine.Desc, got []tensor.Tensor) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for i, d := range want {
		t := got[i]
		if t.Type != d.Type || !slices.Equal(t.Shape, d.Shape) {
			return fmt.Errorf("%q is %v%v, want %v%v", d.Name, t.Type, t.Shape, d.Type, d.Shape)
		}
		if err := t.Check(); err != nil {
			return fmt.Errorf("%q: %w", d.Name, err)
		}
		if !aligned(t.Data, t.Type.Bits()/8) {
			return fmt.Errorf("%q: its bytes are not aligned for %v", d.Name, t.Type)
		}
	}
	return nil
}

var (
	errClosed  = errors.New("the session is closed")
	errUnbound = errors.New("run: nothing is bound, or no such input set")
	errIndex   = errors.New("run: an index in the model's data is out of range, or a loop ended before its outputs were full")
)

// Run computes the bound outputs from input set i. It does not allocate. With
// more than one thread it wakes the workers through channels.
func (s *session) Run(i int) error {
	if i < 0 || i >= len(s.sets) {
		return errUnbound
	}
	for k, t := range s.sets[i] {
		s.env.buf[k] = t.Data // inputs have the first slots
	}
	for k := range s.steps {
		s.steps[k].run()
	}
	if s.env.fault {
		s.env.fault = false
		return errIndex
	}
	return nil
}

// Close ends the threads and releases the model's file. Closing twice does
// nothing.
func (s *session) Close() error {
	if s.steps == nil {
		return nil
	}
	s.pool.Close()
	s.steps, s.sets, s.env = nil, nil, nil
	return s.m.Close()
}
