// Package qgemm multiplies 8-bit integer matrices into int32: c = Σ (a − z)·(b
// − w), with zero points z of A and w of each column of B. B is packed once
// beforehand. Results are exact while they fit int32.
package qgemm

import (
	"assay/bench/kernel/isa"
)

// A Matrix is a row-major matrix of 8-bit activations with one zero point.
type Matrix struct {
	Data   []byte
	Stride int   // elements from row to row
	Signed bool  // the bytes are int8, not uint8
	Zero   int32 // zero point
}

// A kernel computes c = (a − zero)·b for m rows of A and p's packed matrix b;
// scratch holds ScratchLen(p.K) elements. It leaves B's zero points to Mul.
type kernel func(p *B, c []int32, ldc int, a Matrix, m int, scratch []int64)

// A variant is one implementation of kernel.
type variant struct {
	name       string // <isa>_<mr>x<nr>
	mr, nr, kr int    // B is packed in panels of nr columns, kr elements of a column after each other
	sums       bool   // the kernel needs the sums of B's columns
	usable     bool
	takes      func(n int) bool // whether it is for matrices of n columns
	f          kernel
	form       *Form // of A; nil for kernels without runs
	runs       func(p *B, c []int32, ldc int, a Runs, m int)
}

func always(int) bool { return true }

// variants lists every implementation in this build, best first.
var variants = append(archVariants(),
	variant{"go_4x4", 4, 4, 1, false, true, always, tile4x4, nil, nil},
	variant{"ref_1x1", 1, 1, 1, false, true, always, ref, nil, nil},
)

// choose returns the variant that this process runs for n columns.
func choose(n int) *variant {
	return isa.First(variants, func(v *variant) bool { return v.usable && v.takes(n) })
}

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	return isa.Rows("qgemm.Int8", len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })
}

// A B is a packed k×n matrix of int8. It is read-only once packed.
type B struct {
	K, N int
	zero []int32 // of each column; nil where all are 0
	sums []int32 // of each column; nil where the kernel does not need them
	v    *variant
	data []int8
}

// PackedLen returns how many bytes a packed k×n matrix takes.
func PackedLen(k, n int) int { return choose(n).packedLen(k, n) }

func (v *variant) packedLen(k, n int) int { return up(n, v.nr) * up(k, v.kr) }

// up rounds n up to a multiple of m.
func up(n, m int) int { return (n + m - 1) / m * m }

// Pack packs b, k×n row-major, n×k where trans is set. zero holds the zero
// point of every column, or is nil where all are 0.
func Pack(b []int8, k, n int, trans bool, zero []int32) *B {
	p := New(k, n)
	p.Fill(make([]int8, PackedLen(k, n)), b, trans, zero)
	return p
}

// New returns a k×n matrix without contents, for a B that is computed in each
// run and packed by Fill.
func New(k, n int) *B { return choose(n).new(k, n) }

func (v *variant) new(k, n int) *B {
	p := &B{K: k, N: n, v: v}
	if v.sums {
		p.sums = make([]int32, n)
	}
	return p
}

// Fill packs b, as Pack does, into buf, at least PackedLen elements, which p
// keeps, as it keeps zero. It does not allocate.
func (p *B) Fill(buf, b []int8, trans bool, zero []int32) {
	p.data, p.zero = buf[:p.v.packedLen(p.K, p.N)], nil
	for _, z := range zero {
		if z != 0 {
			p.zero = zero
		}
	}
	rs, cs := p.N, 1
	if trans {
		rs, cs = 1, p.K
	}
	pack(p.data, b, p.K, p.N, p.v.nr, p.v.kr, rs, cs)
	for j := range p.sums {
		p.sums[j] = 0
		for x := range p.K {
			p.sums[j] += int32(b[x*rs+j*cs])
		}
	}
}

// Bytes returns the size of the packed matrix.
func (p *B) Bytes() int { return len(p.data) + 4*len(p.zero) + 4*len(p.sums) }

// pack writes b, whose rows and columns lie rs and cs apart, as panels of nr
// columns, in which kr elements of a column follow each other before those of
// the next column. Columns and rows are filled up with zeros.
func pack(dst, b []int8, k, n, nr, kr, rs, cs int) {
	for j := 0; j < n; j += nr {
		for x := 0; x < k; x += kr {
			for col := j; col < j+nr; col++ {
				for row := x; row < x+kr; row++ {
					dst[0] = 0
					if row < k && col < n {
						dst[0] = b[row*rs+col*cs]
					}
					dst = dst[1:]
				}
			}
		}
	}
}

// RowBlock is how many rows callers should multiply and finish at once: a
// multiple of the heights of tiles.
const RowBlock = 24

// mostRows is the height of the highest tile.
const mostRows = 12

// ScratchLen returns how many int64 Mul needs for inner size k: for a pair of
// rows as tile4x4 makes them, or for mostRows rows of int16.
func ScratchLen(k int) int { return max(2*min(k, chunk), mostRows*up(2*k, 8)/8) }

// Mul computes c = Σ (a − z)·(b − w) for m rows of A, m×K, into c, rows ldc
// apart. It does not allocate.
func (p *B) Mul(c []int32, ldc int, a Matrix, m int, scratch []int64) {
	p.v.f(p, c, ldc, a, m, scratch)
	if p.zero == nil {
		return
	}
	for i := range m {
		sum := rowSum(a, i, p.K)
		row := c[i*ldc:][:p.N]
		for j, z := range p.zero[:len(row)] {
			row[j] -= sum * z
		}
	}
}

// rowSum returns Σ (a − z) of row i.
func rowSum(a Matrix, i, k int) int32 {
	sum := -int32(k) * a.Zero
	for _, v := range a.Data[i*a.Stride:][:k] {
		if a.Signed {
			sum += int32(int8(v))
		} else {
			sum += int32(v)
		}
	}
	return sum
}
