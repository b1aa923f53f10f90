package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"assay/bench/energy"
)

// A model of a sensor: how its readings come from the truth.
type model struct {
	kind    energy.Kind
	scope   energy.Scope
	period  float64 // sec between new values
	average float64 // sec over which a power is averaged before it is shown, 0 for the value of the moment
	tau     float64 // sec, time constant of a smoothing filter, 0 for none
	noise   float64 // W, standard deviation of a value
	step    float64 // W or J to which values are rounded
	wrap    float64 // J at which a counter begins again, 0 for never
	raw     bool    // the wrap is not hidden
}

// A fault is what goes wrong with readings between two times.
type fault struct {
	from, to float64
	as       func(last float64) (float64, error)
}

// The faults.
func silent(float64) (float64, error)     { return 0, errors.New("read timed out") }
func notFinite(float64) (float64, error)  { return math.NaN(), nil }
func stuck(last float64) (float64, error) { return last, nil }

// A sensor shows a device through a model, on a virtual clock.
type sensor struct {
	model
	d      *device
	rnd    *rand.Rand
	now    time.Duration
	faults []fault
	share  float64 // of readings that are NaN, at any time

	phase   float64 // sec of the first update
	updates int     // done so far
	smooth  float64 // W, the filter's state; it starts at 0 and has 5 s to find the idle power
	shown   float64
	seen    float64 // last good reading
	count   float64 // J modulo wrap when last read, and in all
	total   float64
}

func newSensor(m model, d *device, rnd *rand.Rand) *sensor {
	return &sensor{model: m, d: d, rnd: rnd, phase: rnd.Float64() * m.period}
}

func (s *sensor) Domain() energy.Domain { return energy.Domain{Name: "simulated", Kind: s.kind} }
func (s *sensor) Close() error          { return nil }

// update makes the value that is shown from time t on.
func (s *sensor) update(t float64) {
	v := s.d.energy(t)
	if s.kind == energy.Power {
		v = s.d.power(t)
		if s.average > 0 {
			v = (s.d.energy(t) - s.d.energy(t-s.average)) / s.average
		}
		if s.tau > 0 {
			mean := (s.d.energy(t) - s.d.energy(t-s.period)) / s.period
			s.smooth += (mean - s.smooth) * (1 - math.Exp(-s.period/s.tau))
			v = s.smooth
		}
		v += s.noise * s.rnd.NormFloat64()
	}
	if s.step > 0 {
		v = s.step * math.Round(v/s.step)
	}
	s.shown = v
}

func (s *sensor) Read(context.Context) (energy.Reading, error) {
	t := s.now.Seconds()
	for at := s.phase + float64(s.updates)*s.period; at <= t; at += s.period {
		s.update(at)
		s.updates++
	}
	v := s.shown
	if s.wrap > 0 {
		v = s.unwrap(v)
	}
	for _, f := range s.faults {
		if t >= f.from && t < f.to {
			v, err := f.as(s.seen)
			return energy.Reading{At: s.now, Value: v}, err
		}
	}
	if s.share > 0 && s.rnd.Float64() < s.share {
		return energy.Reading{At: s.now, Value: math.NaN()}, nil
	}
	s.seen = v
	return energy.Reading{At: s.now, Value: v}, nil
}

// unwrap reads a register that begins again at wrap, as a meter does.
func (s *sensor) unwrap(v float64) float64 {
	now := math.Mod(v, s.wrap)
	if s.raw {
		return now
	}
	d := now - s.count
	if d < 0 {
		d += s.wrap
	}
	s.count = now
	s.total += d
	return s.total
}
