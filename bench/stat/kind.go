package stat

import (
	"math"
	"slices"
)

// Kind is what happened to a series.
type Kind string

// The kinds. None is a series about which nothing can be said.
const (
	None   Kind = ""
	Step   Kind = "step"     // from one level to another
	Drift  Kind = "drift"    // away from its level, ever further
	Spread Kind = "variance" // level kept, noise changed
	Spike  Kind = "spike"    // single runs off the level, the last one among them
)

// A Change is what happened to a series, when and by how much.
type Change struct {
	Kind Kind

	// At is the first run after a step or a change of variance, the first of
	// a drift, or the last spike. Early and Late bound it with 95 %.
	At, Early, Late int

	// Size is the new level minus the old (step), the end of the drift minus
	// its beginning, the spike's height, or the log of new ÷ old deviation,
	// with its 95 % interval. It is in units of x.
	Size Interval

	// P is the Mann–Whitney test of the runs before At against those since
	// (for a change of variance: of their distances from the level). It is
	// how sure the change is, if At had been named in advance.
	P float64
}

const (
	spikeAt  = 3.5 // standard deviations off the level: 1 in 2,000 normal runs
	leastRun = 3   // runs of a level or of a drift
	reach    = 3.0 // Winsorise's c: where values lose their weight
)

// Explain says what happened to x, a series of runs with the given noise: of
// no change, a step, a drift and a change of variance it takes the one with
// the least Bayesian information criterion (Schwarz 1978; two parameters for
// each); a last run that is off the level alone is a spike. It looks for one
// change: cut x first (PELT).
//
// Early and Late are the change points whose likelihood is within 3.68 of the
// best one's, −ln(1−√0.95): each side's excess is a random walk whose maximum
// is beyond c with probability e⁻ᶜ at most (Siegmund 1988, "Confidence sets in
// change-point problems", International Statistical Review 56:31–48).
func Explain(x []float64, noise Noise) Change {
	n := len(x)
	if n < 2*leastRun || !(noise.SD > 0) || slices.ContainsFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return Change{}
	}
	w := Winsorise(x, noise.SD, reach)
	f := fit{x: w, noise: noise, scale: noise.SD * noise.SD * noise.Inflation(n)}
	if c := f.spike(x); c.Kind != None {
		return c
	}
	none := f.rest(func(int) float64 { return Mean(w) })
	price := 2 * math.Log(float64(n))
	best, kind := none, None
	step, stepDev := f.search(f.step)
	drift, driftDev := f.search(f.drift)
	spread, spreadGain := f.search(f.spread)
	for _, m := range []struct {
		kind Kind
		dev  float64
	}{{Step, stepDev + price}, {Drift, driftDev + price}, {Spread, none + spreadGain + price}} {
		if m.dev < best {
			best, kind = m.dev, m.kind
		}
	}
	switch kind {
	case Step:
		return f.describeStep(x, step)
	case Drift:
		return f.describeDrift(x, drift)
	case Spread:
		return f.describeSpread(x, spread)
	}
	return Change{}
}

// fit compares models of a series by their deviance, −2 log likelihood up to
// a constant; correlation makes the runs count for fewer.
type fit struct {
	x     []float64
	noise Noise
	scale float64
}

func (f fit) rest(model func(i int) float64) float64 {
	sum := 0.0
	for i, v := range f.x {
		d := v - model(i)
		sum += d * d
	}
	return sum / f.scale
}

// found is a change point with its bounds.
type found struct{ at, early, late int }

func (f fit) search(deviance func(at int) float64) (found, float64) {
	n := len(f.x)
	dev := make([]float64, n)
	best, at := math.Inf(1), leastRun
	for i := leastRun; i <= n-leastRun; i++ {
		if dev[i] = deviance(i); dev[i] < best {
			best, at = dev[i], i
		}
	}
	r := found{at, at, at}
	for i := leastRun; i <= n-leastRun; i++ {
		if dev[i] <= best+2*3.68 {
			r.early, r.late = min(r.early, i), max(r.late, i)
		}
	}
	return r, best
}

