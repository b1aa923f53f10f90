package influx

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports"
)

// columns of a summary that a history needs.
var columns = []string{"value", "low", "high", "n", "unit", "verdict", "trusted", "run", "build", "started", "received"}

// History returns the points of the series that f chooses, oldest first; with
// a limit, those of the newest runs of each series.
func (c *Client) History(ctx context.Context, f reports.SeriesFilter, limit int) ([]reports.Point, error) {
	where, err := c.where(ctx, f)
	if err != nil {
		return nil, err
	}
	q := "SELECT " + idents(columns) + " FROM " + ident(summaries) + where + " GROUP BY *"
	if limit > 0 {
		q += fmt.Sprintf(" ORDER BY time DESC LIMIT %d", limit)
	}
	tables, err := c.query(ctx, q)
	if err != nil {
		return nil, err
	}
	var all []placed
	for i := range tables {
		points, err := tables[i].points()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Where(), err)
		}
		all = append(all, points...)
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(strings.Compare(a.Series, b.Series), cmp.Compare(a.at, b.at), strings.Compare(a.Run, b.Run))
	})
	out := make([]reports.Point, len(all))
	for i := range all {
		out[i] = all[i].Point
	}
	return newest(out, limit), nil
}

// A placed is a point with its time on the server: a run that arrives late
// stands where it was measured.
type placed struct {
	reports.Point
	at int64
}

// where is the condition that f stands for.
func (c *Client) where(ctx context.Context, f reports.SeriesFilter) (string, error) {
	var and []string
	for _, t := range []struct{ key, value string }{
		{"suite", f.Suite},
		{"task", f.Task},
		{"model", f.Model},
		{"variant", f.Variant},
		{"engine", f.Engine},
		{"metric", f.Metric},
	} {
		if t.value != "" {
			and = append(and, ident(t.key)+" = "+literal(tag(t.value)))
		}
	}
	if f.Device != "" {
		ids, err := c.devices(ctx, f.Device)
		if err != nil {
			return "", err
		}
		for i, id := range ids {
			ids[i] = ident("device") + " = " + literal(id)
		}
		and = append(and, "("+strings.Join(ids, " OR ")+")")
	}
	if len(and) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(and, " AND "), nil
}

// devices are the tags of the devices with an id or a name.
func (c *Client) devices(ctx context.Context, name string) ([]string, error) {
	ids := []string{tag(name)}
	tables, err := c.query(ctx, "SELECT last("+ident("device_name")+") FROM "+ident(runs)+" GROUP BY "+ident("device"))
	if err != nil {
		return nil, err
	}
	for i := range tables {
		if t := &tables[i]; len(t.Values) > 0 && t.record(0).text("last") == text(name) {
			ids = append(ids, t.Tags["device"])
		}
	}
	return ids, nil
}

// points reads one series; its tags name the case.
func (s *series) points() ([]placed, error) {
	k, err := caseOf(s.Tags)
	if err != nil {
		return nil, err
	}
	device, name := untag(s.Tags["device"]), untag(s.Tags["metric"])
	source := untag(s.Tags["source"])
	key := reports.SeriesOf(&k, metric.Estimate{Metric: name, Source: source}, device)
	out := make([]placed, len(s.Values))
	for i := range s.Values {
		r := s.record(i)
		out[i].at = r.int("time")
		out[i].Point = reports.Point{
			Run: r.text("run"), Started: reports.Moment(r.int("started")), Received: reports.Moment(r.int("received")),
			Series: key, Device: device, Model: k.Model, Variant: k.Variant, Engine: k.Engine, Build: r.text("build"),
			Value: metric.Estimate{
				Metric: name, Unit: r.text("unit"), Value: r.float("value"), Low: r.float("low"), High: r.float("high"), N: int(r.int("n")), Source: source,
			},
			Verdict: verdict.Word(r.text("verdict")), Trusted: r.int("trusted") == 1,
		}
	}
	return out, nil
}

// newest keeps the last n points of each series: a series that several suites
// measure is one here and several on the server.
func newest(points []reports.Point, n int) []reports.Point {
	if n <= 0 {
		return points
	}
	var out []reports.Point
	for len(points) > 0 {
		end := 1
		for end < len(points) && points[end].Series == points[0].Series {
			end++
		}
		out = append(out, points[max(0, end-n):end]...)
		points = points[end:]
	}
	return out
}

// List returns the runs that f chooses, newest first by the time they were
// received.
func (c *Client) List(ctx context.Context, f reports.Filter) ([]reports.Run, error) {
	q := "SELECT * FROM " + ident(runs)
	var and []string
	if f.Suite != "" {
		and = append(and, ident("suite")+" = "+literal(tag(f.Suite)))
	}
	if !f.Since.IsZero() {
		and = append(and, fmt.Sprintf("%s >= %d", ident("started"), reports.Nanos(f.Since)))
	}
	if len(and) > 0 {
		q += " WHERE " + strings.Join(and, " AND ")
	}
	tables, err := c.query(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []reports.Run
	for i := range tables {
		for j := range tables[i].Values {
			r, err := tables[i].record(j).run()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Where(), err)
			}
			if (f.Device == "" || f.Device == r.Device || f.Device == r.Name) && r.Labelled(f.Labels) {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b reports.Run) int {
		return cmp.Or(b.Received.Compare(a.Received), strings.Compare(a.ID, b.ID))
	})
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// run reads a point of the runs.
func (r record) run() (reports.Run, error) {
	out := reports.Run{
		ID: r.text("run"), Suite: untag(r.text("suite")), Started: reports.Moment(r.int("started")), Ended: reports.Moment(r.int("ended")),
		Received: reports.Moment(r.int("received")), Device: untag(r.text("device")), Name: r.text("device_name"), Class: untag(r.text("class")),
		Version: r.text("version"), Partial: r.text("partial"), Groups: int(r.int("groups")), Cases: int(r.int("cases")),
	}
	if err := json.Unmarshal([]byte(r.text("labels")), &out.Labels); err != nil {
		return out, fmt.Errorf("labels of run %s: %w", out.ID, err)
	}
	if err := json.Unmarshal([]byte(r.text("verdicts")), &out.Words); err != nil {
		return out, fmt.Errorf("verdicts of run %s: %w", out.ID, err)
	}
	return out, nil
}
