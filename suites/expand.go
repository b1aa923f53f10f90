package suites

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/models"
	"assay/models/strict"
	"assay/models/zoo"
)

// Engines are the engines that suites know where Env names no others.
var Engines = []string{"onnxruntime", "native"}

// Zoo is where models and tasks are looked up; zoo.Zoo is one.
type Zoo interface {
	Model(name string) (*models.Card, error)
	Data(name string) (*models.DataCard, error)
	Artifact(model, variant string) (models.Artifact, error)
}

var _ Zoo = (*zoo.Zoo)(nil)

// Env is what expansion needs to know of the device and the program.
type Env struct {
	Labels  map[string]string // of the device: arch, os, class, name and the user's own
	Engines []string          // that a suite may name; nil is Engines
	Cores   int               // of the device; 0 is this one's
	Zoo     Zoo               // nil is the embedded zoo
}

// An Expansion is a suite on one device: what bench.Run is given.
type Expansion struct {
	Suite    string
	Groups   []bench.Group
	Plan     bench.Plan
	Tasks    map[string]*models.DataCard // by name, the tasks of the cases
	Skipped  string                      // why nothing runs here; Groups is then empty
	Warnings []string
}

// Default values of a run, those of docs/design.md, "Measuring".
const (
	defaultTrials    = 5
	defaultMaxTrials = 20
	defaultRounds    = 4
	defaultCold      = 10
	defaultBlock     = 50 * time.Millisecond
	defaultPrecision = 0.01
)

// defaultPrecisionBy gives engines a default of their own: reference kernels
// are not what a release is decided by.
func defaultPrecisionBy() map[string]float64 { return map[string]float64{"native": 0.03} }

// Expand turns the suite called name into groups of cases. Files of the zoo
// are put into the cache; a variant whose file cannot be had becomes a case
// with an error. A wrong model, variant, engine, task or path is refused with
// its place, all of them together.
func (f *File) Expand(name string, env Env) (*Expansion, error) { return f.expand(name, env, false) }

// expand works as Expand; dry leaves the files of the zoo alone.
func (f *File) expand(name string, env Env, dry bool) (*Expansion, error) {
	s, err := f.Suite(name)
	if err != nil {
		return nil, err
	}
	if env.Zoo == nil {
		env.Zoo = zoo.Default
	}
	if env.Engines == nil {
		env.Engines = Engines
	}
	if env.Cores == 0 {
		env.Cores = runtime.NumCPU()
	}
	x := &expander{f: f, s: s, env: env, dry: dry, tasks: map[string]*models.DataCard{}}
	out := &Expansion{Suite: name, Plan: s.plan(), Tasks: x.tasks}
	sets := x.models()
	engines := x.engines()
	x.filters(sets, engines, len(x.errs) == 0)
	out.Groups = x.groups(sets, engines)
	if len(out.Groups) > maxGroups {
		x.errs.Add(s.At.Errorf("suite %s has more than %d groups of cases", name, maxGroups))
	}
	out.Warnings = x.warnings
	if err := x.errs.Err(); err != nil {
		return nil, err
	}
	if !matches(s.Devices, env.Labels) {
		out.Groups, out.Skipped = nil, notHere(s, env.Labels)
	}
	return out, nil
}

// maxGroups bounds an expansion: more than that is a mistake, and would take
// days.
const maxGroups = 10000

// plan is how much the suite measures.
func (s *Suite) plan() bench.Plan {
	p := s.Run.plan()
	p.Energy, p.Scenarios = s.Energy.plan(), s.Run.Scenario.plans()
	return p
}

// plan returns r with the defaults for what it leaves out.
func (r Run) plan() bench.Plan {
	p := bench.Plan{
		Trials: or(r.Trials, defaultTrials), Rounds: or(r.Rounds, defaultRounds), Cold: or(r.Cold, defaultCold),
		Block: time.Duration(or(r.Block, Duration(defaultBlock))), Budget: time.Duration(or(r.Budget, 0)),
		Samples: int(or(r.Samples, 0)), Precision: defaultPrecision,
	}
	p.MaxTrials = max(or(r.MaxTrials, defaultMaxTrials), p.Trials)
	switch q := r.Precision; {
	case q == nil:
		p.PrecisionBy = defaultPrecisionBy()
	case q.By == nil:
		p.Precision = q.All
	default:
		p.PrecisionBy = defaultPrecisionBy()
		for e, v := range q.By {
			p.PrecisionBy[e] = v
		}
	}
	return p
}

func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// expander collects what is wrong while it expands one suite.
type expander struct {
	f        *File
	s        *Suite
	env      Env
	dry      bool
	tasks    map[string]*models.DataCard
	errs     strict.Errors
	warnings []string
}

// A set is one model with its task and its artifacts, the baseline first.
type set struct {
	model string
	task  string
	cases []bench.Case // model, variant, artifact and error are set
}

