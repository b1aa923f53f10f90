package suites

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/models/strict"
)

// Scenarios are the ways in which load is put on a model, each of which makes
// groups of its own.
type Scenarios []Scenario

// A Scenario is one way of load with its knobs; those of single-stream are none.
type Scenario struct {
	Name string
	Load load
}

// load is what a suite may say of a scenario: a pointer to one of the types
// below, nil where it says nothing.
type load interface{ plan() bench.ScenarioPlan }

// MultiStream is a query of several samples after the other.
type MultiStream struct {
	Samples  *int      `yaml:"samples" jsonschema:"minimum=1,maximum=1024" jsonschema_description:"samples of a query; default 8"`
	Queries  *int      `yaml:"queries" jsonschema:"minimum=662,maximum=1000000" jsonschema_description:"queries of a trial, at least; default 662, the fewest that bound a p99"`
	Duration *Duration `yaml:"duration" jsonschema_description:"of a trial, at least; default what the queries take"`
}

// Offline is the throughput of the best batch.
type Offline struct {
	MaxBatch *int      `yaml:"max_batch" jsonschema:"minimum=1,maximum=65536" jsonschema_description:"largest batch that is tried; default 64"`
	Duration *Duration `yaml:"duration" jsonschema_description:"of a trial, at least; default 2s"`
}

// Server is the highest rate of queries that keeps a latency bound.
type Server struct {
	Latency    *Duration `yaml:"latency" jsonschema_description:"the bound; default 10ms"`
	Percentile *Share    `yaml:"percentile" jsonschema_description:"share of the queries that must keep the bound; default 99%"`
	Duration   *Duration `yaml:"duration" jsonschema_description:"for how long each rate is tried, at least; default 2s, and never less than 100 times the bound"`
}

func (l *MultiStream) plan() bench.ScenarioPlan {
	p := bench.DefaultScenario(loadgen.MultiStream)
	p.Samples, p.Queries, p.Duration = or(l.Samples, p.Samples), or(l.Queries, p.Queries), time.Duration(or(l.Duration, Duration(p.Duration)))
	return p
}

func (l *Offline) plan() bench.ScenarioPlan {
	p := bench.DefaultScenario(loadgen.Offline)
	p.MaxBatch, p.Duration = or(l.MaxBatch, p.MaxBatch), time.Duration(or(l.Duration, Duration(p.Duration)))
	return p
}

func (l *Server) plan() bench.ScenarioPlan {
	p := bench.DefaultScenario(loadgen.Server)
	p.Latency, p.Duration = time.Duration(or(l.Latency, Duration(p.Latency))), time.Duration(or(l.Duration, Duration(p.Duration)))
	p.Percentile = float64(or(l.Percentile, Share(p.Percentile)))
	return p
}

// knobs returns what can be said of a scenario, empty; nil of single-stream.
func knobs(name string) load {
	switch name {
	case loadgen.MultiStream:
		return &MultiStream{}
	case loadgen.Offline:
		return &Offline{}
	case loadgen.Server:
		return &Server{}
	}
	return nil
}

// A Share is a part of the whole, from a half on: a percentile.
type Share float64

// UnmarshalNode reads a percentage from 50% to 99.99%.
func (s *Share) UnmarshalNode(n strict.Node) error {
	const want = "a percentage from 50% to 99.99%"
	t, ok := n.Text()
	if !ok || !percentRegexp.MatchString(t) {
		return n.Wrong(want)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(t, "%")), 64)
	if err != nil || v < 50 || v > 99.99 {
		return n.Wrong(want)
	}
	*s = Share(v / 100)
	return nil
}

