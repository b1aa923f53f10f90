package influx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/store"
	"assay/reports/store/influx"
	"assay/reports/store/influxd"
	"assay/reports/store/outbox"
)

// A rig is a store that forwards its runs to a real server.
type rig struct {
	*testing.T
	server *influxd.Server
	set    influx.Settings
	path   string
	db     *store.SQLite
	ctx    context.Context
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := influxd.Start(t)
	r := &rig{
		T: t, server: s, ctx: context.Background(), path: filepath.Join(t.TempDir(), "assay.db"),
		set: influx.Settings{URL: s.URL, Token: s.Token, Org: s.Org, Bucket: s.Bucket},
	}
	r.db = r.open()
	return r
}

func (r *rig) open() *store.SQLite {
	r.Helper()
	db, err := store.Open(r.path)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { db.Close() })
	db.ForwardWith(influx.Lines)
	return db
}

func (r *rig) client(s influx.Settings) *influx.Client {
	r.Helper()
	c, err := influx.New(s)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	return c
}

func (r *rig) put(x *bench.Result) {
	r.Helper()
	if err := r.db.Put(r.ctx, x); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) drain(o outbox.Options) outbox.Report {
	r.Helper()
	rep, err := r.db.Outbox().Drain(r.ctx, r.client(r.set), o)
	if err != nil {
		r.Fatal(err)
	}
	return rep
}

// same checks that the server holds what the store holds, every point once:
// all runs, all series, all values, and no point besides.
func (r *rig) same() {
	r.Helper()
	c := r.client(influx.Settings{URL: r.server.URL, Token: r.server.Token, Org: r.server.Org, Bucket: r.server.Bucket})
	points, err := r.db.History(r.ctx, reports.SeriesFilter{}, 0)
	if err != nil {
		r.Fatal(err)
	}
	got, err := c.History(r.ctx, reports.SeriesFilter{}, 0)
	if err != nil {
		r.Fatal(err)
	}
	equal(r.T, "points", got, points)
	runs, err := r.db.List(r.ctx, reports.Filter{})
	if err != nil {
		r.Fatal(err)
	}
	have, err := c.List(r.ctx, reports.Filter{})
	if err != nil {
		r.Fatal(err)
	}
	equal(r.T, "runs", have, runs)
	// Counted by the server itself too.
	if n := r.count("assay_summary", "value"); n != len(points) {
		r.Errorf("the server counts %d points, the store has %d", n, len(points))
	}
	if n := r.count("assay_run", "run"); n != len(runs) {
		r.Errorf("the server counts %d runs, the store has %d", n, len(runs))
	}
}

// count is the server's own count of a field, 0 where there is none.
func (r *rig) count(measurement, field string) int {
	r.Helper()
	var doc struct {
		Results []struct{ Series []struct{ Values [][]any } }
	}
	text := r.server.Exec(fmt.Sprintf("SELECT count(%q) FROM %q", field, measurement))
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		r.Fatalf("%v: %s", err, text)
	}
	if len(doc.Results[0].Series) == 0 {
		return 0
	}
	n, _ := doc.Results[0].Series[0].Values[0][1].(float64)
	return int(n)
}

// equal compares lists by their JSON, element by element.
func equal[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %s, want %d", len(got), what, len(want))
		return
	}
	for i := range got {
		g, err := json.Marshal(got[i])
		if err != nil {
			t.Fatal(err)
		}
		w, err := json.Marshal(want[i])
		if err != nil {
			t.Fatal(err)
		}
		if string(g) != string(w) {
			t.Errorf("%s[%d]:\n got %s\nwant %s", what, i, g, w)
			return
		}
	}
}

var noFilter reports.SeriesFilter

// numbered is the example as another run of a day.
func numbered(id string, day int) *bench.Result {
	r := example.Result()
	r.Run = id
	r.Started, r.Ended = r.Started.AddDate(0, 0, day), r.Ended.AddDate(0, 0, day)
	return r
}

