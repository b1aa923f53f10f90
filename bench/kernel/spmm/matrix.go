package spmm

import (
	"math"
	"slices"
)

// A stream is the entries of some columns in the order in which they are read:
// their weights, and how far the place of each lies behind the one before it
// of the same columns, or behind place 0.
type stream struct {
	steps  []uint16
	values []float32
	counts []int32 // entries of each group of columns
}

// A Matrix is a packed k×n matrix. It is read-only once packed, so that
// threads may share it.
type Matrix struct {
	K, N    int
	Entries int // weights, or groups of weights, that are not zero
	v       *variant
	w       []float32 // until it is packed
	extent  int       // largest place of an entry
	blocks  []stream  // inputs of a reach each
	starts  [][]int   // of each block: the entry that begins each vector of columns
}

// New returns w, k×n row-major, with the variant chosen for its zeros, not
// packed yet.
func New(w []float32, k, n int) *Matrix { return choose(w, k, n).matrix(w, k, n) }

func (v *variant) matrix(w []float32, k, n int) *Matrix {
	return &Matrix{K: k, N: n, Entries: entries(w, k, n, v.columns), v: v, w: w}
}

// Lanes returns how many pixels a vector has.
func (m *Matrix) Lanes() int { return m.v.lanes }

// Vectors returns how many vectors of pixels a strip has at most.
func (m *Matrix) Vectors() int { return m.v.vectors }

// Columns returns how many columns an entry has weights for.
func (m *Matrix) Columns() int { return m.v.columns }

// Cost returns what the matrix's variant costs.
func (m *Matrix) Cost() Cost { return m.v.cost }

// Bytes returns the size of the packed matrix.
func (m *Matrix) Bytes() int {
	n := 0
	for i, b := range m.blocks {
		n += 2*len(b.steps) + 4*len(b.values) + 4*len(b.counts) + 8*len(m.starts[i])
	}
	return n
}

// Pack packs the matrix for tiles in which the pixels of input k begin at
// place at(k). The inputs of a reach, places [i·reach, (i+1)·reach), are
// multiplied before those of the next, so that a strip of them stays in L1.
func (m *Matrix) Pack(at func(k int) int, reach int) {
	inputs := make([]input, m.K)
	for k := range inputs {
		inputs[k] = input{m.w[k*m.N:][:m.N], at(k)}
	}
	slices.SortStableFunc(inputs, func(a, b input) int { return a.place - b.place })
	for first := true; first || len(inputs) > 0; first = false {
		n := 0
		for n < len(inputs) && inputs[n].place/reach == inputs[0].place/reach {
			n++
		}
		m.pack(inputs[:n])
		inputs = inputs[n:]
	}
	m.w = nil
}

// An input is a row of a matrix and the place of its pixels in tiles.
type input struct {
	w     []float32
	place int
}

// pack adds a block.
func (m *Matrix) pack(inputs []input) {
	var s stream
	var starts []int
	cols := m.v.columns
	for j := 0; j < up(m.N, m.v.lanes); j += cols {
		if j%m.v.lanes == 0 {
			starts = append(starts, len(s.steps))
		}
		begin, last := len(s.steps), 0
		for _, in := range inputs {
			w := in.w[min(j, m.N):min(j+cols, m.N)]
			if zero(w) {
				continue
			}
			for ; in.place-last > math.MaxUint16; last += math.MaxUint16 {
				s.add(math.MaxUint16, nil, cols)
			}
			s.add(uint16(in.place-last), w, cols)
			last = in.place
			m.extent = max(m.extent, last)
		}
		s.counts = append(s.counts, int32(len(s.steps)-begin))
	}
	m.blocks, m.starts = append(m.blocks, s), append(m.starts, starts)
}

// add adds an entry, its weights filled up with zeros.
func (s *stream) add(step uint16, w []float32, columns int) {
	s.steps = append(s.steps, step)
	s.values = append(s.values, w...)
	s.values = append(s.values, make([]float32, columns-len(w))...)
}

// up rounds n up to a multiple of m.
func up(n, m int) int { return (n + m - 1) / m * m }

// vector returns the entries of block b for vector i of columns.
func (m *Matrix) vector(b, i int) stream {
	s, at, groups := m.blocks[b], m.starts[b][i], m.v.lanes/m.v.columns
	return stream{s.steps[at:], s.values[at*m.v.columns:], s.counts[i*groups:][:groups]}
}
