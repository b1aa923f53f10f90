package models

import (
	"fmt"
	"slices"

	"assay/models/strict"
)

// A DataCard says where a data set comes from: one YAML file with `kind:
// data`. Its name and metric make a task.
type DataCard struct {
	Name    string           `yaml:"name"`
	Kind    string           `yaml:"kind"`   // "data"
	Format  string           `yaml:"format"` // as models/data reads it
	Metric  string           `yaml:"metric"` // how accuracy is measured, "top1" by default
	Licence string           `yaml:"licence"`
	Source  string           `yaml:"source"`
	Classes []string         `yaml:"classes"`
	Shape   []int            `yaml:"shape"` // of one sample as stored, for example [28, 28, 1]
	Splits  map[string]Split `yaml:"splits"`
	Notes   string           `yaml:"notes"`

	File string `yaml:"-"` // the card's own name, for messages
}

// A Split is a part of a data set: files beside the card.
type Split struct {
	Images  string      `yaml:"images"`
	Labels  string      `yaml:"labels"` // "" where there are none
	Samples int         `yaml:"samples"`
	SHA256  SplitSHA256 `yaml:"sha256"`
}

// SplitSHA256 holds the sums of a split's files as they are stored.
type SplitSHA256 struct {
	Images string `yaml:"images"`
	Labels string `yaml:"labels"`
}

// ParseData reads the data card in b; name is what errors call it.
func ParseData(name string, b []byte) (*DataCard, error) {
	n, err := strict.Parse(name, b)
	if err != nil {
		return nil, err
	}
	c := &DataCard{Metric: "top1", File: name}
	if err := n.Decode(c); err != nil {
		return nil, err
	}
	var errs strict.Errors
	want(&errs, n, "kind", c.Kind, "data")
	checkWord(&errs, n, "name", c.Name)
	checkWord(&errs, n, "format", c.Format)
	checkWord(&errs, n, "metric", c.Metric)
	required(&errs, n, "licence", c.Licence)
	required(&errs, n, "source", c.Source)
	if slices.ContainsFunc(c.Shape, func(d int) bool { return d < 1 }) {
		errs.Add(place(n, "shape").Errorf("dimensions are at least 1"))
	}
	if len(c.Splits) == 0 {
		errs.Add(place(n, "splits").Errorf("a data set has at least one split"))
	}
	fields, _ := n.Get("splits").Fields()
	for _, f := range fields {
		s := c.Splits[f.Key]
		checkWord(&errs, f.Value, "split", f.Key)
		checkFile(&errs, f.Value, "images", s.Images)
		checkSHA256(&errs, f.Value.Get("sha256"), "images", s.SHA256.Images)
		if s.Labels != "" {
			checkFile(&errs, f.Value, "labels", s.Labels)
			checkSHA256(&errs, f.Value.Get("sha256"), "labels", s.SHA256.Labels)
		}
		if s.Samples < 1 {
			errs.Add(place(f.Value, "samples").Errorf("samples is a count, at least 1"))
		}
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Split returns the split called name; the error lists the choices.
func (c *DataCard) Split(name string) (Split, error) {
	if s, ok := c.Splits[name]; ok {
		return s, nil
	}
	var have []string
	for s := range c.Splits {
		have = append(have, s)
	}
	return Split{}, fmt.Errorf("data set %s has no split %q (%s)", c.Name, name, strict.Choices(name, have))
}

// CardKind returns the kind that a card states: "model" or "data".
func CardKind(name string, b []byte) (string, error) {
	n, err := strict.Parse(name, b)
	if err != nil {
		return "", err
	}
	kind, _ := n.Get("kind").Text()
	if kind != "model" && kind != "data" {
		return "", strict.Unknown(place(n, "kind"), "kind of card", kind, []string{"data", "model"})
	}
	return kind, nil
}
