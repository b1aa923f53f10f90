package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/reports"
	"assay/reports/render"
)

func init() {
	Register(Form{
		Name: "gobench", Doc: "the Go benchmark format, a line per trial; files of go test -bench are read too",
		Write: func(w io.Writer) Writer { return &goBench{w: w} },
		Read:  readGobench,
	})
}

type goBench struct {
	w    io.Writer
	keys []string // configured by the run before
}

// Write writes a run. A configuration line holds until another, so what the
// run before had configured and this one does not is taken back.
func (g *goBench) Write(r *bench.Result) error {
	var buf bytes.Buffer
	if err := render.Render(&buf, "gobench", r, render.Options{}); err != nil {
		return err
	}
	keys := configured(buf.String())
	for _, k := range g.keys {
		if !slices.Contains(keys, k) {
			if _, err := fmt.Fprintf(g.w, "%s:\n", k); err != nil {
				return err
			}
		}
	}
	g.keys = keys
	_, err := g.w.Write(buf.Bytes())
	return err
}

// configured are the keys of the configuration lines above the units.
func configured(text string) []string {
	var keys []string
	for line := range strings.Lines(text) {
		k, _, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "Unit ") {
			break
		}
		keys = append(keys, k)
	}
	return keys
}

func (*goBench) Close() error { return nil }

const goBenchNote = "imported from the Go benchmark format: a sample is the median of a trial, and comparisons with the baseline, verdicts and conditions are not in it"

// maxGobench bounds a file that is read: a run without an id is named by the
// file's hash, so that importing it twice changes nothing.
const maxGobench = 256 << 20 // B

// readGobench reads what assay export writes, and output of go test -bench,
// in which a benchmark is a model of engine "go" with one trial per line.
func readGobench(r io.Reader, o Origin, each func(*bench.Result) error) error {
	b, err := io.ReadAll(io.LimitReader(r, maxGobench+1))
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	if len(b) > maxGobench {
		return fmt.Errorf("%s: it is larger than %d MB", o.Name, maxGobench>>20)
	}
	sum := sha256.Sum256(b)
	in := benchReader{o: o, file: "go-" + hex.EncodeToString(sum[:8]), done: map[string]bool{}, each: each}
	lines := benchfmt.NewReader(strings.NewReader(string(b)), o.Name)
	for lines.Scan() {
		switch rec := lines.Result().(type) {
		case *benchfmt.SyntaxError:
			return fmt.Errorf("%s:%d: %s", o.Name, rec.Line, rec.Msg)
		case *benchfmt.Result:
			if err := in.line(rec); err != nil {
				_, line := rec.Pos()
				return fmt.Errorf("%s:%d: %w", o.Name, line, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	if in.now == nil {
		return fmt.Errorf("%s: it holds no benchmark", o.Name)
	}
	return in.end()
}

// A benchReader gathers the lines of a file into runs.
type benchReader struct {
	o    Origin
	file string // the id of a run that has none
	now  *bench.Result
	done map[string]bool
	each func(*bench.Result) error
}

func (in *benchReader) line(l *benchfmt.Result) error {
	id := l.GetConfig("run")
	if id == "" {
		id = in.file
	}
	if in.now == nil || in.now.Run != id {
		if err := in.end(); err != nil {
			return err
		}
		if in.done[id] {
			return fmt.Errorf("run %s begins a second time", id)
		}
		in.done[id] = true
		if err := in.begin(id, l); err != nil {
			return err
		}
	}
	x, err := rowOf(l)
	if err != nil {
		return err
	}
	if x.Run = id; x.Task == "" {
		x.Task = l.GetConfig("task")
	}
	if err := x.check(); err != nil {
		return err
	}
	g, err := x.group(in.now)
	if err != nil {
		return err
	}
	return addTrial(x.caseOf(g), l)
}

// begin starts a run from the configuration lines above its first benchmark.
func (in *benchReader) begin(id string, l *benchfmt.Result) error {
	r := &bench.Result{Schema: bench.Schema, Run: id, Started: in.o.Modified, Warnings: []string{goBenchNote}}
	d := &r.Device
	for _, c := range l.Config {
		v := string(c.Value)
		switch c.Key {
		case "goos":
			d.OS = v
		case "goarch":
			d.Arch = v
		case "cpu":
			d.CPU = v
		case "pkg":
			r.Suite = strings.TrimPrefix(v, "assay/")
		case "device":
			d.ID = v
		case "device-name":
			d.Name = v
		case "device-class":
			d.Class = v
		case "started":
			t, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				return fmt.Errorf("started %.60q is not a time as 2006-01-02T15:04:05Z", v)
			}
			r.Started = t.UTC()
		case "run", "task":
		default:
			if c.File {
				if r.Labels == nil {
					r.Labels = map[string]string{}
				}
				r.Labels[c.Key] = v
			}
		}
	}
	if d.ID == "" {
		in.nameDevice(r)
	}
	r.Ended = r.Started
	in.now = r
	return nil
}

// nameDevice gives a run of another program a device: what the user says it
// is, else what kind of machine the file says it was.
func (in *benchReader) nameDevice(r *bench.Result) {
	d := &r.Device
	kind := strings.Join([]string{d.OS, d.Arch, d.CPU}, " ")
	if d.Name = in.o.Device; d.Name == "" {
		d.Name = strings.TrimSpace(kind)
	}
	sum := sha256.Sum256([]byte("go benchmark " + in.o.Device + "\x00" + kind))
	d.ID, d.Class = hex.EncodeToString(sum[:8]), strings.TrimSuffix("go-"+d.Arch, "-")
}

func (in *benchReader) end() error {
	r := in.now
	if r == nil {
		return nil
	}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			c := &r.Groups[i].Cases[j]
			estimates(c)
			r.Groups[i].Trials = max(r.Groups[i].Trials, trialsOf(c))
		}
	}
	return in.each(r)
}

// rowOf reads a benchmark's name: assay's own parts, else the whole of it is
// the model and GOMAXPROCS are its threads.
func rowOf(l *benchfmt.Result) (*Row, error) {
	x := &Row{Status: string(bench.OK), Variant: bench.Baseline, Engine: "go", Provider: "cpu", Threads: 1, Batch: 1, Scenario: "single-stream"}
	base, parts := l.Name.Parts()
	if string(base) != "Infer" {
		x.Model = strings.TrimSuffix(string(l.Name), gomaxprocs(l.Name))
		if n, err := strconv.Atoi(strings.TrimPrefix(gomaxprocs(l.Name), "-")); err == nil {
			x.Threads = int64(n)
		}
		return x, nil
	}
	for _, p := range parts {
		k, v, _ := strings.Cut(strings.TrimPrefix(string(p), "/"), "=")
		switch k {
		case "model":
			x.Model = v
		case "variant":
			x.Variant = v
		case "engine":
			x.Engine, x.Build, _ = strings.Cut(v, "@")
		case "provider":
			x.Provider = v
		case "scenario":
			x.Scenario = v
		case "threads", "batch":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%s=%.60q is not a number of at least 1", k, v)
			}
			if k == "batch" {
				x.Batch = int64(n)
			} else {
				x.Threads = int64(n)
			}
		}
	}
	return x, nil
}

