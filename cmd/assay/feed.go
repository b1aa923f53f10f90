package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/task"
	"assay/bench/unit"
	"assay/models"
	"assay/models/zoo"
	"assay/suites"
)

// noiseSamples is how many samples are made up where there is no data.
const noiseSamples = 256

// testSplit is the split that accuracy is measured on.
const testSplit = "test"

// A feed gives the cases of a run their samples: a task's test set, the
// user's folder, or seeded noise.
type feed struct {
	sets map[string]*task.Set // by task
	norm models.IO            // how images of the user's folder become inputs
}

// dataTask is the task of files that are fed from a folder.
func dataTask(dir string) string { return filepath.Base(filepath.Clean(dir)) }

func newFeed(x *suites.Expansion, dir string, samples int, norm models.IO) (*feed, error) {
	f := &feed{sets: map[string]*task.Set{}, norm: norm}
	for name, card := range x.Tasks {
		set, err := task.Open(zoo.FS(), card, testSplit, samples)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", name, err)
		}
		f.sets[name] = set
	}
	if dir == "" {
		return f, nil
	}
	if st, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !st.IsDir() {
		return nil, fmt.Errorf("--data %s: it is no folder", dir)
	}
	set, err := task.Folder(os.DirFS(dir), samples)
	if err != nil {
		return nil, err
	}
	f.sets[dataTask(dir)] = set
	return f, nil
}

// data returns the samples for a case.
func (f *feed) data(c bench.Case, in []engine.Desc) (bench.Dataset, error) {
	set := f.sets[c.Task]
	if set == nil {
		return bench.Noise(in, noiseSamples)
	}
	if len(in) != 1 {
		return nil, fmt.Errorf("task %s feeds one input, the model has %d", c.Task, len(in))
	}
	io := c.Artifact.Input
	if io.Layout == "" && len(io.Shape) == 0 {
		io = f.guess(in[0])
	}
	return set.For(io), nil
}

// guess describes an input without a card: channels first where the second
// dimension is a number of channels, pixels scaled to 0…1 unless flags say
// otherwise.
func (f *feed) guess(d engine.Desc) models.IO {
	io := f.norm
	io.Name, io.Type, io.Layout = d.Name, d.Type.String(), "NHWC"
	if len(d.Shape) == 4 && (d.Shape[1] == 1 || d.Shape[1] == 3) {
		io.Layout = "NCHW"
	}
	io.Shape = nil
	for i, n := range d.Shape {
		io.Shape = append(io.Shape, dimName(i, n))
	}
	return io
}

func dimName(i, n int) string {
	if i == 0 || n < 1 {
		return "N"
	}
	return strconv.Itoa(n)
}

// text says on which samples accuracy was measured.
func (f *feed) text(r *bench.Result) string {
	var names []string
	for _, g := range r.Groups {
		if !slices.Contains(names, g.Task) {
			names = append(names, g.Task)
		}
	}
	if len(names) != 1 {
		return "each task's own samples"
	}
	set := f.sets[names[0]]
	switch {
	case set == nil:
		return fmt.Sprintf("%d samples of seeded noise", noiseSamples)
	case set.Len() == set.Total():
		return fmt.Sprintf("all %s images", unit.Count(set.Total()))
	}
	return fmt.Sprintf("%s of %s images, stratified", unit.Count(set.Len()), unit.Count(set.Total()))
}

// doubts says what to think of accuracy where there were no real samples.
func (f *feed) doubts(r *bench.Result) []string {
	for _, g := range r.Groups {
		if f.sets[g.Task] == nil {
			return []string{"agreement is that on noise, which no network is made for: give --data DIR for agreement on real samples"}
		}
	}
	return nil
}
