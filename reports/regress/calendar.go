package regress

import (
	"math"
	"slices"
	"time"

	"assay/bench/metric"
	"assay/bench/stat"
	"assay/reports"
)

// noon is when a night begins: runs before and after midnight are of one.
const noon = 12 * time.Hour

// nightOf numbers the nights, from noon to noon in UTC by the store's clock:
// devices without a clock repeat times.
func nightOf(t time.Time) int64 {
	s := t.Unix() - int64(noon/time.Second)
	day := int64(24 * time.Hour / time.Second)
	if s < 0 {
		s -= day - 1
	}
	return s / day
}

// calendar numbers the nights of a log that hold a run, and says of which
// night each run is: −1 for one that was received after now.
func calendar(l *reports.Log, now time.Time) (nights int, of []int) {
	at := map[int64]int{}
	var days []int64
	of = make([]int, len(l.Runs))
	for i, r := range l.Runs {
		if !now.IsZero() && r.Received.After(now.Add(24*time.Hour)) {
			of[i] = -1
			continue
		}
		d := nightOf(r.Received)
		if _, ok := at[d]; !ok {
			at[d] = 0
			days = append(days, d)
		}
	}
	slices.Sort(days)
	for i, d := range days {
		at[d] = i
	}
	for i, r := range l.Runs {
		if of[i] >= 0 {
			of[i] = at[nightOf(r.Received)]
		}
	}
	return len(days), of
}

// course is one series by night.
type course struct {
	key    string
	fields map[string]string
	metric *metric.Metric
	x      []float64 // by night; logs, or values where the metric is exact; NaN where there is none
	run    []int32   // by night: the run that counts, −1 for none
	n      []int32   // by night: units of evidence
	first  int       // night with which the present level begins
	watch  int       // position in the watch, −1 for none
}

// course reads the values of a series. Several runs of a night count as one:
// their median, and the last of them.
func (p *play) course(s *reports.LogSeries) (*course, bool) {
	fields, err := reports.ParseSeries(s.Key)
	if err != nil {
		p.report.Passed.Unusable += len(s.Points)
		return nil, false
	}
	m := metric.Lookup(fields["metric"])
	if m == nil || m.Better == 0 {
		p.report.Passed.Unknown += len(s.Points)
		return nil, false
	}
	c := &course{key: s.Key, fields: fields, metric: m, watch: -1}
	c.x, c.run, c.n = make([]float64, p.nights), make([]int32, p.nights), make([]int32, p.nights)
	for n := range c.x {
		c.x[n], c.run[n] = math.NaN(), -1
	}
	slices.SortFunc(s.Points, func(a, b reports.LogPoint) int { return int(a.Run) - int(b.Run) })
	var tonight []float64
	for i, pt := range s.Points {
		v := pt.Value
		if !m.Exact {
			v = math.Log(v)
		}
		n := p.of[pt.Run]
		switch {
		case n < 0:
			p.report.Passed.Future++
			continue
		case !pt.Trusted:
			p.report.Passed.Untrusted++
		case math.IsNaN(v) || math.IsInf(v, 0):
			p.report.Passed.Unusable++
		default:
			tonight = append(tonight, v)
			c.run[n], c.n[n] = pt.Run, pt.N
		}
		if i+1 < len(s.Points) && p.of[s.Points[i+1].Run] == n {
			continue
		}
		switch {
		case len(tonight) > 0 && m.Exact:
			c.x[n] = tonight[len(tonight)-1]
		case len(tonight) > 0:
			c.x[n] = stat.Median(tonight)
		}
		p.report.Passed.Repeated += max(0, len(tonight)-1)
		tonight = tonight[:0]
	}
	return c, true
}
