// Package int4 multiplies float32 activations with 4-bit weights, blocks of
// which have a scale and a zero point each (ONNX Runtime's MatMulNBits): y =
// x·(q − zero)·scale. Weights stay packed in memory and are unpacked in
// registers. Activations are used as they are, or, where less accuracy is
// asked for, quantized to int8 block by block.
package int4

import "assay/bench/kernel/isa"

// A variant is one implementation.
type variant struct {
	name        string // <isa>_<rows>x<lanes>
	rows, lanes int    // largest tile
	s8          bool   // activations are quantized
	usable      bool
	f           func(t tile)
	quantize    func(dst []int8, x, info []float32, step, blocks, block int) // whole blocks of a row; nil is Go's
}

// variants lists every implementation in this build, best first; ref is last.
var variants = append(archVariants(), variant{"ref_1x1", 1, 1, false, true, ref, nil})

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, t := range []struct {
		operator string
		s8       bool
	}{{"int4.F32", false}, {"int4.Int8", true}} {
		var own []variant
		for _, v := range variants {
			if v.takes(t.s8) {
				own = append(own, v)
			}
		}
		rows = append(rows, isa.Rows(t.operator, len(own), func(i int) (string, bool) { return own[i].name, own[i].usable })...)
	}
	return rows
}

// takes reports whether v is for activations that may be quantized, or must not
// be. The reference never quantizes them and takes both.
func (v *variant) takes(s8 bool) bool { return v.s8 == s8 || v.rows*v.lanes == 1 }

func choose(s8 bool) *variant {
	return isa.First(variants, func(v *variant) bool { return v.usable && v.takes(s8) })
}

// A Matrix is a packed k×n matrix. It is read-only, so that threads may share
// it.
type Matrix struct {
	K, N, Block int
	blocks      int // of a column
	v           *variant
	data        []byte    // panels of lanes columns
	scales      []float32 // panel × block × lane
	zeros       []byte    // likewise
}

// Pack packs q: column after column (n × blocks × block/2 bytes), two weights
// to a byte, the first in the low half. scales has n × blocks elements; zeros
// has the zero points, n × ⌈blocks/2⌉ bytes, or is nil where all are 8. The
// last block is filled up. Where rough is set, activations may be quantized.
func Pack(q []byte, scales []float32, zeros []byte, k, n, block int, rough bool) *Matrix {
	return choose(rough).pack(q, scales, zeros, k, n, block)
}

func (v *variant) pack(q []byte, scales []float32, zeros []byte, k, n, block int) *Matrix {
	blocks := (k + block - 1) / block
	panels := (n + v.lanes - 1) / v.lanes
	m := &Matrix{K: k, N: n, Block: block, blocks: blocks, v: v, data: make([]byte, 0, panels*v.lanes*blocks*block/2)}
	m.scales, m.zeros = make([]float32, panels*v.lanes*blocks), make([]byte, panels*v.lanes*blocks)
	for j := range n {
		for b := range blocks {
			at := (j/v.lanes*blocks+b)*v.lanes + j%v.lanes
			m.scales[at], m.zeros[at] = scales[j*blocks+b], 8
			if zeros != nil {
				m.zeros[at] = zeros[j*((blocks+1)/2)+b/2] >> (4 * (b % 2)) & 15
			}
		}
	}
	for p := range panels {
		for i := 0; i < blocks*block; i += 8 {
			for j := p * v.lanes; j < (p+1)*v.lanes; j++ {
				var w [4]byte // inputs i to i+3 in the low halves, i+4 to i+7 in the high ones
				for t := 0; j < n && t < 8; t++ {
					x := q[(j*blocks*block+i+t)/2] >> (4 * (t % 2)) & 15
					w[t%4] |= x << (4 * (t / 4))
				}
				m.data = append(m.data, w[:]...)
			}
		}
	}
	return m
}

// Bytes returns the size of the packed matrix.
func (m *Matrix) Bytes() int { return len(m.data) + 4*len(m.scales) + len(m.zeros) }

// Panels returns how many panels of columns Run can be split into.
func (m *Matrix) Panels() int { return (m.N + m.v.lanes - 1) / m.v.lanes }

// padded returns K rounded up to whole blocks.
func (m *Matrix) padded() int { return m.blocks * m.Block }

// A tile is some rows by a panel of columns.
type tile struct {
	m          *Matrix
	panel      int
	rows, cols int
	y          []float32
	ldy        int
	x          []float32 // of the first row; of a variant with s8 int8
	ldx        int       // elements
	info       []float32 // of each block and row: the sum of the activations, with s8 their scales before them
	bias       []float32 // of the columns, or nil
}

// Run computes panels [from, to) of y = x·B + bias for m rows that Prepare
// prepared in scratch; rows of y are N apart, bias may be nil. It does not
// allocate; panels may be computed at once.
func (m *Matrix) Run(y, x []float32, rows int, scratch, bias []float32, from, to int) {
	v := m.v
	p := m.layout(x, rows, scratch)
	for panel := from; panel < to; panel++ {
		j := panel * v.lanes
		t := tile{m: m, panel: panel, cols: min(v.lanes, m.N-j), ldy: m.N, ldx: p.ldx}
		if bias != nil {
			t.bias = bias[j:][:t.cols]
		}
		for i, high := 0, (rows+v.rows-1)/v.rows; i < rows; high-- {
			t.rows = (rows - i + high - 1) / high
			t.y = y[i*m.N+j : (i+t.rows-1)*m.N+j+t.cols]
			t.x, t.info = p.x[i*p.step:], p.info[i*p.facts:][:t.rows*p.facts]
			v.f(t)
			i += t.rows
		}
	}
}
