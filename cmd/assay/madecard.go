package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"assay/models"
	"assay/models/compress"

	"github.com/goccy/go-yaml"
)

// A madeCard is the card of a made variant: how it was made, and what the making
// said of it. It lies beside the file.
type madeCard struct {
	Kind        string            `yaml:"kind"` // "made"
	File        string            `yaml:"file"`
	SHA256      string            `yaml:"sha256"`
	Size        int64             `yaml:"size"` // bytes
	Technique   string            `yaml:"technique"`
	Doc         string            `yaml:"what"`
	Settings    compress.Settings `yaml:"settings"`
	Baseline    source            `yaml:"baseline"`
	Calibration samples           `yaml:"calibration"`
	Tried       string            `yaml:"tried"`       // the engine that ran it once
	Output      string            `yaml:"output_sqnr"` // of the model's outputs against the baseline's
	Plan        *planCard         `yaml:"plan"`
	Tool        string            `yaml:"tool"`
	Doubts      []string          `yaml:"doubts"`
	Layers      []layer           `yaml:"layers"`
}

// A planCard is what a search measured of the variant that it made.
type planCard struct {
	Metric   string `yaml:"metric"`
	Engine   string `yaml:"engine"`
	Ratio    string `yaml:"ratio"` // against the baseline, with the spread of the blocks
	Accuracy string `yaml:"accuracy"`
	From     string `yaml:"from"` // how the search came to it
}

// A source is the file that a variant was made of.
type source struct {
	Name   string `yaml:"name"`
	SHA256 string `yaml:"sha256"`
	Size   int64  `yaml:"size"`
}

// samples are what a variant was calibrated on.
type samples struct {
	From  string `yaml:"from"`
	Count int    `yaml:"samples"`
}

// A layer is one line of a technique's report; figures that do not apply are
// left out.
type layer struct {
	Step     string `yaml:"step"`
	Node     string `yaml:"node"`
	Op       string `yaml:"op"`
	Changed  bool   `yaml:"changed"`
	Why      string `yaml:"why"`
	SQNR     string `yaml:"weight_sqnr"`
	Output   string `yaml:"output_sqnr"`
	Sparsity string `yaml:"zeros"`
	Before   int64  `yaml:"bytes_before"`
	After    int64  `yaml:"bytes"`
}

// recordPath is where the card of the model at path lies.
func recordPath(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + ".yaml" }

// writeRecord writes the card of the file that t has made at path.
func writeRecord(path string, k *kitchen, t compress.Technique, r *compress.Report, plan *planCard) error {
	c := madeCard{
		Kind: "made", File: filepath.Base(path), Technique: t.Name, Doc: t.Doc, Settings: k.set,
		Baseline: source{Name: k.base.name}, Calibration: samples{k.from, r.Samples}, Tried: k.runner.last, Plan: plan, Tool: "assay " + version,
	}
	var err error
	if c.SHA256, c.Size, err = models.SumFile(path); err != nil {
		return err
	}
	if c.Baseline.SHA256, c.Baseline.Size, err = models.SumFile(k.base.path); err != nil {
		return err
	}
	if r.Compared {
		c.Output = compress.Decibels(r.Output)
	}
	for _, w := range slices.Concat(k.foreseen, r.Warnings) {
		c.Doubts = append(c.Doubts, w.Error())
	}
	steps := r.Steps
	if steps == nil {
		steps = []*compress.Report{r}
	}
	for _, s := range steps {
		for _, n := range s.Nodes {
			c.Layers = append(c.Layers, layerOf(s.Technique, n))
		}
	}
	b, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true), yaml.OmitEmpty())
	if err != nil {
		return fmt.Errorf("card of %s: %w", path, err)
	}
	tmp := recordPath(path) + ".new"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, recordPath(path))
}

func layerOf(step string, n compress.NodeReport) layer {
	l := layer{Step: step, Node: n.Name, Op: n.Op, Changed: n.Changed, Why: n.Reason, Before: n.Before, After: n.After}
	if n.Before > 0 {
		l.Sparsity = fmt.Sprintf("%.1f %%", 100*n.Sparsity)
		l.SQNR = compress.Decibels(n.SQNR)
	}
	if n.Compared {
		l.Output = compress.Decibels(n.Output)
	}
	return l
}

// readRecord reads a card that writeRecord wrote.
func readRecord(path string) (madeCard, error) {
	var c madeCard
	b, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(b, &c)
	}
	return c, err
}
