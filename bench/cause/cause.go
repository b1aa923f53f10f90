// Package cause says which operators of a compressed model pay for the
// compression on an engine, which do not, and why: it lays the profiles of the
// baseline and of the variant side by side. It guesses nothing. A cause is
// named only where its evidence is in the profile, in the file or in the CPU;
// an operator without one has none.
package cause

import (
	"cmp"
	"slices"

	"assay/bench/engine"
)

// A Side is one model on the engine.
type Side struct {
	Profile engine.Profile
	Facts   Facts
}

// An Env is what causes are judged by beside the profiles.
type Env struct {
	Engine   string
	Features []string     // of the CPU, as host.Device has them
	Sparse   bool         // the engine has kernels that skip zeros
	Roof     *engine.Roof // nil where nobody measured it
	integer  string       // operator of the variant that leaves int32
}

// Words for what an operator does for the variant.
const (
	Pays  = "pays"  // faster beyond doubt
	Equal = "equal" // within 5 %, or within what the profile can tell
	Costs = "costs" // slower beyond doubt
	Added = "added" // the baseline has no such operator
	Gone  = "gone"  // the variant has none
)

// A Sum is the nodes of one class of a model.
type Sum struct {
	Nodes   int      `json:"nodes"`
	NS      float64  `json:"ns"`
	MACs    int64    `json:"macs"`            // −1 where a node's are unknown
	Bytes   int64    `json:"bytes"`           // likewise
	Share   float64  `json:"share,omitempty"` // of the roofline; 0 unknown
	Kernels []string `json:"kernels,omitempty"`
}

// A Row is one class of operators.
type Row struct {
	Class    string   `json:"class"`
	Baseline Sum      `json:"baseline"`
	Variant  Sum      `json:"variant"`
	Word     string   `json:"word"`
	Why      []string `json:"why,omitempty"`
}

// SpeedUp returns the baseline's time ÷ the variant's, 0 where one has none.
func (r *Row) SpeedUp() float64 {
	if r.Baseline.NS <= 0 || r.Variant.NS <= 0 {
		return 0
	}
	return r.Baseline.NS / r.Variant.NS
}

// tie is how much faster or slower an operator may be for Equal.
const tie = 0.05

// Compare returns a row for every class of operators, the longest first.
func Compare(base, variant Side, env Env) []Row {
	b, v := group(base.Profile.Nodes), group(variant.Profile.Nodes)
	for _, n := range variant.Profile.Nodes {
		if env.integer == "" && (n.Op == "ConvInteger" || n.Op == "MatMulInteger") {
			env.integer = n.Op
		}
	}
	var names []string
	for name := range b {
		names = append(names, name)
	}
	for name := range v {
		if b[name] == nil {
			names = append(names, name)
		}
	}
	var rows []Row
	for _, name := range names {
		r := Row{Class: name, Baseline: sum(b[name], env.Roof), Variant: sum(v[name], env.Roof)}
		if r.Baseline.NS == 0 && r.Variant.NS == 0 {
			continue // a change of shape, which costs nothing
		}
		r.Word = word(&r, max(base.Profile.Resolution, variant.Profile.Resolution))
		r.Why = why(&r, v[name], b[name], variant.Facts, env)
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y Row) int {
		return cmp.Or(cmp.Compare(max(y.Baseline.NS, y.Variant.NS), max(x.Baseline.NS, x.Variant.NS)), cmp.Compare(x.Class, y.Class))
	})
	return rows
}

func group(nodes []engine.Node) map[string][]*engine.Node {
	out := map[string][]*engine.Node{}
	for i := range nodes {
		c := class(&nodes[i])
		out[c] = append(out[c], &nodes[i])
	}
	return out
}

func sum(nodes []*engine.Node, roof *engine.Roof) Sum {
	var s Sum
	bound := 0.0
	for _, n := range nodes {
		s.Nodes++
		s.NS += n.NS
		s.MACs = plus(s.MACs, n.MACs)
		s.Bytes = plus(s.Bytes, n.Bytes)
		if n.Kernel != "" && !slices.Contains(s.Kernels, n.Kernel) {
			s.Kernels = append(s.Kernels, n.Kernel)
		}
		if roof != nil {
			multiply, move := roof.Bounds(n)
			bound += max(multiply, move)
		}
	}
	if s.NS > 0 {
		s.Share = bound / s.NS
	}
	return s
}

// plus adds what may be unknown (−1).
func plus(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// word says what the class does for the variant. Every node's time may be
// wrong by the resolution.
func word(r *Row, resolution float64) string {
	switch {
	case r.Variant.Nodes == 0:
		return Gone
	case r.Baseline.Nodes == 0:
		return Added
	}
	saved := r.Baseline.NS - r.Variant.NS
	doubt := max(tie*r.Baseline.NS, resolution*float64(max(r.Baseline.Nodes, r.Variant.Nodes)))
	switch {
	case saved > doubt:
		return Pays
	case saved < -doubt:
		return Costs
	}
	return Equal
}