// UnmarshalNode reads a name, a mapping of a name to its knobs, or a list of
// both.
func (s *Scenarios) UnmarshalNode(n strict.Node) error {
	nodes := []strict.Node{n}
	if n.IsList() {
		if nodes, _ = n.Items(); len(nodes) == 0 {
			return n.Pos().Errorf("scenario is empty: leave it out for its default")
		}
	}
	var errs strict.Errors
	for _, x := range nodes {
		if !x.IsMapping() {
			t, ok := x.Text()
			if !ok {
				errs.Add(x.Wrong("a scenario such as offline, or {server: {latency: 10ms}}"))
				continue
			}
			errs.Add(s.add(x.Pos(), t, knobs(t)))
			continue
		}
		fields, err := x.Fields()
		if errs.Add(err); err == nil && len(fields) == 0 {
			errs.Add(x.Pos().Errorf("an empty mapping names no scenario: {server: {latency: 10ms}}"))
		}
		for _, f := range fields {
			l := knobs(f.Key)
			if err := s.add(f.At, f.Key, l); err != nil {
				errs.Add(err)
				continue
			}
			var es strict.Errors
			if l == nil {
				errs.Add(f.At.Errorf("%s has nothing to set: write it without a colon", f.Key))
			} else if err := f.Value.Decode(l); errors.As(err, &es) {
				errs = append(errs, es...)
			} else if err != nil {
				return err
			} else {
				errs = append(errs, inBounds(f.Value, l)...)
			}
		}
	}
	return errs.Err()
}

func (s *Scenarios) add(at strict.Pos, name string, l load) *strict.Error {
	if !slices.Contains(loadgen.Names(), name) {
		return strict.Unknown(at, "scenario", name, loadgen.Names())
	}
	if slices.ContainsFunc(*s, func(x Scenario) bool { return x.Name == name }) {
		return at.Errorf("scenario %s appears twice", name)
	}
	*s = append(*s, Scenario{name, l})
	return nil
}

// scenarios returns the names of the scenarios that a run has.
func (r Run) scenarios() []string {
	if r.Scenario == nil {
		return []string{loadgen.SingleStream}
	}
	return each(*r.Scenario, func(s Scenario) string { return s.Name })
}

// plans returns the load of each scenario but single-stream, which has none to
// choose; nil where there is no other.
func (s *Scenarios) plans() map[string]bench.ScenarioPlan {
	if s == nil {
		return nil
	}
	var out map[string]bench.ScenarioPlan
	for _, x := range *s {
		if x.Load == nil {
			continue
		}
		if out == nil {
			out = map[string]bench.ScenarioPlan{}
		}
		out[x.Name] = x.Load.plan()
	}
	return out
}

// show writes the scenarios of a run with every default.
func (s *Scenarios) show() any {
	if s == nil {
		return loadgen.SingleStream
	}
	var list []any
	for _, x := range *s {
		if x.Load == nil {
			list = append(list, x.Name)
			continue
		}
		var v yaml.MapSlice
		put := func(set bool, key string, value any) {
			if set {
				v = append(v, yaml.MapItem{Key: key, Value: value})
			}
		}
		p := x.Load.plan()
		put(p.Samples > 0, "samples", p.Samples)
		put(p.Queries > 0, "queries", p.Queries)
		put(p.MaxBatch > 0, "max_batch", p.MaxBatch)
		put(p.Latency > 0, "latency", shortDuration(p.Latency))
		put(p.Percentile > 0, "percentile", showPercent(p.Percentile))
		put(p.Duration > 0, "duration", shortDuration(p.Duration))
		list = append(list, yaml.MapSlice{{Key: x.Name, Value: v}})
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// JSONSchema describes a percentile.
func (Share) JSONSchema() *jsonschema.Schema { return text(percentPattern, "a percentage such as 99%") }

// JSONSchema describes a name, a mapping, or a list of both.
func (Scenarios) JSONSchema() *jsonschema.Schema {
	word := &jsonschema.Schema{Type: "string"}
	p := jsonschema.NewProperties()
	for _, name := range loadgen.Names() {
		word.Enum = append(word.Enum, name)
		if l := knobs(name); l != nil {
			p.Set(name, knobsSchema(l))
		}
	}
	object := &jsonschema.Schema{Type: "object", Properties: p, AdditionalProperties: jsonschema.FalseSchema}
	one := uint64(1)
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		word, object, {Type: "array", MinItems: &one, Items: &jsonschema.Schema{OneOf: []*jsonschema.Schema{word, object}}},
	}}
}

// knobsSchema describes what can be said of one scenario.
func knobsSchema(l load) *jsonschema.Schema {
	r := jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, ExpandedStruct: true, DoNotReference: true}
	s := r.Reflect(l)
	s.Version, s.Definitions = "", nil
	return s
}
