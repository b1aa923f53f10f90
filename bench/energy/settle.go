package energy

import (
	"context"
	"math"
	"time"

	"assay/bench/stat"
)

// A Rest is how waiting for the power to come to rest ended.
type Rest struct {
	Settled bool          // false: the limit came first
	Took    time.Duration // that was waited
	Power   float64       // W, mean of the last stretch; 0 if it could not be read
	Slope   float64       // of the power over the last stretch, relative to it
	Kelvin  float64       // that the temperature changed over the last stretch; 0 if not known
}

// What counts as rest: the second half of a stretch differs from the first by
// less than 1 % or than the noise, and by less than half a kelvin.
const (
	restStretch = 10 * time.Second
	restSlope   = 0.01
	restKelvin  = 0.5
)

// Settle waits, while the sampler reads, until power and temperature have no
// slope, for at most limit. The temperature in °C may be nil, and may be
// unknown. An error is only that of ctx: not coming to rest is told by Rest.
func (s *Sampler) Settle(ctx context.Context, limit time.Duration, temperature func() (celsius float64, ok bool)) (Rest, error) {
	var r Rest
	stretch := max(restStretch, 20*s.Trace().Period)
	from := s.now()
	var temps []Reading
	for {
		if temperature != nil {
			if c, ok := temperature(); ok {
				temps = append(temps, Reading{s.now(), c})
			}
		}
		at := s.now()
		r.Took = at - from
		if r.Took >= stretch {
			r.look(s.Trace(), at-stretch, temps)
			if r.Settled {
				return r, nil
			}
		}
		if r.Took >= limit {
			return r, nil
		}
		if err := sleep(ctx, min(time.Second, limit-r.Took)); err != nil {
			return r, err
		}
	}
}

// look judges the stretch from one time to the last reading.
func (r *Rest) look(t Trace, from time.Duration, temps []Reading) {
	to := t.last()
	l, err := t.look(Window{From: from, To: to})
	if err != nil {
		return
	}
	half := len(l.parts) / 2
	a, b := l.parts[:half], l.parts[half:]
	d := math.Abs(stat.Mean(b) - stat.Mean(a))
	noise := math.Sqrt((stat.SD(a)*stat.SD(a) + stat.SD(b)*stat.SD(b)) / float64(half))
	r.Power, r.Slope, r.Kelvin = l.power, 0, 0
	if l.power > 0 {
		r.Slope = d / l.power
	}
	for i := len(temps) - 1; i >= 0 && temps[i].At >= from; i-- {
		r.Kelvin = math.Abs(temps[len(temps)-1].Value - temps[i].Value)
	}
	r.Settled = (r.Slope < restSlope || d < 2*noise) && r.Kelvin < restKelvin
}

// last is the time of the last moment that all series reach.
func (t Trace) last() time.Duration {
	last := t.To
	for _, s := range t.Series {
		if len(s.At) == 0 {
			return t.From
		}
		last = min(last, s.At[len(s.At)-1])
	}
	return last
}
