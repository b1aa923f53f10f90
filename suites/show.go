package suites

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"assay/models/strict"
)

// A Summary is one suite in a list.
type Summary struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	File        string   `json:"file"`
	Models      []string `json:"models"`
	Engines     []string `json:"engines"`
	Gates       int      `json:"gates"`
}

// List summarises the suites in the order of their definition.
func (f *File) List() []Summary {
	var out []Summary
	for _, name := range f.order {
		s := f.suites[name]
		sum := Summary{Name: name, Description: or(s.Description, ""), File: s.At.File, Gates: len(s.Gates), Engines: Engines}
		for _, m := range s.Models {
			sum.Models = append(sum.Models, m.Name.Text)
		}
		if s.Engines != nil {
			sum.Engines = nil
			for _, e := range s.Engines {
				sum.Engines = append(sum.Engines, e.Name.Text)
			}
		}
		out = append(out, sum)
	}
	return out
}

// Check expands every suite without touching the files of the zoo and returns
// everything that is wrong, as strict.Errors where places are known.
func (f *File) Check(env Env) error {
	var all strict.Errors
	for _, name := range f.order {
		_, err := f.expand(name, env, true)
		var es strict.Errors
		if errors.As(err, &es) {
			all = append(all, es...)
		} else if err != nil {
			return err
		}
	}
	return all.Err()
}

// Show returns a suite as a suite file of its own: what it extends and every
// default are written out, paths are absolute.
func (f *File) Show(name string) ([]byte, error) { return f.show(name, Path.absolute) }

// show works as Show; call says how the file of a model by path is called.
func (f *File) show(name string, call func(Path) string) ([]byte, error) {
	s, err := f.Suite(name)
	if err != nil {
		return nil, err
	}
	var m yaml.MapSlice
	put := func(key string, v any) { m = append(m, yaml.MapItem{Key: key, Value: v}) }
	if s.Description != nil {
		put("description", *s.Description)
	}
	if s.Task != nil {
		put("task", s.Task.Text)
	}
	put("models", each(s.Models, func(m Model) any { return showModel(m, call) }))
	if s.Variants != nil {
		put("variants", each(s.Variants, showVariant))
	}
	engines := s.Engines
	if engines == nil {
		engines = each(Engines, func(e string) Engine { return Engine{Name: Word{Text: e}} })
	}
	put("engines", each(engines, showEngine))
	providers := texts(s.Providers)
	if providers == nil {
		providers = []string{"cpu"}
	}
	put("providers", providers)
	if len(s.Devices) > 0 {
		put("devices", each(s.Devices, Label.String))
	}
	put("run", s.Run.show())
	if p := s.Energy.plan(); p != nil {
		put("energy", showEnergy(p))
	}
	if len(s.Gates) > 0 {
		put("gates", each(s.Gates, showGate))
	}
	doc := yaml.MapSlice{{Key: "suites", Value: yaml.MapSlice{{Key: name, Value: m}}}}
	b, err := yaml.MarshalWithOptions(doc, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("show suite %s: %w", name, err)
	}
	return b, nil
}

func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

func showModel(m Model, call func(Path) string) any {
	v := yaml.MapSlice{{Key: "name", Value: m.Name.Text}}
	if m.Baseline == nil {
		if m.Variants.List == nil {
			return m.Name.Text
		}
		return append(v, yaml.MapItem{Key: "variants", Value: each(m.Variants.List, showVariant)})
	}
	v = append(v, yaml.MapItem{Key: "baseline", Value: call(*m.Baseline)})
	var files yaml.MapSlice
	for _, c := range m.Variants.Files {
		files = append(files, yaml.MapItem{Key: c.Name.Text, Value: call(c.File)})
	}
	if files != nil {
		v = append(v, yaml.MapItem{Key: "variants", Value: files})
	}
	if m.Input != nil {
		v = append(v, yaml.MapItem{Key: "input", Value: m.Input.show()})
	}
	if m.Output != nil {
		v = append(v, yaml.MapItem{Key: "output", Value: m.Output.show()})
	}
	return v
}

// show writes the fields that are set.
func (io *IO) show() yaml.MapSlice {
	var v yaml.MapSlice
	put := func(set bool, key string, x any) {
		if set {
			v = append(v, yaml.MapItem{Key: key, Value: x})
		}
	}
	put(io.Name != "", "name", io.Name)
	put(io.Layout != "", "layout", io.Layout)
	put(io.Type != "", "type", io.Type)
	put(len(io.Shape) > 0, "shape", io.Shape)
	put(io.Scale != 0, "scale", io.Scale)
	put(len(io.Mean) > 0, "mean", io.Mean)
	put(len(io.Std) > 0, "std", io.Std)
	return v
}

// absolute returns the path as it is seen from anywhere.
func (p Path) absolute() string {
	abs, err := filepath.Abs(p.resolve())
	if err != nil {
		return p.resolve()
	}
	return abs
}

func showVariant(v Variant) any {
	if !v.Optional {
		return v.Name.Text
	}
	return yaml.MapSlice{{Key: "name", Value: v.Name.Text}, {Key: "optional", Value: true}}
}

func showEngine(e Engine) any {
	if e.Build == nil && e.Providers == nil {
		return e.Name.Text
	}
	v := yaml.MapSlice{{Key: "name", Value: e.Name.Text}}
	if e.Build != nil {
		v = append(v, yaml.MapItem{Key: "build", Value: e.Build.Text})
	}
	if e.Providers != nil {
		v = append(v, yaml.MapItem{Key: "providers", Value: texts(e.Providers)})
	}
	return v
}

func showGate(g Gate) any {
	text := strings.TrimSpace(g.Gate.Text)
	v := yaml.MapSlice{{Key: "gate", Value: text}}
	if g.Optional {
		v = append(v, yaml.MapItem{Key: "optional", Value: true})
	}
	for _, f := range []struct {
		key   string
		words []Word
	}{{"engines", g.Engines}, {"models", g.Models}, {"variants", g.Variants}} {
		if len(f.words) > 0 {
			v = append(v, yaml.MapItem{Key: f.key, Value: texts(f.words)})
		}
	}
	if len(v) == 1 {
		return text
	}
	return v
}

// show writes a run with every default.
func (r Run) show() yaml.MapSlice {
	p := r.plan()
	precision := any(showPercent(p.Precision))
	if p.PrecisionBy != nil {
		by := map[string]string{}
		for _, e := range Engines {
			by[e] = showPercent(p.Precision)
		}
		for e, v := range p.PrecisionBy {
			by[e] = showPercent(v)
		}
		precision = by
	}
	samples := any(p.Samples)
	if p.Samples == 0 {
		samples = "all"
	}
	v := yaml.MapSlice{
		{Key: "trials", Value: p.Trials},
		{Key: "max_trials", Value: p.MaxTrials},
		{Key: "rounds", Value: p.Rounds},
		{Key: "precision", Value: precision},
		{Key: "block", Value: shortDuration(p.Block)},
		{Key: "cold", Value: p.Cold},
		{Key: "samples", Value: samples},
		{Key: "threads", Value: slices.Concat(either(r.Threads, []int{1}))},
		{Key: "batch", Value: slices.Concat(either(r.Batch, []int{1}))},
		{Key: "scenario", Value: r.Scenario.show()},
	}
	if p.Budget > 0 {
		v = append(v, yaml.MapItem{Key: "budget", Value: shortDuration(p.Budget.Round(time.Nanosecond))})
	}
	return v
}
