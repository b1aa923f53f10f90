// Package spmm multiplies float32 activations with sparse matrices that are
// packed once beforehand: in a network, pruned weights. It computes for many
// pixels (rows of activations) at once: in a tile, channels × pixels, vectors
// run over pixels, so that every weight that is not zero costs one broadcast
// and nothing is gathered, wherever it stands (Elsen et al. 2020, "Fast Sparse
// ConvNets", §3.1). Activations are turned into tiles and back. Zeros are not
// multiplied, save those beside a weight in an entry of several columns: NaN
// and Inf do not pass through them.
package spmm

import "assay/bench/kernel/isa"

// A variant is one implementation.
type variant struct {
	name    string // <isa>_<columns>x<pixels>
	columns int    // of the matrix that an entry has weights for
	lanes   int    // pixels of a vector
	vectors int    // that are computed at once, at most
	usable  bool
	cost    Cost
	sums    summing
	turn    turning
	store   storing
}

// The parts of a variant. For p < lanes·vectors and the columns j of s, sums
// computes dst[j·ld+p] = clamp(Σ value·x[place+p] + bias[j], lo, hi); where
// bias is nil, dst itself is added. For p < lanes, turn computes dst[c·ld+p] =
// src[p·stride+c]. store computes y[p·ldy+c] = src[c·ld+p] for p < pixels and
// c < channels ≤ lanes, or clamp(src[c·ld+p] + add[p·ldy+c], lo, hi) where add
// is not nil; it may read lanes rows of src, and three pixels more than asked.
type (
	summing func(vectors int, dst []float32, ld int, x []float32, s stream, bias []float32, lo, hi float32)
	turning func(dst []float32, ld int, src []float32, stride, channels int)
	storing func(y []float32, ldy int, src []float32, ld, pixels, channels int, add []float32, lo, hi float32)
)

// A Cost says what a variant's work costs, in multiply-adds of a dense product
// with the same instructions: for one pixel an entry and a column, in a strip
// of very many vectors, and turning one float. Measured on a core of a Xeon
// (Sapphire Rapids) that shares its memory with others. Shifted is by how much
// an entry's cost grows where it reads vectors that begin anywhere: one of 64
// bytes then lies in two lines of the cache.
type Cost struct{ Entry, Column, Turn, Shifted float64 }

// Pixel returns what a pixel costs in strips of so many vectors, which share
// the loads of weights: a strip of one costs twice as much as one of many.
func (c Cost) Pixel(entries, columns, vectors int) float64 {
	return (float64(entries)*c.Entry + float64(columns)*c.Column) * (1 + 1/float64(vectors))
}

// variants lists every implementation in this build, those of the best
// instruction set first. A matrix gets the first usable row, or one of its
// pixels that costs less for where its zeros are.
var variants = append(archVariants(),
	variant{"go_1x8", 1, 4, 2, true, Cost{0.75, 2, 4, 1}, sums1x8, turns(4), store},
	variant{"ref_1x1", 1, 1, 1, true, Cost{1, 1, 4, 1}, ref, turns(1), store},
)

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	return isa.Rows("spmm.F32", len(variants), func(i int) (string, bool) { return variants[i].name, variants[i].usable })
}

// choose returns the variant that costs least for w, k×n: of the first usable
// one and those of its lanes.
func choose(w []float32, k, n int) *variant {
	best := isa.First(variants, func(v *variant) bool { return v.usable })
	least := best.weigh(w, k, n)
	for i := range variants {
		v := &variants[i]
		if !v.usable || v.lanes != best.lanes {
			continue
		}
		if c := v.weigh(w, k, n); c < least {
			best, least = v, c
		}
	}
	return best
}

// weigh returns what a pixel costs.
func (v *variant) weigh(w []float32, k, n int) float64 {
	return v.cost.Pixel(entries(w, k, n, v.columns), n, v.vectors)
}

// entries counts the entries of w, k×n: the groups of so many columns of a row
// that are not all zero.
func entries(w []float32, k, n, columns int) int {
	count := 0
	for i := range k {
		for j := 0; j < n; j += columns {
			if !zero(w[i*n+j : i*n+min(j+columns, n)]) {
				count++
			}
		}
	}
	return count
}

func zero(w []float32) bool {
	for _, v := range w {
		if v != 0 {
			return false
		}
	}
	return true
}
