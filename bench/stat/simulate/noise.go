package main

import (
	"math"
	"math/rand/v2"
)

// A Noise is a model of what disturbs a measured block. All amounts are
// relative (0.01 is 1 %) and act on the logarithm of a block's median.
type Noise struct {
	Name string

	Block float64 // standard deviation of a block
	DF    float64 // degrees of freedom of a block's and a process's Student t noise; 0 is normal
	Rho   float64 // lag-1 correlation of the blocks of one process, from round to round

	Process float64 // standard deviation of a process's own offset
	Uniform float64 // a process's further offset, uniform between 0 and this

	Device    float64 // standard deviation of the device's state, which all workers feel
	DeviceRho float64 // its lag-1 correlation from visit to visit, through all trials
	Uneven    float64 // how much more the candidate feels it than the baseline

	Hit   float64 // share of blocks that something else slows down
	HitBy float64 // median of that slow-down, log-normal with σ = 1
	Stuck float64 // share of processes that are slow from birth to death
}

// noises are the models that the method must stand: those of docs/design.md
// ("Measuring", 4) at levels around those measured on real machines, and all
// of them together. Between trials they leave a standard deviation of 0.3 to
// 1.7 %; real ones are in docs/method.md.
var noises = []Noise{
	{Name: "quiet: normal, blocks 0.3 %, processes 0.2 %", Block: 0.003, Process: 0.002},
	{Name: "normal: blocks 1 %, processes 0.3 %", Block: 0.01, Process: 0.003},
	{Name: "normal, rough: blocks 1.5 %, processes 1 %", Block: 0.015, Process: 0.01},
	{Name: "heavy tails: Student t₃, blocks 1 %, processes 0.3 %", Block: 0.01, Process: 0.003, DF: 3},
	{Name: "heavy tails in processes: t₃, 0.6 %", Block: 0.005, Process: 0.006, DF: 3},
	{Name: "contaminated: 10 % of blocks slower by 5 %, log-normal", Block: 0.01, Process: 0.003, Hit: 0.10, HitBy: 0.05},
	{Name: "contaminated: 5 % of processes slower by 2 %, log-normal", Block: 0.005, Process: 0.003, Stuck: 0.05, HitBy: 0.02},
	{Name: "AR(1) between rounds: ρ = 0.8", Block: 0.01, Process: 0.003, Rho: 0.8},
	{Name: "AR(1) over time: device 3 %, ρ = 0.95 per visit", Block: 0.005, Process: 0.003, Device: 0.03, DeviceRho: 0.95},
	{Name: "AR(1) over time, slow: device 3 %, ρ = 0.999", Block: 0.005, Process: 0.003, Device: 0.03, DeviceRho: 0.999},
	{Name: "process offset 0–0.5 %", Block: 0.005, Uniform: 0.005},
	{Name: "process offset 0–1 %", Block: 0.005, Uniform: 0.01},
	{Name: "process offset 0–2 %", Block: 0.005, Uniform: 0.02},
	{Name: "all together", Block: 0.005, Process: 0.003, DF: 3, Rho: 0.5, Uniform: 0.01, Device: 0.03, DeviceRho: 0.95, Hit: 0.05, HitBy: 0.05},
}

// beyond are models that break an assumption: their numbers are printed, so
// that everybody knows where the method ends, but they are not promised.
var beyond = []Noise{
	{Name: "candidate feels the device's state 20 % more, ρ = 0.95", Block: 0.005, Process: 0.003, Device: 0.03, DeviceRho: 0.95, Uneven: 0.2},
	{Name: "candidate feels the device's state 20 % more, ρ = 0.999", Block: 0.005, Process: 0.003, Device: 0.03, DeviceRho: 0.999, Uneven: 0.2},
	{Name: "very rough: normal, processes 3 %", Block: 0.01, Process: 0.03},
}

// workers is how many workers a group interleaves: a baseline, its control
// and five candidates, as in suite quick.
const workers = 7

// device is the state of the device as it goes from visit to visit.
type device struct {
	Noise
	rnd   *rand.Rand
	state float64 // in standard deviations
}

func newDevice(n Noise, rnd *rand.Rand) *device {
	return &device{n, rnd, rnd.NormFloat64()}
}

// visit moves the device on by one visit.
func (d *device) visit() {
	if d.Device > 0 {
		d.state = d.DeviceRho*d.state + math.Sqrt(1-d.DeviceRho*d.DeviceRho)*d.rnd.NormFloat64()
	}
}

// t draws from the noise's distribution, scaled to standard deviation 1.
func (d *device) t() float64 {
	if d.DF == 0 {
		return d.rnd.NormFloat64()
	}
	chi := 0.0
	for range int(d.DF) {
		z := d.rnd.NormFloat64()
		chi += z * z
	}
	return d.rnd.NormFloat64() / math.Sqrt(chi/d.DF) / math.Sqrt(d.DF/(d.DF-2))
}

func (d *device) slowed() float64 { return math.Log1p(d.HitBy * math.Exp(d.rnd.NormFloat64())) }

// process is one fresh worker.
type process struct {
	offset float64
	block  float64 // last block's own noise, in standard deviations
	feels  float64 // factor on the device's state
}

func (d *device) start(feels float64) process {
	p := process{offset: d.Process*d.t() + d.Uniform*d.rnd.Float64(), block: d.t(), feels: feels}
	if d.Stuck > 0 && d.rnd.Float64() < d.Stuck {
		p.offset += d.slowed()
	}
	return p
}

// measure returns the log of one block's median, relative to the case's truth.
func (d *device) measure(p *process) float64 {
	p.block = d.Rho*p.block + math.Sqrt(1-d.Rho*d.Rho)*d.t()
	v := p.offset + d.Block*p.block + p.feels*d.Device*d.state
	if d.Hit > 0 && d.rnd.Float64() < d.Hit {
		v += d.slowed()
	}
	return v
}

// trial runs fresh processes for a baseline and a candidate among the other
// workers of their group, interleaved in random order, and returns the median
// over the rounds of log(candidate ÷ baseline).
func (d *device) trial(truth float64, rounds int, scratch []float64) float64 {
	base, cand := d.start(1), d.start(1+d.Uneven)
	scratch = scratch[:0]
	for range rounds {
		first := d.rnd.IntN(workers)
		second := (first + 1 + d.rnd.IntN(workers-1)) % workers
		var b, c float64
		for visit := range workers {
			d.visit()
			switch visit {
			case first:
				b = d.measure(&base)
			case second:
				c = truth + d.measure(&cand)
			}
		}
		scratch = append(scratch, c-b)
	}
	return median(scratch)
}
