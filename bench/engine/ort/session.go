package ort

import (
	"errors"
	"fmt"
	"maps"
	"strconv"

	"assay/bench/engine"
	"assay/models"
	"assay/models/tensor"

	ort "github.com/yalue/onnxruntime_go"
)

// A session is one loaded model with one I/O binding per input set.
type session struct {
	s        *ort.DynamicAdvancedSession
	in, out  []engine.Desc
	settings map[string]string
	library  string // path
	artifact models.Artifact
	options  engine.Options

	binds  []*ort.IoBinding
	values []ort.Value // of all bindings; they keep the bound memory alive
	sets   [][]tensor.Tensor
	bound  []tensor.Tensor // outputs
}

var (
	_ engine.Session  = (*session)(nil)
	_ engine.Arena    = (*session)(nil)
	_ engine.Profiler = (*session)(nil)
)

// open opens a; trace, unless it is empty, is where the profiler's file will
// begin with.
func open(library string, a models.Artifact, o engine.Options, trace string) (_ *session, err error) {
	in, out, err := describe(a.Path, o.Batch)
	if err != nil {
		return nil, err
	}
	opt, err := options(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opt.Destroy()) }()
	if trace != "" {
		if err := opt.EnableProfiling(trace); err != nil {
			return nil, fmt.Errorf("switch the profiler on: %w", clean(err))
		}
	}
	s := &session{in: in, out: out, settings: settings(library), library: library, artifact: a, options: o}
	s.settings["provider"] = o.Provider
	s.settings["intra_op_threads"] = strconv.Itoa(o.Threads)
	if s.s, err = ort.NewDynamicAdvancedSession(a.Path, names(in), names(out), opt); err != nil {
		return nil, fmt.Errorf("open %s: %w", a.Path, clean(err))
	}
	if err := s.settle(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// options are what kernels.md of the project's measurements recommends: one
// inter-op thread, sequential, everything optimised, no spinning.
func options(o engine.Options) (_ *ort.SessionOptions, err error) {
	s, err := ort.NewSessionOptions()
	if err != nil {
		return nil, clean(err)
	}
	set := []error{
		s.SetIntraOpNumThreads(o.Threads),
		s.SetInterOpNumThreads(1),
		s.SetExecutionMode(ort.ExecutionModeSequential),
		s.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		s.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		s.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		s.SetCpuMemArena(true),
		s.SetMemPattern(true),
	}
	if err = errors.Join(set...); err != nil {
		err = fmt.Errorf("session options: %w", clean(err))
	} else {
		err = use(s, o)
	}
	if err != nil {
		return nil, errors.Join(err, s.Destroy())
	}
	return s, nil
}

// IO implements engine.Session.
func (s *session) IO() (in, out []engine.Desc) { return s.in, s.out }

// Settings says what this session uses.
func (s *session) Settings() map[string]string { return maps.Clone(s.settings) }

// Bind implements engine.Session: one I/O binding per set, so that a run
// finds everything in place.
func (s *session) Bind(sets [][]tensor.Tensor, out []tensor.Tensor) error {
	if err := s.unbind(); err != nil {
		return err
	}
	outs, err := s.wrap(s.out, out, "output")
	if err != nil {
		return err
	}
	for i, set := range sets {
		ins, err := s.wrap(s.in, set, "input")
		if err != nil {
			return fmt.Errorf("set %d: %w", i, err)
		}
		b, err := s.s.CreateIoBinding()
		if err != nil {
			return fmt.Errorf("bind set %d: %w", i, clean(err))
		}
		s.binds = append(s.binds, b)
		for j, v := range ins {
			if err := b.BindInput(s.in[j].Name, v); err != nil {
				return fmt.Errorf("bind input %q of set %d: %w", s.in[j].Name, i, clean(err))
			}
		}
		for j, v := range outs {
			if err := b.BindOutput(s.out[j].Name, v); err != nil {
				return fmt.Errorf("bind output %q: %w", s.out[j].Name, clean(err))
			}
		}
	}
	s.sets, s.bound = sets, out
	return nil
}

// wrap makes values over the memory of ts, which s.values keeps.
func (s *session) wrap(ds []engine.Desc, ts []tensor.Tensor, what string) ([]ort.Value, error) {
	if len(ts) != len(ds) {
		return nil, fmt.Errorf("%d %ss, the model has %d", len(ts), what, len(ds))
	}
	out := make([]ort.Value, len(ts))
	for i, t := range ts {
		v, err := value(t)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", what, ds[i].Name, err)
		}
		out[i] = v
		s.values = append(s.values, v)
	}
	return out, nil
}

// value wraps t's memory without a copy. ONNX's numbers of element types are
// those of ONNX Runtime's C API.
func value(t tensor.Tensor) (ort.Value, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if len(t.Shape) == 0 || len(t.Data) == 0 {
		return nil, fmt.Errorf("a %v of shape %v cannot be bound: %w", t.Type, t.Shape, errors.ErrUnsupported)
	}
	shape := make(ort.Shape, len(t.Shape))
	for i, d := range t.Shape {
		shape[i] = int64(d)
	}
	v, err := ort.NewCustomDataTensor(shape, t.Data, ort.TensorElementDataType(t.Type))
	if err != nil {
		return nil, clean(err)
	}
	return v, nil
}

// Run implements engine.Session. It is the timed region: one call into the
// library, nothing allocated on the Go side.
func (s *session) Run(i int) error {
	if err := s.s.RunWithBinding(s.binds[i]); err != nil {
		return clean(err)
	}
	return nil
}

func (s *session) unbind() error {
	var errs []error
	for _, b := range s.binds {
		errs = append(errs, b.Destroy())
	}
	for _, v := range s.values {
		errs = append(errs, v.Destroy())
	}
	s.binds, s.values, s.sets, s.bound = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Close implements engine.Session.
func (s *session) Close() error {
	return errors.Join(s.unbind(), s.s.Destroy())
}
