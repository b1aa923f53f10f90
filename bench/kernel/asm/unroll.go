package asm

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// An Unrolled is a loop that adds to several sets of sums in turn, so that
// enough of them are in flight to hide the latency of the multipliers.
type Unrolled struct {
	sets   [][]VecVirtual
	suffix string // of labels
}

// Unroll returns a loop of n sums to a set, of 1, 2 or 4 sets: as many as give
// enough sums. They are zero. AVX2 has 16 registers (avo would go on with those
// of AVX-512), of which up to 12 are sums.
func (v Set) Unroll(n, enough int) Unrolled {
	u := Unrolled{sets: [][]VecVirtual{v.Zeros(n)}}
	for len(u.sets) < 4 && n*len(u.sets) < enough && (v.Lanes == 16 || 2*n*len(u.sets) <= 12) {
		for range u.sets {
			u.sets = append(u.sets, v.Zeros(n))
		}
	}
	return u
}

// Named returns l with another suffix for its labels.
func (l Unrolled) Named(suffix string) Unrolled {
	l.suffix = suffix
	return l
}

// First returns the sums that Fold will return, for another start than zero.
func (l Unrolled) First() []VecVirtual { return l.sets[0] }

// Loop does k steps, each relative to the last move by u of them; k is used up.
func (l Unrolled) Loop(k Register, step func(sums []VecVirtual, u int), move func(steps int)) {
	if n := len(l.sets); n > 1 {
		few := GP64()
		MOVQ(k, few)
		ANDQ(Imm(uint64(n-1)), few)
		SHRQ(Imm(uint64(n/2)), k) // 1 for 2 and 2 for 4
		Loop("steps"+l.suffix, k, func() {
			for u := range l.sets {
				step(l.sets[u], u)
			}
			move(n)
		})
		MOVQ(few, k)
	}
	Loop("step"+l.suffix, k, func() {
		step(l.sets[0], 0)
		move(1)
	})
}

// Fold adds all sets to the first by add (VADDPS, VPADDD) and returns it.
func (l Unrolled) Fold(add func(...Op)) []VecVirtual {
	for u := len(l.sets) / 2; u > 0; u /= 2 {
		for v := range u {
			for i, r := range l.sets[v] {
				add(l.sets[v+u][i], r, r)
			}
		}
	}
	return l.sets[0]
}
