package energy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"assay/bench/stat"
)

// A Window is a stretch of time, and how many inferences ran in it: none in an
// idle one.
type Window struct {
	From, To   time.Duration
	Inferences int
}

// Length of the window.
func (w Window) Length() time.Duration { return w.To - w.From }

func (w Window) middle() time.Duration { return w.From + w.Length()/2 }

// Joules is the energy of one window's inferences. The error that the source
// states for the sensor (Meter.Error) is in none of its figures: it is the
// same in all windows, and says nothing about how well they repeat.
type Joules struct {
	Gross  float64 // J per inference
	Net    float64 // J per inference, idle subtracted; not to be used where Invalid is set
	Each   float64 // sec per inference
	Idle   float64 // W, interpolated between the idle windows
	Active float64 // W, idle included

	Noise   float64 // one standard deviation of Net from noise and edges, relative to it; 0 where Below
	Bound   float64 // largest error that the steps of the readings can make, relative to Net; 0 where Below
	Limit   float64 // J per inference, the least net energy that would have been seen
	Below   bool    // the load is below detection: Net is not known, which is not zero
	Invalid string  // why the window cannot be used, with the remedy; "" where it can
}

// Claimed reports whether the window alone tells the net energy to 2 %. Where
// it does not, the interval over the rounds says what is known.
func (j Joules) Claimed() bool {
	return j.Invalid == "" && !j.Below && j.Bound+detection*j.Noise <= mostError
}

// The limits of the method (docs/method.md, "Energy").
const (
	mostDrift = 0.05   // of the idle power, from one idle window to the next
	detection = 3      // standard deviations
	certain   = 4      // standard deviations that are known from 20 parts, to 16 %
	mostError = 0.02   // of the net energy, that no repetition would show
	mostLag   = 0.0075 // of the net energy, that the first part of a window may lack
)

// Evaluate turns a trace and the windows of a load and of the idle times
// around it into joules per inference. Its error means that the windows make
// no sense; what is wrong with the readings is in Joules.Invalid.
func Evaluate(t Trace, idleBefore, active, idleAfter Window) (Joules, error) {
	var j Joules
	switch {
	case active.Inferences <= 0:
		return j, fmt.Errorf("energy window: %d inferences", active.Inferences)
	case idleBefore.Length() <= 0 || active.Length() <= 0 || idleAfter.Length() <= 0:
		return j, errors.New("energy window: a window has no length")
	case idleBefore.To > active.From || active.To > idleAfter.From:
		return j, errors.New("energy window: idle, load and idle are not in this order")
	}
	var looks [3]look
	for i, w := range []Window{active, idleBefore, idleAfter} {
		var err error
		if looks[i], err = t.look(w); err != nil {
			j.Invalid = fmt.Sprintf("%s: %v", []string{"window of the load", "idle window before it", "idle window after it"}[i], err)
			return j, nil
		}
	}
	load, before, after := looks[0], looks[1], looks[2]
	j.Each = active.Length().Seconds() / float64(active.Inferences)
	at := (active.middle() - idleBefore.middle()).Seconds() / (idleAfter.middle() - idleBefore.middle()).Seconds()
	j.Idle = before.power + at*(after.power-before.power)
	j.Active = load.power
	j.Gross = load.power * j.Each
	j.Net = (load.power - j.Idle) * j.Each
	j.judge(before, load, after)
	return j, nil
}

