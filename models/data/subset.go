package data

import (
	"cmp"
	"fmt"
	"slices"

	"assay/models"
)

// Stratified picks n of the samples that have the given labels, and returns
// their numbers, ascending. The choice depends on labels, n and seed only, so
// it is the same on every machine:
//
//  1. Class c, of count[c] samples, gets ⌊n · count[c] / len(labels)⌋; what is
//     missing to n goes, one each, to the classes with the largest remainders
//     of that division, of equal ones to the smaller label.
//  2. Within a class the samples come in the order of splitmix64(seed, i),
//     where i is the sample's number, and the first ones are taken.
//
// n = 0 takes all, as does an n of at least len(labels).
func Stratified(labels []int, n int, seed uint64) []int {
	if n <= 0 || n >= len(labels) {
		out := make([]int, len(labels))
		for i := range out {
			out[i] = i
		}
		return out
	}
	members := map[int][]int{}
	for i, c := range labels {
		members[c] = append(members[c], i)
	}
	type share struct{ label, n, rest int }
	var shares []share
	left := n
	for c, m := range members {
		// Both factors are counts of samples in memory: no overflow in 64 bits.
		p := uint64(n) * uint64(len(m))
		s := share{c, int(p / uint64(len(labels))), int(p % uint64(len(labels)))}
		left -= s.n
		shares = append(shares, s)
	}
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.rest, a.rest), cmp.Compare(a.label, b.label))
	})
	var out []int
	for k, s := range shares {
		if k < left {
			s.n++
		}
		m := members[s.label]
		slices.SortFunc(m, func(a, b int) int {
			return cmp.Or(cmp.Compare(splitmix64(seed, a), splitmix64(seed, b)), cmp.Compare(a, b))
		})
		out = append(out, m[:s.n]...)
	}
	slices.Sort(out)
	return out
}

// splitmix64 returns output i of the SplitMix64 generator that starts at seed
// (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
// OOPSLA 2014, figure 17).
func splitmix64(seed uint64, i int) uint64 {
	z := seed + (uint64(i)+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Subset returns the samples of s with the given numbers, in that order. A
// sample keeps its Index in s.
func Subset(s Stream, numbers []int) (Stream, error) {
	for _, i := range numbers {
		if i < 0 || i >= s.Len() {
			return nil, fmt.Errorf("subset: %w", checkIndex(i, s.Len()))
		}
	}
	return &subset{s, numbers}, nil
}

type subset struct {
	s       Stream
	numbers []int
}

func (x *subset) Len() int        { return len(x.numbers) }
func (x *subset) Label(i int) int { return x.s.Label(x.numbers[i]) }

func (x *subset) At(i int) (models.Sample, error) {
	if err := checkIndex(i, len(x.numbers)); err != nil {
		return models.Sample{}, err
	}
	return x.s.At(x.numbers[i])
}
