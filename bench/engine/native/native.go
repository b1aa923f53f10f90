// Package native runs ONNX graphs on the kernels of bench/kernel, in pure Go.
//
// Open decodes the file, infers every shape with the batch bound, rewrites
// the graph (constants folded, batch normalisation, activations and residual
// additions fused into convolutions, QDQ groups turned into integer kernels,
// images laid out channels last), packs the weights, gives every value a
// place in one arena and ends with a flat list of kernel calls. Run walks
// that list and allocates nothing.
package native

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"assay/bench/engine"
	"assay/bench/kernel/conv"
	"assay/bench/kernel/ew"
	"assay/bench/kernel/gemm"
	"assay/bench/kernel/int4"
	"assay/bench/kernel/isa"
	"assay/bench/kernel/pool"
	"assay/bench/kernel/pooling"
	"assay/bench/kernel/qconv"
	"assay/bench/kernel/qgemm"
	"assay/bench/kernel/quant"
	"assay/bench/kernel/spmm"
	"assay/models"
	"assay/models/onnx"
)

func init() { engine.Register("native", Engine{}) }

// Engine is the native engine; its zero value is ready.
type Engine struct{}

var _ engine.Engine = Engine{}

// maxThreads bounds Options.Threads: more are never useful for one inference.
const maxThreads = 256

// Info describes this build. It probes nothing and does not fail.
func (Engine) Info(context.Context) (engine.Info, error) {
	on, _ := isa.Enabled()
	extensions := strings.Join(on, ",")
	if extensions == "" {
		extensions = "generic"
	}
	return engine.Info{
		Name: "native", Build: version(), Providers: []string{"cpu"},
		Capabilities: []string{"threads", "batch", "packed-size", "profile"},
		Settings:     map[string]string{"cpu": extensions, "go": runtime.Version(), "layout": "NHWC"},
	}, nil
}

// Version is the engine's build, set by the linker (make build); where it is
// empty, the module's version is taken.
var Version string

// version returns Version, or that of the main module, "devel" where it has none.
func version() string {
	if Version != "" {
		return Version
	}
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" && bi.Main.Version != "(devel)" {
		return bi.Main.Version
	}
	return "devel"
}

// Open plans the model for the given batch and threads.
func (Engine) Open(ctx context.Context, a models.Artifact, opt engine.Options) (engine.Session, error) {
	if a.Format != "" && a.Format != "onnx" {
		return nil, fmt.Errorf("open %s: format %q: %w by native (it reads onnx)", a.Path, a.Format, errors.ErrUnsupported)
	}
	if opt.Provider != "" && opt.Provider != "cpu" {
		return nil, fmt.Errorf("open %s: provider %q: %w by native (it has cpu)", a.Path, opt.Provider, errors.ErrUnsupported)
	}
	if opt.Threads < 0 || opt.Threads > maxThreads || opt.Batch < 0 {
		return nil, fmt.Errorf("open %s: %d threads, batch %d: threads must be 1 to %d and the batch positive", a.Path, opt.Threads, opt.Batch, maxThreads)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := onnx.Load(a.Path)
	if err != nil {
		return nil, err // names the file
	}
	s, err := newSession(m, max(opt.Batch, 1), max(opt.Threads, 1))
	if err != nil {
		_ = m.Close() // the first error is the one to tell
		return nil, fmt.Errorf("open %s: %w", a.Path, err)
	}
	return s, nil
}

// Kernels lists every kernel variant of this build and what this CPU runs.
func Kernels() []isa.Row {
	var rows []isa.Row
	for _, t := range []func() []isa.Row{gemm.Table, spmm.Table, int4.Table, conv.Table, qgemm.Table, qconv.Table, quant.Table, pooling.Table, ew.Table} {
		rows = append(rows, t()...)
	}
	return rows
}

// newSession plans m and takes it over: Close closes it. more names values
// that are outputs beside the model's own. It keeps of the plan what Run needs,
// so that constants that were packed can be freed.
func newSession(m *onnx.Model, batch, threads int, more ...string) (*session, error) {
	b, err := plan(m, batch, threads, more...)
	if err != nil {
		return nil, err
	}
	g := b.g
	s := &session{m: m, pool: b.pool, env: b.env, steps: b.steps, in: descs(g.inputs), out: descs(g.outputs), packed: b.weights(), arena: int64(b.arena), nodes: b.nodes()}
	for i, name := range g.names {
		s.out[i].Name = name
		s.outs = append(s.outs, b.of[g.outputs[i]])
	}
	return s, nil
}

// plan brings m into the form in which it runs. Whoever takes the builder
// closes its pool.
func plan(m *onnx.Model, batch, threads int, more ...string) (*builder, error) {
	g, err := load(m, batch, more...)
	if err != nil {
		return nil, err
	}
	if err := g.fits(); err != nil {
		return nil, err
	}
	if err := g.optimize(); err != nil {
		return nil, err
	}
	p := pool.New(threads)
	b, err := build(g, p)
	if err != nil {
		p.Close()
		return nil, err
	}
	b.allocate()
	return b, nil
}
