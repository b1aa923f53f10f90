package models

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"assay/models/strict"
	"assay/models/tensor"
)

// A Card says where a model comes from and what its files mean: one YAML file
// with `kind: model`. Facts that the card's author measured (accuracy, seeds)
// stand beside those that a program uses.
type Card struct {
	Name         string             `yaml:"name"`
	Kind         string             `yaml:"kind"` // "model"
	Task         string             `yaml:"task"` // a data card's name; "" where there are no labels
	Licence      string             `yaml:"licence"`
	Source       string             `yaml:"source"`
	Architecture string             `yaml:"architecture"`
	Input        IO                 `yaml:"input"`
	Output       IO                 `yaml:"output"`
	Variants     map[string]Variant `yaml:"variants"`
	Notes        string             `yaml:"notes"`

	File string `yaml:"-"` // the card's own name, for messages
}

// A Variant is one file of a model.
type Variant struct {
	File       string         `yaml:"file"` // beside the card, slashes; also what a mirror calls it
	URL        string         `yaml:"url"`  // where it is fetched from when it is not embedded
	Format     string         `yaml:"format"`
	SHA256     string         `yaml:"sha256"`
	Size       int64          `yaml:"size"`       // bytes
	Parameters int64          `yaml:"parameters"` // trainable
	MACs       int64          `yaml:"macs"`       // batch 1
	Top1       float64        `yaml:"top1"`       // percent, on the task's whole test set
	Sparsity   float64        `yaml:"sparsity"`   // share of weights that are zero
	Recipe     string         `yaml:"recipe"`     // the command that made it
	Trained    string         `yaml:"trained"`
	Seeds      []Seed         `yaml:"seeds"` // every seed tried
	Notes      string         `yaml:"notes"`
	Facts      map[string]any `yaml:",extra"` // whatever else the author noted
}

// A Seed is one training run.
type Seed struct {
	Seed  int64          `yaml:"seed"`
	Val   float64        `yaml:"val"`  // percent, on the validation split, by which the seed was chosen
	Top1  float64        `yaml:"top1"` // percent, on the test set; 0 where it was not read
	Facts map[string]any `yaml:",extra"`
}

var (
	hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
	word      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
)

