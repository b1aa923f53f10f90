package reports

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
)

// A Course is the history of all series as a page shows it: devices by class,
// their runs with what changed between them, and what is to be said of a
// series.
type Course struct {
	Devices []*CourseDevice
	Marks   []Mark // what is worse first
}

// A CourseDevice is one device with its series. A series is never that of
// another device, whatever its class.
type CourseDevice struct {
	ID, Name, Class string
	Runs            []CourseRun
	Cases           []*CourseCase

	last *bench.Result
}

// A CourseRun is a run of a device, in the order of measuring.
type CourseRun struct {
	ID     string
	Suite  string
	At     time.Time
	Events []string // what changed since the run before, besides the numbers: "onnxruntime: 1.29.0 → 1.30.0"
	Fresh  bool     // another condition (governor, power mode, cores): a new level begins
}

// A CourseCase is a case with its metrics over the runs.
type CourseCase struct {
	Case   bench.Case
	Series []*CourseSeries
}

// A CourseSeries is one metric of a case.
type CourseSeries struct {
	Key    string
	Metric string
	Unit   string
	Points []CoursePoint
	Levels []int    // positions in Points at which a level begins, the first apart
	Why    []string // for each of them
}

// A CoursePoint is the value of one run.
type CoursePoint struct {
	Run     int // position in the device's runs
	Value   metric.Estimate
	Verdict verdict.Word
	Trusted bool
}

// A Mark is what is to be said of a series: it has changed, or it fails.
type Mark struct {
	Series string
	Word   string // "worse", "better", "suspect", or a verdict
	Text   string // how large and how sure
	Begin  string // the run with which it began; a level begins there
	Causes []string
}

// A Marker says what is to be said of series.
type Marker interface{ Marks() []Mark }

// Classes are the courses of the classes of devices, in the order of Devices,
// each with what is to be said of its own series.
func (c *Course) Classes() []*Course {
	var out []*Course
	for i, d := range c.Devices {
		if i == 0 || d.Class != c.Devices[i-1].Class {
			out = append(out, &Course{})
		}
		last := out[len(out)-1]
		last.Devices = append(last.Devices, d)
	}
	for _, x := range out {
		for _, m := range c.Marks {
			if _, _, s := x.Find(m.Series); s != nil {
				x.Marks = append(x.Marks, m)
			}
		}
	}
	return out
}

// Add adds a run; runs come in the order of measuring (PointTime).
func (c *Course) Add(r *bench.Result, received time.Time) {
	d := c.device(r)
	run := CourseRun{ID: r.Run, Suite: r.Suite, At: PointTime(r.Started, received)}
	if d.last != nil {
		run.Events = causes(d.last, r, match(d.last, r, &Comparison{}))
		run.Fresh = condition(d.last) != condition(r)
	}
	d.last = r
	d.Runs = append(d.Runs, run)
	at := len(d.Runs) - 1
	for _, row := range Rows(r) {
		s := d.series(row)
		if n := len(s.Points); n > 0 && d.freshSince(s.Points[n-1].Run, at) {
			s.level(n, "another condition: "+strings.Join(run.Events, ", "))
		}
		s.Points = append(s.Points, CoursePoint{at, row.Value, row.Verdict, row.Trusted})
	}
}

// ReadCourse reads the course of the runs that f chooses, one at a time, in the
// order of measuring.
func ReadCourse(ctx context.Context, from interface {
	List(ctx context.Context, f Filter) ([]Run, error)
	Get(ctx context.Context, prefix string) (*bench.Result, error)
}, f Filter,
) (*Course, error) {
	runs, err := from.List(ctx, f)
	if err != nil {
		return nil, err
	}
	slices.Reverse(runs) // equal times in the order of arrival
	slices.SortStableFunc(runs, func(a, b Run) int {
		return PointTime(a.Started, a.Received).Compare(PointTime(b.Started, b.Received))
	})
	c := &Course{}
	for _, x := range runs {
		r, err := from.Get(ctx, x.ID)
		if err != nil {
			return nil, fmt.Errorf("%w (assay doctor --store)", err)
		}
		c.Add(r, x.Received)
	}
	return c, nil
}

// condition is what makes a device another machine where it changes.
func condition(r *bench.Result) string {
	return fmt.Sprint(r.Before.Governor, "\x00", r.Before.PowerMode, "\x00", r.Device.Cores)
}

// freshSince reports whether a run after from, up to to, began a condition.
func (d *CourseDevice) freshSince(from, to int) bool {
	return slices.ContainsFunc(d.Runs[from+1:to+1], func(r CourseRun) bool { return r.Fresh })
}

