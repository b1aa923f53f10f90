package energy

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Series is what one sensor showed. Repeated readings are left out: a value
// that does not change is kept once per update period, since a sensor may
// rightly show the same value again.
type Series struct {
	Domain Domain
	At     []time.Duration // ascending
	Value  []float64       // J or W, as Domain.Kind says
	Step   int64           // µJ or µW of which all values are multiples: the resolution of a coarse sensor
	Large  int             // changes by more than one step
}

// A Trace is what a Recorder has seen, one Series per sensor of the meter.
type Trace struct {
	Series []Series
	Period time.Duration // between new values of the sensors: Meter.Interval
	Every  time.Duration // between readings, on average
	From   time.Duration // when the sampler began
	To     time.Duration // when it looked last
	Reads  int           // looks at the whole meter
	Errors int           // readings of a sensor that could not be had, or were not finite
	Err    error         // the last of these errors
	CPU    time.Duration // CPU time of the sampler's thread, −1 where it is not known
}

// Gap is the longest time without a reading that a window stands: 5 periods,
// and at least 0.5 s.
func (t Trace) Gap() time.Duration {
	return max(5*max(t.Period, t.Every), 500*time.Millisecond)
}

// Share is the part of one core that reading the meter took. The CPU time of
// the sampler's own thread misses what a reading costs elsewhere (a child
// process, the goroutines of an HTTP connection), which r has measured.
func (t Trace) Share(r Rate) float64 {
	if t.To <= t.From {
		return 0
	}
	return float64(max(t.CPU, time.Duration(t.Reads)*r.CPU)) / float64(t.To-t.From)
}

// Silent says why nothing was read of some sensor since a time, "" where all
// were.
func (t Trace) Silent(since time.Duration) string {
	for _, s := range t.Series {
		if n := len(s.At); n == 0 || s.At[n-1] < since {
			return fmt.Sprintf("%s fell silent%s", s.Domain.Name, t.because())
		}
	}
	return ""
}

// add keeps a reading, unless it repeats the last one within a period. The
// margin of a tenth is for readings that come a little early.
func (s *Series) add(x Reading, period time.Duration) {
	if n := len(s.At); n > 0 {
		since, d := x.At-s.At[n-1], math.Abs(x.Value-s.Value[n-1])
		if since <= 0 || d == 0 && since < period-period/10 {
			return
		}
		if d > 1.5*s.step() {
			s.Large++
		}
	}
	s.At = append(s.At, x.At)
	s.Value = append(s.Value, x.Value)
	if v := math.Round(1e6 * math.Abs(x.Value)); v < math.MaxInt64 {
		s.Step = gcd(s.Step, int64(v))
	}
}

// step is the sensor's resolution in J or W.
func (s Series) step() float64 { return 1e-6 * float64(s.Step) }

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Energy returns the joules of all sensors between two times, and one standard
// deviation of what the edges leave open. Its error says why the time cannot
// be used.
func (t Trace) Energy(from, to time.Duration) (joules, edge float64, err error) {
	if to <= from {
		return 0, 0, fmt.Errorf("from %v to %v is no time", from, to)
	}
	for _, s := range t.Series {
		j, e, err := t.energy(s, from, to)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", s.Domain.Name, err)
		}
		joules += j
		edge = math.Hypot(edge, e)
	}
	return joules, edge, nil
}

// energy does so for one sensor.
func (t Trace) energy(s Series, from, to time.Duration) (joules, edge float64, err error) {
	first, _ := slices.BinarySearch(s.At, from)
	last, _ := slices.BinarySearch(s.At, to)
	if s.Domain.Kind == Counter {
		return t.counted(s, first, last-1, from, to)
	}
	return t.trapezoids(s, first, last, from, to)
}

