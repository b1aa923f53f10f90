// Package data holds data sets as streams of labelled samples, and what turns
// a raw sample into a model's input. Formats register themselves by name, one
// file each; all of them read through fs.FS, so that embedded files, folders
// and archives serve alike. Nothing here is timed: preparing happens in the
// parent process, the same for every engine.
package data

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"assay/models"
)

// A Stream is a data set, or a part of one, in fixed order. It is safe for
// concurrent use.
type Stream interface {
	// Len returns the number of samples.
	Len() int

	// Label returns the class of sample i without reading its input, −1 where
	// there is none. It panics where i is out of range, as an index does.
	Label(i int) int

	// At reads sample i. Its input may alias the stream: it is read-only.
	At(i int) (models.Sample, error)
}

// Classes is a Stream that knows the names of its classes, by label.
type Classes interface{ Classes() []string }

// An Opener opens a data set in fsys. What inputs and labels name is the
// format's own; labels is "" where the format needs none, or there are none.
type Opener func(fsys fs.FS, inputs, labels string) (Stream, error)

var formats = map[string]Opener{}

// Register adds a format; it panics on a second one of the same name.
func Register(name string, open Opener) {
	if formats[name] != nil {
		panic(fmt.Sprintf("data format %q registered twice", name))
	}
	formats[name] = open
}

// Formats returns the names of the formats, sorted.
func Formats() []string {
	var out []string
	for name := range formats {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Open opens a data set of the given format.
func Open(format string, fsys fs.FS, inputs, labels string) (Stream, error) {
	open := formats[format]
	if open == nil {
		return nil, fmt.Errorf("unknown data format %q (have %s)", format, strings.Join(Formats(), ", "))
	}
	s, err := open(fsys, inputs, labels)
	if err != nil {
		return nil, fmt.Errorf("open %s data: %w", format, err)
	}
	return s, nil
}

// Labels returns the labels of all samples of s, in order.
func Labels(s Stream) []int {
	out := make([]int, s.Len())
	for i := range out {
		out[i] = s.Label(i)
	}
	return out
}

// checkIndex is the error of At for an index out of range.
func checkIndex(i, n int) error {
	if i < 0 || i >= n {
		return fmt.Errorf("sample %d of %d", i, n)
	}
	return nil
}