func (s *CourseSeries) level(at int, why string) {
	if at > 0 && !slices.Contains(s.Levels, at) {
		s.Levels, s.Why = append(s.Levels, at), append(s.Why, why)
	}
}

func (c *Course) device(r *bench.Result) *CourseDevice {
	for _, d := range c.Devices {
		if d.ID == r.Device.ID {
			d.Name, d.Class = r.Device.Name, r.Device.Class
			return d
		}
	}
	d := &CourseDevice{ID: r.Device.ID, Name: r.Device.Name, Class: r.Device.Class}
	c.Devices = append(c.Devices, d)
	return d
}

func (d *CourseDevice) series(row Row) *CourseSeries {
	key := CaseKey(row.Case)
	i := slices.IndexFunc(d.Cases, func(x *CourseCase) bool { return CaseKey(&x.Case) == key })
	if i < 0 {
		i, d.Cases = len(d.Cases), append(d.Cases, &CourseCase{Case: *row.Case})
	}
	x := d.Cases[i]
	for _, s := range x.Series {
		if s.Key == row.Series {
			return s
		}
	}
	s := &CourseSeries{Key: row.Series, Metric: row.Value.Metric, Unit: row.Value.Unit}
	x.Series = append(x.Series, s)
	return s
}

// Mark takes what markers say, what is worse first, and begins levels where
// they say so. Devices are brought into the order of their classes.
func (c *Course) Mark(from ...Marker) {
	for _, m := range from {
		c.Marks = append(c.Marks, m.Marks()...)
	}
	weight := func(m Mark) int {
		return slices.Index([]string{string(Better), "suspect", string(verdict.Fail), string(Worse)}, m.Word)
	}
	slices.SortStableFunc(c.Marks, func(a, b Mark) int { return weight(b) - weight(a) })
	slices.SortStableFunc(c.Devices, func(a, b *CourseDevice) int {
		return strings.Compare(a.Class+"\x00"+a.Name+"\x00"+a.ID, b.Class+"\x00"+b.Name+"\x00"+b.ID)
	})
	for _, m := range c.Marks {
		d, _, s := c.Find(m.Series)
		if s == nil || m.Word != string(Worse) && m.Word != string(Better) {
			continue // a gate is a limit, a suspicion no change: neither begins a level
		}
		for i, p := range s.Points {
			if d.Runs[p.Run].ID == m.Begin {
				s.level(i, m.Word)
			}
		}
	}
	for _, d := range c.Devices {
		for _, x := range d.Cases {
			for _, s := range x.Series {
				slices.Sort(s.Levels)
			}
		}
	}
}

// Find returns the series with a key, its case and its device; nil where
// there is none.
func (c *Course) Find(key string) (*CourseDevice, *CourseCase, *CourseSeries) {
	for _, d := range c.Devices {
		for _, x := range d.Cases {
			for _, s := range x.Series {
				if s.Key == key {
					return d, x, s
				}
			}
		}
	}
	return nil, nil, nil
}

// overtaken reports whether a later run of the same suite exists: what it no
// longer holds is not failing now.
func (d *CourseDevice) overtaken(run int) bool {
	return slices.ContainsFunc(d.Runs[run+1:], func(r CourseRun) bool { return r.Suite == d.Runs[run].Suite })
}

// Failing marks the series that fail a gate in the newest run of their device and suite.
type Failing struct{ Course *Course }

var _ Marker = Failing{}

// Marks says since which run each fails.
func (f Failing) Marks() []Mark {
	var out []Mark
	for _, d := range f.Course.Devices {
		for _, x := range d.Cases {
			for _, s := range x.Series {
				n, first := len(s.Points), len(s.Points)
				for first > 0 && s.Points[first-1].Verdict == verdict.Fail {
					first--
				}
				if first == n || d.overtaken(s.Points[n-1].Run) {
					continue
				}
				begin := d.Runs[s.Points[first].Run]
				text := "fails its gate in the newest run"
				switch {
				case first == 0 && n > 1:
					text = fmt.Sprintf("fails its gate in all %d runs", n)
				case first < n-1:
					text = fmt.Sprintf("fails its gate in the newest %d runs", n-first)
				}
				m := Mark{Series: s.Key, Word: string(verdict.Fail), Text: text, Begin: begin.ID}
				if first > 0 {
					m.Causes = begin.Events
				}
				out = append(out, m)
			}
		}
	}
	return out
}
