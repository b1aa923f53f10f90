package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/ew"
	"assay/bench/kernel/gemm"
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
	packed                         []cell    // of each direction, where the weights are constant
	plain                          gemm.Epilogue
}

// A cell holds the weights of one direction, packed: those of the input, those
// of the state, and of these the candidate's alone where a GRU multiplies it
// after the others.
type cell struct{ w, r, candidate *gemm.B }

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
	kernel := "ref_cell"
	if fixedCell(n) {
		s.pack(b, w.floats(), r.floats())
		kernel = s.packed[0].w.Variant()
	}
	s.h, s.c, s.sums, s.own = make([]float32, s.hidden), make([]float32, s.hidden), make([]float32, rows), make([]float32, rows)
	b.multiplies(kernel, int64(s.directions*s.steps*s.batch*rows)*int64(s.features+s.hidden))
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

// fixedCell reports whether n's weights can be packed.
func fixedCell(n *node) bool {
	return n.in[1].konst && n.in[2].konst && n.in[1].len() > 0 && n.in[2].len() > 0
}

// pack packs constant weights. Rows of the files' matrices are columns of the
// products'.
func (s *recurrent) pack(b *builder, w, r []float32) {
	rows := s.gates * s.hidden
	s.plain = gemm.None()
	for d := range s.directions {
		own := r[d*rows*s.hidden:][:rows*s.hidden]
		c := cell{w: gemm.Pack(w[d*rows*s.features:][:rows*s.features], s.features, rows, true)}
		if s.op == "GRU" && !s.reset {
			both := 2 * s.hidden
			c.r, c.candidate = gemm.Pack(own[:both*s.hidden], s.hidden, both, true), gemm.Pack(own[both*s.hidden:], s.hidden, s.hidden, true)
			b.packed += c.candidate.Bytes()
		} else {
			c.r = gemm.Pack(own, s.hidden, rows, true)
		}
		b.packed += c.w.Bytes() + c.r.Bytes()
		s.packed = append(s.packed, c)
	}
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
		if (i == 1 || i == 2) && fixedCell(n) {
			continue // pack's
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
	s.products(e, d, x)
	if s.bias >= 0 {
		b := view[float32](e, s.bias)[d*2*rows:]
		for g := range rows {
			s.sums[g] += b[g]
			s.own[g] += b[rows+g]
		}
	}
	switch s.op {
	case "RNN":
		for g, v := range s.own {
			s.sums[g] += v
		}
		ew.Map(s.h, s.sums, ew.Tanh)
	case "GRU":
		s.gru(e, d)
	case "LSTM":
		s.lstm(e, d)
	}
}

// products multiplies the input x and the state by their weights.
func (s *recurrent) products(e *env, d int, x []float32) {
	rows := s.gates * s.hidden
	if s.packed != nil {
		c := &s.packed[d]
		c.w.Mul(s.sums, rows, gemm.A{Data: x, Stride: s.features}, 1, &s.plain)
		c.r.Mul(s.own, c.r.N, gemm.A{Data: s.h, Stride: s.hidden}, 1, &s.plain)
		clear(s.own[c.r.N:]) // gru's
		return
	}
	w, r := view[float32](e, s.w)[d*rows*s.features:], view[float32](e, s.r)[d*rows*s.hidden:]
	for g := range rows {
		s.sums[g], s.own[g] = dot(w[g*s.features:], x), dot(r[g*s.hidden:], s.h)
	}
}

// gru: gates z, r, h (Cho et al. 2014). Without linear_before_reset the reset
// gate scales the state before it is multiplied.
func (s *recurrent) gru(e *env, d int) {
	n := s.hidden
	z, reset, candidate := s.sums[:n], s.sums[n:2*n], s.sums[2*n:]
	for k, v := range s.own[:2*n] {
		s.sums[k] += v
	}
	ew.Map(s.sums[:2*n], s.sums[:2*n], ew.Sigmoid)
	if !s.reset {
		s.again(e, d, reset)
	} else {
		for k, v := range reset {
			candidate[k] += v * s.own[2*n+k]
		}
	}
	ew.Map(candidate, candidate, ew.Tanh)
	for k := range n {
		s.h[k] = (1-z[k])*candidate[k] + z[k]*s.h[k]
	}
}

// again adds the product of the candidate's weights with the state that the
// reset gate has scaled, and its bias.
func (s *recurrent) again(e *env, d int, reset []float32) {
	n := s.hidden
	candidate, scaled, product := s.sums[2*n:], s.own[:n], s.own[2*n:] // the places are free now
	for k, v := range reset {
		scaled[k] = v * s.h[k]
	}
	if s.packed != nil {
		s.packed[d].candidate.Mul(product, n, gemm.A{Data: scaled, Stride: n}, 1, &s.plain)
	} else {
		r := view[float32](e, s.r)[d*3*n*n:]
		for k := range n {
			product[k] = dot(r[(2*n+k)*n:], scaled)
		}
	}
	for k, v := range product {
		candidate[k] += v
	}
	if s.bias >= 0 {
		for k, v := range view[float32](e, s.bias)[d*6*n+5*n:][:n] {
			candidate[k] += v
		}
	}
}

// lstm: gates i, o, f, c (Hochreiter and Schmidhuber 1997), with peepholes in
// the order i, o, f (Gers and Schmidhuber 2000): the output's looks at the new
// state.
func (s *recurrent) lstm(e *env, d int) {
	n := s.hidden
	in, out, forget, candidate := s.sums[:n], s.sums[n:2*n], s.sums[2*n:3*n], s.sums[3*n:]
	for k, v := range s.own {
		s.sums[k] += v
	}
	var p []float32
	if s.p >= 0 {
		p = view[float32](e, s.p)[d*3*n:][:3*n]
		for k, c := range s.c {
			in[k] += p[k] * c
			forget[k] += p[2*n+k] * c
		}
	}
	ew.Map(in, in, ew.Sigmoid)
	ew.Map(forget, forget, ew.Sigmoid)
	ew.Map(candidate, candidate, ew.Tanh)
	for k := range n {
		s.c[k] = forget[k]*s.c[k] + in[k]*candidate[k]
	}
	if p != nil {
		for k, c := range s.c {
			out[k] += p[n+k] * c
		}
	}
	ew.Map(out, out, ew.Sigmoid)
	ew.Map(candidate, s.c, ew.Tanh)
	for k := range n {
		s.h[k] = out[k] * candidate[k]
	}
}

// dot multiplies the first elements of a with b.
func dot(a, b []float32) float32 {
	sum := float32(0)
	for i, v := range b {
		sum += a[i] * v
	}
	return sum
}
