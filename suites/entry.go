package suites

import (
	"errors"
	"strings"

	"assay/bench/verdict"
	"assay/models"
	"assay/models/strict"
)

// A Model is a model of the zoo by name, or files by path.
type Model struct {
	Name     Word       `yaml:"name"`
	Variants VariantSet `yaml:"variants" jsonschema_description:"of the zoo: a list that replaces the suite's; by path: name and file of each candidate"`
	Baseline *Path      `yaml:"baseline" jsonschema_description:"file of the baseline, relative to the suite file; without it the model is of the zoo"`
	Input    *IO        `yaml:"input" jsonschema_description:"layout and normalisation of the input, for files"`
	Output   *IO        `yaml:"output"`
}

// An IO is a models.IO with its place.
type IO struct {
	models.IO
	At strict.Pos
}

// UnmarshalNode reads an IO and checks its type, layout and normalisation.
func (io *IO) UnmarshalNode(n strict.Node) error {
	if err := n.Decode(&io.IO); err != nil {
		return err
	}
	io.At = n.Pos()
	return models.CheckIO(n, io.IO).Err()
}

// A Path is a file, relative to the suite file that names it.
type Path struct {
	Text string
	At   strict.Pos
}

// UnmarshalNode reads a file's path.
func (p *Path) UnmarshalNode(n strict.Node) error {
	t, ok := n.Text()
	if !ok || t == "" || strings.ContainsRune(t, 0) {
		return n.Wrong("the path of a file")
	}
	*p = Path{t, n.Pos()}
	return nil
}

// A VariantSet is a list of variants of the zoo, or files by variant.
type VariantSet struct {
	List  []Variant
	Files []VariantFile
	At    strict.Pos
}

// A VariantFile is a candidate by path.
type VariantFile struct {
	Name Word
	File Path
}

// UnmarshalNode reads [a, b] or {a: a.onnx}.
func (s *VariantSet) UnmarshalNode(n strict.Node) error {
	s.At = n.Pos()
	if !n.IsMapping() {
		s.List = []Variant{}
		return n.Decode(&s.List)
	}
	fields, err := n.Fields()
	if err != nil {
		return err
	}
	for _, f := range fields {
		v := VariantFile{Name: Word{f.Key, f.At}}
		if !wordPattern.MatchString(f.Key) || f.Key == baseline {
			return f.At.Errorf("variant %q: want a name of letters, digits, dots and dashes, other than %s", f.Key, baseline)
		}
		if err := f.Value.Decode(&v.File); err != nil {
			return err
		}
		s.Files = append(s.Files, v)
	}
	return nil
}

// UnmarshalNode reads a name or a mapping.
func (m *Model) UnmarshalNode(n strict.Node) error {
	if !n.IsMapping() {
		return n.Decode(&m.Name)
	}
	type plain Model
	if err := n.Decode((*plain)(m)); err != nil {
		return err
	}
	switch {
	case m.Name.Text == "":
		return n.Pos().Errorf("model without a name")
	case m.Baseline == nil && m.Variants.Files != nil:
		return m.Variants.At.Errorf("variants by path want a baseline by path: {name: %s, baseline: base.onnx, variants: …}", m.Name.Text)
	case m.Baseline == nil && (m.Input != nil || m.Output != nil):
		return n.Pos().Errorf("input and output of a model of the zoo stand on its card")
	case m.Baseline != nil && m.Variants.List != nil:
		return m.Variants.At.Errorf("variants of a model by path are files: {small: small.onnx}")
	}
	return nil
}

// A Variant is a variant's name, and whether a model may lack it.
type Variant struct {
	Name     Word `yaml:"name"`
	Optional bool `yaml:"optional" jsonschema_description:"models that have no such variant go without; otherwise that is an error"`
}

// UnmarshalNode reads a name or a mapping.
func (v *Variant) UnmarshalNode(n strict.Node) error {
	if !n.IsMapping() {
		return n.Decode(&v.Name)
	}
	type plain Variant
	if err := n.Decode((*plain)(v)); err != nil {
		return err
	}
	if v.Name.Text == "" {
		return n.Pos().Errorf("variant without a name")
	}
	return nil
}

// An Engine is an engine's name, with the build and providers wanted.
type Engine struct {
	Name      Word   `yaml:"name"`
	Build     *Word  `yaml:"build" jsonschema_description:"wanted version, for example 1.30.0; by default any"`
	Providers []Word `yaml:"providers" jsonschema_description:"replaces the suite's"`
}

// UnmarshalNode reads a name or a mapping.
func (e *Engine) UnmarshalNode(n strict.Node) error {
	if !n.IsMapping() {
		return n.Decode(&e.Name)
	}
	type plain Engine
	if err := n.Decode((*plain)(e)); err != nil {
		return err
	}
	if e.Name.Text == "" {
		return n.Pos().Errorf("engine without a name")
	}
	return nil
}

// A Gate is a limit, and what it applies to.
type Gate struct {
	Gate     Limit  `yaml:"gate"`
	Optional bool   `yaml:"optional" jsonschema_description:"a device that cannot measure it may skip it"`
	Engines  []Word `yaml:"engines" jsonschema_description:"by default all"`
	Models   []Word `yaml:"models" jsonschema_description:"by default all"`
	Variants []Word `yaml:"variants" jsonschema_description:"by default all"`
}

// A Limit is a parsed gate with its place.
type Limit struct {
	verdict.Gate
	At strict.Pos
}

// UnmarshalNode reads a gate in the grammar of verdict.Parse.
func (l *Limit) UnmarshalNode(n strict.Node) error {
	t, ok := n.Text()
	if !ok {
		return n.Wrong("a gate such as latency.p50 <= 0.8x")
	}
	g, err := verdict.Parse(t)
	var pe *verdict.ParseError
	switch {
	case errors.As(err, &pe):
		at := n.Pos()
		at.Col += max(0, pe.Column-1) + n.Quote()
		return at.Errorf("gate %q: %s", t, pe.Msg)
	case err != nil:
		return err
	}
	l.Gate, l.At = g, n.Pos()
	return nil
}

// UnmarshalNode reads a gate's text or a mapping.
func (g *Gate) UnmarshalNode(n strict.Node) error {
	if !n.IsMapping() {
		return n.Decode(&g.Gate)
	}
	type plain Gate
	if err := n.Decode((*plain)(g)); err != nil {
		return err
	}
	if g.Gate.Text == "" {
		return n.Pos().Errorf("gate without a limit: {gate: latency.p50 <= 0.8x, optional: true}")
	}
	return nil
}
