package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"assay/bench/engine"
	"assay/models"
	"assay/models/tensor"
)

// Requests. Every answer carries the id of its request.
const (
	opHello   = "hello"
	opLoad    = "load"
	opBind    = "bind"
	opWarm    = "warm"
	opRun     = "run"
	opServe   = "serve"
	opInfer   = "infer"
	opStats   = "stats"
	opProfile = "profile"
	opClose   = "close"
)

// A request is what the host sends; which fields count depends on Op.
type request struct {
	ID       int64            `json:"id"`
	Op       string           `json:"op"`
	Protocol int              `json:"protocol,omitempty"` // hello
	Artifact *models.Artifact `json:"artifact,omitempty"` // load
	Options  *options         `json:"options,omitempty"`  // load
	Sets     int              `json:"sets,omitempty"`     // bind: the tensors are this many equal sets
	MinNS    int64            `json:"min_ns,omitempty"`   // warm, run
	MinRuns  int64            `json:"min_inferences,omitempty"`
	BoundNS  int64            `json:"bound_ns,omitempty"` // serve
	MostOver int64            `json:"most_over,omitempty"`
	Runs     int64            `json:"runs,omitempty"`    // profile
	Tensors  []shape          `json:"tensors,omitempty"` // bind, infer; serve: the arrivals, int64 ns
}

// An answer is what the worker sends; one of its parts is set, or none where
// there is nothing to say but "done".
type answer struct {
	ID      int64           `json:"id"`
	Error   *errorFrame     `json:"error,omitempty"`
	Hello   *helloFrame     `json:"hello,omitempty"`
	Loaded  *loadedFrame    `json:"loaded,omitempty"`
	Block   *blockFrame     `json:"block,omitempty"`
	Stats   *Stats          `json:"stats,omitempty"`
	Profile *engine.Profile `json:"profile,omitempty"`
	Tensors []shape         `json:"tensors,omitempty"` // infer: the outputs; warm, run and serve: times, int64 ns
}

type options struct {
	Provider string `json:"provider"`
	Threads  int    `json:"threads"`
	Batch    int    `json:"batch"`
}

type errorFrame struct {
	Message     string `json:"message"`
	Unsupported bool   `json:"unsupported,omitempty"`
}

type helloFrame struct {
	Protocol int         `json:"protocol"`
	PID      int         `json:"pid"`
	Info     engine.Info `json:"info"`
}

type desc struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

type loadedFrame struct {
	TookNS     int64             `json:"took_ns"`
	In         []desc            `json:"in"`
	Out        []desc            `json:"out"`
	PackedSize int64             `json:"packed_size"`
	Settings   map[string]string `json:"settings,omitempty"`
}

type blockFrame struct {
	Per        int    `json:"per"`
	Inferences int    `json:"inferences"`
	StartNS    int64  `json:"start_mono_ns"`
	EndNS      int64  `json:"end_mono_ns"`
	ElapsedNS  int64  `json:"elapsed_ns"`
	CPUNS      int64  `json:"cpu_ns"`
	Allocs     uint64 `json:"allocs"`
	GCs        uint32 `json:"gcs"`
}

func wireDescs(ds []engine.Desc) []desc {
	out := make([]desc, len(ds))
	for i, d := range ds {
		out[i] = desc{d.Name, d.Type.String(), append([]int{}, d.Shape...)}
	}
	return out
}

func readDescs(ds []desc) ([]engine.Desc, error) {
	out := make([]engine.Desc, len(ds))
	for i, d := range ds {
		t, err := tensor.ParseType(d.Type)
		if err != nil {
			return nil, fmt.Errorf("%q: %v", d.Name, err)
		}
		for _, n := range d.Shape {
			if n < -1 {
				return nil, fmt.Errorf("%q has shape %v", d.Name, d.Shape)
			}
		}
		out[i] = engine.Desc{Name: d.Name, Type: t, Shape: d.Shape}
	}
	return out, nil
}

// loaded checks what a worker says of a model.
func (f *loadedFrame) loaded() (Loaded, error) {
	in, err := readDescs(f.In)
	if err != nil {
		return Loaded{}, fmt.Errorf("input %w", err)
	}
	out, err := readDescs(f.Out)
	if err != nil {
		return Loaded{}, fmt.Errorf("output %w", err)
	}
	if f.TookNS < 0 || f.PackedSize < -1 {
		return Loaded{}, fmt.Errorf("took %d ns, packed size %d", f.TookNS, f.PackedSize)
	}
	return Loaded{Took: time.Duration(f.TookNS), In: in, Out: out, PackedSize: f.PackedSize, Settings: f.Settings}, nil
}

// block checks what a worker says of a block: lat holds its latencies, int64 ns.
func (f *blockFrame) block(lat []tensor.Tensor) (Block, error) {
	if len(lat) != 1 || lat[0].Type != tensor.Int64 || len(lat[0].Shape) != 1 {
		return Block{}, fmt.Errorf("latencies come as one int64 tensor of one dimension")
	}
	ns := tensor.Of[int64](lat[0])
	b := Block{
		Per: f.Per, Inferences: f.Inferences, Start: f.StartNS, End: f.EndNS,
		Elapsed: time.Duration(f.ElapsedNS), CPU: time.Duration(f.CPUNS), Allocs: f.Allocs, GCs: f.GCs,
	}
	switch {
	case len(ns) == 0 || f.Per < 1 || f.Inferences < 1:
		return Block{}, fmt.Errorf("%d latencies of %d inferences each, %d inferences in all", len(ns), f.Per, f.Inferences)
	case f.Inferences/f.Per < len(ns):
		return Block{}, fmt.Errorf("%d latencies of %d inferences each do not fit %d inferences", len(ns), f.Per, f.Inferences)
	case f.EndNS < f.StartNS || f.ElapsedNS < 0 || f.CPUNS < -1:
		return Block{}, fmt.Errorf("start %d, end %d, elapsed %d, cpu %d ns", f.StartNS, f.EndNS, f.ElapsedNS, f.CPUNS)
	}
	b.Latencies = make([]time.Duration, len(ns))
	for i, v := range ns {
		if v < 0 {
			return Block{}, fmt.Errorf("latency %d is %d ns", i, v)
		}
		b.Latencies[i] = time.Duration(v)
	}
	return b, nil
}

// UnmarshalJSON reads stats in which what is left out is unknown, not 0.
func (s *Stats) UnmarshalJSON(b []byte) error {
	type plain Stats
	p := plain{Heap: -1, Sys: -1, PeakRSS: -1, Arena: -1}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*s = Stats(p)
	return nil
}

// check reports what cannot be true.
func (s *Stats) check() error {
	if s.Heap < -1 || s.Sys < -1 || s.PeakRSS < -1 || s.Arena < -1 {
		return fmt.Errorf("heap %d, sys %d, peak RSS %d, arena %d bytes", s.Heap, s.Sys, s.PeakRSS, s.Arena)
	}
	return nil
}

func hello(info engine.Info) *helloFrame {
	return &helloFrame{Protocol: Protocol, PID: os.Getpid(), Info: info}
}
