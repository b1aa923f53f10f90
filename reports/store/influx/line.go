package influx

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"assay/bench"
	"assay/reports"

	"github.com/influxdata/influxdb-client-go/v2/api/write"
	lp "github.com/influxdata/line-protocol"
)

// Measurements. What a tag or a field means never changes under these names;
// another schema would have others.
const (
	summaries = "assay_summary" // a point per run, case and metric
	runs      = "assay_run"     // a point per run
)

// Lines are the points of a run in line protocol, all at the same time. Tags
// say which series, fields what was found; a field's type is fixed: int64,
// float64 or string, since 1.8 has no uint64 and a boolean is 0 or 1 to more
// dashboards.
func Lines(info *reports.Run, rows []reports.Row, at time.Time) ([]string, error) {
	points := make([]*write.Point, 0, 1+len(rows))
	run, err := runPoint(info, at)
	if err != nil {
		return nil, err
	}
	points = append(points, run)
	for i := range rows {
		points = append(points, summaryPoint(info, &rows[i], at))
	}
	var b strings.Builder
	e := lp.NewEncoder(&b)
	e.FailOnFieldErr(true)
	for _, p := range points {
		if _, err := e.Encode(p); err != nil {
			return nil, fmt.Errorf("line protocol of run %s: %w", info.ID, err)
		}
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"), nil
}

func summaryPoint(info *reports.Run, row *reports.Row, at time.Time) *write.Point {
	c, v := row.Case, row.Value
	p := write.NewPointWithMeasurement(summaries)
	for _, t := range []struct{ key, value string }{
		{"batch", strconv.Itoa(c.Batch)},
		{"class", info.Class},
		{"device", info.Device},
		{"engine", c.Engine},
		{"metric", v.Metric},
		{"model", c.Model},
		{"provider", c.Provider},
		{"scenario", c.Scenario},
		{"source", v.Source},
		{"suite", info.Suite},
		{"task", c.Task},
		{"threads", strconv.Itoa(c.Threads)},
		{"variant", c.Variant},
	} {
		p.AddTag(t.key, tag(t.value))
	}
	p.AddField("value", v.Value)
	p.AddField("low", v.Low)
	p.AddField("high", v.High)
	p.AddField("n", int64(v.N))
	p.AddField("unit", text(v.Unit))
	p.AddField("verdict", text(string(row.Verdict)))
	p.AddField("trusted", flag(row.Trusted))
	p.AddField("run", text(info.ID))
	p.AddField("build", text(row.Build))
	p.AddField("started", reports.Nanos(info.Started))
	p.AddField("received", reports.Nanos(info.Received))
	return p.SetTime(at)
}

func runPoint(info *reports.Run, at time.Time) (*write.Point, error) {
	labels, err := json.Marshal(info.Labels)
	if err != nil {
		return nil, err
	}
	words, err := json.Marshal(info.Words)
	if err != nil {
		return nil, err
	}
	p := write.NewPointWithMeasurement(runs)
	p.AddTag("class", tag(info.Class)).AddTag("device", tag(info.Device)).AddTag("suite", tag(info.Suite))
	p.AddField("run", text(info.ID))
	p.AddField("device_name", text(info.Name))
	p.AddField("version", text(info.Version))
	p.AddField("partial", text(info.Partial))
	p.AddField("labels", text(string(labels)))
	p.AddField("verdicts", text(string(words)))
	p.AddField("groups", int64(info.Groups))
	p.AddField("cases", int64(info.Cases))
	p.AddField("started", reports.Nanos(info.Started))
	p.AddField("ended", reports.Nanos(info.Ended))
	p.AddField("received", reports.Nanos(info.Received))
	return p.SetTime(at), nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// none stands for an empty tag: 3 Core fixes the tags of a table by its first
// point, so every point has all of them.
const none = "-"

// tag writes what line protocol has no form for (a backslash before what it
// would escape, control characters, broken UTF-8) as %XX, and % itself; all
// else stays as it is.
func tag(s string) string {
	switch s {
	case "":
		return none
	case none:
		return percent(none)
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '%' || r == '\\' || unicode.IsControl(r):
			b.WriteString(percent(string(r)))
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(r)):
			b.WriteString(percent(s[i : i+1]))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// untag undoes tag; another program's tags are taken as they are.
func untag(s string) string {
	if s == none {
		return ""
	}
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}

// text is a string that a field holds: line breaks and other control
// characters become blanks.
func text(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// caseOf is the case that the tags of a series name.
func caseOf(tags map[string]string) (bench.Case, error) {
	c := bench.Case{
		Suite: untag(tags["suite"]), Task: untag(tags["task"]), Model: untag(tags["model"]), Variant: untag(tags["variant"]),
		Engine: untag(tags["engine"]), Provider: untag(tags["provider"]), Scenario: untag(tags["scenario"]),
	}
	var err error
	if c.Threads, err = strconv.Atoi(tags["threads"]); err != nil {
		return c, fmt.Errorf("tag threads is %q", tags["threads"])
	}
	if c.Batch, err = strconv.Atoi(tags["batch"]); err != nil {
		return c, fmt.Errorf("tag batch is %q", tags["batch"])
	}
	return c, nil
}