// gomaxprocs is the "-8" at the end of a name, "" where there is none.
func gomaxprocs(n benchfmt.Name) string {
	if _, parts := n.Parts(); len(parts) > 0 && strings.HasPrefix(string(parts[len(parts)-1]), "-") {
		return string(parts[len(parts)-1])
	}
	return ""
}

// addTrial adds a line's values: each is one trial of its metric.
func addTrial(c *bench.CaseResult, l *benchfmt.Result) error {
	for _, v := range l.Values {
		name, unit := metricOf(v.Unit)
		switch {
		case !finite(v.Value):
			return fmt.Errorf("%s is not a finite number", v.Unit)
		case !reports.Possible(name, v.Value):
			return fmt.Errorf("%s is %g: it cannot be negative", v.Unit, v.Value)
		}
		n := 0
		for _, s := range c.Samples {
			if s.Metric == name {
				n++
			}
		}
		c.Samples = append(c.Samples, metric.Sample{Metric: name, Unit: unit, Trial: n, Values: []float64{v.Value}})
	}
	return nil
}

// metricOf is the metric of a unit of the format: assay's own, with the median
// time for sec/op; else the unit itself, as B/op.
func metricOf(unit string) (name, base string) {
	if unit == "sec/op" {
		return metric.P50.Name, metric.P50.Unit
	}
	for _, m := range metric.All() {
		if render.BenchUnit(m) == unit {
			return m.Name, m.Unit
		}
	}
	base, _, _ = strings.Cut(unit, "/")
	return unit, base
}

// level of all intervals of assay.
const level = 0.95

// estimates makes the values of a case of its trials: the geometric mean with
// Student's interval on the logs, as bench does where the number of trials
// was fixed. Exact metrics leave no samples.
func estimates(c *bench.CaseResult) {
	by := map[string][]float64{}
	var order []metric.Sample
	for _, s := range c.Samples {
		if by[s.Metric] == nil {
			order = append(order, s)
		}
		by[s.Metric] = append(by[s.Metric], s.Values...)
	}
	var rest []metric.Sample
	for _, s := range c.Samples {
		if m := metric.Lookup(s.Metric); m == nil || !m.Exact {
			rest = append(rest, s)
		}
	}
	for _, s := range order {
		v := by[s.Metric]
		e := metric.Estimate{Metric: s.Metric, Unit: s.Unit, N: len(v)}
		iv := interval(v)
		if m := metric.Lookup(s.Metric); m != nil && m.Exact {
			iv, e.N = stat.Exactly(v[len(v)-1]), 1
		}
		if iv.Mid != iv.Low && !finite(iv.Low, iv.High) { // one trial has no interval
			iv = stat.Exactly(iv.Mid)
			e.Note = "one trial: no interval"
		}
		e.Value, e.Low, e.High = iv.Mid, iv.Low, iv.High
		c.Values = append(c.Values, e)
	}
	c.Samples = rest
}

func interval(v []float64) stat.Interval {
	logs := stat.Logs(v)
	if !finite(logs...) { // a zero, as in 0 allocs/op
		return stat.TInterval(v, level)
	}
	return stat.TInterval(logs, level).Exp()
}

func trialsOf(c *bench.CaseResult) int {
	n := 0
	for _, s := range c.Samples {
		n = max(n, s.Trial+1)
	}
	return n
}
