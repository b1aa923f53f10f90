package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"assay/bench/host"
	"assay/bench/stat"
)

// Fixed parts of the method (docs/design.md, "Measuring").
const (
	confidence   = 0.95
	minPerBlock  = 5                      // inferences in a block, at least
	warmTime     = 100 * time.Millisecond // warm-up of a fresh worker, at least
	warmRuns     = 5
	maxSteal     = 0.01 // share of a block that may be stolen
	minClock     = 0.95 // of the group's median clock
	maxDropped   = 0.20 // of all blocks, before the group is untrusted
	memoryShare  = 0.7  // of the available memory that workers may fill
	slowest      = 4    // times as long as in its warm-up may an inference take before its worker hangs
	controlShift = 1    // index of the A/A control among a group's workers
)

// A block is one visit to one worker.
type block struct {
	p50       float64   // sec per inference, or per query of a scenario
	mean      float64   // sec per inference
	elapsed   float64   // sec
	cpu       float64   // sec of all threads of the worker, −1 if unknown
	samples   int       // of an inference
	latencies []float64 // sec per inference or query, as timed
	per       int       // inferences per latency
	rate      float64   // server: the highest that held, per second
	dropped   string    // why it does not count, "" if it does
	mhz       float64
}

// trialData is one fresh process of one case: its blocks in the order taken.
type trialData struct {
	trial  int
	set    int      // workers that were interleaved together have the same
	blocks []*block // one per round, nil where the worker had failed
	memory footprint
}

// measured is a group while it is measured: the baseline, its control, and
// the candidates.
type measured struct {
	group  Group
	sc     *scenario
	cases  []*candidate
	trials int
	rounds int
	sets   int // sets of workers interleaved so far
	pairs  bool
	doubts []string
	bad    []string // causes that make timing untrusted
	took   time.Duration
	cpus   []int // that workers are pinned to
	probe  Prober
	watch  *host.Watch
	during host.During // what watch saw
	s      *session

	energy   *EnergyInfo     // nil where no energy was measured
	unheated *host.Condition // before the soak, nil where there was none

	sources map[string]string // by metric: what measured it, for example "rapl (package)"
}

func (s *session) newMeasured(g Group) *measured {
	m := &measured{group: g, s: s, sources: map[string]string{}, sc: scenarioOf(g.Cases[0].Scenario)}
	for i, c := range g.Cases {
		cand := &candidate{Case: c, status: OK, packed: -1}
		if c.Err != "" {
			cand.status, cand.reason = Errored, c.Err
		}
		m.cases = append(m.cases, cand)
		if i == 0 {
			control := &candidate{Case: c, status: cand.status, reason: cand.reason, packed: -1, control: true}
			m.cases = append(m.cases, control)
		}
	}
	return m
}

func (m *measured) baseline() *candidate { return m.cases[0] }

// name is how progress and messages call the group.
func (m *measured) name() string {
	c := m.cases[0]
	return fmt.Sprintf("%s on %s", c.Model, c.Engine)
}

// live returns the cases that can still be measured.
func (m *measured) live() []*candidate {
	var out []*candidate
	for _, c := range m.cases {
		if c.status == OK {
			out = append(out, c)
		}
	}
	return out
}

// precision is the wanted half-width for the group's engine.
func (m *measured) precision() float64 {
	if p, ok := m.s.Plan.PrecisionBy[m.cases[0].Engine]; ok {
		return p
	}
	return m.s.Plan.Precision
}

// time measures latency: the pilot trials, as many more as Stein's rule and
// the budget allow, then the cold starts. budget 0 is no limit.
func (s *session) time(ctx context.Context, g Group, budget time.Duration) *measured {
	m := s.newMeasured(g)
	m.cpus = s.CPUs(m.baseline().Threads)
	m.probe = s.Probe(m.cpus)
	defer m.probe.Close()
	begun := time.Now()
	before := s.Observe()
	m.choosePairs()
	if m.sc.prepare != nil {
		m.sc.prepare(m, ctx)
	}
	if s.Watch != nil {
		m.watch = s.Watch(m.cpus)
	}
	want := s.Plan.Trials
	for t := 0; t < want && ctx.Err() == nil && len(m.live()) > 0; t++ {
		s.step("timing", m.name(), float64(t)/float64(want), "trial %d of %d", t+1, want)
		m.trial(ctx, t)
		if ctx.Err() == nil {
			m.trials = t + 1
		}
		each := time.Since(begun) / time.Duration(max(1, m.trials))
		if m.sc.fixed && budget > 0 && m.trials > 1 && each*time.Duration(m.trials+1) > budget {
			break
		}
		if m.trials != want {
			continue
		}
		more := min(m.needed(), s.Plan.MaxTrials)
		if budget > 0 && each > 0 {
			more = min(more, int(budget/each))
		}
		want = max(want, more)
	}
	if m.sc.finish != nil {
		m.sc.finish(m)
	}
	s.done++
	for _, phase := range phases {
		if ctx.Err() == nil {
			phase(m, ctx)
		}
		s.done++
	}
	after := s.Observe()
	if m.unheated != nil {
		after = *m.unheated
	}
	m.condition(before, after)
	m.took = time.Since(begun)
	return m
}

// needed is Stein's number of trials: the largest over candidates and control.
func (m *measured) needed() int {
	n := m.s.Plan.Trials
	if m.sc.fixed {
		return n
	}
	for _, c := range m.cases[controlShift:] {
		logs := m.logRatios(c, m.sc.reductions[0])
		if c.status == OK && len(logs) >= m.s.Plan.Trials {
			n = max(n, stat.SteinTrials(logs[:m.s.Plan.Trials], m.precision(), confidence))
		}
	}
	return n
}

