package compress

import (
	"fmt"
	"slices"
	"strings"

	"assay/models/onnx"
)

// A Target is where a variant will run, as far as it is known before.
type Target struct {
	Engine   string   // "native", "onnxruntime"
	Provider string   // "cpu", "cuda", …
	Features []string // of the CPU, as the device names them: avx2, avx512_vnni, asimddp, …
}

// String is "onnxruntime/cpu".
func (t Target) String() string { return t.Engine + "/" + t.Provider }

// ParseTarget reads ENGINE or ENGINE/PROVIDER.
func ParseTarget(text string) (Target, error) {
	name, provider, ok := strings.Cut(text, "/")
	if !ok {
		provider = "cpu"
	}
	have := targets[name]
	if !slices.Contains(have, provider) {
		var all []string
		for _, e := range []string{"native", "onnxruntime"} {
			for _, p := range targets[e] {
				all = append(all, e+"/"+p)
			}
		}
		return Target{}, fmt.Errorf("unknown target %q (have %s)", text, strings.Join(all, ", "))
	}
	return Target{Engine: name, Provider: provider}, nil
}

var targets = map[string][]string{
	"native":      {"cpu"},
	"onnxruntime": {"cpu", "cuda", "tensorrt", "xnnpack", "coreml"},
}

// vnni reports whether the CPU multiplies uint8 by int8 into 32 bits at once.
func (t Target) vnni() bool {
	return slices.ContainsFunc(t.Features, func(f string) bool { return strings.Contains(f, "vnni") })
}

// saturates reports whether products of full 8-bit weights saturate on it: x86
// with AVX2 or AVX-512, but without VNNI.
func (t Target) saturates() bool {
	return t.Provider == "cpu" && !t.vnni() && (slices.Contains(t.Features, "avx2") || slices.Contains(t.Features, "avx512f"))
}

// A layout is what the checks know of a model: its folded nodes by kind.
type layout struct {
	nodes                       map[string][]string // operator → labels
	dense, pointwise            []string            // convolutions with weights for all channels, those of 1×1
	depthwise, matrices, tables []string            // tables are embeddings
	bare                        []string            // MatMulNBits without accuracy_level
	weighted, between           int
}

// A check says what will fall back or be slow, "" where nothing will.
type check struct {
	stem string // of the technique's name
	say  func(l *layout, set *Settings, t Target) string
}

// checks is the matrix of operator, type and provider. What is said of speed
// was measured with ONNX Runtime 1.30 (docs/compression.md) or is what its
// providers have no kernel for.
var checks = []check{
	{"fp16", func(l *layout, _ *Settings, t Target) string {
		switch {
		case t.Provider != "cpu" && t.Provider != "xnnpack":
			return ""
		case t.Engine == "native":
			return "it has no float16 arithmetic: the case is skipped; it reads the weights of bf16"
		}
		return "it computes few operators in float16 and puts casts around the others: expect no speed, the file is meant for GPUs and NPUs"
	}},
	{"bf16", func(_ *layout, _ *Settings, t Target) string {
		return "weights are widened to float32 when the model is loaded: the file is smaller, no inference is faster"
	}},
	{"int8-qdq", func(l *layout, s *Settings, _ Target) string {
		if s.PerTensor && len(l.depthwise) > 0 {
			return fmt.Sprintf("one scale for all channels of depthwise convolutions (%s) loses the accuracy of most networks: leave --per-tensor out, or put equalized+ in front", some3(l.depthwise))
		}
		return ""
	}},
	{"int8-qdq", func(l *layout, _ *Settings, _ Target) string {
		if l.between == 0 || l.weighted == 0 {
			return ""
		}
		return fmt.Sprintf("%d nodes have no integer form (%s): values are turned into floats before and into integers behind each, which can cost more than the rest gains", l.between, l.floating())
	}},
	{"int8-qdq", func(_ *layout, s *Settings, t Target) string {
		if s.Int8Activations && t.Engine == "onnxruntime" && t.Provider == "cpu" && !slices.Contains(t.Features, "asimd") {
			return "int8 activations are not fused where two operators read one value: residual networks stay largely float; leave --int8-activations out on x86"
		}
		return ""
	}},
	{"int8-", func(_ *layout, s *Settings, t Target) string {
		switch {
		case s.FullRange && t.saturates():
			return "this CPU has no VNNI: products of 8-bit weights saturate in 16 bits, results are wrong; leave --full-range out, weights then keep within −64…64"
		case !s.FullRange && t.vnni():
			return "weights keep within −64…64 for CPUs without VNNI; this one has it, and --full-range would gain 6 dB here"
		}
		return ""
	}},
	{"int8-dynamic", func(l *layout, _ *Settings, t Target) string {
		if n := len(l.dense) + len(l.pointwise); n > 0 && t.Engine == "onnxruntime" {
			return fmt.Sprintf("%d convolutions become ConvInteger, with Cast, Mul and Add behind each that it does not fuse: int8-qdq is faster", n)
		}
		return ""
	}},
	{"int4", func(l *layout, _ *Settings, _ Target) string {
		if len(l.dense)+len(l.pointwise)+len(l.depthwise) == 0 {
			return ""
		}
		return "weights of convolutions are turned into floats before they are used: the file is smaller, no inference is faster"
	}},
	{"int4", func(l *layout, s *Settings, t Target) string {
		switch {
		case t.Engine != "native":
			return ""
		case len(l.tables) > 0:
			return fmt.Sprintf("it has no GatherBlockQuantized: a file with %s is refused; --exclude leaves them float", some3(l.tables))
		case s.Form == "qdq" && len(l.matrices) > 0:
			return "it multiplies 4 bits as they are only in MatMulNBits: leave --form out"
		}
		return ""
	}},
	{"int4", only4},
	{"int8-weights", only4},
	{"int8-weights", func(l *layout, _ *Settings, t Target) string {
		if len(l.matrices) > 0 && t.Engine == "native" {
			return fmt.Sprintf("it has no MatMulNBits of 8 bits: a file with %s is refused; --exclude-op leaves them float", some3(l.matrices))
		}
		return ""
	}},
	{"sparse", atFullPrice},
	{"wanda", atFullPrice},
	{"low-rank", func(l *layout, _ *Settings, _ Target) string {
		if n := len(l.dense); n > 0 {
			return fmt.Sprintf("%d convolutions may become two that read and write more between them: fewer multiplications need not be less time, compare the latency", n)
		}
		return ""
	}},
}

