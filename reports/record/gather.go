package record

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports"
)

// A gatherer makes results of rows again. Rows of one run lie together.
type gatherer struct {
	each func(*bench.Result) error
	note string // what the form does not hold
	now  *bench.Result
	done map[string]bool
}

func newGatherer(note string, each func(*bench.Result) error) *gatherer {
	return &gatherer{each: each, note: note, done: map[string]bool{}}
}

// add takes a row in the file's order.
func (g *gatherer) add(x *Row) error {
	if err := x.check(); err != nil {
		return err
	}
	if g.now == nil || g.now.Run != x.Run {
		if err := g.end(); err != nil {
			return err
		}
		if g.done[x.Run] {
			return fmt.Errorf("run %s begins a second time: sort the rows by run", x.Run)
		}
		g.done[x.Run] = true
		r, err := x.run()
		if err != nil {
			return err
		}
		r.Warnings = []string{g.note}
		g.now = r
	}
	return x.put(g.now)
}

// end hands over the run that is complete.
func (g *gatherer) end() error {
	if g.now == nil {
		return nil
	}
	r := g.now
	g.now = nil
	return g.each(r)
}

// check refuses what would be believed and cannot be true.
func (x *Row) check() error {
	if x.Run == "" || len(x.Run) > 128 || strings.ContainsFunc(x.Run, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return fmt.Errorf("run %.60q is not an id (1 to 128 printable ASCII characters)", x.Run)
	}
	if x.Model == "" || x.Variant == "" || x.Engine == "" {
		return fmt.Errorf("a row needs model, variant and engine")
	}
	switch bench.Status(x.Status) {
	case bench.OK, bench.Errored, bench.Skipped:
	default:
		return fmt.Errorf("unknown status %.60q (have ok, error, skipped)", x.Status)
	}
	if err := checkNumbers(x.Metric, x.Value, x.Low, x.High); err != nil {
		return err
	}
	if v := x.Value; v != nil && !reports.Possible(x.Metric, *v) {
		return fmt.Errorf("%s is %g: it cannot be negative", x.Metric, *v)
	}
	if err := checkNumbers(x.Metric+" against the baseline", x.Against, x.AgainstLow, x.AgainstHigh); err != nil {
		return err
	}
	if x.N < 0 || x.AgainstN < 0 {
		return fmt.Errorf("%s: n cannot be negative", x.Metric)
	}
	for _, t := range x.Samples {
		if !finite(t.Values...) {
			return fmt.Errorf("samples of %s, trial %d: a value is not a number", x.Metric, t.Trial)
		}
	}
	return nil
}

// checkNumbers wants all three or none, finite and in order.
func checkNumbers(what string, v, low, high *float64) error {
	switch {
	case v == nil && low == nil && high == nil:
		return nil
	case v == nil || low == nil || high == nil:
		return fmt.Errorf("%s: value, low and high belong together: give all or none", what)
	case !finite(*v, *low, *high):
		return fmt.Errorf("%s: %g (%g to %g) is not a number", what, *v, *low, *high)
	case *low > *high:
		return fmt.Errorf("%s: low %g is above high %g", what, *low, *high)
	}
	return nil
}

func finite(v ...float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// run is the result that the row belongs to, without its groups.
func (x *Row) run() (*bench.Result, error) {
	r := &bench.Result{
		Schema: bench.Schema, Run: x.Run, Suite: x.Suite, Started: x.Started, Ended: x.Ended, Partial: x.Partial, Version: x.Version, Accuracy: x.Accuracy,
	}
	d := &r.Device
	d.ID, d.Name, d.Class, d.Arch, d.OS, d.Kernel, d.CPU, d.Cores = x.Device, x.Name, x.Class, x.Arch, x.OS, x.Kernel, x.CPU, int(x.Cores)
	r.Before.Governor, r.Before.Throttled, r.Before.Quota = x.Governor, -1, -1
	r.Before.At, r.After = x.Started, r.Before
	r.After.At = x.Ended
	return r, parse("labels", x.Labels, &r.Labels)
}

func parse(what, text string, into any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%s %.60q: %w", what, text, err)
	}
	return nil
}

// put adds the row to its case.
func (x *Row) put(r *bench.Result) error {
	g, err := x.group(r)
	if err != nil {
		return err
	}
	c := x.caseOf(g)
	if x.Metric == "" {
		return nil
	}
	if slices.Contains(metricsOf(c, true), x.Metric) {
		return fmt.Errorf("%s of %s %s on %s is given twice", x.Metric, x.Model, x.Variant, x.Engine)
	}
	if x.Value != nil {
		c.Values = append(c.Values, metric.Estimate{Metric: x.Metric, Unit: x.Unit, Value: *x.Value, Low: *x.Low, High: *x.High, N: int(x.N), Source: x.Source, Note: x.Note})
	}
	if x.Against != nil {
		c.Against = append(c.Against, metric.Estimate{
			Metric: x.Metric, Unit: x.AgainstUnit, Value: *x.Against, Low: *x.AgainstLow, High: *x.AgainstHigh, N: int(x.AgainstN), Source: x.Source, Note: x.AgainstNote,
		})
	}
	var gates []verdict.Verdict
	if err := parse("gates", x.Gates, &gates); err != nil {
		return err
	}
	c.Verdicts = append(c.Verdicts, gates...)
	for _, t := range x.Samples {
		c.Samples = append(c.Samples, metric.Sample{Metric: x.Metric, Unit: x.Unit, Trial: int(t.Trial), Values: t.Values})
	}
	return nil
}

// group finds or adds the row's group.
func (x *Row) group(r *bench.Result) (*bench.GroupResult, error) {
	for i := range slices.Backward(r.Groups) { // most often the last
		g := &r.Groups[i]
		if g.Task == x.Task && g.Model == x.Model && g.Engine == x.Engine && g.Build == x.Build && g.Provider == x.Provider &&
			g.Threads == int(x.Threads) && g.Batch == int(x.Batch) && g.Scenario == x.Scenario {
			return g, nil
		}
	}
	g := bench.GroupResult{
		Task: x.Task, Model: x.Model, Engine: x.Engine, Build: x.Build, Provider: x.Provider,
		Threads: int(x.Threads), Batch: int(x.Batch), Scenario: x.Scenario,
	}
	if err := parse("untrusted", x.Untrusted, &g.Untrusted); err != nil {
		return nil, err
	}
	r.Groups = append(r.Groups, g)
	return &r.Groups[len(r.Groups)-1], nil
}

// caseOf finds or adds the row's case.
func (x *Row) caseOf(g *bench.GroupResult) *bench.CaseResult {
	for i := range g.Cases {
		if g.Cases[i].Variant == x.Variant {
			return &g.Cases[i]
		}
	}
	c := bench.CaseResult{Status: bench.Status(x.Status), Reason: x.Reason}
	c.Task, c.Model, c.Variant, c.Engine, c.Build, c.Provider = x.Task, x.Model, x.Variant, x.Engine, x.Build, x.Provider
	c.Threads, c.Batch, c.Scenario, c.Artifact.SHA256 = int(x.Threads), int(x.Batch), x.Scenario, x.SHA256
	g.Cases = append(g.Cases, c)
	return &g.Cases[len(g.Cases)-1]
}
