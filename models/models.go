// Package models says where a model or a data set comes from: its card, with
// sha256, licence, task and the meaning of its inputs and outputs.
package models

import "assay/models/tensor"

// An Artifact is one variant's file for one engine, ready to be opened.
type Artifact struct {
	Path    string `json:"path"`   // absolute path on this device
	Format  string `json:"format"` // "onnx"
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"` // bytes, external data included
	Input   IO     `json:"input"`
	Output  IO     `json:"output"`
	Params  int64  `json:"parameters,omitempty"` // trainable, from the card; 0 if unknown
	MACs    int64  `json:"macs,omitempty"`       // batch 1, from the card; 0 if unknown
	Recipe  string `json:"recipe,omitempty"`
	Licence string `json:"licence,omitempty"`
}

// An IO describes a model's input or output as its card does: layout and
// normalisation belong to the card, so that pre- and post-processing are the
// same for every engine. A pixel p becomes (p/Scale − Mean[c]) / Std[c].
type IO struct {
	Name   string    `json:"name" yaml:"name"`
	Layout string    `json:"layout,omitempty" yaml:"layout"` // NCHW or NHWC
	Type   string    `json:"type,omitempty" yaml:"type"`     // as tensor.ParseType reads it
	Shape  []string  `json:"shape,omitempty" yaml:"shape"`   // numbers, or N for the batch
	Scale  float64   `json:"scale,omitempty" yaml:"scale"`
	Mean   []float64 `json:"mean,omitempty" yaml:"mean"`
	Std    []float64 `json:"std,omitempty" yaml:"std"`
}

// A Sample is one labelled input of a data set.
type Sample struct {
	Index int           // position in the split
	Input tensor.Tensor // raw, as stored: for images uint8 [H, W, C]
	Label int           // class; −1 where there is none
}