// choosePairs decides whether memory holds all workers of the group together.
// A worker is guessed at three times its file and 64 MB for its runtime.
func (m *measured) choosePairs() {
	if m.s.MemAvailable == nil {
		return
	}
	var need int64
	for _, c := range m.live() {
		need += 3*c.Artifact.Size + 64<<20
	}
	m.pairs = float64(need) > memoryShare*float64(m.s.MemAvailable())
}

// trial runs one trial: fresh workers for every live case, interleaved; or
// baseline, control and one candidate at a time where memory holds no more.
func (m *measured) trial(ctx context.Context, t int) {
	for _, set := range m.together() {
		m.interleave(ctx, t, set)
	}
}

// together returns the sets of live cases whose workers are loaded at one
// time: all of them, or pairs where memory holds no more.
func (m *measured) together() [][]*candidate {
	live := m.live()
	if !m.pairs || len(live) <= 3 || m.baseline().status != OK {
		return [][]*candidate{live}
	}
	sets := [][]*candidate{live[:3]}
	for _, c := range live[3:] {
		sets = append(sets, []*candidate{live[0], c})
	}
	return sets
}

// A lot is a set of workers that are loaded together, with what they tell.
type lot struct {
	trial   int
	set     []*candidate
	workers map[*candidate]*worker
	data    map[*candidate]*trialData
}

// interleave starts a worker per case, puts the scenario's load on all of them
// side by side, and ends them.
func (m *measured) interleave(ctx context.Context, t int, set []*candidate) {
	m.sets++
	defer sized(set)()
	l := lot{t, set, map[*candidate]*worker{}, map[*candidate]*trialData{}}
	defer func() {
		for _, w := range l.workers {
			w.end(ctx)
		}
	}()
	for _, c := range m.shuffled(set) {
		if w := m.warm(ctx, c); w != nil {
			l.workers[c] = w
			l.data[c] = &trialData{trial: t, set: m.sets}
		}
	}
	m.sc.load(m, ctx, l)
	m.remember(ctx, l.workers, l.data)
	for c, d := range l.data {
		if ctx.Err() == nil && c.status == OK {
			c.trials = append(c.trials, *d)
		}
	}
}

// inRounds visits all workers in every round, in a fresh random order.
func (m *measured) inRounds(ctx context.Context, l lot) {
	rounds := m.s.Plan.Rounds
	for r, extra := 0, 0; r < rounds+extra && ctx.Err() == nil; r++ {
		good := m.round(ctx, l)
		if !good && extra < m.s.Plan.Rounds { // a spoilt round is repeated, within bounds
			extra++
		}
		m.rounds = max(m.rounds, r+1-extra)
	}
}

// round visits every worker once; false if a block of it was dropped.
func (m *measured) round(ctx context.Context, l lot) bool {
	got := map[*candidate]*block{}
	good := true
	for _, c := range m.shuffled(l.set) {
		w := l.workers[c]
		if w == nil || c.status != OK || ctx.Err() != nil {
			continue
		}
		m.watch.Look() // all workers wait: no timed region runs
		b, err := m.visit(ctx, c, w)
		if err != nil && ctx.Err() == nil {
			m.replace(ctx, l, c, err) // this round lacks the case, the next has it
			continue
		}
		if b != nil {
			got[c] = b
			good = good && b.dropped == ""
		}
	}
	if ctx.Err() != nil {
		return true
	}
	for c, d := range l.data {
		d.blocks = append(d.blocks, got[c])
	}
	return good
}

// replace puts a fresh worker in the place of one that broke, once; otherwise
// the case has failed.
func (m *measured) replace(ctx context.Context, l lot, c *candidate, err error) {
	w := l.workers[c]
	words := w.LastWords()
	w.Kill()
	delete(l.workers, c)
	if !c.again(err) {
		c.fail(err, words)
	} else if w := m.warm(ctx, c); w != nil {
		l.workers[c] = w
	}
}

// warm opens, binds and warms a worker for c; nil if that failed.
func (m *measured) warm(ctx context.Context, c *candidate) *worker {
	for {
		w := m.s.open(ctx, c, m.cpus, c.Threads, m.follow)
		if w == nil {
			return nil
		}
		err := m.s.bind(ctx, c, w, c.sets())
		if err == nil {
			err = w.heat(ctx)
		}
		if err == nil {
			w.memory.warmed()
			return w
		}
		words := w.LastWords()
		w.Kill()
		if ctx.Err() != nil {
			return nil
		}
		if !c.again(err) {
			c.fail(err, words)
			return nil
		}
	}
}

// visit runs one block on w and reads the probe around it.
func (m *measured) visit(ctx context.Context, c *candidate, w *worker) (*block, error) {
	d, n := m.blockSize(c)
	ctx, cancel := context.WithTimeout(ctx, runDeadline+d+slowest*time.Duration(n)*w.each)
	defer cancel()
	steal0, _ := m.probe.Read()
	b, err := w.Run(ctx, d, n)
	if err != nil {
		return nil, err
	}
	steal1, mhz := m.probe.Read()
	out := &block{per: b.Per, mhz: mhz, samples: c.batch(), elapsed: b.Elapsed.Seconds(), cpu: b.CPU.Seconds()}
	out.latencies = queries(seconds(b.Latencies), b.Per, m.perQuery(c))
	out.p50 = stat.Median(out.latencies)
	out.mean = b.Elapsed.Seconds() / float64(b.Inferences)
	out.stolen(steal1 - steal0)
	return out, nil
}

func (m *measured) shuffled(set []*candidate) []*candidate {
	out := slices.Clone(set)
	m.s.rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// end closes a worker politely, whatever became of ctx.
func (w *worker) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	w.Close(ctx) // an error here is a worker that had to be killed, after its last measurement
	w.leave()
}
