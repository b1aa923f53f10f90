package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"assay/bench"
	"assay/models"
	"assay/models/strict"
	"assay/models/zoo"
	"assay/suites"
)

// cases resolves what the command line names: two files, or a model of the
// suite file or of the zoo with one variant or all of them. The baseline is
// the first case; the expansion says what feeds them.
func (f *whyFlags) cases(args []string) (*suites.Expansion, []bench.Case, error) {
	for _, e := range f.engines {
		if !slices.Contains(suites.Engines, e) {
			return nil, nil, fmt.Errorf("unknown engine %q (%s)", e, strict.Choices(e, suites.Engines))
		}
	}
	if isFile(args[0]) {
		if len(args) != 2 {
			return nil, nil, fmt.Errorf("%s is compared with a second file: assay why %s CANDIDATE.onnx", args[0], args[0])
		}
		x, err := suites.Pair(args[0], args[1:], suites.PairOptions{})
		if err != nil {
			return nil, nil, err
		}
		return x, x.Groups[0].Cases, nil
	}
	x, all, err := f.model(args[0])
	if err != nil {
		return nil, nil, err
	}
	if len(args) == 2 {
		var have []string
		for _, c := range all[1:] {
			have = append(have, c.Variant)
		}
		i := slices.Index(have, args[1])
		if i < 0 {
			return nil, nil, fmt.Errorf("model %s has no variant %q (%s)", args[0], args[1], strict.Choices(args[1], have))
		}
		all = []bench.Case{all[0], all[1+i]}
	}
	for _, c := range all {
		if c.Err != "" {
			return nil, nil, fmt.Errorf("%s %s: %s", c.Model, c.Variant, c.Err)
		}
	}
	if len(all) == 1 {
		return nil, nil, fmt.Errorf("model %s has no variants", args[0])
	}
	return x, all, nil
}

func isFile(name string) bool {
	return strings.EqualFold(filepath.Ext(name), ".onnx") || strings.ContainsAny(name, `/\`)
}

// model looks a model up in the suite file, then in the zoo.
func (f *whyFlags) model(name string) (*suites.Expansion, []bench.Case, error) {
	x, cases, err := f.fromSuites(name)
	if err != nil || cases != nil {
		return x, cases, err
	}
	card, err := zoo.Model(name)
	if err != nil {
		return nil, nil, err
	}
	x = &suites.Expansion{Tasks: map[string]*models.DataCard{}}
	if card.Task != "" {
		if x.Tasks[card.Task], err = zoo.Data(card.Task); err != nil {
			return nil, nil, err
		}
	}
	for _, v := range card.VariantNames() {
		a, err := zoo.Artifact(name, v)
		c := bench.Case{Task: card.Task, Model: name, Variant: v, Artifact: a}
		if err != nil {
			c.Err = err.Error()
		}
		cases = append(cases, c)
	}
	return x, cases, nil
}

// fromSuites returns the cases of the first suite that names a model by path;
// nil where none does. Models of the zoo are looked up there: it has all of
// their variants.
func (f *whyFlags) fromSuites(name string) (*suites.Expansion, []bench.Case, error) {
	file, err := suites.Find(f.file)
	if err != nil {
		if f.file == "" && errors.Is(err, fs.ErrNotExist) {
			return nil, nil, nil
		}
		return nil, nil, err
	}
	for _, n := range file.Names() {
		s, err := file.Suite(n)
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(s.Models, func(m suites.Model) bool { return m.Name.Text == name && m.Baseline != nil }) {
			continue
		}
		x, err := file.Expand(n, suites.Env{})
		if err != nil {
			return nil, nil, err
		}
		for _, g := range x.Groups {
			if g.Cases[0].Model == name {
				return x, g.Cases, nil
			}
		}
		if x.Skipped != "" {
			return nil, nil, errors.New(x.Skipped)
		}
	}
	return nil, nil, nil
}
