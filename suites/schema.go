package suites

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

//go:generate go test -run TestSchemaFile -update .

// Schema returns the JSON Schema (draft 2020-12) of a suite file, generated
// from the Go types that read one.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, ExpandedStruct: true,
	}
	s := r.Reflect(&document{})
	s.Title = "Assay suite file"
	s.Description = "Which models, variants and engines are measured, how much, and the gates they must pass; see docs/writing-a-suite.md"
	s.Definitions["Suite"] = r.Reflect(&Suite{})
	for name, d := range s.Definitions["Suite"].Definitions {
		s.Definitions[name] = d
	}
	s.Definitions["Suite"].Definitions, s.Definitions["Suite"].Version = nil, ""
	b, err := s.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("suite schema: %w", err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("suite schema: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // gates are written with < and >
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("suite schema: %w", err)
	}
	return out.Bytes(), nil
}

func text(pattern, description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern, Description: description}
}

// name is a word, or one that YAML would take for a number, as in `build: 1.30`.
func name() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(wordPattern.String(), ""), {Type: "number"}}}
}

// orText lets what is a mapping be written as a text too.
func orText(s, short *jsonschema.Schema) {
	obj := *s
	*s = jsonschema.Schema{OneOf: []*jsonschema.Schema{short, &obj}}
}

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

// JSONSchema describes the form; so do the methods of that name below.
func (Word) JSONSchema() *jsonschema.Schema { return name() }

// JSONSchema describes key=value.
func (Label) JSONSchema() *jsonschema.Schema { return text(labelPattern, "key=value") }

// JSONSchema describes a path.
func (Path) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	return &jsonschema.Schema{Type: "string", MinLength: &one}
}

// JSONSchema describes a time with its unit.
func (Duration) JSONSchema() *jsonschema.Schema {
	return text(durationPattern, "a time with its unit, such as 50ms or 5m")
}

// JSONSchema describes a percentage, or one by engine.
func (Precision) JSONSchema() *jsonschema.Schema {
	p := func() *jsonschema.Schema { return text(percentPattern, "a percentage such as 1%") }
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{p(), {Type: "object", AdditionalProperties: p()}}}
}

// JSONSchema describes a count or the word all.
func (Samples) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: "1", Maximum: json.Number(fmt.Sprint(maxSamples))},
		{Const: "all"},
	}}
}

// JSONSchema describes the suites of a file.
func (table) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", AdditionalProperties: ref("Suite"), PropertyNames: text(wordPattern.String(), "")}
}

// JSONSchema describes a list of variants of the zoo, or files by variant.
func (VariantSet) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "array", Items: ref("Variant")},
		{Type: "object", AdditionalProperties: ref("Path")},
	}}
}

// JSONSchema describes the input or output of a model by path.
func (IO) JSONSchema() *jsonschema.Schema {
	p := jsonschema.NewProperties()
	positive := func() *jsonschema.Schema {
		return &jsonschema.Schema{Type: "number", ExclusiveMinimum: "0"}
	}
	p.Set("name", &jsonschema.Schema{Type: "string"})
	p.Set("layout", &jsonschema.Schema{Type: "string", Enum: []any{"NCHW", "NHWC"}})
	p.Set("type", &jsonschema.Schema{Type: "string", Description: "element type, such as float32"})
	p.Set("shape", &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "", AnyOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: "1"}, {Type: "string"},
	}}})
	p.Set("scale", positive())
	p.Set("mean", &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "number"}})
	p.Set("std", &jsonschema.Schema{Type: "array", Items: positive()})
	return &jsonschema.Schema{Type: "object", Properties: p, AdditionalProperties: jsonschema.FalseSchema}
}

// JSONSchema describes a gate's text.
func (Limit) JSONSchema() *jsonschema.Schema {
	return text(`(<=|>=)`, "a metric, <= or >=, and a limit: latency.p50 <= 0.8x")
}

// JSONSchemaExtend lets a model be its name alone; so do the methods below for
// variants, engines and gates.
func (Model) JSONSchemaExtend(s *jsonschema.Schema) { s.Required = []string{"name"}; orText(s, name()) }

// JSONSchemaExtend lets a variant be its name alone.
func (Variant) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Required = []string{"name"}
	orText(s, name())
}

// JSONSchemaExtend lets an engine be its name alone.
func (Engine) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Required = []string{"name"}
	orText(s, name())
}

// JSONSchemaExtend lets a gate be its text alone.
func (Gate) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Required = []string{"gate"}
	orText(s, Limit{}.JSONSchema())
}
