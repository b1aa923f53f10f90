package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"assay/bench/energy"
	"assay/bench/runner"
	"assay/bench/verdict"
)

// A meter in use by a run: how fast it is, and how long it is looked at.
type meter struct {
	energy.Meter
	rate     energy.Rate
	schedule energy.Schedule
}

// source is what an estimate of energy carries: values of another source are
// never compared with it.
func (mt *meter) source() string { return fmt.Sprintf("%s (%s)", mt.Name, mt.Scope) }

// openMeter opens the meter, where energy is asked for, and computes the
// schedule. A device without a meter leaves energy not measured, with the
// reason. A schedule over the budget is refused before anything is measured.
func (s *session) openMeter(ctx context.Context, groups []Group) error {
	p := s.Plan.Energy
	if p == nil || s.Meter == nil {
		s.meterless = "this program looks for no meter"
		return nil
	}
	begun := time.Now()
	defer func() { s.apart += time.Since(begun) }()
	m, err := s.Meter(ctx, p.Meter)
	if errors.Is(err, errors.ErrUnsupported) {
		s.meterless = oneLine(err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the energy meter: %w", err)
	}
	rate, err := m.Period(ctx, runner.Monotonic)
	if err != nil {
		m.Close() // it was only read
		s.meterless = oneLine(err.Error())
		return nil
	}
	m.Interval = rate.Period
	s.meter = &meter{m, rate, energy.NewSchedule(m, rate, p.Settle, p.Idle, p.Window)}
	idles, windows := s.energyWindows(groups)
	total := s.meter.schedule.Total(idles, windows)
	text := fmt.Sprintf("energy by %s: %s: %d windows and %d idle windows in %d rounds take up to %v, without the start of workers", m, s.meter.schedule, windows, idles, p.Rounds, total.Round(time.Second))
	if p.Budget > 0 && total > p.Budget {
		s.closeMeter()
		return fmt.Errorf("%s; energy.budget is %v: raise it, or measure fewer rounds, models or variants", text, p.Budget)
	}
	if s.Announce != nil {
		s.Announce(text)
	}
	return nil
}

// energyWindows counts the windows of all groups.
func (s *session) energyWindows(groups []Group) (idles, windows int) {
	n := s.Plan.Energy.Rounds
	for _, g := range groups {
		m := s.newMeasured(g)
		m.choosePairs()
		sets := m.together()
		idles += n*len(sets) + 1
		for _, set := range sets {
			windows += n * len(set)
		}
	}
	return idles, windows
}

// closeMeter frees the meter's files and connections, which were only read.
func (s *session) closeMeter() {
	if s.meter != nil {
		s.meter.Close()
		s.meter = nil
	}
}

// energyPhase measures energy outside of the latency rounds, so that reading
// the meter never disturbs them: an idle window, a window per case in random
// order, and so on, with fresh workers in every round and an idle window after
// the last. The idle windows before and after a round are shared by its cases.
func (m *measured) energyPhase(ctx context.Context) {
	switch {
	case m.s.Plan.Energy == nil:
		return
	case m.s.meter == nil:
		for _, c := range m.cases {
			c.lackEach(energyMetrics, verdict.Skipped, m.s.meterless)
		}
		return
	}
	begun := time.Now()
	e := &energyRounds{m: m, meter: m.s.meter, temps: m.s.hottest}
	e.sampler = energy.Start(context.WithoutCancel(ctx), e.meter.Meter, e.meter.schedule.Every, runner.Monotonic)
	e.rounds(ctx)
	sleep(ctx, 3*e.meter.schedule.Every) // a last reading that fails must not cost the last window
	e.trace = e.sampler.Stop()
	took := time.Since(begun)
	m.s.apart += took
	e.tell()
	m.energy = e.info(took)
	if e.silent != "" {
		m.s.closeMeter()
		m.s.meterless = e.silent
	}
}

// hottest returns the highest temperature that the device shows.
func (s *session) hottest() (celsius float64, ok bool) {
	for _, c := range s.Observe().Celsius {
		if !ok || c > celsius {
			celsius, ok = c, true
		}
	}
	return celsius, ok
}

// energyRounds is the energy of one group while it is measured.
type energyRounds struct {
	m       *measured
	meter   *meter
	sampler *energy.Sampler
	temps   func() (float64, bool)
	trace   energy.Trace
	idles   []energy.Window // one more than rounds
	restful int             // idle windows before which the power had come to rest
	windows []caseWindow
	silent  string // why the meter is lost

	discarded int       // windows that were invalid
	rough     int       // windows that were used and do not tell the net energy to 2 % alone
	watts     []float64 // idle power of the windows that were used
}

// A caseWindow is one case's window, between the idle windows set and set+1.
type caseWindow struct {
	c   *candidate
	set int
	w   energy.Window
}

// rounds takes all windows. Where memory does not hold the group, its pairs
// are sets of their own.
func (e *energyRounds) rounds(ctx context.Context) {
	var workers map[*candidate]*worker
	defer func() { endAll(ctx, workers) }()
	n := e.m.s.Plan.Energy.Rounds
	for r := range n {
		for _, set := range e.m.together() {
			endAll(ctx, workers)
			workers = e.open(ctx, set)
			e.m.s.step("energy", e.m.name(), float64(r)/float64(n), "round %d of %d, coming to rest", r+1, n)
			if !e.idle(ctx) {
				return
			}
			for i, c := range e.m.shuffled(set) {
				e.m.s.step("energy", e.m.name(), (float64(r)+float64(i)/float64(len(set)))/float64(n), "round %d of %d", r+1, n)
				e.window(ctx, c, workers)
			}
		}
	}
	e.idle(ctx)
}

// open starts and warms a worker for each case of a set.
func (e *energyRounds) open(ctx context.Context, set []*candidate) map[*candidate]*worker {
	workers := map[*candidate]*worker{}
	for _, c := range set {
		if c.status != OK || ctx.Err() != nil {
			continue
		}
		if w := e.m.warm(ctx, c); w != nil {
			workers[c] = w
		}
	}
	return workers
}

func endAll(ctx context.Context, workers map[*candidate]*worker) {
	for _, w := range workers {
		w.end(ctx)
	}
}

// idle waits until the power has come to rest and takes an idle window, with
// the workers loaded and blocked; false if the run or the meter has ended.
func (e *energyRounds) idle(ctx context.Context) bool {
	s := e.meter.schedule
	sleep(ctx, s.Guard)
	rest, err := e.sampler.Settle(ctx, s.Settle, e.temps)
	if err != nil {
		return false
	}
	if rest.Settled {
		e.restful++
	}
	from := runner.Monotonic()
	sleep(ctx, s.Idle)
	if ctx.Err() != nil {
		return false
	}
	e.idles = append(e.idles, energy.Window{From: from, To: runner.Monotonic()})
	if why := e.sampler.Trace().Silent(from); why != "" {
		e.silent = oneLine("the meter was lost: " + why)
	}
	return e.silent == ""
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// window lets a worker run without pause, first for as long as the meter may
// lag, then for the length of a window. A worker that keeps a latency of each
// inference may end a long window early; it then goes on.
func (e *energyRounds) window(ctx context.Context, c *candidate, workers map[*candidate]*worker) {
	w := workers[c]
	if w == nil || c.status != OK || ctx.Err() != nil {
		return
	}
	s := e.meter.schedule
	runCtx, cancel := context.WithTimeout(ctx, s.Guard+s.Window+runDeadline)
	defer cancel()
	_, err := w.Run(runCtx, s.Guard, 1)
	got := caseWindow{c: c, set: len(e.idles) - 1}
	for left := s.Window; err == nil && left > s.Window/100; left = s.Window - got.w.Length() {
		var b runner.Block
		if b, err = w.Run(runCtx, left, minPerBlock); err == nil {
			if got.w.Inferences == 0 {
				got.w.From = time.Duration(b.Start)
			}
			got.w.To = time.Duration(b.End)
			got.w.Inferences += b.Inferences
		}
	}
	if err == nil {
		e.windows = append(e.windows, got)
		return
	}
	words := w.LastWords()
	w.Kill()
	delete(workers, c)
	if ctx.Err() == nil && !c.again(err) {
		c.fail(err, words)
	}
}