func (f fit) step(at int) float64 {
	before, after := Mean(f.x[:at]), Mean(f.x[at:])
	return f.rest(func(i int) float64 {
		if i < at {
			return before
		}
		return after
	})
}

// drift is a level up to at, and a straight line from there on.
func (f fit) drift(at int) float64 {
	level, slope := f.line(at)
	return f.rest(func(i int) float64 { return level + slope*float64(max(0, i-at+1)) })
}

// line is the least-squares fit of level + slope·max(0, i−at+1).
func (f fit) line(at int) (level, slope float64) {
	var sx, sy, sxx, sxy float64
	n := float64(len(f.x))
	for i, y := range f.x {
		x := float64(max(0, i-at+1))
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	slope = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return (sy - slope*sx) / n, slope
}

// spread is the gain in deviance of two deviations over one.
func (f fit) spread(at int) float64 {
	m := Location(f.x, f.noise.SD, reach)
	log := func(x []float64) float64 {
		ss := 0.0
		for _, v := range x {
			ss += (v - m) * (v - m)
		}
		return float64(len(x)) * math.Log(max(ss/float64(len(x)), 1e-12*f.scale))
	}
	return (log(f.x[:at]) + log(f.x[at:]) - log(f.x)) / f.noise.Inflation(len(f.x))
}

func (f fit) describeStep(x []float64, r found) Change {
	before, after := f.x[:r.at], f.x[r.at:]
	v := f.noise.SD * f.noise.SD * (f.noise.Inflation(len(before))/float64(len(before)) + f.noise.Inflation(len(after))/float64(len(after)))
	return Change{Step, r.at, r.early, r.late, around(Mean(after)-Mean(before), v, len(x)-2), MannWhitney(x[:r.at], x[r.at:])}
}

func (f fit) describeDrift(x []float64, r found) Change {
	_, slope := f.line(r.at)
	n, m, mm := float64(len(x)), 0.0, 0.0
	for i := range x {
		d := float64(max(0, i-r.at+1))
		m, mm = m+d/n, mm+d*d
	}
	length := float64(len(x) - r.at)
	v := f.scale / (mm - n*m*m) * length * length
	return Change{Drift, r.at, r.early, r.late, around(slope*length, v, len(x)-2), MannWhitney(x[:r.at], x[r.at:])}
}

// describeSpread gives the log of the quotient of the two deviations, whose
// variance is 1/2n₁ + 1/2n₂ for normal runs.
func (f fit) describeSpread(x []float64, r found) Change {
	m := Location(f.x, f.noise.SD, reach)
	far := make([]float64, len(x))
	for i, v := range x {
		far[i] = math.Abs(v - m)
	}
	rms := func(x []float64) float64 {
		ss := 0.0
		for _, v := range x {
			ss += (v - m) * (v - m)
		}
		return math.Sqrt(ss / float64(len(x)))
	}
	n1, n2 := float64(r.at), float64(len(x)-r.at)
	size := math.Log(rms(f.x[r.at:]) / rms(f.x[:r.at]))
	return Change{Spread, r.at, r.early, r.late, around(size, f.noise.Inflation(len(x))*(1/(2*n1)+1/(2*n2)), len(x)-2), MannWhitney(far[:r.at], far[r.at:])}
}

// spike reports the last run if it alone is off the level. The first run of a
// step looks the same: the next one tells.
func (f fit) spike(x []float64) Change {
	last := len(x) - 1
	m := Location(x[:last], f.noise.SD, reach)
	if math.Abs(x[last]-m) <= spikeAt*f.noise.SD || math.Abs(x[last-1]-m) > spikeAt/2*f.noise.SD {
		return Change{}
	}
	v := f.noise.SD * f.noise.SD * (1 + 1/float64(last))
	return Change{Spike, last, last, last, around(x[last]-m, v, last-1), MannWhitney(x[:last], x[last:])}
}

func around(mid, variance float64, df int) Interval {
	h := TQuantile(0.95, max(df, 1)) * math.Sqrt(variance)
	return Interval{mid - h, mid, mid + h}
}
