package render_test

import (
	"bytes"
	"testing"

	"assay/bench"
	"assay/bench/metric"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// TestMemory prints a Jetson on which one worker could not be followed.
func TestMemory(t *testing.T) {
	r := example.Result()
	r.Groups = r.Groups[:1]
	for i := range r.Groups[0].Cases {
		c := &r.Groups[0].Cases[i]
		for _, x := range []struct {
			metric *metric.Metric
			bytes  float64
			source string
		}{
			{metric.LoadMemory, 1_410_000, ""},
			{metric.RunMemory, 4096, ""},
			{metric.ArenaMemory, 1 << 20, ""},
			{metric.SharedMemory, 190_464 << 10, "NvMap"},
		} {
			if i != 2 {
				c.Values = append(c.Values, metric.Estimate{Metric: x.metric.Name, Unit: x.metric.Unit, Value: x.bytes, Low: x.bytes, High: x.bytes, N: 5, Source: x.source})
			}
		}
	}
	var buf bytes.Buffer
	if err := render.Render(&buf, "table", r, render.Options{Width: 80, Details: true}); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(buf.Bytes(), []byte("\nmemory\n"))
	end := bytes.Index(buf.Bytes()[at+1:], []byte("\n\n"))
	if at < 0 || end < 0 {
		t.Fatalf("no table of memory:\n%s", &buf)
	}
	golden(t, "table-memory.txt", buf.Bytes()[at+1:][:end+1])

	for i := range r.Groups[0].Cases {
		r.Groups[0].Cases[i].Values = nil
		r.Groups[0].Cases[i].Status = bench.Errored
	}
	buf.Reset()
	if err := render.Render(&buf, "table", r, render.Options{Width: 80, Details: true}); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(buf.Bytes(), []byte("\nmemory\n")) {
		t.Errorf("a table of memory of which nothing is known:\n%s", &buf)
	}
}
