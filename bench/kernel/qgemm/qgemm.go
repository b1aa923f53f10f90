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

// A kernel computes c = (a − zero)·b for m rows of A, b packed in panels of
// its variant's nr columns; scratch holds scratchLen(k) elements. It leaves
// B's zero points to Mul.
type kernel func(c []int32, ldc int, a Matrix, b []int8, m, n, k int, scratch []int64)

// A variant is one implementation of kernel.
type variant struct {
	name   string // <isa>_<mr>x<nr>
	mr, nr int
	usable bool
	f      kernel
}

// variants lists every implementation in this build, best first.
var variants = []variant{
	{"go_4x4", 4, 4, true, tile4x4},
	{"ref_1x1", 1, 1, true, ref},
}

var chosen = isa.First(variants, func(v *variant) bool { return v.usable })

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	return isa.Rows("qgemm.Int8", len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })
}

// A B is a packed k×n matrix of int8. It is read-only once packed.
type B struct {
	K, N int
	zero []int32 // of each column; nil where all are 0
	v    *variant
	data []int8
}

// PackedLen returns how many bytes a packed k×n matrix takes.
func PackedLen(k, n int) int { return (n + chosen.nr - 1) / chosen.nr * chosen.nr * k }

// Pack packs b, k×n row-major, n×k where trans is set. zero holds the zero
// point of every column, or is nil where all are 0.
func Pack(b []int8, k, n int, trans bool, zero []int32) *B {
	p := New(k, n)
	p.Fill(make([]int8, PackedLen(k, n)), b, trans, zero)
	return p
}

// New returns a k×n matrix without contents, for a B that is computed in each
// run and packed by Fill.
func New(k, n int) *B { return &B{K: k, N: n, v: chosen} }

// Fill packs b, as Pack does, into buf, at least PackedLen elements, which p
// keeps, as it keeps zero. It does not allocate.
func (p *B) Fill(buf, b []int8, trans bool, zero []int32) {
	p.data, p.zero = buf[:PackedLen(p.K, p.N)], nil
	for _, z := range zero {
		if z != 0 {
			p.zero = zero
		}
	}
	pack(p.data, b, p.K, p.N, p.v.nr, trans)
}

// Bytes returns the size of the packed matrix.
func (p *B) Bytes() int { return len(p.data) + 4*len(p.zero) }

// pack writes b as panels of nr columns, each k×nr row-major, the last one
// filled up with zeros.
func pack(dst, b []int8, k, n, nr int, trans bool) {
	rs, cs := n, 1
	if trans {
		rs, cs = 1, k
	}
	for j := 0; j < n; j += nr {
		w := min(nr, n-j)
		for p := range k {
			row := dst[:nr]
			dst = dst[nr:]
			for x := range w {
				row[x] = b[p*rs+(j+x)*cs]
			}
			clear(row[w:])
		}
	}
}

// RowBlock is how many rows callers should multiply and finish at once.
const RowBlock = 16

// ScratchLen returns how many int64 Mul needs for inner size k.
func ScratchLen(k int) int { return 2 * min(k, chunk) }

// Mul computes c = Σ (a − z)·(b − w) for m rows of A, m×K, into c, rows ldc
// apart. It does not allocate.
func (p *B) Mul(c []int32, ldc int, a Matrix, m int, scratch []int64) {
	p.v.f(c, ldc, a, p.data, m, p.N, p.K, scratch)
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
