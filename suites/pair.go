package suites

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/bench/verdict"
	"assay/models"
	"assay/models/strict"
)

// PairOptions say how Pair runs; the zero value runs both engines on one
// thread, batch 1, with the defaults of a suite and no gates.
type PairOptions struct {
	Task      string   // label of the cases; "" where there are no labels
	Engines   []string // nil is Engines
	Providers []string // nil is cpu
	Threads   []int    // nil is 1
	Batch     []int    // nil is 1
	Scenarios []string // nil is single-stream
	Gates     []string // in the grammar of verdict.Parse
	Plan      *bench.Plan
}

// DefaultPlan is what a suite without a run section measures.
func DefaultPlan() bench.Plan { return Run{}.plan() }

// Pair expands a comparison of files without a suite: base is the baseline,
// each candidate a variant named after its file. A missing or unreadable file,
// an unknown extension and a wrong option are errors, before anything runs;
// a file whose content is bad costs its case when the engine loads it.
func Pair(base string, candidates []string, opt PairOptions) (*Expansion, error) {
	x := &Expansion{Suite: "", Plan: DefaultPlan()}
	if opt.Plan != nil {
		x.Plan = *opt.Plan
	}
	s, err := pairCases(base, candidates)
	if err != nil {
		return nil, err
	}
	var gates []bench.Gate
	for _, text := range opt.Gates {
		g, err := verdict.Parse(text)
		if err != nil {
			return nil, err
		}
		gates = append(gates, bench.Gate{Gate: g})
	}
	for _, name := range opt.Scenarios {
		if !slices.Contains(loadgen.Names(), name) {
			return nil, fmt.Errorf("unknown scenario %q (%s)", name, strict.Choices(name, loadgen.Names()))
		}
	}
	for _, g := range gates {
		if !told(either(opt.Scenarios, []string{loadgen.SingleStream}), g.Metric) {
			return nil, fmt.Errorf("gate %q: %s", g.Text, untold(g.Metric))
		}
	}
	for _, e := range either(opt.Engines, Engines) {
		if !slices.Contains(Engines, e) {
			return nil, fmt.Errorf("unknown engine %q (%s)", e, strict.Choices(e, Engines))
		}
		for _, p := range either(opt.Providers, []string{"cpu"}) {
			for _, t := range either(opt.Threads, []int{1}) {
				for _, l := range loads(either(opt.Scenarios, []string{loadgen.SingleStream}), either(opt.Batch, []int{1})) {
					if t < 1 || l.batch < 1 {
						return nil, fmt.Errorf("%d threads, batch %d: both are at least 1", t, l.batch)
					}
					g := bench.Group{}
					for _, gate := range gates {
						if bench.Tells(l.scenario, gate.Metric) {
							g.Gates = append(g.Gates, gate)
						}
					}
					for _, c := range s {
						c.Task, c.Engine, c.Provider, c.Threads, c.Batch, c.Scenario = opt.Task, e, p, t, l.batch, l.scenario
						g.Cases = append(g.Cases, c)
					}
					x.Groups = append(x.Groups, g)
				}
			}
		}
	}
	return x, nil
}

func either[T any](v, def []T) []T {
	if len(v) == 0 {
		return def
	}
	return v
}

// pairCases names the model after the baseline's file and the variants after
// the candidates', made distinct by a number where they are equal.
func pairCases(base string, candidates []string) ([]bench.Case, error) {
	if len(candidates) == 0 {
		return nil, fmt.Errorf("nothing to compare %s with: name one or more candidates", base)
	}
	var out []bench.Case
	used := map[string]bool{}
	for i, name := range append([]string{base}, candidates...) {
		a, err := fileArtifact(name, nil, nil)
		if err != nil {
			return nil, err
		}
		variant := baseline
		if i > 0 {
			variant = stem(name)
		}
		for n, first := 2, variant; used[variant]; n++ {
			variant = fmt.Sprintf("%s-%d", first, n)
		}
		used[variant] = true
		out = append(out, bench.Case{Model: stem(base), Variant: variant, Artifact: a})
	}
	return out, nil
}

// stem is a file's name without folder and extension.
func stem(name string) string {
	b := filepath.Base(name)
	return strings.TrimSuffix(b, filepath.Ext(b))
}

// hashFile returns the sha256 and size of a regular file.
func hashFile(name string) (sum string, size int64, err error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", 0, err
	}
	if !st.Mode().IsRegular() {
		return "", 0, fmt.Errorf("is not a file but a %s", kind(st.Mode()))
	}
	return models.SumFile(name)
}

func kind(m os.FileMode) string {
	if m.IsDir() {
		return "folder"
	}
	return "device, pipe or socket"
}
