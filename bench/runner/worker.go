package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"assay/bench/engine"
	"assay/bench/sandbox"
	"assay/models"
	"assay/models/tensor"
)

// A Command says how a worker is started.
type Command struct {
	Path string
	Args []string // without the program's name
	Env  []string // added to this process's own environment
	Dir  string
	CPUs []int // pins the worker and all its threads; nil leaves it free. Ignored where the system cannot pin.

	// Sandbox, if set, is all that the worker may see; what this system cannot
	// refuse is left (sandbox.Here).
	Sandbox *sandbox.Sandbox

	// Quiet, if set, is locked while something is timed, the worker's start
	// and loading included: whoever sends or reads on this device beside the
	// measurement takes it meanwhile.
	Quiet sync.Locker
}

// A Worker is a live worker process. Its calls may come from any goroutine
// and are served one after the other; Kill, Pid and LastWords never wait.
//
// Every call is bounded by its context: when the deadline passes the process
// is killed and the error wraps ErrHung. A worker that died, hung or talked
// nonsense is gone: all further calls return the same error at once.
type Worker struct {
	hello Hello
	cmd   *exec.Cmd
	in    *os.File // worker's stdin, our end
	out   *os.File // worker's stdout, our end
	w     *bufio.Writer
	r     *bufio.Reader
	words *tail
	quiet sync.Locker

	done chan struct{} // closed when the process has been waited for
	exit error         // its exit status, once done

	mu   sync.Mutex // one request at a time
	id   int64
	gone error // why no further call can succeed
}

// Start spawns a worker in a process group of its own and says hello to it.
// ctx bounds the hello, not the worker's life. On Linux the worker is killed
// when this process dies, however it dies.
func Start(ctx context.Context, c Command) (*Worker, error) {
	if c.Quiet != nil {
		c.Quiet.Lock()
		defer c.Quiet.Unlock()
	}
	began := time.Now()
	w, err := spawn(c)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	a, _, err := w.call(ctx, &request{Op: opHello, Protocol: Protocol}, nil)
	took := time.Since(began)
	if err == nil && (a.Hello == nil || a.Hello.Protocol != Protocol) {
		got := "no version"
		if a.Hello != nil {
			got = fmt.Sprintf("version %d", a.Hello.Protocol)
		}
		err = fmt.Errorf("%w: it speaks %s of the protocol, wanted %d", ErrProtocol, got, Protocol)
	}
	if err != nil {
		w.Kill()
		return nil, err
	}
	w.hello = Hello{a.Hello.Protocol, a.Hello.PID, a.Hello.Info, took}
	return w, nil
}

// Hello returns the worker's first answer.
func (w *Worker) Hello() Hello { return w.hello }

// Pid returns the process id, which stays valid until the worker is closed.
func (w *Worker) Pid() int { return w.cmd.Process.Pid }

// LastWords returns the end of what the worker wrote to stderr, at most 8 kB;
// the stack traces of a Go panic are left out.
func (w *Worker) LastWords() string { return w.words.String() }

// Load opens a model in the worker. An error that wraps errors.ErrUnsupported
// means that this engine, build or device cannot run it.
func (w *Worker) Load(ctx context.Context, a models.Artifact, o engine.Options) (Loaded, error) {
	ans, _, err := w.call(ctx, &request{Op: opLoad, Artifact: &a, Options: &options{o.Provider, o.Threads, o.Batch}}, nil)
	if err != nil {
		return Loaded{}, err
	}
	if ans.Loaded == nil {
		return Loaded{}, w.nonsense(opLoad, errors.New(`no "loaded" in the answer`))
	}
	l, err := ans.Loaded.loaded()
	if err != nil {
		return Loaded{}, w.nonsense(opLoad, err)
	}
	return l, nil
}

// Bind gives the worker the sets of inputs, each complete and in graph order,
// that Warm and Run rotate through.
func (w *Worker) Bind(ctx context.Context, sets [][]tensor.Tensor) error {
	var flat []tensor.Tensor
	for i, s := range sets {
		if len(s) == 0 || len(s) != len(sets[0]) {
			return fmt.Errorf("bind: input set %d has %d tensors, the first has %d", i, len(s), len(sets[0]))
		}
		flat = append(flat, s...)
	}
	_, _, err := w.call(ctx, &request{Op: opBind, Sets: len(sets)}, flat)
	return err
}

