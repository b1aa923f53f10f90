package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"assay/bench/engine"
	"assay/models/tensor"
)

// Serve answers requests read from r on w until close, the end of r or the
// end of ctx, which are no errors. The end of ctx is seen between requests, or
// at once where closing r interrupts a read. Between requests it blocks in read, so
// that an idle worker costs nothing. Whatever the host asks that cannot be
// done is answered by an error frame; only a broken conversation ends Serve
// with an error.
//
// The calling goroutine is locked to its thread for as long as Serve runs.
func Serve(ctx context.Context, r io.Reader, w io.Writer, e engine.Engine) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if c, ok := r.(io.Closer); ok {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
	}
	s := &server{ctx: ctx, engine: e}
	defer s.unload()
	in, out := bufio.NewReaderSize(r, 64<<10), bufio.NewWriterSize(w, 64<<10)
	for {
		var q request
		err := readLine(in, &q)
		if err == io.EOF || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		ts, err := readTensors(in, q.Tensors)
		if err != nil {
			return fmt.Errorf("read request %d (%s): %w", q.ID, short(q.Op), err)
		}
		a, payload, err := s.answer(&q, ts)
		if err != nil {
			a, payload = &answer{Error: &errorFrame{err.Error(), errors.Is(err, errors.ErrUnsupported)}}, nil
		}
		a.ID, a.Tensors = q.ID, declare(payload)
		if err := writeFrame(out, a, payload); err != nil {
			if errors.Is(err, errFrame) { // nothing was written yet
				err = writeFrame(out, &answer{ID: q.ID, Error: &errorFrame{Message: err.Error()}}, nil)
			}
			if err != nil {
				return fmt.Errorf("write answer: %w", err)
			}
		}
		if q.Op == opClose {
			return nil
		}
	}
}

// Bounds of what a host may ask for, far above what makes sense.
const (
	maxThreads = 1 << 10
	maxBatch   = 1 << 16
)

func short(s string) string { return quote([]byte(s)) }

// A server is the state of one worker: at most one session.
type server struct {
	ctx    context.Context
	engine engine.Engine
	ses    engine.Session
	in     []engine.Desc
	out    []engine.Desc

	timed   binding // what bind gave
	scratch binding // what infer uses
	bound   *binding
	loop    loop
}

func (s *server) answer(q *request, ts []tensor.Tensor) (*answer, []tensor.Tensor, error) {
	switch q.Op {
	case opHello:
		a, err := s.hello(q)
		return a, nil, err
	case opLoad:
		a, err := s.load(q)
		return a, nil, err
	case opBind:
		return &answer{}, nil, s.bind(q.Sets, ts)
	case opWarm, opRun:
		return s.run(q)
	case opServe:
		return s.serve(q, ts)
	case opInfer:
		out, err := s.infer(ts)
		return &answer{}, out, err
	case opStats:
		return &answer{Stats: s.stats()}, nil, nil
	case opProfile:
		a, err := s.profile(q)
		return a, nil, err
	case opClose:
		return &answer{}, nil, s.unload()
	}
	return nil, nil, fmt.Errorf("unknown request %s: %w", short(q.Op), errors.ErrUnsupported)
}

func (s *server) hello(q *request) (*answer, error) {
	if q.Protocol != Protocol {
		return nil, fmt.Errorf("the host speaks version %d of the protocol, this worker %d", q.Protocol, Protocol)
	}
	info, err := s.engine.Info(s.ctx)
	if err != nil {
		return nil, err
	}
	info.Capabilities = append([]string{CanRun, CanServe, CanInfer, CanStats}, info.Capabilities...)
	return &answer{Hello: hello(info)}, nil
}

func (s *server) load(q *request) (*answer, error) {
	if s.ses != nil {
		return nil, errors.New("a model is loaded already: a worker serves one")
	}
	if q.Artifact == nil || q.Options == nil {
		return nil, errors.New(`load needs "artifact" and "options"`)
	}
	if q.Options.Threads > maxThreads || q.Options.Batch > maxBatch {
		return nil, fmt.Errorf("%d threads and a batch of %d (at most %d and %d)", q.Options.Threads, q.Options.Batch, maxThreads, maxBatch)
	}
	o := engine.Options{Provider: q.Options.Provider, Threads: max(1, q.Options.Threads), Batch: max(1, q.Options.Batch)}
	if o.Provider == "" {
		o.Provider = "cpu"
	}
	began := time.Now()
	ses, err := s.engine.Open(s.ctx, *q.Artifact, o)
	took := time.Since(began)
	if err != nil {
		return nil, err
	}
	s.ses = ses
	s.in, s.out = ses.IO()
	f := &loadedFrame{
		TookNS: int64(took), In: wireDescs(s.in), Out: wireDescs(s.out), PackedSize: -1,
		Settings: map[string]string{"provider": o.Provider, "threads": strconv.Itoa(o.Threads), "batch": strconv.Itoa(o.Batch)},
	}
	if z, ok := ses.(engine.Sizer); ok {
		f.PackedSize = z.PackedSize()
	}
	if r, ok := ses.(Reporter); ok {
		for k, v := range r.Settings() {
			f.Settings[k] = v
		}
	}
	return &answer{Loaded: f}, nil
}

func (s *server) run(q *request) (*answer, []tensor.Tensor, error) {
	switch {
	case s.ses == nil:
		return nil, nil, errNotLoaded
	case len(s.timed.sets) == 0:
		return nil, nil, errors.New("no inputs are bound")
	case q.MinNS < 0 || q.MinRuns < 0 || q.MinRuns > maxLatencies || q.MinNS > int64(time.Hour):
		return nil, nil, fmt.Errorf("a block of %d inferences and %d ns (at most %d and an hour)", q.MinRuns, q.MinNS, maxLatencies)
	}
	if err := s.use(&s.timed); err != nil {
		return nil, nil, err
	}
	measure := s.loop.block
	if q.Op == opWarm {
		measure = s.loop.warm
	}
	f, err := measure(s.ses, len(s.timed.sets), time.Duration(q.MinNS), int(q.MinRuns))
	if err != nil {
		return nil, nil, err
	}
	lat := tensor.From(tensor.Int64, s.loop.taken, len(s.loop.taken))
	return &answer{Block: &f}, []tensor.Tensor{lat}, nil
}

func (s *server) stats() *Stats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	out := &Stats{Heap: int64(m.HeapAlloc), Sys: int64(m.Sys), PeakRSS: peakRSS(), Arena: -1, Mallocs: m.Mallocs, GCs: m.NumGC}
	if a, ok := s.ses.(engine.Arena); ok {
		out.Arena = a.ArenaSize()
	}
	return out
}

func (s *server) unload() error {
	if s.ses == nil {
		return nil
	}
	ses := s.ses
	s.ses = nil
	return ses.Close()
}
