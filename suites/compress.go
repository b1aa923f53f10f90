package suites

import (
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"assay/bench"
	"assay/models/compress"
	"assay/models/strict"
)

// A Compress says how a variant is made of the baseline.
type Compress struct {
	Technique Word              `yaml:"technique" jsonschema_description:"as assay compress --to takes it: int8-qdq, sparse-90, or several joined by +"`
	Calibrate *Path             `yaml:"calibrate" jsonschema_description:"TASK:N, or a folder of images relative to the suite file; by default the calibration images of a zoo model's own task"`
	Settings  compress.Settings `yaml:"settings" jsonschema_description:"choices of the technique, see docs/compression.md"`
}

// UnmarshalNode reads a technique's name or a mapping.
func (c *Compress) UnmarshalNode(n strict.Node) error {
	if n.IsMapping() {
		type plain Compress
		if err := n.Decode((*plain)(c)); err != nil {
			return err
		}
	} else if err := n.Decode(&c.Technique); err != nil {
		return err
	}
	if c.Technique.Text == "" {
		return n.Pos().Errorf("compress without a technique: {technique: int8-qdq}")
	}
	if _, err := compress.Lookup(c.Technique.Text); err != nil {
		return c.Technique.At.Errorf("%v", err)
	}
	if err := c.Settings.Check(); err != nil {
		return n.Get("settings").Pos().Errorf("%v", err)
	}
	return nil
}

// Samples returns what the variant is calibrated on: TASK:N as written, or a
// folder as seen from the working directory; "" where nothing is said.
func (c *Compress) Samples() string {
	if c.Calibrate == nil {
		return ""
	}
	if st, err := os.Stat(c.Calibrate.resolve()); err == nil && st.IsDir() {
		return c.Calibrate.resolve()
	}
	return c.Calibrate.Text
}

// made resolves a variant that is made of the baseline of s, its first case.
func (x *expander) made(v Variant, s set) bench.Case {
	base := s.cases[0]
	c := bench.Case{Model: s.model, Variant: v.Name.Text, Artifact: base.Artifact}
	c.Artifact.Path, c.Artifact.SHA256, c.Artifact.Size = "", "", 0
	c.Artifact.Recipe = "assay compress --to " + v.Compress.Technique.Text
	switch {
	case x.dry:
	case base.Err != "":
		c.Err = base.Err
	case x.env.Make == nil:
		c.Err = "this program makes no variants: assay does"
	default:
		a, err := x.env.Make(base.Artifact, s.task, v.Compress)
		if err != nil {
			c.Err = strings.TrimSpace("make it: " + err.Error())
			break
		}
		c.Artifact.Path, c.Artifact.SHA256, c.Artifact.Size = a.Path, a.SHA256, a.Size
	}
	c.Artifact.Params, c.Artifact.MACs = 0, 0 // of the baseline; a technique may change them
	return c
}

func (c *Compress) show() any {
	out := yaml.MapSlice{{Key: "technique", Value: c.Technique.Text}}
	if s := c.Samples(); s != "" {
		if s != c.Calibrate.Text {
			s = c.Calibrate.absolute()
		}
		out = append(out, yaml.MapItem{Key: "calibrate", Value: s})
	}
	if b, err := yaml.MarshalWithOptions(c.Settings, yaml.OmitEmpty()); err == nil {
		var m yaml.MapSlice
		if yaml.Unmarshal(b, &m) == nil && len(m) > 0 {
			out = append(out, yaml.MapItem{Key: "settings", Value: m})
		}
	}
	return out
}