// odd is a run whose names hold whatever line protocol, InfluxQL and 1.8
// reserve, begun by a clock that was not set.
func odd() *bench.Result {
	r := numbered("odd", 0)
	r.Started = time.Unix(12, 0).UTC()
	r.Device.ID, r.Device.Name, r.Suite = `d"e'v\i,c=e `, `na"m'e\`, "säite, = \\"
	r.Groups = r.Groups[:1]
	for i := range r.Groups[0].Cases {
		c := &r.Groups[0].Cases[i]
		c.Task = []string{"", "-", "%2D", "a\nb", `c:\d`, "\xff\x00"}[i]
		c.Model, c.Provider = "select", "name, series = \"values\" "
	}
	r.Labels = map[string]string{"commit": "line\nbreak \"quoted\" \\", "": "="}
	r.Partial = "interrupted: \"signal\" \\ 'x'"
	return r
}

// TestAnotherMachineSeesTheSame delivers runs with equal times, odd names,
// negative values and no clock, and reads them back by InfluxQL.
func TestAnotherMachineSeesTheSame(t *testing.T) {
	r := newRig(t)
	for i := range 6 {
		x := numbered(fmt.Sprintf("run%d", i), i/3) // three at a time begun in the same nanosecond
		x.Groups[0].Cases[1].Values[0].Value *= -1
		r.put(x)
	}
	other := numbered("other", 1)
	other.Device.ID, other.Device.Name = "ffff", "bench-2"
	r.put(other)
	r.put(odd())
	if rep := r.drain(outbox.Options{}); rep.Dead != 0 || rep.Left != 0 || rep.Points == 0 {
		t.Fatalf("got %+v", rep)
	}
	r.same()

	c := r.client(r.set)
	start := example.Result().Started
	for name, f := range map[string]reports.SeriesFilter{
		"metric":           {Metric: "latency.p50"},
		"one series":       {Model: "resnet8", Variant: "int8-qdq", Engine: "native", Metric: "top1", Suite: "quick", Task: "fashion-mnist"},
		"device by name":   {Device: "bench-2"},
		"device by id":     {Device: "d41d8cd98f00b204", Metric: "size"},
		"odd device":       {Device: odd().Device.ID},
		"odd name":         {Device: odd().Device.Name},
		"odd suite":        {Suite: odd().Suite},
		"odd task":         {Task: `c:\d`},
		"a dash is a task": {Task: "-"},
		"an attempt":       {Model: `x' OR "model" = 'resnet8`},
		"no such":          {Device: "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{0, 1, 2} {
				want, err := r.db.History(r.ctx, f, limit)
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.History(r.ctx, f, limit)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, fmt.Sprintf("points, limit %d,", limit), got, want)
				if (len(want) == 0) != (name == "an attempt" || name == "no such") {
					t.Errorf("%d points: the filter is not what the test means", len(want))
				}
			}
		})
	}
	for name, f := range map[string]reports.Filter{
		"suite":     {Suite: "quick"},
		"odd suite": {Suite: odd().Suite},
		"device":    {Device: "bench-2"},
		"label":     {Labels: map[string]string{"branch": "main"}},
		"since":     {Since: start.AddDate(0, 0, 1)},
		"newest":    {Limit: 2},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := r.db.List(r.ctx, f)
			if err != nil || len(want) == 0 {
				t.Fatal(want, err)
			}
			got, err := c.List(r.ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "runs", got, want)
		})
	}
}

// TestSuitesShareASeries: a series does not know its suite, the server's does.
func TestSuitesShareASeries(t *testing.T) {
	r := newRig(t)
	for i, suite := range []string{"quick", "nightly", "quick"} {
		x := numbered(fmt.Sprintf("run%d", i), i)
		x.Suite = suite
		r.put(x)
	}
	r.drain(outbox.Options{})
	r.same()
	f := reports.SeriesFilter{Model: "resnet8", Variant: "int8-qdq", Engine: "native", Metric: "top1"}
	want, err := r.db.History(r.ctx, f, 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.client(r.set).History(r.ctx, f, 2)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "points", got, want)
}

// TestDeliveredTwice: a run that is delivered again changes nothing.
func TestDeliveredTwice(t *testing.T) {
	r := newRig(t)
	r.put(numbered("a", 0))
	r.put(numbered("b", 0))
	r.drain(outbox.Options{})
	for range 2 {
		if n, err := r.db.Requeue(r.ctx); n != 2 || err != nil {
			t.Fatalf("requeued %d, %v", n, err)
		}
		r.drain(outbox.Options{})
	}
	r.same()
}

// TestDocs runs the query that docs/influxdb.md shows.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../../docs/influxdb.md")
	if err != nil {
		t.Fatal(err)
	}
	_, q, ok := strings.Cut(string(b), "```sql\n")
	q, _, end := strings.Cut(q, "```")
	if !ok || !end {
		t.Fatal("no query in the page")
	}
	r := newRig(t)
	r.put(numbered("a", 0))
	r.drain(outbox.Options{})
	r.server.Exec(q)
	// The example's nights are long ago one day.
	got := r.server.Exec(strings.Replace(q, "now() - 90d", "0", 1))
	if n := strings.Count(got, `"variant":"int8-qdq"`); n != 2 { // on two engines
		t.Errorf("%d series of int8-qdq, want 2: %s", n, got)
	}
}

func TestFieldTypes(t *testing.T) {
	r := newRig(t)
	r.put(numbered("a", 0))
	r.drain(outbox.Options{})
	got := r.server.Exec("SHOW FIELD KEYS")
	for field, kind := range map[string]string{
		"value": "float", "low": "float", "high": "float", "n": "integer", "trusted": "integer", "started": "integer", "received": "integer",
		"ended": "integer", "groups": "integer", "cases": "integer", "unit": "string", "verdict": "string", "run": "string", "build": "string",
		"device_name": "string", "version": "string", "partial": "string", "labels": "string", "verdicts": "string",
	} {
		if !strings.Contains(got, fmt.Sprintf("[%q,%q]", field, kind)) {
			t.Errorf("field %s is not of type %s: %s", field, kind, got)
		}
	}
	tags := r.server.Exec("SHOW TAG KEYS FROM assay_summary")
	for _, tag := range strings.Fields("batch class device engine metric model provider scenario source suite task threads variant") {
		if !strings.Contains(tags, fmt.Sprintf("[%q]", tag)) {
			t.Errorf("no tag %s: %s", tag, tags)
		}
	}
	if n := strings.Count(tags, "["); n != 4+13 { // results, series, columns, values, and one each
		t.Errorf("more tags than the schema names: %s", tags)
	}
}
