package render

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/stat"
)

func init() {
	Register(Format{Name: "gobench", Doc: "the Go benchmark format, one line per trial: benchstat -col /variant reads it", Result: writeGobench})
}

// writeGobench writes the Go benchmark data format
// (go.dev/design/14313-benchmark-format). A line is one trial, since trials
// (and rounds of energy) are the units of evidence, and holds the medians over the trial's rounds;
// its count is the number of those rounds. Exact metrics follow once per case.
func writeGobench(w io.Writer, r *bench.Result, _ Options) error {
	var buf bytes.Buffer
	config := func(key, value string) {
		if value = plain(value); value != "" {
			fmt.Fprintf(&buf, "%s: %s\n", key, value)
		}
	}
	config("goos", r.Device.OS)
	config("goarch", r.Device.Arch)
	config("cpu", r.Device.CPU)
	config("pkg", "assay/"+r.Suite)
	config("run", r.Run)
	config("started", r.Started.UTC().Format(time.RFC3339Nano))
	config("device", r.Device.ID)
	config("device-name", r.Device.Name)
	config("device-class", r.Device.Class)
	for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
		if configKey(k) {
			config(k, r.Labels[k])
		}
	}
	units(&buf)
	for i := range r.Groups {
		g := &r.Groups[i]
		if i == 0 || g.Task != r.Groups[i-1].Task {
			fmt.Fprintf(&buf, "task: %s\n", plain(g.Task)) // nothing after the colon deletes the key
		}
		for j := range g.Cases {
			c := &g.Cases[j]
			if c.Status == bench.OK {
				trialLines(&buf, g, c)
				exactLine(&buf, g, c)
			}
		}
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// configKey follows the format: a lower-case letter first, no space, no upper
// case. The keys that are written anyway are not written twice.
func configKey(k string) bool {
	switch k {
	case "goos", "goarch", "cpu", "pkg", "run", "started", "device", "device-name", "device-class", "task", "":
		return false
	}
	if first := rune(k[0]); !unicode.IsLower(first) {
		return false
	}
	return !strings.ContainsFunc(k, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsUpper(c) || c == ':' || unicode.IsControl(c)
	})
}

// units tells benchstat which direction is better, and which values are exact.
func units(buf *bytes.Buffer) {
	var lines []string
	for _, m := range metric.All() {
		if m == metric.P50 || m.Better == 0 {
			continue // ns/op is known
		}
		better := "lower"
		if m.Better > 0 {
			better = "higher"
		}
		line := fmt.Sprintf("Unit %s better=%s", BenchUnit(m), better)
		if m.Exact {
			line += " assume=exact"
		}
		lines = append(lines, line)
	}
	sort.Strings(lines)
	buf.WriteString(strings.Join(lines, "\n") + "\n")
}

// BenchUnit is a metric as a unit of the format. Base units stay what they
// are, so that benchstat scales them: sec, B.
func BenchUnit(m *metric.Metric) string {
	name := strings.ReplaceAll(m.Name, ".", "-")
	switch m.Unit {
	case "ratio", "1":
		return name
	case "1/sec":
		return name + "/s"
	case "1/J":
		return name + "/J"
	}
	return name + "-" + m.Unit
}

func trialLines(buf *bytes.Buffer, g *bench.GroupResult, c *bench.CaseResult) {
	trials := map[int]map[string]metric.Sample{}
	for _, s := range c.Samples {
		if metric.Lookup(s.Metric) == nil || len(s.Values) == 0 || !finite(s.Values...) {
			continue
		}
		if trials[s.Trial] == nil {
			trials[s.Trial] = map[string]metric.Sample{}
		}
		trials[s.Trial][s.Metric] = s
	}
	for _, t := range slices.Sorted(maps.Keys(trials)) {
		line, n := "", 1
		if main, ok := trials[t][bench.MainMetric(c.Scenario).Name]; ok {
			n = len(main.Values)
		}
		if p50, ok := trials[t][metric.P50.Name]; ok {
			line = fmt.Sprintf(" %s ns/op", number64(1e9*stat.Median(slices.Clone(p50.Values))))
		}
		for _, name := range slices.Sorted(maps.Keys(trials[t])) {
			if m := metric.Lookup(name); m != metric.P50 && !cold(m) {
				line += fmt.Sprintf(" %s %s", number64(stat.Median(slices.Clone(trials[t][name].Values))), BenchUnit(m))
			}
		}
		if line != "" { // a cold start has no line: it is no trial
			fmt.Fprintf(buf, "%s %d%s\n", benchName(g, c), n, line)
		}
	}
}

func cold(m *metric.Metric) bool {
	return m == metric.Start || m == metric.Load || m == metric.First
}

// exactLine holds what does not vary from trial to trial.
func exactLine(buf *bytes.Buffer, g *bench.GroupResult, c *bench.CaseResult) {
	var parts []string
	for _, e := range c.Values {
		if m := metric.Lookup(e.Metric); m != nil && m.Exact && finite(e.Value) {
			parts = append(parts, number64(e.Value)+" "+BenchUnit(m))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(buf, "%s 1 %s\n", benchName(g, c), strings.Join(parts, " "))
	}
}

// benchName ends in batch=, so that no "-8" of a variant is taken for
// GOMAXPROCS.
func benchName(g *bench.GroupResult, c *bench.CaseResult) string {
	eng := c.Engine
	if g.Build != "" {
		eng += "@" + g.Build
	}
	scenario := ""
	if c.Scenario != "" && c.Scenario != loadgen.SingleStream {
		scenario = "/scenario=" + namePart(c.Scenario)
	}
	return fmt.Sprintf("BenchmarkInfer/model=%s/variant=%s/engine=%s/provider=%s%s/threads=%d/batch=%d",
		namePart(c.Model), namePart(c.Variant), namePart(eng), namePart(c.Provider), scenario, c.Threads, c.Batch)
}

// namePart keeps a value within its part of a name.
func namePart(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '/' || unicode.IsSpace(c) {
			return '_'
		}
		return c
	}, plain(s))
}

func number64(v float64) string { return strconv.FormatFloat(v, 'g', 9, 64) }
