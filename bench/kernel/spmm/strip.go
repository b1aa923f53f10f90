package spmm

import "assay/bench/kernel/gemm"

// A Strip is some vectors of pixels, next to each other in a tile. Pixels are
// counted in lines of Pitch, of which Width are in the result: those between
// are computed in vain, so that a vector may run from one line to the next.
type Strip struct {
	X            []float32 // the tile from the strip's first pixel on
	Vectors      int
	First, End   int // pixels of the result are those from First to before End
	Pitch, Width int
}

// Turn turns a vector of pixels, stride apart in src, into the tile: channel c
// begins at dst[c·ld].
func (m *Matrix) Turn(dst []float32, ld int, src []float32, stride, channels int) {
	m.v.turn(dst, ld, src, stride, channels)
}

// ld returns how far the columns of a strip's sums lie apart: room for three
// pixels more, and no multiple of a large power of two, which would put
// columns into the same sets of a cache.
func (m *Matrix) ld() int { return m.v.lanes*m.v.vectors + 16 }

// rows returns how many columns are summed before they are stored: all, where
// sums continue in the next block.
func (m *Matrix) rows() int {
	if len(m.blocks) > 1 {
		return up(m.N, m.v.lanes)
	}
	return m.v.lanes
}

// Scratch returns how many floats Sum needs, a multiple of 16.
func (m *Matrix) Scratch() int { return up(m.rows()*m.ld()+up(m.N, m.v.lanes), 16) }

// Sum computes the strip's pixels of the result, y, rows ldy apart, then ep,
// whose Add has y's strides. It does not allocate.
func (m *Matrix) Sum(y []float32, ldy int, s *Strip, scratch []float32, ep *gemm.Epilogue) {
	lanes, none := m.v.lanes, gemm.None()
	_ = s.X[m.extent+s.Vectors*lanes-1]
	bias, sums := scratch[:up(m.N, lanes)], scratch[up(m.N, lanes):]
	clear(bias)
	copy(bias, ep.Bias)
	last, lo, hi := len(m.blocks)-1, ep.Lo, ep.Hi
	if ep.Add != nil { // what is added comes before the bounds
		lo, hi = none.Lo, none.Hi
	}
	for b := range m.blocks {
		for i := range len(bias) / lanes {
			row, start := i*lanes*m.ld(), bias[i*lanes:][:lanes]
			if last == 0 {
				row = 0
			}
			if b > 0 {
				start = nil
			}
			if b == last {
				m.v.sums(s.Vectors, sums[row:], m.ld(), s.X, m.vector(b, i), start, lo, hi)
				m.store(y, ldy, s, sums[row:], i*lanes, ep)
			} else {
				m.v.sums(s.Vectors, sums[row:], m.ld(), s.X, m.vector(b, i), start, none.Lo, none.Hi)
			}
		}
	}
}

// store stores the sums of the columns from channel on, line by line.
func (m *Matrix) store(y []float32, ldy int, s *Strip, sums []float32, channel int, ep *gemm.Epilogue) {
	for q := s.First; q < s.End; {
		line, at := q/s.Pitch, q%s.Pitch
		n := min(s.Width-at, s.End-q)
		if n > 0 {
			first := (line*s.Width+at)*ldy + channel
			var add []float32
			if ep.Add != nil {
				add = ep.Add[first:]
			}
			m.v.store(y[first:], ldy, sums[q-s.First:], m.ld(), n, min(m.v.lanes, m.N-channel), add, ep.Lo, ep.Hi)
		}
		q = min(s.End, (line+1)*s.Pitch)
	}
}
