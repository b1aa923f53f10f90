package runner

import (
	"errors"
	"fmt"

	"assay/models/tensor"
)

// A binding is sets of inputs with the outputs that their runs write.
type binding struct {
	sets [][]tensor.Tensor
	out  []tensor.Tensor
}

// bind splits ts into n sets and gives them to the session.
func (s *server) bind(n int, ts []tensor.Tensor) error {
	if s.ses == nil {
		return errNotLoaded
	}
	if n < 1 || len(ts) != n*len(s.in) {
		return fmt.Errorf("%d tensors do not make %d sets of %d inputs", len(ts), n, len(s.in))
	}
	b := binding{}
	for i := range n {
		set := ts[i*len(s.in) : (i+1)*len(s.in)]
		if err := s.fits(set); err != nil {
			return fmt.Errorf("input set %d: %w", i, err)
		}
		b.sets = append(b.sets, set)
	}
	var err error
	if b.out, err = s.outputs(); err != nil {
		return err
	}
	s.timed = b
	s.bound = nil
	return s.use(&s.timed)
}

// use binds b unless it is bound already.
func (s *server) use(b *binding) error {
	if s.bound == b {
		return nil
	}
	s.bound = nil
	if err := s.ses.Bind(b.sets, b.out); err != nil {
		return err
	}
	s.bound = b
	return nil
}

// infer runs once on in, in a binding of its own that is kept for the next
// call; the timed sets are bound again when they are needed.
func (s *server) infer(in []tensor.Tensor) ([]tensor.Tensor, error) {
	if s.ses == nil {
		return nil, errNotLoaded
	}
	if err := s.fits(in); err != nil {
		return nil, err
	}
	if s.scratch.sets == nil || !sameShapes(s.scratch.sets[0], in) {
		out, err := s.outputs()
		if err != nil {
			return nil, err
		}
		s.scratch = binding{[][]tensor.Tensor{in}, out}
		if s.bound == &s.scratch {
			s.bound = nil
		}
	} else {
		for i, t := range in {
			copy(s.scratch.sets[0][i].Data, t.Data)
		}
	}
	if err := s.use(&s.scratch); err != nil {
		return nil, err
	}
	if err := s.ses.Run(0); err != nil {
		return nil, err
	}
	return s.scratch.out, nil
}

var errNotLoaded = errors.New("no model is loaded")

// fits checks a set of inputs against the model; a dimension that the model
// leaves open takes any size.
func (s *server) fits(set []tensor.Tensor) error {
	if len(set) != len(s.in) {
		return fmt.Errorf("%d inputs, the model has %d", len(set), len(s.in))
	}
	for i, d := range s.in {
		t := set[i]
		if t.Type != d.Type {
			return fmt.Errorf("input %q is %v, the model wants %v", d.Name, t.Type, d.Type)
		}
		ok := len(t.Shape) == len(d.Shape)
		for j := 0; ok && j < len(t.Shape); j++ {
			ok = d.Shape[j] < 0 || t.Shape[j] == d.Shape[j]
		}
		if !ok {
			return fmt.Errorf("input %q has shape %v, the model wants %v", d.Name, t.Shape, d.Shape)
		}
	}
	return nil
}

// outputs allocates the outputs of one binding.
func (s *server) outputs() ([]tensor.Tensor, error) {
	out := make([]tensor.Tensor, len(s.out))
	for i, d := range s.out {
		if d.Type.Bits() == 0 {
			return nil, fmt.Errorf("output %q is of type %v: %w", d.Name, d.Type, errors.ErrUnsupported)
		}
		for _, n := range d.Shape {
			if n < 0 {
				return nil, fmt.Errorf("output %q has shape %v, known only when the model has run: %w", d.Name, d.Shape, errors.ErrUnsupported)
			}
		}
		if _, _, err := (shape{d.Type.String(), d.Shape}).size(); err != nil { // it must fit a frame
			return nil, fmt.Errorf("output %q: %w", d.Name, err)
		}
		out[i] = tensor.New(d.Type, d.Shape...)
	}
	return out, nil
}

func sameShapes(a, b []tensor.Tensor) bool {
	for i := range a {
		if len(a[i].Data) != len(b[i].Data) || len(a[i].Shape) != len(b[i].Shape) {
			return false
		}
		for j := range a[i].Shape {
			if a[i].Shape[j] != b[i].Shape[j] {
				return false
			}
		}
	}
	return true
}
