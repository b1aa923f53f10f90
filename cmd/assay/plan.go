package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/cause"
	"assay/bench/engine"
	"assay/bench/runner"
	"assay/bench/stat"
	"assay/bench/task"
	"assay/models"
	"assay/models/compress"
	"assay/models/compress/search"
	"assay/models/onnx"
	"assay/models/tensor"

	"github.com/spf13/cobra"
)

// planFlags are the flags of compress --plan.
type planFlags struct {
	plan   string
	drop   string
	metric string
	engine string
	budget time.Duration
	meter  string
}

// planMetrics are what a plan can save.
var planMetrics = []string{"latency", "size", "energy"}

func (p *planFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&p.plan, "plan", "", "search: choose a technique for each layer, among those of --to where it is given")
	fl.StringVar(&p.drop, "accuracy-drop", "1%", "--plan: largest loss of accuracy, in points of 100 (of agreement with the baseline where samples have no labels)")
	fl.StringVar(&p.metric, "metric", "latency", "--plan: what is to be saved: "+strings.Join(planMetrics, ", "))
	fl.StringVar(&p.engine, "engine", "native", "--plan: the engine that plans are measured on: native or onnxruntime")
	fl.DurationVar(&p.budget, "budget", 3*time.Minute, "--plan: time for the search; the last comparison of what it found comes on top")
	fl.StringVar(&p.meter, "meter", "", "--plan --metric energy: the meter, as in assay run")
}

// limit parses what --accuracy-drop says, as a share.
func (p *planFlags) limit() (float64, error) {
	text := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(p.drop), "pt"), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v >= 0 && v < 100) {
		return 0, fmt.Errorf("--accuracy-drop %q: want points such as 1%% or 0.5pt, from 0 to less than 100", p.drop)
	}
	return v / 100, nil
}

func (p *planFlags) check() error {
	_, err := p.limit()
	switch {
	case p.plan != "search":
		return fmt.Errorf("--plan %q: there is one way to plan, search", p.plan)
	case err != nil:
		return err
	case !slices.Contains(planMetrics, p.metric):
		return fmt.Errorf("unknown metric %q (have %s)", p.metric, strings.Join(planMetrics, ", "))
	case p.engine != "native" && p.engine != "onnxruntime":
		return fmt.Errorf("unknown engine %q (have native, onnxruntime)", p.engine)
	case p.budget <= 0:
		return fmt.Errorf("--budget %v: want more than 0", p.budget)
	case p.meter != "" && p.metric != "energy":
		return fmt.Errorf("--meter names a meter, but --metric is %s", p.metric)
	}
	return nil
}

// defaults are the techniques that a search chooses among where nothing is
// said, by what is to be saved on which engine.
func (p *planFlags) defaults() []string {
	out := []string{"int8-qdq", "int8-dynamic"}
	switch {
	case p.metric == "size":
		return []string{"int8-weights", "int4-gptq", "int8-qdq"}
	case p.engine == "native":
		out = append(out, "sparsegpt-70")
	}
	return append(out, "low-rank-95")
}

// A planner measures plans.
type planner struct {
	*planFlags
	k      *kitchen
	dir    string // of files that workers read
	cmd    runner.Command
	set    []tensor.Tensor // one sample
	first  float64         // of the baseline when it was profiled first
	base   *runner.Worker
	whole  float64 // bytes of the baseline
	right  []bool  // which samples the baseline answers as the labels say, or all
	answer []int   // what it answers
	pairs  map[*onnx.Model]stat.Pairs
	files  int
}

func (p *planFlags) open(ctx context.Context, k *kitchen) (*planner, error) {
	pl := &planner{planFlags: p, k: k, pairs: map[*onnx.Model]stat.Pairs{}}
	var err error
	if pl.cmd, err = workerCommand(bench.Case{Engine: p.engine}); err != nil {
		return nil, err
	}
	if pl.dir, err = os.MkdirTemp("", "assay-*"); err != nil {
		return nil, err
	}
	if pl.set, err = k.firstSample(); err != nil {
		return pl, err
	}
	b, err := onnx.Encode(k.m)
	if err != nil {
		return pl, err
	}
	pl.whole = float64(len(b))
	if pl.answer, err = pl.answers(ctx, k.m); err != nil {
		return pl, fmt.Errorf("accuracy of the baseline: %w", err)
	}
	for i, a := range pl.answer {
		pl.right = append(pl.right, pl.wanted(i) == a)
	}
	if p.metric == "energy" { // said before minutes are spent
		m, err := pl.openMeter(ctx)
		if err != nil {
			return pl, err
		}
		m.Close() // it was only looked for
	}
	if p.metric != "size" {
		if pl.base, err = timed(ctx, p.engine, pl.file(), k.m, pl.set); err != nil {
			return pl, fmt.Errorf("the baseline on %s: %w", p.engine, err)
		}
	}
	return pl, nil
}