// judge says whether the figures can be used.
func (j *Joules) judge(before, load, after look) {
	rise := j.Active - j.Idle
	drift := math.Abs(after.power - before.power)
	// What two idle windows differ by is noise too, as far as anybody knows.
	idle := max(math.Hypot(before.noise, after.noise), drift) / math.Sqrt2
	noise := math.Hypot(idle/math.Sqrt2, load.noise)
	steps := load.steps + max(before.steps, after.steps)
	least := max(detection*idle, certain*noise, steps)
	late, scatter := load.late()
	j.Limit = least * j.Each
	switch {
	case drift > mostDrift*max(before.power, after.power) && drift > mostError/2*rise: // half of a drift is the most that it can do
		j.Invalid = fmt.Sprintf("the idle power drifted from %.3g to %.3g W: let the device come to rest, or give it a longer settle", before.power, after.power)
	case rise < least || rise <= 0:
		j.Below = true
	case steps > mostError*rise:
		j.Invalid = fmt.Sprintf("the meter's readings come in steps, which leave up to %.1f %% of the net energy open: a finer meter is needed", 100*steps/rise)
	case math.Abs(late) > batches*mostLag*rise && math.Abs(late) > certain*scatter:
		j.Invalid = fmt.Sprintf("the power was not steady: in the first %d %% of the window it was off by %.0f %% of what the load adds: the meter lags, or the device boosts", 100/batches, 100*math.Abs(late)/rise)
	default:
		j.Noise = noise / rise
		j.Bound = steps / rise
	}
}

// A look is what a window of a trace holds.
type look struct {
	power float64   // W, mean
	noise float64   // W, one standard deviation of power, from noise and from the edges
	steps float64   // W, largest error of power that the steps of the readings can make
	parts []float64 // W, means of the window's parts
}

// batches is in how many parts a window is cut. Their scatter tells the noise
// of the mean whatever the noise's correlation, as long as that is short
// against a part (batch means; Law, Simulation Modeling and Analysis, 9.5.3).
const (
	batches    = 20
	leastParts = 12 // of them that have readings
)

// leastReadings of a window: fewer tell nothing about its noise.
const leastReadings = 10

func (t Trace) look(w Window) (look, error) {
	joules, edge, err := t.Energy(w.From, w.To)
	if err != nil {
		return look{}, err
	}
	l := look{power: joules / w.Length().Seconds()}
	for _, s := range t.Series {
		in := s.between(w.From, w.To)
		if len(in) < leastReadings {
			return look{}, fmt.Errorf("%s showed %d new values, at least %d are needed: a longer window is needed", s.Domain.Name, len(in), leastReadings)
		}
		if s.Domain.Kind == Power {
			l.steps += stepError(s.step(), in)
		}
	}
	for i := range batches {
		from := w.From + w.Length()*time.Duration(i)/batches
		to := w.From + w.Length()*time.Duration(i+1)/batches
		e, _, err := t.Energy(from, to)
		if err == nil { // a counter loses nothing in a gap, but a part of the window may lie in it
			l.parts = append(l.parts, e/(to-from).Seconds())
		}
	}
	if len(l.parts) < leastParts {
		return look{}, fmt.Errorf("readings in %d of its %d parts: they are too few, or too far apart", len(l.parts), batches)
	}
	l.noise = math.Hypot(stat.SD(l.parts)/math.Sqrt(float64(len(l.parts))), edge/w.Length().Seconds())
	return l, nil
}

// late is by how much the first part of a window lies below its second half,
// and one standard deviation of a part: from successive differences, in which
// a trend hardly counts (von Neumann 1941, Annals of Mathematical Statistics
// 12:367).
func (l look) late() (by, scatter float64) {
	sum := 0.0
	for i := 2; i < len(l.parts); i++ {
		d := l.parts[i] - l.parts[i-1]
		sum += d * d
	}
	return stat.Mean(l.parts[len(l.parts)/2:]) - l.parts[0], math.Sqrt(sum / 2 / float64(len(l.parts)-2))
}

// between returns the values read in a stretch of time.
func (s Series) between(from, to time.Duration) []float64 {
	first, _ := slices.BinarySearch(s.At, from)
	last, _ := slices.BinarySearch(s.At, to)
	return s.Value[first:last]
}

// stepError bounds the error of the mean of values that are rounded to steps:
// half a step where they hardly vary. Noise of a standard deviation σ averages
// it away: what is left is at most exp(−2π²σ²/step²) of it (Widrow and Kollár,
// Quantization Noise, 2008, 5.4).
func stepError(step float64, values []float64) float64 {
	if step == 0 {
		return 0
	}
	r := math.Pi * stat.SD(values) / step
	return step / 2 * math.Exp(-2*r*r)
}
