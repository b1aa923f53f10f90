package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"assay/bench/engine"
	"assay/models"
	"assay/models/tensor"
)

// A fake is an engine whose model doubles its input of two float32. The name
// of the artifact says how it behaves.
type fake struct {
	tame bool // whatever the artifact says, the model behaves: for fuzzing
}

func (fake) Info(context.Context) (engine.Info, error) {
	if why := os.Getenv("FAKE_ABSENT"); why != "" {
		return engine.Info{}, fmt.Errorf("%s: %w", why, errors.ErrUnsupported)
	}
	return engine.Info{Name: "fake", Build: "7", Providers: []string{"cpu"}, Capabilities: []string{"extra"}}, nil
}

func (f fake) Open(_ context.Context, a models.Artifact, o engine.Options) (engine.Session, error) {
	if o.Provider != "cpu" {
		return nil, fmt.Errorf("provider %q: %w", o.Provider, errors.ErrUnsupported)
	}
	if a.Path == "broken" {
		return nil, errors.New("broken: not a model\nat all")
	}
	s := &fakeSession{mode: a.Path, batch: o.Batch}
	if f.tame && a.Path != "dynamic" {
		s.mode = "quick"
		return telling{s}, nil
	}
	if a.Path == "tells" {
		return telling{s}, nil
	}
	if d, err := time.ParseDuration(a.Path); err == nil {
		s.sleep = d
	}
	return s, nil
}

type fakeSession struct {
	mode  string
	batch int
	sleep time.Duration
	sets  [][]tensor.Tensor
	out   []tensor.Tensor
	seen  []int // how often each set was run
	binds int
	sink  [][]byte
}

// A telling session profiles; the plain one does not.
type telling struct{ *fakeSession }

func (s telling) Profile(runs int) (engine.Profile, error) {
	if err := s.Run(0); err != nil {
		return engine.Profile{}, err
	}
	return engine.Profile{Runs: runs, NS: 5, Resolution: 1, Nodes: []engine.Node{{Name: "double", Op: "Mul", NS: 4, MACs: 2, Bytes: 16, Fused: []string{"relu (Relu)"}}}}, nil
}

// ArenaSize says a page.
func (s *fakeSession) ArenaSize() int64 { return 4096 }

func (s *fakeSession) IO() (in, out []engine.Desc) {
	d := []engine.Desc{{Name: "x", Type: tensor.Float32, Shape: []int{s.batch, 2}}}
	if s.mode == "dynamic" {
		return d, []engine.Desc{{Name: "y", Type: tensor.Float32, Shape: []int{s.batch, -1}}}
	}
	return d, []engine.Desc{{Name: "y", Type: tensor.Float32, Shape: []int{s.batch, 2}}}
}

func (s *fakeSession) Bind(sets [][]tensor.Tensor, out []tensor.Tensor) error {
	s.sets, s.out, s.seen = sets, out, make([]int, len(sets))
	s.binds++
	return nil
}

func (s *fakeSession) Run(i int) error {
	switch s.mode {
	case "panic":
		panic("the model is on fire")
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot go on")
		os.Exit(5)
	case "hang":
		time.Sleep(time.Hour)
	case "fails":
		return errors.New("shape mismatch")
	case "allocates":
		s.sink = append(s.sink[:0], make([]byte, 64))
	case "flood":
		fmt.Fprint(os.Stderr, strings.Repeat("noise ", 1<<16)) // more than a pipe holds
	}
	if s.sleep > 0 {
		for t := time.Now(); time.Since(t) < s.sleep; { // busy, as a kernel is
		}
	}
	s.seen[i]++
	x, y := tensor.Of[float32](s.sets[i][0]), tensor.Of[float32](s.out[0])
	for j := range x {
		y[j] = 2 * x[j]
	}
	return nil
}

func (s *fakeSession) Close() error {
	if s.mode == "sour" {
		return errors.New("leaked a lot")
	}
	return nil
}

func (s *fakeSession) PackedSize() int64           { return 11 }
func (s *fakeSession) Settings() map[string]string { return map[string]string{"mode": s.mode} }

// pair is one set of inputs of the fake.
func pair(a, b float32) []tensor.Tensor {
	return []tensor.Tensor{tensor.From(tensor.Float32, []float32{a, b}, 1, 2)}
}

var (
	_ engine.Engine  = fake{}
	_ engine.Session = (*fakeSession)(nil)
	_ engine.Sizer   = (*fakeSession)(nil)
	_ Reporter       = (*fakeSession)(nil)
)
