package reports_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"assay/reports"
	"assay/reports/internal/example"
)

func TestCourse(t *testing.T) {
	c := example.Course()
	if len(c.Devices) != 2 || c.Devices[0].Class != "amd64-amd-epyc-2c" || c.Devices[1].Class != "rpi5" {
		t.Fatalf("devices are not those of two classes in order: %+v", c.Devices)
	}
	d := c.Devices[0]
	if len(d.Runs) != 30 || d.Name != "bench-1" {
		t.Fatalf("%d runs of %q, want 30 of bench-1", len(d.Runs), d.Name)
	}
	for i, r := range d.Runs {
		want := map[int]string{12: "onnxruntime: 1.29.0 → 1.30.0", 18: "governor: performance → schedutil"}[i]
		if got := strings.Join(r.Events, ", "); got != want || r.Fresh != (i == 18) {
			t.Errorf("night %d: events %q, fresh %v; want %q", i, got, r.Fresh, want)
		}
	}
	key := reports.SeriesKey(&example.Result().Groups[1].Cases[1].Case, "latency.p50", d.ID)
	_, x, s := c.Find(key)
	if s == nil || x.Case.Variant != "int8-qdq" || len(s.Points) != 30 {
		t.Fatalf("the series is not found: %+v", s)
	}
	if !slices.Equal(s.Levels, []int{18, 22}) {
		t.Errorf("levels begin at %v, want 18 (governor) and 22 (the mark)", s.Levels)
	}
	_, _, other := c.Find(strings.Replace(key, "int8-qdq", "pruned-50", 1))
	if other == nil || !slices.Equal(other.Levels, []int{18}) {
		t.Errorf("another series: %+v, want a level at 18 alone", other)
	}
	if len(c.Marks) < 2 || c.Marks[0].Word != "worse" || c.Marks[1].Word != "fail" {
		t.Fatalf("marks are not worse first: %+v", c.Marks)
	}
}

func TestFailing(t *testing.T) {
	c := &reports.Course{}
	nights := example.Nights(30, 1)
	for _, r := range nights {
		c.Add(r, r.Ended)
	}
	key := reports.SeriesKey(&nights[0].Groups[1].Cases[1].Case, "latency.p50", nights[0].Device.ID)
	find := func() *reports.Mark {
		for _, m := range (reports.Failing{Course: c}).Marks() {
			if m.Series == key {
				return &m
			}
		}
		return nil
	}
	m := find()
	if m == nil || m.Begin != nights[22].Run || m.Text != "fails its gate in the newest 8 runs" {
		t.Fatalf("got %+v, want a failure since night 22", m)
	}
	// A run of another suite hides nothing; one of the same without the case does.
	other := example.Nights(31, 1)[30]
	other.Run, other.Suite, other.Groups = "other", "release", other.Groups[:1]
	c.Add(other, other.Ended)
	if find() == nil {
		t.Error("a run of another suite hides the failure")
	}
	again := example.Nights(32, 1)[31]
	again.Run, again.Groups = "again", again.Groups[:1]
	c.Add(again, again.Ended)
	if find() != nil {
		t.Error("the newest run of the suite does not hold the case, and it still fails")
	}
	if got := (reports.Failing{Course: &reports.Course{}}).Marks(); got != nil {
		t.Errorf("nothing fails of nothing: %+v", got)
	}
}

// TestCourseWithoutClock: a device whose clock stands still is in the order in
// which its runs are given.
func TestCourseWithoutClock(t *testing.T) {
	c := &reports.Course{}
	for _, r := range example.Nights(3, 1) {
		r.Started, r.Ended = time.Unix(0, 0), time.Unix(60, 0)
		c.Add(r, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	}
	if len(c.Devices) != 1 || len(c.Devices[0].Runs) != 3 || c.Devices[0].Runs[2].At.Year() != 2026 {
		t.Errorf("%+v", c.Devices[0].Runs)
	}
}
