// Package metric says what the numbers mean: one file per metric, each
// registered by its init. Units are base units ("sec", "B", "ratio"); prefixes
// such as m and Ki appear only in printed tables (bench/unit).
package metric

import (
	"fmt"
	"sort"
)

// A Metric says what a number means.
type Metric struct {
	Name   string // as in suites.yaml, for example "latency.p50"
	Unit   string // base unit, for example "sec"
	Better int    // +1 if higher is better, −1 if lower is better, 0 if neither
	Exact  bool   // trials must agree, as they do for accuracy and file size
	Timing bool   // replaced by untrusted where the A/A control or the condition fails
	Doc    string // one line, for docs and error messages
}

var registry = map[string]*Metric{}

// Register adds m; it panics on a second metric of the same name.
func Register(m *Metric) *Metric {
	if registry[m.Name] != nil {
		panic(fmt.Sprintf("metric %q registered twice", m.Name))
	}
	registry[m.Name] = m
	return m
}

// Lookup returns the metric called name, or nil.
func Lookup(name string) *Metric { return registry[name] }

// All returns every metric, by name.
func All() []*Metric {
	out := make([]*Metric, 0, len(registry))
	for _, m := range registry {
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Names returns the names of every metric, sorted.
func Names() []string {
	var out []string
	for _, m := range All() {
		out = append(out, m.Name)
	}
	return out
}

// A Sample holds repeated measurements of one metric, in the order taken:
// warm-up and throttling show only in that order.
type Sample struct {
	Metric string    `json:"metric"`
	Unit   string    `json:"unit"`
	Trial  int       `json:"trial"`
	Values []float64 `json:"values"`
}

// An Estimate is a point with its 95 % interval: the value of a metric, or of
// a candidate against its baseline. Low == High == Value for exact metrics.
type Estimate struct {
	Metric string  `json:"metric"`
	Unit   string  `json:"unit"` // the metric's unit, or "ratio" or "pt" against a baseline
	Value  float64 `json:"value"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	N      int     `json:"n"`                // units of evidence: trials, or samples of the data set
	Needed int     `json:"needed,omitempty"` // how many would reach the wanted precision; 0 if reached
	Source string  `json:"source,omitempty"` // what measured it, where that decides what it may be compared with: "rapl (package)"
	Note   string  `json:"note,omitempty"`
}
