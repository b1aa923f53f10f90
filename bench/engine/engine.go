// Package engine is what the measuring loop knows of a runtime: it opens a
// model, binds inputs once, and runs. Engines live in their own packages and
// register themselves; the parent process never links them, a worker does.
package engine

import (
	"context"
	"fmt"
	"sort"

	"assay/models"
	"assay/models/tensor"
)

// Options say how a model is opened.
type Options struct {
	Provider string // execution provider, "cpu" by default
	Threads  int    // intra-operator threads, at least 1
	Batch    int    // binds the symbolic batch dimension, at least 1
}

// A Desc describes one input or output with its batch bound. A dimension
// that is known only when the model has run is −1.
type Desc struct {
	Name  string      `json:"name"`
	Type  tensor.Type `json:"type"`
	Shape []int       `json:"shape"`
}

// Info says what an engine is.
type Info struct {
	Name         string            `json:"name"`      // "onnxruntime", "native"
	Build        string            `json:"build"`     // its version, for example "1.30.0"
	Providers    []string          `json:"providers"` // found by probing, never by a list
	Capabilities []string          `json:"capabilities,omitempty"`
	Settings     map[string]string `json:"settings,omitempty"` // what is fixed for every session: optimisation level, spinning
}

// An Engine opens models. It must be safe for concurrent use.
type Engine interface {
	// Info may probe the runtime; an error says why it cannot be used here,
	// wrapping errors.ErrUnsupported where it is merely absent.
	Info(ctx context.Context) (Info, error)

	// Open loads a and allocates everything Run needs. It returns an error
	// wrapping errors.ErrUnsupported if this build or CPU cannot run a; the
	// harness then records a skip with that reason, not a failure.
	Open(ctx context.Context, a models.Artifact, opt Options) (Session, error)
}

// A Session is one loaded model. It is not safe for concurrent use.
type Session interface {
	// IO describes the inputs and outputs, in graph order.
	IO() (in, out []Desc)

	// Bind fixes the tensors that Run reads and writes. sets holds one or
	// more complete sets of inputs in graph order (rotated by the caller, so
	// that no run feeds on one lucky input); out, in graph order, is written
	// by every run. The session keeps the slices; Bind may be called again.
	Bind(sets [][]tensor.Tensor, out []tensor.Tensor) error

	// Run computes the bound outputs from input set i. It is the timed
	// region: implementations must not allocate, log or lock.
	Run(i int) error

	// Close frees the model. Run must not be called afterwards.
	Close() error
}

// A Sizer is a Session that knows how large its packed weights are, in bytes.
type Sizer interface{ PackedSize() int64 }

// An Arena is a Session that knows how many bytes its own allocator has taken
// from the system for the values of the graph, and for the weights where it
// keeps them there; −1 is unknown.
type Arena interface{ ArenaSize() int64 }

var registry = map[string]Engine{}

// Register adds an engine; it panics on a second engine of the same name.
func Register(name string, e Engine) {
	if registry[name] != nil {
		panic(fmt.Sprintf("engine %q registered twice", name))
	}
	registry[name] = e
}

// Lookup returns the engine called name as linked into this program.
func Lookup(name string) (Engine, error) {
	if e := registry[name]; e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("engine %q is not in this program (have %v)", name, Names())
}

// Names returns the engines of this program, sorted.
func Names() []string {
	var out []string
	for n := range registry {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}
