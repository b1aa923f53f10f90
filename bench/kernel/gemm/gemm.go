// Package gemm multiplies float32 matrices, C = A·B, with B packed once
// beforehand: in a network B holds the weights. Everything is row-major.
package gemm

import "assay/bench/kernel/isa"

// A kernel computes C = A·B for A m×k, B packed in panels of its variant's nr
// columns, C m×n (rows ldc apart), and applies ep. Rows of c beyond n are not
// touched. k = 0 gives products of zero.
type kernel func(c []float32, ldc int, a A, b []float32, m, n, k int, ep Epilogue)

// A variant is one implementation of kernel.
type variant struct {
	name   string           // <isa>_<mr>x<nr>; the impl= key of benchmarks
	mr, nr int              // register tile; tests straddle its edges
	usable bool             // whether this CPU has the instructions
	takes  func(n int) bool // whether it is for matrices of n columns
	f      kernel
}

func always(int) bool { return true }

// variants lists every implementation in this build, best first. Pack chooses
// the first usable row that takes the number of columns; ref is last, always
// usable, and never build-tagged, so every machine can check its assembly
// against it.
var variants = append(archVariants(),
	variant{"go_2x4", 2, 4, true, always, finished(tile2x4)},
	variant{"ref_1x1", 1, 1, true, always, finished(ref)},
)

// choose returns the variant that this process runs for n columns.
func choose(n int) *variant {
	return isa.First(variants, func(v *variant) bool { return v.usable && v.takes(n) })
}

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	return isa.Rows("gemm.F32", len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })
}

// A B is a packed k×n matrix. It is read-only once packed, so that threads
// may share it.
type B struct {
	K, N int
	v    *variant
	data []float32
}

// PackedLen returns how many floats a packed k×n matrix takes.
func PackedLen(k, n int) int {
	nr := choose(n).nr
	return (n + nr - 1) / nr * nr * k
}

// Pack packs b, k×n row-major, or n×k where trans is set.
func Pack(b []float32, k, n int, trans bool) *B {
	p := New(k, n)
	p.Fill(make([]float32, PackedLen(k, n)), b, trans)
	return p
}

// New returns a k×n matrix without contents: for a B that is computed in each
// run and packed by Fill.
func New(k, n int) *B { return &B{K: k, N: n, v: choose(n)} }

// Fill packs b, as Pack does, into buf, at least PackedLen floats, which p
// keeps. It does not allocate.
func (p *B) Fill(buf, b []float32, trans bool) {
	p.data = buf[:PackedLen(p.K, p.N)]
	pack(p.data, b, p.K, p.N, p.v.nr, trans)
}

// Cut cuts p into parts of whole panels that take at most so many bytes each,
// or one panel: callers that multiply several left factors with a large matrix
// do so part by part, while it is in cache.
func (p *B) Cut(bytes int) []*B {
	panel := p.v.nr * p.K
	step := p.v.nr * max(bytes/max(4*panel, 1), 1)
	var out []*B
	for j := 0; j < p.N; j += step {
		n := min(step, p.N-j)
		out = append(out, &B{p.K, n, p.v, p.data[j*p.K:][:(n+p.v.nr-1)/p.v.nr*panel]})
	}
	return out
}

// Bytes returns the size of the packed matrix.
func (p *B) Bytes() int { return 4 * len(p.data) }

// pack writes b as panels of nr columns, each k×nr row-major, the last one
// filled up with zeros.
func pack(dst, b []float32, k, n, nr int, trans bool) {
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

// Mul computes C = A·B for A m×K and C m×N (rows ldc apart), then applies ep.
// It does not allocate.
func (p *B) Mul(c []float32, ldc int, a A, m int, ep *Epilogue) {
	p.v.f(c, ldc, a, p.data, m, p.N, p.K, *ep)
}