// ParseCard reads the model card in b; name is what errors call it. They are
// strict.Errors, each with its place.
func ParseCard(name string, b []byte) (*Card, error) {
	n, err := strict.Parse(name, b)
	if err != nil {
		return nil, err
	}
	c := &Card{File: name}
	if err := n.Decode(c); err != nil {
		return nil, err
	}
	var errs strict.Errors
	want(&errs, n, "kind", c.Kind, "model")
	checkWord(&errs, n, "name", c.Name)
	required(&errs, n, "licence", c.Licence)
	required(&errs, n, "source", c.Source)
	checkIO(&errs, n, "input", c.Input)
	checkIO(&errs, n, "output", c.Output)
	if len(c.Variants) == 0 {
		errs.Add(place(n, "variants").Errorf("a model has at least one variant, named baseline"))
	} else if _, ok := c.Variants["baseline"]; !ok {
		errs.Add(place(n, "variants").Errorf("variant \"baseline\" is missing (have %s)", strings.Join(c.VariantNames(), ", ")))
	}
	fields, _ := n.Get("variants").Fields()
	for _, f := range fields {
		v := c.Variants[f.Key]
		v.check(&errs, f)
		c.Variants[f.Key] = v
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// check validates v and fills in its format.
func (v *Variant) check(errs *strict.Errors, f strict.Field) {
	if !word.MatchString(f.Key) {
		errs.Add(f.At.Errorf("variant %q: a name is letters, digits, dots and dashes", f.Key))
	}
	n := f.Value
	checkFile(errs, n, "file", v.File)
	checkSHA256(errs, n, "sha256", v.SHA256)
	if v.Size <= 0 {
		errs.Add(place(n, "size").Errorf("size is in bytes, at least 1"))
	}
	if v.Parameters < 0 || v.MACs < 0 {
		errs.Add(n.Pos().Errorf("parameters and macs are counts, not negative"))
	}
	if v.URL != "" && !strings.HasPrefix(v.URL, "https://") {
		errs.Add(place(n, "url").Errorf("url wants https"))
	}
	formats := []string{"onnx"}
	if v.Format == "" {
		v.Format = strings.TrimPrefix(path.Ext(v.File), ".")
	}
	if v.File != "" && !slices.Contains(formats, v.Format) {
		errs.Add(strict.Unknown(place(n, "file"), "format", v.Format, formats))
	}
}

// VariantNames returns the variants' names: the baseline, then the others
// sorted.
func (c *Card) VariantNames() []string {
	var out []string
	for name := range c.Variants {
		out = append(out, name)
	}
	sort.Slice(out, func(i, j int) bool {
		if (out[i] == "baseline") != (out[j] == "baseline") {
			return out[i] == "baseline"
		}
		return out[i] < out[j]
	})
	return out
}

// Variant returns the variant called name; the error lists the choices.
func (c *Card) Variant(name string) (Variant, error) {
	if v, ok := c.Variants[name]; ok {
		return v, nil
	}
	return Variant{}, fmt.Errorf("model %s has no variant %q (%s)", c.Name, name, strict.Choices(name, c.VariantNames()))
}

// Artifact returns the variant's artifact without its path.
func (c *Card) Artifact(variant string) (Artifact, error) {
	v, err := c.Variant(variant)
	if err != nil {
		return Artifact{}, err
	}
	return Artifact{
		Format: v.Format, SHA256: v.SHA256, Size: v.Size, Input: c.Input, Output: c.Output,
		Params: v.Parameters, MACs: v.MACs, Recipe: v.Recipe, Licence: c.Licence,
	}, nil
}

// place returns where a key's value stands, or the mapping where it is absent.
func place(n strict.Node, key string) strict.Pos {
	if v := n.Get(key); !v.Zero() {
		return v.Pos()
	}
	return n.Pos()
}

func required(errs *strict.Errors, n strict.Node, key, v string) {
	if strings.TrimSpace(v) == "" {
		errs.Add(place(n, key).Errorf("%s is missing", key))
	}
}

func want(errs *strict.Errors, n strict.Node, key, got, wanted string) {
	if got != wanted {
		errs.Add(place(n, key).Errorf("%s is %q, want %q", key, got, wanted))
	}
}

func checkWord(errs *strict.Errors, n strict.Node, key, v string) {
	if !word.MatchString(v) {
		errs.Add(place(n, key).Errorf("%s %q: want letters, digits, dots and dashes", key, v))
	}
}

func checkSHA256(errs *strict.Errors, n strict.Node, key, v string) {
	if !hexSHA256.MatchString(v) {
		errs.Add(place(n, key).Errorf("%s wants 64 lower-case hexadecimal digits", key))
	}
}

// checkFile accepts a slash path below the card's own folder.
func checkFile(errs *strict.Errors, n strict.Node, key, v string) {
	if v == "" || v == "." || strings.ContainsAny(v, `\:`) || !fsValid(v) {
		errs.Add(place(n, key).Errorf("%s %q: want a path below the card's folder, with forward slashes", key, v))
	}
}

// fsValid is io/fs.ValidPath's rule.
func fsValid(v string) bool {
	return !strings.HasPrefix(v, "/") && path.Clean(v) == v && !strings.HasPrefix(v, "..")
}

// checkIO validates an input or output as far as a card can know it.
func checkIO(errs *strict.Errors, n strict.Node, key string, io IO) {
	at := n.Get(key)
	if at.Zero() {
		errs.Add(n.Pos().Errorf("%s is missing", key))
		return
	}
	*errs = append(*errs, CheckIO(at, io)...)
}

// CheckIO reports what is wrong with an IO read from n.
func CheckIO(n strict.Node, io IO) strict.Errors {
	var errs strict.Errors
	if io.Type != "" {
		if _, err := tensor.ParseType(io.Type); err != nil {
			errs.Add(strict.Unknown(place(n, "type"), "element type", io.Type, elementTypes()))
		}
	}
	layouts := []string{"NCHW", "NHWC"}
	if io.Layout != "" && !slices.Contains(layouts, io.Layout) {
		errs.Add(strict.Unknown(place(n, "layout"), "layout", io.Layout, layouts))
	}
	for _, d := range io.Shape {
		if !dimension.MatchString(d) {
			errs.Add(place(n, "shape").Errorf("dimension %q: want a number, or a name such as N for the batch", d))
		}
	}
	if io.Scale < 0 {
		errs.Add(place(n, "scale").Errorf("scale is what pixels are divided by, above 0"))
	}
	if len(io.Mean) != len(io.Std) {
		errs.Add(place(n, "std").Errorf("mean has %d channels, std %d", len(io.Mean), len(io.Std)))
	}
	if slices.ContainsFunc(io.Std, func(s float64) bool { return s <= 0 }) {
		errs.Add(place(n, "std").Errorf("std is divided by, above 0"))
	}
	return errs
}

var dimension = regexp.MustCompile(`^([1-9][0-9]{0,8}|[A-Za-z_][A-Za-z0-9_]*)$`)

// elementTypes lists the types that a card can name.
func elementTypes() []string {
	var out []string
	for t := tensor.Type(0); t < 32; t++ { // beyond the last number of ONNX's DataType
		if t.Bits() > 0 {
			out = append(out, t.String())
		}
	}
	return out
}