// only4 says which providers have no MatMulNBits.
func only4(l *layout, _ *Settings, t Target) string {
	if len(l.matrices) == 0 || t.Provider == "cpu" || t.Provider == "cuda" {
		return ""
	}
	return fmt.Sprintf("it has no MatMulNBits: %s fall back to the CPU", some3(l.matrices))
}

// atFullPrice says which zeros no kernel skips.
func atFullPrice(l *layout, s *Settings, t Target) string {
	switch {
	case t.Engine == "onnxruntime":
		return "it has no sparse kernels: zeros are multiplied like all other weights, and the file is as large until it is packed"
	case s.Pattern == "2:4":
		return "no CPU has instructions for 2:4: its kernels skip zeros wherever they are, and half of them is seldom enough to pay"
	}
	return ""
}

// Foresee says before anything is made what of the technique called name will
// fall back or be slow on each target.
func Foresee(m *onnx.Model, name string, set Settings, list []Target) ([]error, error) {
	l, err := layoutOf(m, set)
	if err != nil {
		return nil, err
	}
	var out []error
	seen := map[string]bool{}
	for _, t := range list {
		add := func(text string) {
			if text != "" && !seen[t.Engine+text] {
				seen[t.Engine+text] = true
				out = append(out, fmt.Errorf("%s: %s", t, text))
			}
		}
		if n := len(l.bare); n > 0 && t.Provider == "cpu" {
			add(fmt.Sprintf("MatMulNBits without accuracy_level 4 multiply in float32, at half the speed or less: %s", some3(l.bare)))
		}
		for _, step := range strings.Split(name, "+") {
			for _, c := range checks {
				if strings.HasPrefix(strings.TrimSpace(step), c.stem) {
					add(c.say(l, &set, t))
				}
			}
		}
	}
	return out, nil
}

// layoutOf sorts the nodes of the folded model that set does not leave alone.
func layoutOf(m *onnx.Model, set Settings) (*layout, error) {
	d, err := newDraft(m)
	if err != nil {
		return nil, err
	}
	if err := d.fold(); err != nil {
		return nil, err
	}
	l := &layout{nodes: map[string][]string{}}
	for _, t := range d.tables(nil) {
		l.tables = append(l.tables, label(t.node))
	}
	by, readers := d.g.Producers(), d.g.Consumers()
	for _, n := range d.g.Nodes {
		name := label(n)
		if slices.Contains(set.ExcludeOps, n.Op) || slices.Contains(set.Exclude, name) {
			continue
		}
		switch c := d.consts[input(n, 1)]; {
		case n.Op == "MatMulNBits":
			if n.Int("accuracy_level", 0) != 4 {
				l.bare = append(l.bare, name)
			}
		case !std(n) || roles[n.Op] == floating:
			if amid(n, by, readers) {
				l.between++
				l.nodes[n.Op] = append(l.nodes[n.Op], name)
			}
		case roles[n.Op] != weighted || c == nil:
		case n.Op != "Conv":
			l.weighted++
			l.matrices = append(l.matrices, name)
		case len(c.Shape) > 2 && c.Shape[1] == 1 && n.Int("group", 1) > 1:
			l.weighted++
			l.depthwise = append(l.depthwise, name)
		case len(c.Shape) > 2 && c.Len() == c.Shape[0]*c.Shape[1]:
			l.weighted++
			l.pointwise = append(l.pointwise, name)
		default:
			l.weighted++
			l.dense = append(l.dense, name)
		}
	}
	return l, nil
}

// amid reports whether n computes a value that is neither first nor last: one
// that a node of the graph writes and another one reads.
func amid(n *onnx.Node, by map[string]*onnx.Node, readers map[string][]*onnx.Node) bool {
	fed := slices.ContainsFunc(n.Inputs, func(s string) bool { return by[s] != nil })
	return fed && slices.ContainsFunc(n.Outputs, func(s string) bool { return len(readers[s]) > 0 })
}

// floating lists the operators that have no integer form, with their numbers.
func (l *layout) floating() string {
	var ops []string
	for op, list := range l.nodes {
		ops = append(ops, fmt.Sprintf("%s %d", op, len(list)))
	}
	slices.Sort(ops)
	return strings.Join(ops, ", ")
}

// some3 names up to three of list, and how many there are.
func some3(list []string) string {
	if len(list) <= 3 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:3], ", "), len(list)-3)
}
