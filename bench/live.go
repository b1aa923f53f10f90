package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"assay/bench/engine"
	"assay/bench/runner"
	"assay/models/data"
	"assay/models/tensor"
)

// Deadlines of requests: generous, since only a hung worker should meet them.
// runDeadline is a variable because a test must see it pass.
const (
	startDeadline = 60 * time.Second
	loadDeadline  = 5 * time.Minute
)

var runDeadline = 2 * time.Minute

// rotated is how many real samples a timed run rotates through, so that no
// run feeds on one lucky input (docs/design.md, "The worker protocol").
const rotated = 64

// A worker is one live process of a case.
type worker struct {
	*runner.Worker
	load  runner.Loaded
	start time.Duration // process start until hello was answered
	each  time.Duration // median of an inference in the warm-up

	memory *footprint // nil where it is not followed
}

// candidate is one case while it is measured, its control included: the
// control is the baseline's case with its own workers.
type candidate struct {
	Case
	status   Status
	reason   string
	retried  bool // the one retry of a crashed worker is used up
	settings map[string]string
	packed   int64
	control  bool

	found   int      // samples of an inference that the scenario has found, 0: the case's batch
	samples int      // the same while they are in force
	rate    float64  // server: the last highest rate, per second
	notes   []string // for the result

	rateless []string // server: one per trial that found no rate, why

	trials []trialData // one per finished trial
	cold   []coldData
	out    *outputs // accuracy

	soaked  *SoakInfo          // the last soak
	told    []told             // by phases outside the rounds
	missing map[string]missing // by metric: why there is no value
}

func (c *candidate) skip(reason string) { c.status, c.reason = Skipped, reason }

// fail records why a case cannot go on: absent support is a skip, the rest
// are errors, with the last words of a worker that broke.
func (c *candidate) fail(err error, words string) {
	if errors.Is(err, errors.ErrUnsupported) {
		c.skip(oneLine(err.Error()))
		return
	}
	c.status, c.reason = Errored, oneLine(err.Error())
	if w := lastLine(words); broken(err) && w != "" && !strings.Contains(c.reason, w) {
		c.reason += "; its last words: " + w
	}
}

// again reports whether a failed worker of c is to be tried once more: a
// crash, a hang or nonsense is, once; what an engine says in an error frame
// (a bad model, no support) would only be said again.
func (c *candidate) again(err error) bool {
	if !broken(err) || c.retried {
		return false
	}
	c.retried = true
	return true
}

// broken reports whether a worker died, hung or talked nonsense.
func broken(err error) bool {
	return errors.Is(err, runner.ErrDied) || errors.Is(err, runner.ErrHung) || errors.Is(err, runner.ErrProtocol)
}

// open starts a worker for c, loads its model and binds the inputs. A broken
// worker is tried once more; then the case has failed and open returns nil.
// It returns nil without failing the case when ctx is done.
func (s *session) open(ctx context.Context, c *candidate, cpus []int, threads int, started ...func(*worker)) *worker {
	for {
		w, err := s.openOnce(ctx, c, cpus, threads, started...)
		if err == nil {
			return w
		}
		words := ""
		if w != nil {
			words = w.LastWords()
			w.Kill()
		}
		if ctx.Err() != nil {
			return nil
		}
		if !c.again(err) {
			c.fail(err, words)
			return nil
		}
	}
}

// openOnce calls started between the hello and loading.
func (s *session) openOnce(ctx context.Context, c *candidate, cpus []int, threads int, started ...func(*worker)) (*worker, error) {
	if c.Err != "" {
		return nil, errors.New(c.Err)
	}
	cmd, err := s.Command(c.Case)
	if err != nil {
		return nil, err
	}
	cmd.CPUs = cpus
	startCtx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	p, err := runner.Start(startCtx, cmd)
	if err != nil {
		return nil, fmt.Errorf("start worker of %s: %w", c.Engine, err)
	}
	w := &worker{Worker: p}
	w.start = p.Hello().Took
	info := p.Hello().Info
	s.info(info)
	if c.Build != "" && c.Build != info.Build {
		return w, fmt.Errorf("wanted %s build %s, this is %s: %w", c.Engine, c.Build, info.Build, errors.ErrUnsupported)
	}
	for _, f := range started {
		f(w)
	}
	loadCtx, cancelLoad := context.WithTimeout(ctx, loadDeadline)
	defer cancelLoad()
	w.load, err = p.Load(loadCtx, c.Artifact, engine.Options{Provider: c.Provider, Threads: threads, Batch: c.batch()})
	if err != nil {
		return w, err
	}
	w.memory.loaded()
	c.settings, c.packed = w.load.Settings, w.load.PackedSize
	return w, nil
}

// bind gives w the real samples that timed runs rotate through.
func (s *session) bind(ctx context.Context, c *candidate, w *worker, sets int) error {
	d, err := s.Data(c.Case, w.load.In)
	if err != nil {
		return err
	}
	all, err := InputSets(d, sets, c.batch())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, runDeadline)
	defer cancel()
	err = w.Bind(ctx, all)
	w.memory.bound()
	return err
}

// InputSets returns n sets of inputs of the given batch, spread over d.
func InputSets(d Dataset, n, batch int) ([][]tensor.Tensor, error) {
	if d.Len() == 0 {
		return nil, fmt.Errorf("the data set is empty")
	}
	total := n * batch
	var sets [][]tensor.Tensor
	for k := 0; k < total; k += batch {
		var parts [][]tensor.Tensor
		for j := k; j < k+batch; j++ {
			at := j % d.Len()
			if total < d.Len() {
				at = j * d.Len() / total
			}
			in, err := d.Input(at)
			if err != nil {
				return nil, err
			}
			parts = append(parts, in)
		}
		set, err := stack(parts)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// stack joins batch-1 inputs along the first dimension.
func stack(parts [][]tensor.Tensor) ([]tensor.Tensor, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	out := make([]tensor.Tensor, len(parts[0]))
	for i := range out {
		var same []tensor.Tensor
		for _, p := range parts {
			same = append(same, p[i])
		}
		var err error
		if out[i], err = data.Batch(same); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return oneLine(lines[len(lines)-1])
}