// counted is the difference of a counter between the first and the last
// reading inside the time, extended to its edges by the mean power: across an
// edge the power is another. A value is seen up to δt late, and how late
// differs between the two readings: a triangle of ±δt·P, whose standard
// deviation is δt·P/√6.
func (t Trace) counted(s Series, first, last int, from, to time.Duration) (joules, edge float64, err error) {
	gap := t.Gap()
	if last <= first {
		return 0, 0, fmt.Errorf("%d readings%s", max(last-first+1, 0), t.because())
	}
	if d := max(s.At[first]-from, to-s.At[last]); d > gap {
		return 0, 0, fmt.Errorf("no reading for %v at its edge, at most %v are tolerated%s", d.Round(time.Millisecond), gap, t.because())
	}
	same := first
	for i := first + 1; i <= last; i++ {
		if s.Value[i] < s.Value[i-1] {
			return 0, 0, fmt.Errorf("the counter went back from %.9g to %.9g J", s.Value[i-1], s.Value[i])
		}
		if s.Value[i] != s.Value[i-1] {
			same = i
		} else if d := s.At[i] - s.At[same]; d > gap {
			return 0, 0, fmt.Errorf("the counter stood still for %v", d.Round(time.Millisecond))
		}
	}
	power := (s.Value[last] - s.Value[first]) / (s.At[last] - s.At[first]).Seconds()
	late := t.Every // a new value is seen one reading late at most
	if t.Period > 0 {
		late = min(late, t.Period)
	}
	return power * (to - from).Seconds(), late.Seconds() * power / math.Sqrt(6), nil
}

// trapezoids integrates a power by the trapezoid rule between the first
// readings at or after both edges, with interpolated edges. What it misses at
// an edge is at most a triangle of one period and the jump across it, half of
// it on average.
func (t Trace) trapezoids(s Series, first, last int, from, to time.Duration) (joules, edge float64, err error) {
	if first == 0 || last == len(s.At) {
		return 0, 0, fmt.Errorf("its readings do not span the window%s", t.because())
	}
	gap := t.Gap()
	at, v := from, s.at(first, from)
	same := first - 1 // the reading since which the value is the same
	for i := first; i <= last; i++ {
		if d := s.At[i] - s.At[i-1]; d > gap {
			return 0, 0, fmt.Errorf("no reading for %v, at most %v are tolerated%s", d.Round(time.Millisecond), gap, t.because())
		}
		if s.Value[i] != s.Value[i-1] {
			same = i
		} else if s.stuck(i - same) {
			return 0, 0, fmt.Errorf("it showed %.4g W for %v, where it had varied all the time: it is stuck", s.Value[i], (s.At[i] - s.At[same]).Round(time.Millisecond))
		}
		if i < last {
			joules += (v + s.Value[i]) / 2 * (s.At[i] - at).Seconds()
			at, v = s.At[i], s.Value[i]
		}
	}
	joules += (v + s.at(last, to)) / 2 * (to - at).Seconds()
	return joules, max(t.Period, t.Every).Seconds() / 4 * math.Hypot(s.jump(first), s.jump(last)), nil
}

// stuck reports whether a sensor of power that repeats a value n times has
// stopped measuring: less than one chance in a million by how often it changed
// by more than one step elsewhere. A coarse sensor, whose changes are single
// steps, is never called so.
func (s Series) stuck(n int) bool {
	still := 1 - float64(s.Large)/float64(max(len(s.At)-1-n, s.Large, 1))
	still = max(still, 0.25) // updates come late, too: ten periods are let pass
	return math.Pow(still, float64(n)) < 1e-6
}

// because adds the last error of a reading, where there was one.
func (t Trace) because() string {
	if t.Err == nil {
		return ""
	}
	return fmt.Sprintf(" (%d readings failed, the last: %v)", t.Errors, t.Err)
}

// at interpolates the value at a time in the interval that ends with reading i.
func (s Series) at(i int, at time.Duration) float64 {
	f := float64(at-s.At[i-1]) / float64(s.At[i]-s.At[i-1])
	return s.Value[i-1] + f*(s.Value[i]-s.Value[i-1])
}

// jump is how much the power changes across the edge before reading i.
func (s Series) jump(i int) float64 { return math.Abs(s.Value[i] - s.Value[i-1]) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
