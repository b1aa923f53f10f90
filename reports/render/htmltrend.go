package render

import (
	"fmt"
	"slices"

	"assay/bench/unit"
	"assay/reports"
	"assay/reports/chart"
)

// nights are the points of a series along the axis of time; by their order
// where times repeat, as they do on a device without a clock.
func nights(d *reports.CourseDevice, s *reports.CourseSeries, page func(run string) string) []chart.Night {
	var out []chart.Night
	level, byTime := 0, timed(d)
	for i, p := range s.Points {
		if slices.Contains(s.Levels, i) {
			level++
		}
		out = append(out, chart.Night{At: instant(d, p.Run, byTime), Name: when(d.Runs[p.Run].At), Link: page(d.Runs[p.Run].ID), Mid: p.Value.Value, Low: p.Value.Low, High: p.Value.High, Hollow: !p.Trusted, Level: level})
	}
	return out
}

// timed reports whether the runs of a device have times that tell them apart.
func timed(d *reports.CourseDevice) bool {
	for i := 1; i < len(d.Runs); i++ {
		if !d.Runs[i].At.After(d.Runs[i-1].At) {
			return false
		}
	}
	return true
}

func instant(d *reports.CourseDevice, run int, byTime bool) float64 {
	if byTime {
		return float64(d.Runs[run].At.Unix())
	}
	return float64(run)
}

// trend draws a series with its levels, and the events of its device that lie
// between its runs; the list below says what each is.
func (h *historian) trend(d *reports.CourseDevice, x *reports.CourseCase, s *reports.CourseSeries, tone chart.Tone) chartHTML {
	first, last := s.Points[0], s.Points[len(s.Points)-1]
	t := chart.Trend{
		Y: chart.Axis{Unit: s.Unit}, Tone: tone, Nights: nights(d, s, func(run string) string { return h.pageOf(run, x) }),
		From: day(d.Runs[first.Run].At), To: day(d.Runs[last.Run].At),
	}
	out := chartHTML{Title: short(s.Metric) + " · " + caseText(x)}
	byTime := timed(d)
	for i, r := range d.Runs {
		if len(r.Events) == 0 || i <= first.Run || i > last.Run {
			continue
		}
		label := fmt.Sprint(eventNumber(d, i))
		t.Events = append(t.Events, chart.Event{At: instant(d, i, byTime), Label: label, Name: eventText(r)})
	}
	for i, at := range s.Levels {
		out.List = append(out.List, "level from "+day(d.Runs[s.Points[at].Run].At)+": "+plain(s.Why[min(i, len(s.Why)-1)]))
	}
	out.Note = "line: the median of a level; hollow: untrusted"
	if len(t.Events) > 0 {
		out.Note += "; dashed: what changed, by its number in the list of the device"
	}
	said := fmt.Sprintf("%s of %s over %d runs: %s, newest %s", short(s.Metric), caseText(x), len(s.Points),
		unit.Format(first.Value.Value, s.Unit), unit.Format(last.Value.Value, s.Unit))
	out.Plot = t.Draw(said)
	return out
}

// eventText is what changed with a run besides the numbers.
func eventText(r reports.CourseRun) string {
	var out []string
	for _, e := range r.Events {
		out = append(out, plain(e))
	}
	return join(out)
}

// eventNumber counts the runs of a device that came with events.
func eventNumber(d *reports.CourseDevice, run int) int {
	n := 0
	for _, r := range d.Runs[:run+1] {
		if len(r.Events) > 0 {
			n++
		}
	}
	return n
}

// mostEvents is how many of the newest events of a device are listed.
const mostEvents = 30

// eventLines are the events of a device, newest first: "3 · 2026-11-20 ·
// onnxruntime: 1.29.0 → 1.30.0".
func eventLines(d *reports.CourseDevice) []string {
	var out []string
	for i, r := range slices.Backward(d.Runs) {
		if len(r.Events) == 0 {
			continue
		}
		if len(out) == mostEvents {
			return append(out, "and older ones")
		}
		parts := []string{fmt.Sprint(eventNumber(d, i)), day(r.At), eventText(r)}
		if r.Fresh {
			parts = append(parts, "a new level of every series begins")
		}
		out = append(out, join(parts))
	}
	return out
}
