package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	mrand "math/rand/v2"
	"time"

	"assay/bench/energy"
	"assay/bench/engine"
	"assay/bench/host"
	"assay/bench/memory"
	"assay/bench/metric"
	"assay/bench/runner"
	"assay/bench/task"
	"assay/models/tensor"
)

// A Dataset is what a group is fed with: real labelled samples, or seeded
// noise where there are none.
type Dataset interface {
	Len() int
	// Label returns the class of sample i, −1 where there is none.
	Label(i int) int
	// Input returns sample i as a model's inputs in graph order, batch 1.
	Input(i int) ([]tensor.Tensor, error)
}

// A Step is one line of progress.
type Step struct {
	Phase string  // "timing", "cold", "energy", "soak", "accuracy"
	Group string  // "resnet8 on onnxruntime"
	Done  float64 // share of the whole run, 0 to 1
	Text  string
}

// Setup is what a run needs from outside: how to start workers, where samples
// come from, who listens. Everything else is in the plan.
type Setup struct {
	Suite   string
	Version string
	Labels  map[string]string
	Plan    Plan

	// Command says how the worker of a case is started; an error that
	// wraps errors.ErrUnsupported skips the case with that reason.
	Command func(c Case) (runner.Command, error)

	// Data returns the samples for a case whose inputs are in. It may be
	// called for every case; normalisation follows the case's card.
	Data func(c Case, in []engine.Desc) (Dataset, error)

	// Observe reads the device's condition, CPUs names the cores to pin to.
	Device  host.Device
	Observe func() host.Condition
	Probe   func(cpus []int) Prober
	CPUs    func(threads int) []int

	// Watch looks at the device while a group is measured, between blocks;
	// nil looks at nothing.
	Watch func(cpus []int) *host.Watch

	// MemAvailable returns the bytes that workers may take together.
	MemAvailable func() int64

	// Meter opens the meter called name, or with "" the best of the device.
	// An error that wraps errors.ErrUnsupported leaves energy not measured.
	Meter func(ctx context.Context, name string) (energy.Meter, error)

	Progress func(Step)
	Announce func(text string) // what the user should know before it is waited for, nil for nobody

	// Explain may add notes to a measured candidate, for example why its
	// compression does not pay on this device.
	Explain func(g *GroupResult, c *CaseResult) []string

	// Shared follows what a worker shares with the GPU; nil where nothing can.
	Shared func(pid int) (*memory.Shared, error)
}

// A Prober is read between blocks: cheap, without allocation.
type Prober interface {
	// Read returns the seconds stolen by the hypervisor on the pinned cores
	// since boot, and their mean clock in MHz (0 if unknown).
	Read() (steal, mhz float64)
	Close() error
}

// session is one run in progress.
type session struct {
	Setup
	rnd   *mrand.Rand
	res   *Result
	infos map[string]engine.Info
	begun time.Time
	steps int // groups × phases, for progress
	done  int
	apart time.Duration // of what was taken for energy and soaks, which are not part of the budget
	shown float64       // progress never goes back, also when more trials are needed

	meter     *meter // nil where energy is not measured
	meterless string // why
}

// Run measures the groups and returns the result. A cancelled ctx ends it at
// the next block: the result then holds what was measured and says Partial.
// An error is returned only where nothing could be measured at all.
func Run(ctx context.Context, set Setup, groups []Group) (*Result, error) {
	if len(groups) == 0 {
		return nil, fmt.Errorf("nothing to measure: no group of cases fits this device")
	}
	fam, err := task.Lookup(metric.Top1.Name)
	if err != nil {
		return nil, err
	}
	s := newSession(set, groups)
	if err := s.openMeter(ctx, groups); err != nil {
		return nil, err
	}
	defer s.closeMeter()
	s.announceSoak(groups)
	s.res.Before = s.Observe()
	all := make([]*measured, len(groups))
	for i, g := range groups {
		if ctx.Err() != nil {
			break
		}
		all[i] = s.time(ctx, g, s.share(len(groups)-i))
	}
	for i, m := range all {
		if m == nil {
			m = s.untouched(groups[i])
			all[i] = m
		} else if ctx.Err() == nil {
			s.accuracy(ctx, m, fam)
		}
		s.res.Groups = append(s.res.Groups, *m.result())
	}
	s.res.After = s.Observe()
	if ctx.Err() != nil {
		s.res.Partial = "interrupted: " + context.Cause(ctx).Error()
	}
	s.judge(all)
	s.res.Ended = time.Now()
	return s.res, nil
}

func newSession(set Setup, groups []Group) *session {
	id := make([]byte, 8)
	rand.Read(id) // never fails since Go 1.24
	s := &session{
		Setup: set, begun: time.Now(), infos: map[string]engine.Info{}, steps: (2 + len(phases)) * len(groups),
		rnd: mrand.New(mrand.NewPCG(binary.LittleEndian.Uint64(id), 0)),
	}
	s.res = &Result{
		Schema: Schema, Run: hex.EncodeToString(id), Suite: set.Suite, Started: s.begun, Version: set.Version,
		Device: set.Device, Labels: set.Labels, Plan: set.Plan, Accuracy: "not measured",
	}
	return s
}

// share returns the part of the time budget that the next group may use, 0
// for no limit. Accuracy comes after all timing and is not part of it, nor are
// energy and soaks.
func (s *session) share(left int) time.Duration {
	if s.Plan.Budget == 0 {
		return 0
	}
	return max(time.Second, (s.Plan.Budget+s.apart-time.Since(s.begun))/time.Duration(left))
}

// step reports progress: part is how much of the current phase is done.
func (s *session) step(phase, group string, part float64, format string, a ...any) {
	if s.Progress == nil {
		return
	}
	s.shown = max(s.shown, (float64(s.done)+part)/float64(s.steps))
	s.Progress(Step{phase, group, s.shown, fmt.Sprintf(format, a...)})
}

// info keeps what an engine says of itself, once per engine.
func (s *session) info(i engine.Info) {
	if _, ok := s.infos[i.Name]; !ok {
		s.infos[i.Name] = i
		s.res.Engines = append(s.res.Engines, i)
	}
}

// untouched is a group that the run did not come to.
func (s *session) untouched(g Group) *measured {
	m := s.newMeasured(g)
	for _, c := range m.cases {
		if c.status == OK {
			c.skip("not reached before the run ended")
		}
	}
	return m
}

// estimateExact is an estimate without spread.
func estimateExact(m *metric.Metric, v float64, n int) metric.Estimate {
	return metric.Estimate{Metric: m.Name, Unit: m.Unit, Value: v, Low: v, High: v, N: n}
}
