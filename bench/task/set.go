package task

import (
	"fmt"
	"io/fs"

	"assay/models"
	"assay/models/data"
	"assay/models/tensor"
)

// seed fixes which samples a stratified part takes, on every machine.
const seed = 1

// A Set is the samples of a task: all of a data set, or a fixed stratified
// part of it.
type Set struct {
	stream data.Stream
	total  int
}

// Open opens a split of the data set that card describes, with files in fsys.
// samples bounds their number (0 is all); the choice is stratified by class
// and the same on every machine.
func Open(fsys fs.FS, card *models.DataCard, split string, samples int) (*Set, error) {
	p, ok := card.Splits[split]
	if !ok {
		return nil, fmt.Errorf("data set %s has no split %q", card.Name, split)
	}
	return open(card.Format, fsys, p.Images, p.Labels, samples)
}

// Folder opens a folder of images, one folder per class where they are
// labelled.
func Folder(fsys fs.FS, samples int) (*Set, error) { return open("folder", fsys, ".", "", samples) }

func open(format string, fsys fs.FS, inputs, labels string, samples int) (*Set, error) {
	all, err := data.Open(format, fsys, inputs, labels)
	if err != nil {
		return nil, err
	}
	part, err := data.Subset(all, data.Stratified(data.Labels(all), samples, seed))
	if err != nil {
		return nil, err
	}
	return &Set{part, all.Len()}, nil
}

// Len returns the number of samples, Total how many the data set has.
func (s *Set) Len() int   { return s.stream.Len() }
func (s *Set) Total() int { return s.total }

// Labelled reports whether the samples have labels.
func (s *Set) Labelled() bool { return s.Len() > 0 && s.stream.Label(0) >= 0 }

// For returns the samples as inputs of a model: pre-processing follows the
// model's card and is the same for every engine.
func (s *Set) For(io models.IO) Inputs { return Inputs{s, io} }

// Inputs are the samples of a set, prepared for one model.
type Inputs struct {
	set *Set
	io  models.IO
}

// Len returns the number of samples.
func (p Inputs) Len() int { return p.set.Len() }

// Label returns the class of sample i, −1 where there is none.
func (p Inputs) Label(i int) int { return p.set.stream.Label(i) }

// Input prepares sample i; models with several inputs are refused by bind.
func (p Inputs) Input(i int) ([]tensor.Tensor, error) {
	s, err := p.set.stream.At(i)
	if err != nil {
		return nil, err
	}
	t, err := data.Prepare(p.io, s)
	if err != nil {
		return nil, err
	}
	return []tensor.Tensor{t}, nil
}
