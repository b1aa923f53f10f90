package native

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	attrs := []string{"activations", "direction", "hidden_size", "layout"}
	register(opDef{min: 3, max: 6, outs: 2, unnamed: true, attrs: attrs, plan: planRecurrent}, "RNN")
	register(opDef{min: 3, max: 6, outs: 2, unnamed: true, attrs: append([]string{"linear_before_reset"}, attrs...), plan: planRecurrent}, "GRU")
	register(opDef{min: 3, max: 8, outs: 3, unnamed: true, attrs: append([]string{"input_forget"}, attrs...), plan: planRecurrent}, "LSTM")
}

// A recurrent is one RNN, GRU or LSTM with the default activations (ONNX,
// Operators.md). Shapes: x [steps, batch, features], w [directions,
// gates·hidden, features], r [directions, gates·hidden, hidden], bias
// [directions, 2·gates·hidden], peepholes [directions, 3·hidden].
type recurrent struct {
	op                             string
	steps, batch, features, hidden int
	directions, gates              int
	reverse, batchFirst, reset     bool
	x, w, r, bias, lens, h0, c0, p int // slots; −1 where there is none
	out                            [3]int
	h, c, sums, own                []float32 // of one element of the batch
}

var gatesOf = map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4}

func planRecurrent(b *builder, n *node) error {
	x, w, r := n.in[0], n.in[1], n.in[2]
	if len(x.shape) != 3 || len(w.shape) != 3 || len(r.shape) != 3 || x.len() == 0 {
		return fmt.Errorf("input %v, weights %v and %v", x.shape, w.shape, r.shape)
	}
	s := &recurrent{op: n.op, gates: gatesOf[n.op], directions: w.shape[0], hidden: r.shape[2], features: x.shape[2], steps: x.shape[0], batch: x.shape[1]}
	if s.batchFirst = n.attrs.Int("layout", 0) != 0; s.batchFirst {
		s.steps, s.batch = s.batch, s.steps
	}
	direction := n.attrs.Str("direction", "forward")
	s.reverse, s.reset = direction == "reverse", n.attrs.Int("linear_before_reset", 0) != 0
	if n.attrs.Attr("activations") != nil || n.attrs.Int("input_forget", 0) != 0 {
		return fmt.Errorf("activations or a coupled gate: %w (the default ones are)", errors.ErrUnsupported)
	}
	rows := s.gates * s.hidden
	if (direction == "bidirectional") != (s.directions == 2) || s.directions > 2 || w.shape[1] != rows || w.shape[2] != s.features || r.shape[0] != s.directions || r.shape[1] != rows {
		return fmt.Errorf("input %v, weights %v and %v, direction %q", x.shape, w.shape, r.shape, direction)
	}
	if err := s.slots(b, n); err != nil {
		return err
	}
	s.h, s.c, s.sums, s.own = make([]float32, s.hidden), make([]float32, s.hidden), make([]float32, rows), make([]float32, rows)
	b.multiplies("ref_cell", int64(s.directions*s.steps*s.batch*rows)*int64(s.features+s.hidden))
	e := b.env
	b.step(func() {
		for d := range s.directions {
			for i := range s.batch {
				s.run(e, d, i)
			}
		}
	})
	return nil
}

// slots checks the optional inputs and the outputs and keeps their slots.
func (s *recurrent) slots(b *builder, n *node) error {
	state := s.directions * s.batch * s.hidden
	lens := map[int]int{3: s.directions * 2 * s.gates * s.hidden, 4: s.batch, 5: state, 6: state, 7: s.directions * 3 * s.hidden}
	for i, at := range []*int{&s.x, &s.w, &s.r, &s.bias, &s.lens, &s.h0, &s.c0, &s.p} {
		*at = -1
		v := n.arg(i)
		if v == nil {
			continue
		}
		typ := tensor.Float32
		if i == 4 {
			typ = tensor.Int32
		}
		if err := want(typ, v); err != nil {
			return err
		}
		if size, ok := lens[i]; ok && v.len() != size {
			return fmt.Errorf("input %d is %v, %d elements are wanted", i, v.shape, size)
		}
		*at = b.slot(v)
	}
	sizes := [3]int{s.steps * state, state, state}
	for i := range s.out {
		s.out[i] = -1
		if i < len(n.out) && n.out[i] != nil {
			if err := want(tensor.Float32, n.out[i]); err != nil {
				return err
			}
			if n.out[i].len() != sizes[i] {
				return fmt.Errorf("output %d is %v", i, n.out[i].shape)
			}
			s.out[i] = b.slot(n.out[i])
		}
	}
	return nil
}

// state returns the place of the state of batch element i in direction d.
func (s *recurrent) state(d, i int) int {
	if s.batchFirst {
		return (i*s.directions + d) * s.hidden
	}
	return (d*s.batch + i) * s.hidden
}

