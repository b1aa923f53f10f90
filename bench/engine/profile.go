package engine

// A Profiler is a Session that can say where the time of an inference goes.
type Profiler interface {
	// Profile runs bound inputs runs times with a clock reading around every
	// node. It is no timed region: it may allocate, and its readings lengthen
	// short inferences.
	Profile(runs int) (Profile, error)
}

// A Profile is the time of one inference, node by node.
type Profile struct {
	Runs       int     `json:"runs"`
	NS         float64 `json:"ns"`            // of a whole inference without readings inside, median
	Resolution float64 `json:"resolution_ns"` // of Node.NS: differences below it tell nothing
	Nodes      []Node  `json:"nodes"`         // in the order in which they ran
	Roof       *Roof   `json:"roof,omitempty"`
}

// A Node is one operator as the engine ran it, which need not be as the file
// has it: engines fuse and insert nodes.
type Node struct {
	Name      string   `json:"name"`                // as in the file where the engine kept it
	Op        string   `json:"op"`                  // as the engine runs it, for example "QLinearConv"
	Provider  string   `json:"provider,omitempty"`  // where it differs from the session's
	Kernel    string   `json:"kernel,omitempty"`    // the variant that ran; "" where the engine does not say
	Type      string   `json:"type,omitempty"`      // elements of its first input
	Window    []int    `json:"window,omitempty"`    // a convolution's kernel, height and width
	Groups    int      `json:"groups,omitempty"`    // of a convolution
	Depthwise bool     `json:"depthwise,omitempty"` // every channel is convolved with its own kernel
	Fused     []string `json:"fused,omitempty"`     // the file's nodes that it does beside its own, "name (Operator)"
	NS        float64  `json:"ns"`                  // per inference: median, or mean where the clock is coarse
	MACs      int64    `json:"macs"`                // multiply-accumulates; 0 where there are none, −1 unknown
	Bytes     int64    `json:"bytes"`               // read and written: values and weights as the engine keeps them; −1 unknown
	Share     float64  `json:"share,omitempty"`     // of what the roofline allows; 0 unknown
}

// A Roof is how fast a device can calculate and move at most, as far as its
// own kernels show it (Williams, Waterman and Patterson 2009, "Roofline").
type Roof struct {
	Threads int     `json:"threads"`
	Float   float64 `json:"float"` // float32 multiply-accumulates per second
	Int8    float64 `json:"int8"`  // 8-bit multiply-accumulates per second
	Copy    []Rate  `json:"copy"`  // by working set, ascending
}

// A Rate is the bandwidth of copying inside a working set, in bytes read and
// written per second.
type Rate struct {
	Set  int64   `json:"set"` // bytes
	Rate float64 `json:"rate"`
}

// Bandwidth returns the rate of the smallest working set that holds n bytes.
func (r *Roof) Bandwidth(n int64) float64 {
	for _, c := range r.Copy {
		if n <= c.Set {
			return c.Rate
		}
	}
	if k := len(r.Copy); k > 0 {
		return r.Copy[k-1].Rate
	}
	return 0
}

// Bounds returns the least time, in ns, that n's multiplications and its bytes
// take under r; 0 where they are not known.
func (r *Roof) Bounds(n *Node) (multiply, move float64) {
	peak := r.Float
	if n.Type == "int8" || n.Type == "uint8" {
		peak = r.Int8
	}
	if n.MACs > 0 && peak > 0 {
		multiply = 1e9 * float64(n.MACs) / peak
	}
	if bw := r.Bandwidth(n.Bytes); n.Bytes > 0 && bw > 0 {
		move = 1e9 * float64(n.Bytes) / bw
	}
	return multiply, move
}

// Measure sets the share of the roofline of every node that has a time.
func (r *Roof) Measure(nodes []Node) {
	for i := range nodes {
		n := &nodes[i]
		if multiply, move := r.Bounds(n); n.NS > 0 {
			n.Share = max(multiply, move) / n.NS
		}
	}
}
