package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports"
)

// A Row is one metric of one case of one run, with all that a reader needs to
// use it alone. A case without any value has one row with an empty metric.
// Numbers that are not known are null; units are base units.
type Row struct {
	Run      string    `parquet:"run"`
	Suite    string    `parquet:"suite"`
	Started  time.Time `parquet:"started,timestamp(nanosecond)"`
	Ended    time.Time `parquet:"ended,timestamp(nanosecond)"`
	Partial  string    `parquet:"partial"`
	Version  string    `parquet:"version"` // of assay
	Labels   string    `parquet:"labels"`  // JSON object
	Accuracy string    `parquet:"accuracy"`

	Device   string `parquet:"device"`
	Name     string `parquet:"device_name"`
	Class    string `parquet:"device_class"`
	Arch     string `parquet:"arch"`
	OS       string `parquet:"os"`
	Kernel   string `parquet:"kernel"`
	CPU      string `parquet:"cpu"`
	Cores    int64  `parquet:"cores"`
	Governor string `parquet:"governor"`

	Task      string `parquet:"task"`
	Model     string `parquet:"model"`
	Variant   string `parquet:"variant"`
	Engine    string `parquet:"engine"`
	Build     string `parquet:"build"`
	Provider  string `parquet:"provider"`
	Threads   int64  `parquet:"threads"`
	Batch     int64  `parquet:"batch"`
	Scenario  string `parquet:"scenario"`
	SHA256    string `parquet:"sha256"` // of the model's file
	Status    string `parquet:"status"`
	Reason    string `parquet:"reason"`
	Untrusted string `parquet:"untrusted"` // JSON array: why timing of the group does not count

	Metric string   `parquet:"metric"`
	Unit   string   `parquet:"unit"`
	Value  *float64 `parquet:"value,optional"`
	Low    *float64 `parquet:"low,optional"`
	High   *float64 `parquet:"high,optional"`
	N      int64    `parquet:"n"`
	Source string   `parquet:"source"` // the meter, where that decides
	Note   string   `parquet:"note"`

	AgainstUnit string   `parquet:"against_unit"` // "ratio" (candidate ÷ baseline) or "pt"
	Against     *float64 `parquet:"against,optional"`
	AgainstLow  *float64 `parquet:"against_low,optional"`
	AgainstHigh *float64 `parquet:"against_high,optional"`
	AgainstN    int64    `parquet:"against_n"`
	AgainstNote string   `parquet:"against_note"`

	Verdict string `parquet:"verdict"` // that decides the gates on this metric
	Gates   string `parquet:"gates"`   // JSON array: all verdicts on this metric

	Samples []Trial `parquet:"samples,list" csv:"-"`
}

// A Trial is what one fresh process measured, in the order taken.
type Trial struct {
	Trial  int64     `parquet:"trial"`
	Values []float64 `parquet:"values,list"`
}

// Rows returns the rows of a result, with or without samples.
func Rows(r *bench.Result, samples bool) ([]Row, error) {
	labels, err := text(r.Labels, len(r.Labels))
	if err != nil {
		return nil, err
	}
	run := Row{
		Run: r.Run, Suite: r.Suite, Started: r.Started.UTC(), Ended: r.Ended.UTC(), Partial: r.Partial, Version: r.Version, Labels: labels, Accuracy: r.Accuracy,
		Device: r.Device.ID, Name: r.Device.Name, Class: r.Device.Class, Arch: r.Device.Arch, OS: r.Device.OS, Kernel: r.Device.Kernel,
		CPU: r.Device.CPU, Cores: int64(r.Device.Cores), Governor: r.Before.Governor,
	}
	var out []Row
	for i := range r.Groups {
		g := &r.Groups[i]
		untrusted, err := text(g.Untrusted, len(g.Untrusted))
		if err != nil {
			return nil, err
		}
		for j := range g.Cases {
			c := &g.Cases[j]
			row := run
			row.Task, row.Model, row.Variant, row.Engine, row.Build, row.Provider = c.Task, c.Model, c.Variant, c.Engine, g.Build, c.Provider
			row.Threads, row.Batch, row.Scenario, row.SHA256 = int64(c.Threads), int64(c.Batch), c.Scenario, c.Artifact.SHA256
			row.Status, row.Reason, row.Untrusted = string(c.Status), c.Reason, untrusted
			rows, err := caseRows(row, c, samples)
			if err != nil {
				return nil, err
			}
			out = append(out, rows...)
		}
	}
	return out, nil
}

// caseRows are a case's rows: its metrics in the order in which values,
// comparisons, verdicts and samples name them first.
func caseRows(row Row, c *bench.CaseResult, samples bool) ([]Row, error) {
	var out []Row
	for _, name := range metricsOf(c, samples) {
		x := row
		x.Metric = name
		if e, ok := c.Value(name); ok {
			x.Unit, x.Value, x.Low, x.High = e.Unit, number(e.Value), number(e.Low), number(e.High)
			x.N, x.Source, x.Note = int64(e.N), e.Source, e.Note
		}
		if e, ok := c.Ratio(name); ok {
			x.AgainstUnit, x.Against, x.AgainstLow, x.AgainstHigh = e.Unit, number(e.Value), number(e.Low), number(e.High)
			x.AgainstN, x.AgainstNote = int64(e.N), e.Note
			x.Source = cmp.Or(x.Source, e.Source)
		}
		var gates []verdict.Verdict
		for _, v := range c.Verdicts {
			if v.Metric == name {
				gates = append(gates, v)
			}
		}
		var err error
		if x.Gates, err = text(gates, len(gates)); err != nil {
			return nil, err
		}
		if v, ok := verdict.Deciding(gates); ok {
			x.Verdict = string(v.Word)
		}
		for _, s := range c.Samples {
			if samples && s.Metric == name {
				x.Unit = s.Unit
				x.Samples = append(x.Samples, Trial{int64(s.Trial), s.Values})
			}
		}
		out = append(out, x)
	}
	if len(out) == 0 {
		row.Verdict = string(reports.Worst(c).Word)
		out = []Row{row}
	}
	return out, nil
}

func metricsOf(c *bench.CaseResult, samples bool) []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, list := range [][]metric.Estimate{c.Values, c.Against} {
		for _, e := range list {
			add(e.Metric)
		}
	}
	for _, v := range c.Verdicts {
		add(v.Metric)
	}
	for _, s := range c.Samples {
		if samples {
			add(s.Metric)
		}
	}
	return names
}

// text is v as JSON, "" where it holds nothing.
func text(v any, n int) (string, error) {
	if n == 0 {
		return "", nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write a row: %w", err)
	}
	return string(b), nil
}

// number is v, or null where it is no number.
func number(v float64) *float64 {
	if !finite(v) {
		return nil
	}
	return &v
}