// run computes one direction of one element of the batch.
func (s *recurrent) run(e *env, d, i int) {
	clear(s.h)
	clear(s.c)
	if s.h0 >= 0 {
		copy(s.h, view[float32](e, s.h0)[s.state(d, i):])
	}
	if s.c0 >= 0 {
		copy(s.c, view[float32](e, s.c0)[s.state(d, i):])
	}
	count := s.steps
	if s.lens >= 0 {
		count = int(min(max(view[int32](e, s.lens)[i], 0), int32(s.steps)))
	}
	for k := range s.steps {
		t := k
		if (s.reverse || d == 1) && k < count {
			t = count - 1 - k
		}
		if k < count {
			s.step(e, d, i, t)
		}
		if s.out[0] < 0 {
			continue
		}
		at := ((t*s.directions+d)*s.batch + i) * s.hidden
		if s.batchFirst {
			at = ((i*s.steps+t)*s.directions + d) * s.hidden
		}
		y := view[float32](e, s.out[0])[at:][:s.hidden]
		clear(y)
		if k < count {
			copy(y, s.h)
		}
	}
	for j, v := range [2][]float32{s.h, s.c} {
		if s.out[1+j] >= 0 {
			copy(view[float32](e, s.out[1+j])[s.state(d, i):][:s.hidden], v)
		}
	}
}

// step advances the state by input t.
func (s *recurrent) step(e *env, d, i, t int) {
	rows := s.gates * s.hidden
	at := (t*s.batch + i) * s.features
	if s.batchFirst {
		at = (i*s.steps + t) * s.features
	}
	x := view[float32](e, s.x)[at:][:s.features]
	w, r := view[float32](e, s.w)[d*rows*s.features:], view[float32](e, s.r)[d*rows*s.hidden:]
	for g := range rows {
		s.sums[g], s.own[g] = dot(w[g*s.features:], x), dot(r[g*s.hidden:], s.h)
		if s.bias >= 0 {
			b := view[float32](e, s.bias)[d*2*rows:]
			s.sums[g] += b[g]
			s.own[g] += b[rows+g]
		}
	}
	switch s.op {
	case "RNN":
		for k := range s.hidden {
			s.h[k] = tanh(s.sums[k] + s.own[k])
		}
	case "GRU":
		s.gru(e, d, r)
	case "LSTM":
		s.lstm(e, d)
	}
}

// gru: gates z, r, h (Cho et al. 2014). Without linear_before_reset the reset
// gate scales the state before it is multiplied.
func (s *recurrent) gru(e *env, d int, r []float32) {
	n := s.hidden
	z, reset, candidate := s.sums[:n], s.sums[n:2*n], s.sums[2*n:]
	for k := range n {
		z[k], reset[k] = logistic(z[k]+s.own[k]), logistic(reset[k]+s.own[n+k])
	}
	if s.reset {
		for k := range n {
			candidate[k] = tanh(candidate[k] + reset[k]*s.own[2*n+k])
		}
	} else {
		for k := range n {
			s.own[k] = reset[k] * s.h[k] // the place is free now
		}
		for k := range n {
			v := candidate[k] + dot(r[(2*n+k)*n:], s.own[:n])
			if s.bias >= 0 {
				v += view[float32](e, s.bias)[d*6*n+5*n+k]
			}
			candidate[k] = tanh(v)
		}
	}
	for k := range n {
		s.h[k] = (1-z[k])*candidate[k] + z[k]*s.h[k]
	}
}

// lstm: gates i, o, f, c (Hochreiter and Schmidhuber 1997), with peepholes in
// the order i, o, f (Gers and Schmidhuber 2000).
func (s *recurrent) lstm(e *env, d int) {
	n := s.hidden
	for k := range n {
		in, out, forget := s.sums[k]+s.own[k], s.sums[n+k]+s.own[n+k], s.sums[2*n+k]+s.own[2*n+k]
		var p []float32
		if s.p >= 0 {
			p = view[float32](e, s.p)[d*3*n:]
			in, forget = in+p[k]*s.c[k], forget+p[2*n+k]*s.c[k]
		}
		s.c[k] = logistic(forget)*s.c[k] + logistic(in)*tanh(s.sums[3*n+k]+s.own[3*n+k])
		if p != nil {
			out += p[n+k] * s.c[k]
		}
		s.sums[k] = logistic(out) * tanh(s.c[k])
	}
	copy(s.h, s.sums[:n])
}

// dot multiplies the first elements of a with b.
func dot(a, b []float32) float32 {
	sum := float32(0)
	for i, v := range b {
		sum += a[i] * v
	}
	return sum
}

func tanh(v float32) float32     { return float32(math.Tanh(float64(v))) }
func logistic(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }
