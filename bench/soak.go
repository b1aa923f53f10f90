package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// SoakPlan asks for a soak: every case runs without pause for so long that the
// device becomes as hot as it ever does.
type SoakPlan struct {
	Duration time.Duration `json:"duration"` // of each case
	Cool     time.Duration `json:"cool"`     // longest wait before each case
	Repeats  int           `json:"repeats"`  // soaks of each case; two at least tell how well it repeats
}

// NewSoak returns the plan of a soak: before each case the device may cool for
// a quarter of the time that heats it, five minutes at most.
func NewSoak(d time.Duration, repeats int) *SoakPlan {
	return &SoakPlan{Duration: d, Cool: min(d/4, 5*time.Minute), Repeats: max(1, repeats)}
}

const (
	burstTime    = time.Minute // the part that a short benchmark sees; at most a fifth of the soak
	plateauShare = 1.0 / 3     // the last part, which counts as the plateau
	notFlat      = 0.03        // by which the two halves of a plateau may differ
	soakPoints   = 60          // of the curve that is kept
	cooled       = 2.0         // K above the temperature at the run's begin
	soakShift    = 0.03        // by which the baseline's plateau may differ from its own
)

// soakMetrics are what a soak tells of a case.
var soakMetrics = []*metric.Metric{metric.Burst, metric.Sustained, metric.BurstRate, metric.SustainedRate}

// A SoakInfo is the last soak of a case: its first minute, its plateau, and
// the way between them.
type SoakInfo struct {
	Duration  float64     `json:"duration_sec"`
	Burst     SoakPart    `json:"burst"`
	Sustained SoakPart    `json:"sustained"`
	Points    []SoakPoint `json:"points"`
}

// A SoakPart is a stretch of a soak.
type SoakPart struct {
	Latency    float64 `json:"latency_sec"`       // median of one inference
	Throughput float64 `json:"throughput"`        // samples per second
	Celsius    float64 `json:"celsius,omitempty"` // of the hottest sensor, mean; 0 if unknown
	MHz        float64 `json:"mhz,omitempty"`     // mean clock, 0 if unknown
}

// A SoakPoint is a part of the curve, by the time at which it ended.
type SoakPoint struct {
	At float64 `json:"at_sec"`
	SoakPart
}

// A stretch is one block of a soak and the device's state after it.
type stretch struct {
	at, took     float64 // sec since the soak's begin, at the block's end; sec
	p50          float64 // sec
	samples      float64
	celsius, mhz float64 // of the last reading, 0 where there is none
}

// announceSoak says how long the soaks of all groups take, before anything
// runs: they come on top of the time budget.
func (s *session) announceSoak(groups []Group) {
	p := s.Plan.Soak
	if p == nil || s.Announce == nil {
		return
	}
	n := 0
	for _, g := range groups {
		n += len(g.Cases)
		if p.Repeats > 1 {
			n++ // the control
		}
	}
	n *= p.Repeats
	total := time.Duration(n)*(p.Duration+p.Cool) + time.Duration(len(groups))*p.Cool
	s.Announce(fmt.Sprintf("soak: %d times %v without pause, one case at a time, each after up to %v of cooling: %v at most, beside the budget",
		n, p.Duration, p.Cool.Round(time.Second), total.Round(time.Second)))
}

// soak runs the cases one at a time, in a fresh random order, each without
// pause. They are not interleaved: a device that throttles is heated by what
// it runs, and a case that heats it less is to be seen to hold more. What
// makes the cases alike instead is that each begins on a device that has
// cooled down. The group's condition is judged by what it was before the soak,
// whose throttling is its result and no mishap.
func (m *measured) soak(ctx context.Context) {
	p := m.s.Plan.Soak
	if p == nil {
		return
	}
	begun := time.Now()
	now := m.s.Observe()
	m.unheated = &now
	for r := range p.Repeats {
		m.sets++
		for i, c := range m.shuffled(m.live()) {
			if c.control && p.Repeats < 2 || ctx.Err() != nil {
				continue
			}
			tick := func(share float64, doing string) {
				part := (float64(r) + (float64(i)+share)/float64(len(m.cases))) / float64(p.Repeats)
				m.s.step("soak", m.name(), part, "%s, %s, %d of %d", c.Variant, doing, r+1, p.Repeats)
			}
			tick(0, "cooling")
			m.cool(ctx, p.Cool)
			m.soakCase(ctx, c, p.Duration, tick)
		}
	}
	m.cool(ctx, p.Cool) // the rounds of the next group want the device as it was
	m.s.apart += time.Since(begun)
	logs := m.toldRatios(m.cases[controlShift], metric.Sustained.Name)
	if len(logs) < 2 {
		return
	}
	if iv := stat.SteinInterval(logs, len(logs), confidence).Exp(); iv.Low > 1+soakShift || iv.High < 1-soakShift {
		for _, c := range m.cases {
			c.lackEach(soakMetrics, verdict.Untrusted, fmt.Sprintf("the baseline's plateau is %.3fx of its own (%.3f to %.3f): cool the device longer", iv.Mid, iv.Low, iv.High))
		}
	}
}

// cool waits until the device is as cool as at the run's begin, d at most. One
// that tells no temperature is given all of it.
func (m *measured) cool(ctx context.Context, d time.Duration) {
	rest := hottest(m.s.res.Before.Celsius)
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		if now, _ := m.s.look(); rest > 0 && now > 0 && now <= rest+cooled {
			return
		}
		t := time.NewTimer(min(time.Second, d/10+1))
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// look reads the temperature of the hottest sensor and the clock.
func (s *session) look() (celsius, mhz float64) {
	c := s.Observe()
	return hottest(c.Celsius), c.MHz
}

func hottest(celsius map[string]float64) float64 {
	most := 0.0
	for _, v := range celsius {
		most = max(most, v)
	}
	return most
}

// soakCase soaks one case in a fresh worker and tells its parts.
func (m *measured) soakCase(ctx context.Context, c *candidate, d time.Duration, tick func(float64, string)) {
	for {
		w := m.warm(ctx, c)
		if w == nil {
			return
		}
		all, err := m.stretches(ctx, c, w, d, tick)
		if err == nil {
			w.end(ctx)
			m.tellSoak(c, all, d.Seconds())
			return
		}
		words := w.LastWords()
		w.Kill()
		if ctx.Err() != nil {
			return
		}
		if !c.again(err) {
			c.fail(err, words)
			return
		}
	}
}

// stretches runs w for d in blocks that follow each other at once, and looks
// at the device between them now and then.
func (m *measured) stretches(ctx context.Context, c *candidate, w *worker, d time.Duration, tick func(float64, string)) ([]stretch, error) {
	step := min(max(d/200, 10*time.Millisecond), time.Second)
	var out []stretch
	begun := time.Now()
	looked := -d
	for time.Since(begun) < d {
		runCtx, cancel := context.WithTimeout(ctx, runDeadline+step+slowest*w.each)
		b, err := w.Run(runCtx, step, 1)
		cancel()
		if err != nil {
			return nil, err
		}
		s := stretch{at: time.Since(begun).Seconds(), took: b.Elapsed.Seconds(), p50: stat.Median(seconds(b.Latencies)), samples: float64(b.Inferences * c.batch())}
		if now := time.Since(begun); now-looked >= d/soakPoints {
			looked = now
			s.celsius, s.mhz = m.s.look()
			tick(min(1, now.Seconds()/d.Seconds()), fmt.Sprintf("%.0f %% of %v", 100*now.Seconds()/d.Seconds(), d))
		}
		out = append(out, s)
	}
	return out, nil
}

// tellSoak tells what a soak gave and keeps its curve.
func (m *measured) tellSoak(c *candidate, all []stretch, d float64) {
	i := soakInfo(all, d)
	c.soaked = &i
	c.tell(metric.Burst, m.sets, i.Burst.Latency)
	c.tell(metric.Sustained, m.sets, i.Sustained.Latency)
	c.tell(metric.BurstRate, m.sets, i.Burst.Throughput)
	c.tell(metric.SustainedRate, m.sets, i.Sustained.Throughput)
	if moved := drift(all, d); math.Abs(moved) > notFlat {
		word := "slower"
		if moved < 0 {
			word = "faster"
		}
		c.remark(fmt.Sprintf("%s on %s still became %s at the end of its soak (by %.0f %% within the plateau): soak longer", c.Variant, c.Engine, word, 100*math.Abs(moved)))
	}
}

// soakInfo reduces the blocks of a soak of d seconds.
func soakInfo(all []stretch, d float64) SoakInfo {
	i := SoakInfo{
		Duration:  d,
		Burst:     part(all, 0, min(burstTime.Seconds(), d/5)),
		Sustained: part(all, d*(1-plateauShare), math.Inf(1)),
	}
	if i.Burst.Latency == 0 && len(all) > 0 { // its first inference takes longer than that
		i.Burst = part(all[:1], 0, math.Inf(1))
	}
	for k := range soakPoints {
		at := d * float64(k+1) / soakPoints
		to := at
		if k == soakPoints-1 {
			to = math.Inf(1) // the last block ends after d
		}
		if p := part(all, d*float64(k)/soakPoints, to); p.Latency > 0 {
			i.Points = append(i.Points, SoakPoint{at, p})
		}
	}
	return i
}

// part reduces the blocks that ended after from and not after to, in seconds
// since the begin; zero where none did.
func part(all []stretch, from, to float64) SoakPart {
	var p50, celsius, mhz []float64
	samples, took := 0.0, 0.0
	for _, s := range all {
		if s.at <= from || s.at > to {
			continue
		}
		p50 = append(p50, s.p50)
		samples, took = samples+s.samples, took+s.took
		if s.celsius > 0 {
			celsius = append(celsius, s.celsius)
		}
		if s.mhz > 0 {
			mhz = append(mhz, s.mhz)
		}
	}
	if len(p50) == 0 {
		return SoakPart{}
	}
	return SoakPart{stat.Median(p50), known(samples / took), known(stat.Mean(celsius)), known(stat.Mean(mhz))}
}

// known makes 0 of what is no finite number.
func known(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// drift is by how much the second half of the plateau is slower than the first.
func drift(all []stretch, d float64) float64 {
	from := d * (1 - plateauShare)
	half := from + d*plateauShare/2
	a, b := part(all, from, half), part(all, half, math.Inf(1))
	if a.Latency <= 0 || b.Latency <= 0 {
		return 0
	}
	return b.Latency/a.Latency - 1
}