// engines returns the engines with their providers filled in.
func (x *expander) engines() []Engine {
	list := x.s.Engines
	if list == nil {
		for _, name := range x.env.Engines {
			list = append(list, Engine{Name: Word{Text: name}})
		}
	}
	seen := map[string]bool{}
	var out []Engine
	for _, e := range list {
		if !slices.Contains(x.env.Engines, e.Name.Text) {
			x.errs.Add(strict.Unknown(e.Name.At, "engine", e.Name.Text, x.env.Engines))
			continue
		}
		if e.Providers == nil {
			e.Providers = x.s.Providers
		}
		if e.Providers == nil {
			e.Providers = []Word{{Text: "cpu"}}
		}
		key := e.Name.Text + "@"
		if e.Build != nil {
			key += e.Build.Text
		}
		if seen[key] {
			x.errs.Add(e.Name.At.Errorf("engine %s appears twice", e.Name.Text))
		}
		seen[key] = true
		out = append(out, e)
	}
	return out
}

// filters checks the engines, models and variants that gates, and the engines
// that precision, name. Where the sets are not complete, what they lack is not
// held against a filter.
func (x *expander) filters(sets []set, engines []Engine, complete bool) {
	var es, ms, vs []string
	for _, e := range engines {
		es = append(es, e.Name.Text)
	}
	for _, s := range sets {
		ms = append(ms, s.model)
		for _, c := range s.cases {
			if c.Variant != baseline && !slices.Contains(vs, c.Variant) {
				vs = append(vs, c.Variant)
			}
		}
	}
	check := func(what string, words []Word, have []string) {
		for _, w := range words {
			if complete && !slices.Contains(have, w.Text) {
				x.errs.Add(w.At.Errorf("no %s %q in this suite (%s)", what, w.Text, strict.Choices(w.Text, have)))
			}
		}
	}
	for _, g := range x.s.Gates {
		check("engine", g.Engines, es)
		check("model", g.Models, ms)
		check("variant", g.Variants, vs)
		if !told(x.s.Run.scenarios(), g.Gate.Metric) {
			x.errs.Add(g.Gate.At.Errorf("gate %q: %s", g.Gate.Text, untold(g.Gate.Metric)))
		}
	}
	if x.s.Run.Batch != nil && !slices.Contains(x.s.Run.scenarios(), loadgen.SingleStream) {
		x.warnings = append(x.warnings, "batch is for single-stream: the other scenarios choose the samples of an inference themselves")
	}
	if p := x.s.Run.Precision; p != nil {
		for e, at := range p.at {
			if !slices.Contains(x.env.Engines, e) {
				x.errs.Add(strict.Unknown(at, "engine", e, x.env.Engines))
			}
		}
	}
}

// A scenarioBatch is a scenario with the samples of an inference.
type scenarioBatch struct {
	scenario string
	batch    int
}

// loads crosses scenarios and batches. A batch is single-stream's: the others
// say themselves how many samples an inference takes.
func loads(scenarios []string, batches []int) []scenarioBatch {
	var out []scenarioBatch
	for _, s := range scenarios {
		if s != loadgen.SingleStream {
			out = append(out, scenarioBatch{s, 1})
			continue
		}
		for _, b := range batches {
			out = append(out, scenarioBatch{s, b})
		}
	}
	return out
}

// told reports whether any of the scenarios tells a metric.
func told(scenarios []string, name string) bool {
	return slices.ContainsFunc(scenarios, func(s string) bool { return bench.Tells(s, name) })
}

// untold says which scenarios would tell a metric.
func untold(name string) string {
	var have []string
	for _, s := range loadgen.Names() {
		if bench.Tells(s, name) {
			have = append(have, s)
		}
	}
	return fmt.Sprintf("%s comes from scenario %s, which is not run", name, strings.Join(have, " or "))
}

// groups crosses models, engines, providers, threads, scenarios and batches.
func (x *expander) groups(sets []set, engines []Engine) []bench.Group {
	threads, batches := x.s.Run.Threads, x.s.Run.Batch
	if threads == nil {
		threads = []int{1}
	}
	if batches == nil {
		batches = []int{1}
	}
	for _, t := range threads {
		if t > x.env.Cores {
			x.warnings = append(x.warnings, fmt.Sprintf("%d threads on %d cores: they will wait for each other", t, x.env.Cores))
		}
	}
	var out []bench.Group
	for _, s := range sets {
		for _, e := range engines {
			for _, p := range e.Providers {
				for _, t := range threads {
					for _, l := range loads(x.s.Run.scenarios(), batches) {
						if len(out) > maxGroups {
							return out
						}
						out = append(out, x.group(s, e, p.Text, t, l))
					}
				}
			}
		}
	}
	return out
}

func (x *expander) group(s set, e Engine, provider string, threads int, l scenarioBatch) bench.Group {
	var g bench.Group
	for _, c := range s.cases {
		c.Suite, c.Task, c.Engine, c.Provider = x.s.Name, s.task, e.Name.Text, provider
		c.Threads, c.Batch, c.Scenario = threads, l.batch, l.scenario
		if e.Build != nil {
			c.Build = e.Build.Text
		}
		g.Cases = append(g.Cases, c)
	}
	for _, gate := range x.s.Gates {
		if applies(gate.Engines, e.Name.Text) && applies(gate.Models, s.model) && bench.Tells(l.scenario, gate.Gate.Metric) {
			g.Gates = append(g.Gates, bench.Gate{Gate: gate.Gate.Gate, Optional: gate.Optional, Variants: texts(gate.Variants)})
		}
	}
	return g
}

func applies(filter []Word, name string) bool {
	return len(filter) == 0 || slices.Contains(texts(filter), name)
}

func texts(words []Word) []string {
	var out []string
	for _, w := range words {
		out = append(out, w.Text)
	}
	return out
}
