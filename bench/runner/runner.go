// Package runner is the worker protocol, both ends: the measuring loop starts
// one worker process per case and trial and speaks frames with it over pipes.
// A frame is one JSON line, followed by raw little-endian tensor bytes where
// the line says so; docs/worker-protocol.md is the protocol's reference, for
// runtimes that are not written in Go too.
//
// The host side is Start and Worker; the worker side is Stdio and Serve. All
// times are monotonic and in nanoseconds on the wire.
package runner

import (
	"errors"
	"fmt"
	"time"

	"assay/bench/engine"
)

// Protocol is the version that both ends must agree on.
const Protocol = 1

// Capabilities of a worker: what it answers beyond hello and close. One that
// is absent from engine.Info.Capabilities is a skip, not an error.
const (
	CanRun     = "run"     // load, bind, warm and run
	CanInfer   = "infer"   // tensors in, tensors out
	CanStats   = "stats"   // memory and allocations
	CanServe   = "serve"   // queries by a schedule of arrivals
	CanProfile = "profile" // time per operator
)

// What can go wrong with a worker, as opposed to what it answers in an error
// frame. After any of them the process is gone and every call fails at once.
var (
	ErrDied     = errors.New("worker died")
	ErrHung     = errors.New("worker hung")
	ErrProtocol = errors.New("worker talks nonsense")
	ErrClosed   = errors.New("worker is closed")
)

// A Hello is a worker's first answer.
type Hello struct {
	Protocol int
	PID      int // as the worker sees itself; it differs from Worker.Pid in a container
	Info     engine.Info
	Took     time.Duration // from before the process was started until hello was answered
}

// Loaded is what a worker says of a model it has opened.
type Loaded struct {
	Took       time.Duration // measured in the worker
	In, Out    []engine.Desc
	PackedSize int64             // B, weights as the engine keeps them; −1 if unknown
	Settings   map[string]string // what this session really uses: provider, threads, optimisation
}

// A Block is one uninterrupted stretch of inferences.
type Block struct {
	// Latencies holds one value per timer reading, in order: the time of one
	// inference, or the mean over Per inferences where one is too short to be
	// timed alone.
	Latencies  []time.Duration
	Per        int // inferences per latency
	Inferences int
	Start, End int64 // CLOCK_MONOTONIC, ns, of the whole block
	Elapsed    time.Duration
	CPU        time.Duration // CPU time of all threads of the worker; −1 if unknown
	Allocs     uint64        // Go heap objects allocated inside the block
	GCs        uint32        // garbage collections inside the block
}

// A Served is a stretch of queries that arrived by a schedule, one sample each,
// first come first served. It may hold fewer than were scheduled, in order,
// where the stretch was given up.
type Served struct {
	Latencies  []time.Duration // from the scheduled arrival until the inference had ended
	Late       []time.Duration // how long after it could have begun an inference began: the price of waiting, not of the model
	Start, End int64           // CLOCK_MONOTONIC, ns
	Elapsed    time.Duration
	CPU        time.Duration // CPU time of all threads of the worker, spinning included; −1 if unknown
}

// Stats is memory and allocation as the worker sees itself; −1 is unknown.
type Stats struct {
	Heap    int64  `json:"heap"`     // B, live and not yet swept Go objects
	Sys     int64  `json:"sys"`      // B, obtained from the system by the Go runtime
	PeakRSS int64  `json:"peak_rss"` // B
	Arena   int64  `json:"arena"`    // B, taken from the system by the engine's own allocator for the loaded model
	Mallocs uint64 `json:"mallocs"`  // Go heap objects since start
	GCs     uint32 `json:"gcs"`      // collections since start
}

// A RemoteError is an error frame: the worker lives and says why it did not
// do what was asked.
type RemoteError struct {
	Op          string
	Message     string
	Unsupported bool // absent here: a skip, not a failure
}

// Error returns the worker's own message, named by the request.
func (e *RemoteError) Error() string { return fmt.Sprintf("%s: %s", e.Op, e.Message) }

// Unwrap makes errors.Is(err, errors.ErrUnsupported) work across processes.
func (e *RemoteError) Unwrap() error {
	if e.Unsupported {
		return errors.ErrUnsupported
	}
	return nil
}

// Monotonic reads the clock by which blocks say when they started and ended:
// CLOCK_MONOTONIC, one clock for all processes of a machine.
func Monotonic() time.Duration { return time.Duration(monotonic()) }

// A Reporter is a session that says what it really uses; Loaded.Settings
// carries it.
type Reporter interface{ Settings() map[string]string }