func (p *planner) close() {
	if p.base != nil {
		p.base.Kill()
	}
	_ = os.RemoveAll(p.dir) // a folder of ours that nobody else reads
}

// file returns a new path.
func (p *planner) file() string {
	p.files++
	return filepath.Join(p.dir, fmt.Sprintf("%d.onnx", p.files))
}

// wanted is the right answer to sample i: the label, or the baseline's answer
// where there is none.
func (p *planner) wanted(i int) int {
	if l := p.k.data.Label(i); l >= 0 {
		return l
	}
	return p.answer[i]
}

// answers returns the class that m gives to each calibration sample.
func (p *planner) answers(ctx context.Context, m *onnx.Model) ([]int, error) {
	fam, err := task.Lookup("top1")
	if err != nil {
		return nil, err
	}
	name := m.Graph.Outputs[0].Name
	run, err := p.k.opt.Forward(m, []string{name})
	if err != nil {
		return nil, err
	}
	var out []int
	for set, err := range p.k.opt.Calibration {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		got, err := run(set)
		if err != nil {
			return nil, err
		}
		n := set[0].Shape[0]
		v := got[name]
		if v.Len()%n != 0 {
			return nil, fmt.Errorf("output %q has shape %v for %d samples", name, v.Shape, n)
		}
		for i := range n {
			a, err := fam.Answer([]tensor.Tensor{sampleOf(v, i, n)})
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}

// drop implements search.Meters.Drop.
func (p *planner) drop(ctx context.Context, m *onnx.Model) (float64, error) {
	got, err := p.answers(ctx, m)
	if err != nil {
		return 0, fmt.Errorf("accuracy: %w", err)
	}
	right := make([]bool, len(got))
	for i, a := range got {
		right[i] = p.wanted(i) == a
	}
	p.pairs[m] = stat.Count(p.right, right)
	return -p.pairs[m].Difference(), nil
}

// ratio implements search.Meters.Ratio: bytes, or latency by interleaved blocks.
func (p *planner) ratio(ctx context.Context, m *onnx.Model) (float64, error) {
	if p.metric == "size" {
		b, err := onnx.Encode(m)
		return float64(len(b)) / p.whole, err
	}
	w, err := timed(ctx, p.engine, p.file(), m, p.set)
	if err != nil {
		return 0, err
	}
	defer w.Kill()
	return interleave(ctx, p.base, w)
}

// profile implements search.Meters.Profile: bytes, or seconds. The baseline is
// profiled beside m, so that what the device does between two profiles cancels.
func (p *planner) profile(ctx context.Context, m *onnx.Model, layers []string) (map[string]float64, error) {
	if p.metric == "size" {
		return search.Bytes(m, layers), nil
	}
	var artifacts []models.Artifact
	for _, x := range []*onnx.Model{p.k.m, search.Tag(m, layers)} {
		a := models.Artifact{Path: p.file(), Format: "onnx"}
		if err := onnx.WriteFile(a.Path, x); err != nil {
			return nil, err
		}
		artifacts = append(artifacts, a)
	}
	_, sides, err := cause.Measure(ctx, p.cmd, artifacts, cause.Plan{
		Options: engine.Options{Provider: "cpu", Threads: 1, Batch: 1}, Rounds: 5, Each: 100 * time.Millisecond,
		Inputs: func(models.Artifact, []engine.Desc) ([][]tensor.Tensor, error) { return [][]tensor.Tensor{p.set}, nil },
	})
	if err != nil {
		return nil, err
	}
	if p.first == 0 {
		p.first = sides[0].Profile.NS
	}
	return secondsOf(sides[1].Profile, p.first/sides[0].Profile.NS), nil
}

// secondsOf sums a profile by layer, times scale. Readings of the clock
// lengthen nodes, so that their sum is made the whole inference's time.
func secondsOf(p engine.Profile, scale float64) map[string]float64 {
	sum := 0.0
	for _, n := range p.Nodes {
		sum += n.NS
	}
	out := map[string]float64{}
	for _, n := range p.Nodes {
		if l := search.Owner(n.Name); l != "" {
			out[l] += 1e-9 * n.NS * scale * p.NS / math.Max(sum, 1)
		}
	}
	return out
}

// candidates returns the techniques to choose among.
func (f *compressFlags) candidates() ([]string, error) {
	if len(f.to) == 0 {
		return f.plan.defaults(), nil
	}
	for _, name := range f.to {
		t, err := compress.Lookup(name)
		if err != nil {
			return nil, usage("%v", err)
		}
		if t.Whole {
			return nil, usage("%s changes a model as a whole: it cannot be chosen layer by layer", t.Name)
		}
	}
	return f.to, nil
}
