package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/host"
	"assay/bench/runner"
	"assay/bench/verdict"
	"assay/models"
	"assay/models/tensor"
)

// A script is what a fake worker does: the "model file" of these tests. The
// worker is a real child process of this test binary that speaks the real
// protocol.
type script struct {
	Memory appetite

	Spin      time.Duration // one inference
	Sample    time.Duration // more for every sample of it
	Fixed     bool          // its batch is 1
	Wrong     int           // every Wrong-th label is answered wrongly; 0 is never
	Load      string        // an error at loading
	Absent    string        // an unsupported error at loading
	DieAfter  int           // inferences until the process kills itself; 0 is never
	HangAfter int           // inferences until it hangs; 0 is never
	Once      string        // a file that is removed by the first misbehaviour, so that it happens only once
	Nonsense  bool          // writes garbage in the middle of the protocol
	Say       string        // last words on stderr
	Watts     float64       // that inferences draw, as the fake meter shows them
	Plug      string        // the file by which it gets to know
}

// roles are what this test binary does where a variable of that name is set.
var roles = map[string]func(){}

func TestMain(m *testing.M) {
	if os.Getenv("ASSAY_FAKE_WORKER") != "" {
		in, out, err := runner.Stdio()
		if err == nil {
			err = runner.Serve(context.Background(), in, out, fakeEngine{out})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	for name, role := range roles {
		if os.Getenv(name) != "" {
			role()
			return
		}
	}
	os.Exit(m.Run())
}

type fakeEngine struct {
	out interface{ Write([]byte) (int, error) }
}

func (fakeEngine) Info(context.Context) (engine.Info, error) {
	return engine.Info{Name: "fake", Build: "1.0", Providers: []string{"cpu"}}, nil
}

func (f fakeEngine) Open(_ context.Context, a models.Artifact, o engine.Options) (engine.Session, error) {
	b, err := os.ReadFile(a.Path)
	if err != nil {
		return nil, err
	}
	s := &fakeSession{out: f.out, batch: o.Batch}
	if err := json.Unmarshal(b, &s.script); err != nil {
		return nil, err
	}
	switch {
	case s.Absent != "":
		return nil, fmt.Errorf("%s: %w", s.Absent, errors.ErrUnsupported)
	case s.script.Load != "":
		return nil, errors.New(s.script.Load)
	case s.Fixed && o.Batch != 1:
		return nil, fmt.Errorf("fixed batch of 1, not %d: %w", o.Batch, errors.ErrUnsupported)
	}
	s.Memory.load(a.Path)
	return s, nil
}

type fakeSession struct {
	script
	out   interface{ Write([]byte) (int, error) }
	batch int
	sets  [][]tensor.Tensor
	res   []tensor.Tensor
	n     int
	told  time.Duration // when the fake meter was told last
}

func (s *fakeSession) IO() (in, out []engine.Desc) {
	return []engine.Desc{{Name: "x", Type: tensor.Float32, Shape: []int{s.batch, 2}}}, []engine.Desc{{Name: "y", Type: tensor.Float32, Shape: []int{s.batch, 4}}}
}

func (s *fakeSession) Bind(sets [][]tensor.Tensor, out []tensor.Tensor) error {
	s.Memory.die("bind")
	s.sets, s.res = sets, out
	return nil
}

// misbehaves reports whether the n-th inference is the one to go wrong.
func (s *fakeSession) misbehaves(after int) bool {
	if after == 0 || s.n < after {
		return false
	}
	return s.Once == "" || os.Remove(s.Once) == nil
}

func (s *fakeSession) Run(i int) error {
	begun := time.Now()
	s.n++
	s.draw()
	if s.misbehaves(s.DieAfter) {
		fmt.Fprintln(os.Stderr, s.Say)
		os.Exit(7)
	}
	if s.misbehaves(s.HangAfter) {
		time.Sleep(time.Hour)
	}
	s.Memory.run()
	if s.Nonsense && s.n > 3 {
		s.out.Write([]byte("this is no frame\n"))
	}
	x := tensor.Of[float32](s.sets[i][0]) // label, index
	y := tensor.Of[float32](s.res[0])
	clear(y)
	for k := range s.batch {
		label := int(x[2*k])
		if s.Wrong > 0 && int(x[2*k+1])%s.Wrong == 0 {
			label = (label + 1) % 4
		}
		y[4*k+label] = 1
	}
	for time.Since(begun) < s.Spin+time.Duration(s.batch)*s.Sample {
	}
	return nil
}

func (s *fakeSession) Close() error { return nil }

// labelled is a data set of n samples of 4 classes.
type labelled int

func (l labelled) Len() int        { return int(l) }
func (l labelled) Label(i int) int { return i % 4 }
func (l labelled) Input(i int) ([]tensor.Tensor, error) {
	return []tensor.Tensor{tensor.From(tensor.Float32, []float32{float32(i % 4), float32(i)}, 1, 2)}, nil
}

// few is so few samples that accuracy takes no time.
func few(Case, []engine.Desc) (Dataset, error) { return labelled(40), nil }

type still struct{}

func (still) Read() (steal, mhz float64) { return 0, 0 }
func (still) Close() error               { return nil }

// testSetup is a quick plan on this machine with fake workers.
func testSetup(t *testing.T) Setup {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Setup{
		Suite: "test", Version: "test",
		Plan: Plan{Trials: 5, MaxTrials: 5, Rounds: 3, Precision: 0.01, Block: 5 * time.Millisecond, Cold: 2},
		Command: func(Case) (runner.Command, error) {
			return runner.Command{Path: exe, Env: append(os.Environ(), "ASSAY_FAKE_WORKER=1")}, nil
		},
		Data:    func(Case, []engine.Desc) (Dataset, error) { return labelled(1000), nil },
		Observe: func() host.Condition { return host.Condition{} },
		Probe:   func([]int) Prober { return still{} },
		CPUs:    func(int) []int { return nil },
	}
}

// testGroup writes one model file per script: the first is the baseline.
func testGroup(t *testing.T, gates []string, scripts ...script) Group {
	t.Helper()
	var g Group
	for i, s := range scripts {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("model%d.json", i))
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		variant := Baseline
		if i > 0 {
			variant = fmt.Sprintf("v%d", i)
		}
		g.Cases = append(g.Cases, Case{
			Suite: "test", Task: "t", Model: "m", Variant: variant, Engine: "fake", Provider: "cpu", Threads: 1, Batch: 1,
			Scenario: "single-stream", Artifact: models.Artifact{Path: path, Format: "fake", Size: int64(len(b))},
		})
	}
	for _, text := range gates {
		p, err := verdict.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		g.Gates = append(g.Gates, Gate{Gate: p})
	}
	return g
}

func mustRun(t *testing.T, ctx context.Context, set Setup, groups ...Group) *Result {
	t.Helper()
	r, err := Run(ctx, set, groups)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
