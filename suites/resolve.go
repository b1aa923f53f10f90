package suites

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"assay/bench"
	"assay/models"
	"assay/models/onnx"
	"assay/models/strict"
)

// models resolves the suite's models, in the order written.
func (x *expander) models() []set {
	if x.s.Models == nil {
		x.errs.Add(x.s.At.Errorf("suite %s names no models", x.s.Name))
	}
	var out []set
	seen := map[string]bool{}
	for _, m := range x.s.Models {
		if seen[m.Name.Text] {
			x.errs.Add(m.Name.At.Errorf("model %s appears twice", m.Name.Text))
			continue
		}
		seen[m.Name.Text] = true
		var s set
		var ok bool
		if m.Baseline != nil {
			s, ok = x.files(m)
		} else {
			s, ok = x.zoo(m)
		}
		if ok {
			out = append(out, s)
		}
	}
	return out
}

// zoo resolves a model of the zoo with the variants that the suite wants.
func (x *expander) zoo(m Model) (set, bool) {
	card, err := x.env.Zoo.Model(m.Name.Text)
	if err != nil {
		x.errs.Add(m.Name.At.Errorf("%v", err))
		return set{}, false
	}
	s := set{model: card.Name, task: x.task(m.Name, card.Task)}
	for _, v := range x.variants(m, card) {
		name := v.Name.Text
		c := bench.Case{Model: card.Name, Variant: name}
		if v.Compress != nil {
			s.cases = append(s.cases, x.made(v, s))
			continue
		}
		c.Artifact, err = card.Artifact(name)
		if err == nil && !x.dry {
			var a models.Artifact
			if a, err = x.env.Zoo.Artifact(card.Name, name); err == nil {
				c.Artifact = a
			}
		}
		if err != nil {
			c.Err = err.Error()
		}
		s.cases = append(s.cases, c)
	}
	return s, true
}

// variants returns the variants of card that the suite wants, the baseline
// first.
func (x *expander) variants(m Model, card *models.Card) []Variant {
	list := x.s.Variants
	if m.Variants.List != nil {
		list = m.Variants.List
	}
	if list == nil {
		return each(card.VariantNames(), func(name string) Variant { return Variant{Name: Word{Text: name}} })
	}
	out := []Variant{{Name: Word{Text: baseline}}}
	seen := map[string]bool{}
	for _, v := range list {
		name := v.Name.Text
		switch _, err := card.Variant(name); {
		case seen[name]:
			x.errs.Add(v.Name.At.Errorf("variant %s appears twice", name))
		case v.Compress != nil && err == nil:
			x.errs.Add(v.Name.At.Errorf("model %s has a variant %s of its own: give the one that is made another name", card.Name, name))
		case v.Compress != nil:
			out = append(out, v)
		case err != nil && v.Optional:
			x.warnings = append(x.warnings, fmt.Sprintf("model %s has no variant %s, which is optional", card.Name, name))
		case err != nil:
			x.errs.Add(v.Name.At.Errorf("%v; if models may lack it: {name: %s, optional: true}", err, name))
		case name != baseline:
			out = append(out, v)
		}
		seen[name] = true
	}
	return out
}

// task returns the task of a model: the suite's, or else the card's own.
func (x *expander) task(at Word, own string) string {
	name, where := own, at.At
	if t := x.s.Task; t != nil {
		if own != "" && own != t.Text {
			x.errs.Add(at.At.Errorf("model %s solves task %s, the suite wants %s", at.Text, own, t.Text))
			return own
		}
		name, where = t.Text, t.At
	}
	if name == "" || x.tasks[name] != nil {
		return name
	}
	d, err := x.env.Zoo.Data(name)
	if err != nil {
		x.errs.Add(where.Errorf("%v", err))
		return name
	}
	x.tasks[name] = d
	return name
}

// files resolves a model by path. Its task is the suite's, or none.
func (x *expander) files(m Model) (set, bool) {
	if !x.f.disk || m.Baseline.At.File == libraryFile {
		x.errs.Add(m.Baseline.At.Errorf("models by path belong in suite files on disk"))
		return set{}, false
	}
	s := set{model: m.Name.Text, task: x.task(m.Name, "")}
	ok := true
	add := func(variant string, p Path) {
		if x.f.alone && filepath.Base(p.Text) != p.Text {
			x.errs.Add(p.At.Errorf("model %q: a suite that came from elsewhere names files beside it alone", p.Text))
			ok = false
			return
		}
		a, err := fileArtifact(p.resolve(), m.Input, m.Output)
		if err != nil {
			x.errs.Add(p.At.Errorf("%v", err))
			ok = false
			return
		}
		s.cases = append(s.cases, bench.Case{Model: s.model, Variant: variant, Artifact: a})
	}
	add(baseline, *m.Baseline)
	for _, v := range m.Variants.Files {
		add(v.Name.Text, v.File)
	}
	for _, v := range m.Variants.List {
		if ok {
			s.cases = append(s.cases, x.made(v, s))
		}
	}
	return s, ok
}

// resolve returns the path as seen from the working directory.
func (p Path) resolve() string { return joinDisk(p.At.File, p.Text) }

// matches reports whether the device carries any of the labels wanted.
func matches(want []Label, have map[string]string) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(l Label) bool {
		v, ok := have[l.Key]
		return ok && v == l.Value
	})
}

// notHere says why a suite does not run on a device.
func notHere(s *Suite, have map[string]string) string {
	var want, own []string
	for _, l := range s.Devices {
		want = append(want, l.String())
	}
	for _, k := range slices.Sorted(maps.Keys(have)) {
		own = append(own, k+"="+have[k])
	}
	if own == nil {
		own = []string{"none"}
	}
	return fmt.Sprintf("suite %s runs on devices with %s; this one's labels: %s", s.Name, strings.Join(want, " or "), strings.Join(own, ", "))
}

// externalSize returns the bytes that an ONNX model keeps in files beside it; 0
// for a model that cannot be read, which the engine will say when it loads it.
func externalSize(name string) int64 {
	m, err := onnx.Open(name)
	if err != nil {
		return 0
	}
	defer m.Close()
	var n int64
	for _, i := range m.Graph.Initializers {
		if i.External {
			n += int64(len(i.Tensor.Data))
		}
	}
	return n
}

// fileArtifact describes the model file at name. Its sum covers the file
// itself, its size also the external data.
func fileArtifact(name string, in, out *IO) (models.Artifact, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return models.Artifact{}, err
	}
	formats := []string{"onnx"}
	format := strings.ToLower(strings.TrimPrefix(filepath.Ext(abs), "."))
	if !slices.Contains(formats, format) {
		return models.Artifact{}, fmt.Errorf("%s: unknown model format %q (%s)", name, format, strict.Choices(format, formats))
	}
	sum, size, err := hashFile(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return models.Artifact{}, fmt.Errorf("%s: there is no such file", name)
	case err != nil:
		return models.Artifact{}, fmt.Errorf("%s: %w", name, cause(err))
	}
	a := models.Artifact{Path: abs, Format: format, SHA256: sum, Size: size + externalSize(abs)}
	if in != nil {
		a.Input = in.IO
	}
	if out != nil {
		a.Output = out.IO
	}
	return a, nil
}