// Warm runs at least n inferences and for at least d, and lets the worker
// choose how many inferences it times together. The block it returns holds
// the latencies of the last part, after that choice.
func (w *Worker) Warm(ctx context.Context, d time.Duration, n int) (Block, error) {
	return w.block(ctx, opWarm, d, n)
}

// Run runs one block of at least n inferences and at least d.
func (w *Worker) Run(ctx context.Context, d time.Duration, n int) (Block, error) {
	return w.block(ctx, opRun, d, n)
}

func (w *Worker) block(ctx context.Context, op string, d time.Duration, n int) (Block, error) {
	a, lat, err := w.call(ctx, &request{Op: op, MinNS: int64(d), MinRuns: int64(n)}, nil)
	if err != nil {
		return Block{}, err
	}
	if a.Block == nil {
		return Block{}, w.nonsense(op, errors.New(`no "block" in the answer`))
	}
	b, err := a.Block.block(lat)
	if err == nil && b.Inferences < n {
		err = fmt.Errorf("%d inferences, asked for at least %d", b.Inferences, n)
	}
	if err != nil {
		return Block{}, w.nonsense(op, err)
	}
	return b, nil
}

// Infer runs the model once on in and returns its outputs in graph order, in
// memory of their own. What Bind has bound stays bound.
func (w *Worker) Infer(ctx context.Context, in []tensor.Tensor) ([]tensor.Tensor, error) {
	_, out, err := w.call(ctx, &request{Op: opInfer}, in)
	return out, err
}

// Stats returns memory and allocations as the worker sees itself.
func (w *Worker) Stats(ctx context.Context) (Stats, error) {
	a, _, err := w.call(ctx, &request{Op: opStats}, nil)
	if err != nil {
		return Stats{}, err
	}
	if a.Stats == nil {
		return Stats{}, w.nonsense(opStats, errors.New(`no "stats" in the answer`))
	}
	if err := a.Stats.check(); err != nil {
		return Stats{}, w.nonsense(opStats, err)
	}
	return *a.Stats, nil
}

// Profile runs bound inputs runs times and returns where their time goes, node
// by node. An error that wraps errors.ErrUnsupported means that this engine
// does not tell.
func (w *Worker) Profile(ctx context.Context, runs int) (engine.Profile, error) {
	a, _, err := w.call(ctx, &request{Op: opProfile, Runs: int64(runs)}, nil)
	if err != nil {
		return engine.Profile{}, err
	}
	if a.Profile == nil {
		return engine.Profile{}, w.nonsense(opProfile, errors.New(`no "profile" in the answer`))
	}
	if err := checkProfile(a.Profile); err != nil {
		return engine.Profile{}, w.nonsense(opProfile, err)
	}
	return *a.Profile, nil
}

// Close asks the worker to end and waits for it; when ctx is done first, the
// worker is killed. A worker that is gone already is no error.
func (w *Worker) Close(ctx context.Context) error {
	w.mu.Lock()
	gone := w.gone
	w.mu.Unlock()
	if gone != nil {
		w.Kill()
		return nil
	}
	_, _, err := w.call(ctx, &request{Op: opClose}, nil)
	if err == nil {
		select {
		case <-w.done:
			if w.exit != nil {
				err = w.death(opClose)
			}
		case <-ctx.Done():
			err = fmt.Errorf("close: %w: it answered, but did not end", ErrHung)
		}
	}
	w.mu.Lock()
	w.gone = cmpErr(w.gone, ErrClosed)
	w.mu.Unlock()
	w.Kill()
	return err
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Kill ends the worker's whole process group at once and waits until the
// process is gone. It may be called at any time, also twice.
func (w *Worker) Kill() {
	select {
	case <-w.done:
	default:
		kill(w.cmd.Process)
	}
	w.in.Close()
	w.out.Close()
	<-w.done
}
