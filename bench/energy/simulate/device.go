package main

import (
	"math"
	"sort"
)

// A stretch of time in which the true power changes linearly, and swings
// around that in a square wave.
type stretch struct {
	from, to float64 // sec
	a, b     float64 // W at both ends
	burst    float64 // W of the swing
}

// wave is the period of the swing, in sec: no multiple of any meter's.
const wave = 0.00713

// energy is that of the stretch up to x seconds after its beginning. The
// square wave sums to nothing over its periods, and to a triangle within one.
func (s stretch) energy(x float64) float64 {
	slope := (s.b - s.a) / (s.to - s.from)
	in := math.Mod(x, wave)
	return x*(s.a+slope*x/2) + s.burst*min(in, wave-in)
}

func (s stretch) power(x float64) float64 {
	p := s.a + (s.b-s.a)*x/(s.to-s.from)
	if math.Mod(x, wave) < wave/2 {
		return p + s.burst
	}
	return p - s.burst
}

// A device is the truth: its power over time, and the energy from the start.
type device struct {
	stretches []stretch
	sums      []float64 // J up to the beginning of each
}

// add appends a stretch of so many seconds.
func (d *device) add(length, a, b, burst float64) (from, to float64) {
	sum := 0.0
	if n := len(d.stretches); n > 0 {
		last := d.stretches[n-1]
		from, sum = last.to, d.sums[n-1]+last.energy(last.to-last.from)
	}
	d.stretches = append(d.stretches, stretch{from, from + length, a, b, burst})
	d.sums = append(d.sums, sum)
	return from, from + length
}

func (d *device) at(t float64) int {
	i := sort.Search(len(d.stretches), func(i int) bool { return d.stretches[i].to > t })
	return min(i, len(d.stretches)-1)
}

// power is the true power at a time, W.
func (d *device) power(t float64) float64 {
	s := d.stretches[d.at(t)]
	return s.power(t - s.from)
}

// energy is the true energy up to a time, J.
func (d *device) energy(t float64) float64 {
	i := d.at(t)
	return d.sums[i] + d.stretches[i].energy(t-d.stretches[i].from)
}
