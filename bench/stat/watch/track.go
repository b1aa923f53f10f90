package watch

import (
	"math"

	"assay/bench/stat"
)

const (
	clip      = 3.0   // Huber's c: a spike counts as one night of three deviations
	leastBase = 10    // nights that make a level
	mostBase  = 120   // nights that a level remembers
	pooled    = 100   // nights for which the other series' correlation counts
	floor     = 0.001 // least deviation of a series: finer noise is that of rounding
	holds     = 3     // nights that a change must last before the series alone proves it
)

// windows are the numbers of last nights whose mean is held against the level
// before them: short ones find steps at once, long ones small steps and drifts.
// Lengths in a constant proportion lose little against all lengths (the
// window-limited test of Lai 1995, JRSS B 57:613–658).
var windows = [...]int{1, 2, 3, 5, 8, 13, 21, 34}

// A base is the level of a series by one night, and what it rests on; n is 0
// where there are too few nights.
type base struct {
	level  float64
	median float64
	noise  stat.Noise // noise.SD > 0
	v      float64    // variance of a clipped night, in squares of noise.SD
	skew   float64    // its skewness, to which that of the other series counts too
	n      int
}

// track is one series: its nights since the level began, worse upwards.
type track struct {
	group   string
	sign    int
	x       []float64
	base    []base // base[i] is by night i
	noise   stat.Noise
	skew    float64
	cleared int // nights before this one no longer raise a suspicion: they were measured again
	up      int // nights in a row above the level, at the level of screening
	down    int // and below
	home    int // the last night of the watch on which it was neither
	proved  int // the same, where the series alone proves the change; negative where it is better
	open    bool
	calm    int  // nights in a row that an open series has been back at its level
	fresh   bool // it has a value tonight
}

func (t *track) push(v float64, others common) {
	t.x = append(t.x, v)
	t.fresh = true
	ref := t.x[max(0, len(t.x)-mostBase):]
	if len(ref) < leastBase {
		t.base = append(t.base, base{})
		return
	}
	if grown := len(ref) - t.noise.N; !(t.noise.SD >= 0) || grown*10 >= t.noise.N || len(t.x)%10 == 0 {
		t.noise = stat.Successive(ref)
	}
	b := base{noise: t.noise.Shrink(others.rho, pooled), n: len(ref)}
	b.noise.SD = max(b.noise.SD, floor)
	b.level, b.median = stat.Location(ref, b.noise.SD, clip), stat.Median(ref)
	m3 := 0.0
	for _, v := range ref {
		z := stat.Clip((v-b.level)/b.noise.SD, clip)
		b.v += z * z / float64(len(ref))
		m3 += z * z * z / float64(len(ref))
	}
	// Of normal nights that are cut at 3 it is 0.99. More than that are
	// spikes, or a deviation that the differences do not show.
	b.v = max(b.v, 0.99)
	t.skew = m3 / math.Pow(b.v, 1.5)
	b.skew = (float64(b.n)*t.skew + pooled*others.skew) / float64(b.n+pooled)
	t.base = append(t.base, b)
}

// common is what all series together say of their noise.
type common struct{ rho, skew float64 }

// A look is the mean of the last nights against the level before them.
type look struct {
	window int
	z      float64 // in standard errors
	diff   float64 // mean of the window minus the level; clipped nights
	se     float64
	at     base
}

// look returns false where there is no level before the window.
func (t *track) look(window int) (look, bool) {
	at := len(t.x) - window - 1
	if at < 0 || t.base[at].n == 0 {
		return look{}, false
	}
	b := t.base[at]
	sum := 0.0
	for _, v := range t.x[at+1:] {
		sum += stat.Clip((v-b.level)/b.noise.SD, clip)
	}
	k := float64(window)
	se := math.Sqrt(b.v * (b.noise.Inflation(window)/k + b.noise.Inflation(b.n)/float64(b.n)))
	return look{window, sum / k / se, sum / k * b.noise.SD, se * b.noise.SD, b}, true
}

// strict is the factor above which (up = 1) or below which (up = −1) a mean
// proves a change, from Student's quantile q: the first term of Cornish and
// Fisher's expansion (1937) allows for the skewness that spikes leave in the
// mean of a few nights.
func (l look) strict(q, up float64) float64 {
	return q + (q*q-1)*max(0, up*l.at.skew)/6/math.Sqrt(float64(l.window))
}

// df is what the deviation of a level is worth in degrees of freedom: Qn's
// efficiency of 0.82, of differences that overlap.
func (b base) df() int { return max(3, int(0.6*float64(b.n))) }

func (t *track) restart(keep int) {
	kept := t.x[max(0, len(t.x)-keep):]
	noise := t.noise // what is known of the noise outlives the level
	*t = track{group: t.group, sign: t.sign, home: t.home, noise: stat.Noise{SD: math.NaN()}, fresh: t.fresh}
	for _, v := range kept {
		t.push(v, common{rho: noise.Rho})
	}
	if noise.SD > 0 && !(t.noise.SD > 0) {
		t.noise = noise
	}
}

// settle takes note of what was said.
func (t *track) settle(f *Finding) {
	switch {
	case f.Word == Cleared:
		t.cleared = len(t.x)
	case f.Word.Told():
		t.open, t.calm = true, 0
	case f.Word == Better:
		t.restart(f.Window)
	}
}
