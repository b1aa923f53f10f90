package bench

import (
	"time"

	"assay/bench/engine"
	"assay/bench/host"
	"assay/bench/metric"
	"assay/bench/verdict"
)

// Schema is the version of Result's JSON form; docs/results.md describes it.
const Schema = "assay.result/1"

// A Result is one run: an execution of a suite on one device.
type Result struct {
	Schema   string            `json:"schema"`
	Run      string            `json:"run"` // random id
	Suite    string            `json:"suite"`
	Started  time.Time         `json:"started"`
	Ended    time.Time         `json:"ended"`
	Partial  string            `json:"partial,omitempty"` // why the run ended early
	Version  string            `json:"version"`           // of assay
	Device   host.Device       `json:"device"`
	Before   host.Condition    `json:"condition_before"`
	After    host.Condition    `json:"condition_after"`
	Engines  []engine.Info     `json:"engines"`
	Labels   map[string]string `json:"labels,omitempty"` // commit, branch, job, and the user's own
	Plan     Plan              `json:"plan"`
	Groups   []GroupResult     `json:"groups"`
	Warnings []string          `json:"warnings,omitempty"`
	Accuracy string            `json:"accuracy,omitempty"` // "2,000 of 10,000 samples, stratified"
}

// A GroupResult is a baseline and its candidates, measured interleaved.
type GroupResult struct {
	Task       string       `json:"task,omitempty"`
	Model      string       `json:"model"`
	Engine     string       `json:"engine"`
	Build      string       `json:"build"`
	Provider   string       `json:"provider"`
	Threads    int          `json:"threads"`
	Batch      int          `json:"batch"`
	Scenario   string       `json:"scenario"`
	AA         *Control     `json:"aa,omitempty"`
	Trials     int          `json:"trials"`
	Rounds     int          `json:"rounds"`
	Blocks     int          `json:"blocks"`
	Dropped    int          `json:"dropped"`              // blocks in which time was stolen or the clock fell
	Interleave string       `json:"interleave,omitempty"` // "" all together, "pairs" where memory could not hold the group
	Untrusted  []string     `json:"untrusted,omitempty"`  // causes; timing and energy verdicts are replaced
	Doubts     []string     `json:"doubts,omitempty"`     // footnotes
	During     host.During  `json:"during,omitzero"`      // the device between the blocks of the rounds
	Energy     *EnergyInfo  `json:"energy,omitempty"`     // nil where energy was not asked for or there is no meter
	Cases      []CaseResult `json:"cases"`                // the baseline first
	Seconds    float64      `json:"seconds"`
}

// A Control is the A/A control: the baseline against itself.
type Control struct {
	Ratio     metric.Estimate `json:"ratio"`
	Deviation float64         `json:"deviation"` // between-trial standard deviation of the log ratio
	Tolerance float64         `json:"tolerance"`
}

// Status says whether a case was measured.
type Status string

// The three of them.
const (
	OK      Status = "ok"
	Errored Status = "error"
	Skipped Status = "skipped"
)

// A CaseResult is what was measured of one case.
type CaseResult struct {
	Case
	Status   Status            `json:"status"`
	Reason   string            `json:"reason,omitempty"`  // why it is not ok, with the worker's last words
	Values   []metric.Estimate `json:"values"`            // absolute
	Against  []metric.Estimate `json:"against,omitempty"` // against the baseline: unit "ratio" (candidate ÷ baseline), or "pt" for accuracy
	Verdicts []verdict.Verdict `json:"verdicts,omitempty"`
	Samples  []metric.Sample   `json:"samples,omitempty"`  // per trial, in the order taken
	Answers  *Answers          `json:"answers,omitempty"`  // to the samples of the task; nil where accuracy was not taken
	Settings map[string]string `json:"settings,omitempty"` // what the engine says it used
	Soak     *SoakInfo         `json:"soak,omitempty"`     // the last soak, where one was asked for
	Missing  map[string]string `json:"missing,omitempty"`  // by metric: why what was asked for has no value
	Notes    []string          `json:"notes,omitempty"`    // for example why compression does not pay here
}

// WithoutSamples returns a copy of r whose cases hold none; the rest is shared.
func (r *Result) WithoutSamples() *Result {
	bare := *r
	bare.Groups = make([]GroupResult, len(r.Groups))
	for i, g := range r.Groups {
		cases := make([]CaseResult, len(g.Cases))
		for j, c := range g.Cases {
			c.Samples = nil
			cases[j] = c
		}
		g.Cases = cases
		bare.Groups[i] = g
	}
	return &bare
}

// Value returns the absolute estimate of a metric.
func (c *CaseResult) Value(name string) (metric.Estimate, bool) { return find(c.Values, name) }

// Ratio returns the estimate of a metric against the baseline.
func (c *CaseResult) Ratio(name string) (metric.Estimate, bool) { return find(c.Against, name) }

func find(es []metric.Estimate, name string) (metric.Estimate, bool) {
	for _, e := range es {
		if e.Metric == name {
			return e, true
		}
	}
	return metric.Estimate{}, false
}
