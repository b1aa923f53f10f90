// Package reports says what results mean beside each other: it compares two
// runs, names the series that a measurement belongs to, and describes what a
// store remembers. It neither measures nor prints; reports/render prints,
// reports/store keeps.
package reports

import (
	"fmt"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
)

// A Run is a stored run as a listing shows it.
type Run struct {
	ID       string               `json:"run"`
	Suite    string               `json:"suite"`
	Started  time.Time            `json:"started"`
	Ended    time.Time            `json:"ended"`
	Received time.Time            `json:"received"` // by the store's clock
	Device   string               `json:"device"`   // id
	Name     string               `json:"name"`     // of the device
	Class    string               `json:"class"`
	Version  string               `json:"version"`
	Partial  string               `json:"partial,omitempty"`
	Labels   map[string]string    `json:"labels,omitempty"`
	Groups   int                  `json:"groups"`
	Cases    int                  `json:"cases"`
	Words    map[verdict.Word]int `json:"verdicts"` // cases by their worst verdict
}

// Labelled reports whether the run has all these labels.
func (r *Run) Labelled(want map[string]string) bool {
	for k, v := range want {
		if r.Labels[k] != v {
			return false
		}
	}
	return true
}

// A Point is one run's value of a series.
type Point struct {
	Run      string          `json:"run"`
	Started  time.Time       `json:"started"`
	Received time.Time       `json:"received"`
	Series   string          `json:"series"`
	Device   string          `json:"device"`
	Model    string          `json:"model"`
	Variant  string          `json:"variant"`
	Engine   string          `json:"engine"`
	Build    string          `json:"build"`
	Value    metric.Estimate `json:"value"`
	Verdict  verdict.Word    `json:"verdict,omitempty"`
	Trusted  bool            `json:"trusted"`
}

// A History is what a store remembers: runs, newest first, and, where series
// were asked for, their points, oldest first.
type History struct {
	Runs   []Run   `json:"runs,omitempty"`
	Points []Point `json:"points,omitempty"`
}

// CaseKey names a case across runs, whatever the engine's build: the device
// is not part of it.
func CaseKey(c *bench.Case) string {
	return strings.Join([]string{
		field("task", c.Task), field("model", c.Model), field("variant", c.Variant), field("engine", c.Engine),
		field("provider", c.Provider), fmt.Sprintf("threads=%d", c.Threads), fmt.Sprintf("batch=%d", c.Batch), field("scenario", c.Scenario),
	}, "/")
}

// SeriesKey is the stable id of a series: the same case and metric on one
// device over runs. It is text such as
//
//	device=d41d…/task=fashion-mnist/model=resnet8/variant=int8-qdq/engine=native/provider=cpu/threads=1/batch=1/scenario=single-stream/metric=latency.p50
//
// Builds and file hashes are not part of it: a series outlives both.
func SeriesKey(c *bench.Case, metricName, device string) string {
	return field("device", device) + "/" + CaseKey(c) + "/" + field("metric", metricName)
}

// SeriesOf is the id of the series that an estimate belongs to. What measures
// is part of it where it decides what a value may be compared with
// (/source=rapl (package)): the energy at the plug never continues that of a
// package.
func SeriesOf(c *bench.Case, e metric.Estimate, device string) string {
	key := SeriesKey(c, e.Metric, device)
	if e.Source != "" {
		key += "/" + field("source", e.Source)
	}
	return key
}

// SeriesSource returns the source in a series' id, "" where it has none.
func SeriesSource(series string) string {
	_, source, _ := strings.Cut(series, "/source=")
	return unescape.Replace(source)
}

var unescape = strings.NewReplacer("%25", "%", "%2F", "/", "%3D", "=", "%0A", "\n")

var escape = strings.NewReplacer("%", "%25", "/", "%2F", "=", "%3D", "\n", "%0A")

func field(k, v string) string { return k + "=" + escape.Replace(v) }

// Worst returns the verdict that decides a case, as verdict.Deciding chooses
// it. It returns a verdict without a gate for a case that was not measured
// and that no gate judged, and a zero one where nothing was judged.
func Worst(c *bench.CaseResult) verdict.Verdict {
	v, ok := verdict.Deciding(c.Verdicts)
	switch {
	case ok:
		return v
	case c.Status == bench.Errored:
		return verdict.Verdict{Word: verdict.Error, Reason: c.Reason}
	case c.Status == bench.Skipped:
		return verdict.Verdict{Word: verdict.Skipped, Reason: c.Reason}
	}
	return verdict.Verdict{}
}

// Judged returns the verdict that decides each case, in the result's order. A
// baseline that no gate names counts only if it could not be run.
func Judged(r *bench.Result) []verdict.Verdict {
	var out []verdict.Verdict
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			c := &r.Groups[i].Cases[j]
			v := Worst(c)
			if v.Word != "" && (c.Variant != bench.Baseline || len(c.Verdicts) > 0 || v.Word == verdict.Error) {
				out = append(out, v)
			}
		}
	}
	return out
}

// Count returns how many cases each word decides.
func Count(r *bench.Result) map[verdict.Word]int {
	out := map[verdict.Word]int{}
	for _, v := range Judged(r) {
		out[v.Word]++
	}
	return out
}

// Summary is what a listing shows of a result. Received is the store's to say.
func Summary(r *bench.Result) Run {
	s := Run{
		ID: r.Run, Suite: r.Suite, Started: r.Started, Ended: r.Ended, Device: r.Device.ID, Name: r.Device.Name, Class: r.Device.Class,
		Version: r.Version, Partial: r.Partial, Labels: r.Labels, Groups: len(r.Groups), Words: Count(r),
	}
	for i := range r.Groups {
		s.Cases += len(r.Groups[i].Cases)
	}
	return s
}
