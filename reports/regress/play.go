package regress

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"assay/bench/metric"
	"assay/bench/stat/watch"
	"assay/reports"
)

// play goes through a log night by night.
type play struct {
	log     *reports.Log
	options Options
	report  *Report
	nights  int
	of      []int // night of each run
	courses []*course
	watched []*course // by position in the watch
	watch   *watch.Watch

	acks    map[string]map[string]bool // by series, the runs with which a level begins
	again   map[[2]string]*reports.Remeasured
	fresh   map[int]map[string]bool // by night, the devices that begin new levels
	open    map[int]*Change         // by position in the watch, what was told and is not over
	tonight map[int]watch.Finding
	names   []string // of engines
}

func newPlay(l *reports.Log, o Options, r *Report) *play {
	p := &play{log: l, options: o, report: r, acks: map[string]map[string]bool{}, again: map[[2]string]*reports.Remeasured{}, open: map[int]*Change{}}
	p.nights, p.of = calendar(l, o.Now)
	r.Nights = p.nights
	for i := range l.Runs {
		if p.of[i] < 0 {
			continue
		}
		if at := l.Runs[i].Received; r.From.IsZero() {
			r.From, r.To = at, at
		} else {
			r.To = at
		}
	}
	var series []watch.Series
	for i := range l.Series {
		c, ok := p.course(&l.Series[i])
		if !ok {
			continue
		}
		p.courses = append(p.courses, c)
		if c.metric.Exact {
			r.Exact++
			continue
		}
		c.watch = len(p.watched)
		p.watched = append(p.watched, c)
		series = append(series, watch.Series{Worse: -c.metric.Better, Group: family(c.metric)})
	}
	r.Series = len(p.watched)
	p.watch = watch.New(o.Plan, series)
	for _, a := range l.Acks {
		if p.acks[a.Series] == nil {
			p.acks[a.Series] = map[string]bool{}
		}
		p.acks[a.Series][a.Run] = true
	}
	for i := range l.Again {
		p.again[[2]string{l.Again[i].Series, l.Again[i].Run}] = &l.Again[i]
	}
	p.conditions()
	return p
}

// family groups the metrics that come from the same measurements: what of a
// night they repeat is alike.
func family(m *metric.Metric) string {
	switch m {
	case metric.Start, metric.Load, metric.First:
		return "cold start"
	case metric.Throughput:
		return family(metric.P50)
	}
	name, _, _ := strings.Cut(m.Name, ".")
	return name
}

// families are the groups of all series, sorted.
func (p *play) families() []string {
	var out []string
	for _, c := range p.watched {
		if g := family(c.metric); !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	slices.Sort(out)
	return out
}

// conditions finds the nights on which a device began to be another machine.
func (p *play) conditions() {
	p.fresh = map[int]map[string]bool{}
	last := map[string]int{}
	for i := range p.log.Runs {
		r := &p.log.Runs[i]
		if p.of[i] < 0 {
			continue
		}
		if k, ok := last[r.Device]; ok && !reports.SameCondition(p.log.Runs[k].Facts, r.Facts) {
			n := p.of[i]
			if p.fresh[n] == nil {
				p.fresh[n] = map[string]bool{}
			}
			p.fresh[n][r.Device] = true
			if !r.Received.Before(p.options.Since) {
				p.report.Fresh = append(p.report.Fresh, Fresh{r.Device, r.ID, r.Received, conditionsOf(p.log.Runs[k].Facts, r.Facts)})
			}
		}
		last[r.Device] = i
	}
}

func conditionsOf(a, b map[string]string) []string {
	x, y := map[string]string{}, map[string]string{}
	for _, k := range reports.Conditions {
		x[k], y[k] = a[k], b[k]
	}
	return reports.Differ(x, y)
}

// night plays one night.
func (p *play) night(n int) {
	values := make([]float64, len(p.watched))
	for _, c := range p.courses {
		if c.run[n] < 0 {
			if c.watch >= 0 {
				values[c.watch] = math.NaN()
			}
			continue
		}
		accepted := p.acks[c.key][p.log.Runs[c.run[n]].ID]
		if accepted {
			// What was told before has been accepted with the level that it led to.
			p.report.Changes = slices.DeleteFunc(p.report.Changes, func(ch Change) bool { return ch.Series == c.key })
		}
		if accepted || p.fresh[n][c.fields["device"]] {
			c.first = n
			if c.watch >= 0 {
				p.watch.Restart(c.watch, 0)
				delete(p.open, c.watch)
			}
		}
		if c.watch >= 0 {
			values[c.watch] = c.x[n]
		} else {
			p.exact(c, n)
		}
	}
	last := n == p.nights-1
	p.tonight = map[int]watch.Finding{}
	for _, f := range p.watch.Night(values, p.controls(n, last), func(i int) (watch.Ratio, bool) { return p.remeasured(i, n, last) }) {
		p.tonight[f.Series] = f
		p.note(f, n)
	}
	for i := range p.open {
		if _, ok := p.tonight[i]; !ok && p.watched[i].run[n] >= 0 {
			delete(p.open, i) // it is over
		}
	}
}

// controls are the series that were measured again on a night although nobody
// suspected them; tonight's are those that it is the turn of.
func (p *play) controls(n int, last bool) []int {
	if last {
		return p.watch.Schedule()
	}
	var out []int
	for i, c := range p.watched {
		if c.run[n] < 0 {
			continue
		}
		if a := p.again[[2]string{c.key, p.log.Runs[c.run[n]].ID}]; a != nil && a.Control {
			out = append(out, i)
		}
	}
	return out
}

// remeasured looks a second measurement up; of the last night it asks for
// those that are not there yet.
func (p *play) remeasured(i, n int, last bool) (watch.Ratio, bool) {
	c := p.watched[i]
	if c.run[n] < 0 {
		return watch.Ratio{}, false
	}
	run := p.log.Runs[c.run[n]].ID
	if a := p.again[[2]string{c.key, run}]; a != nil {
		return a.Ratio, true
	}
	if accepted := c.accepted(); last && accepted >= 0 {
		p.report.Requests = append(p.report.Requests, Request{c.key, run, p.log.Runs[accepted].ID, slices.Contains(p.watch.Schedule(), i)})
	}
	return watch.Ratio{}, false
}

// accepted is the run whose build is the last accepted one: the first of the
// present level, −1 where there is none.
func (c *course) accepted() int32 {
	for _, r := range c.run[c.first:] {
		if r >= 0 {
			return r
		}
	}
	return -1
}

// note keeps what a night says.
func (p *play) note(f watch.Finding, n int) {
	c := p.watched[f.Series]
	switch {
	case f.Word.Told():
		ch := p.describe(c, f, n)
		p.open[f.Series] = &ch
		if !ch.Told.Before(p.options.Since) {
			p.report.Changes = append(p.report.Changes, ch)
		}
	case f.Word == watch.Better:
		ch := p.describe(c, f, n)
		if !ch.Told.Before(p.options.Since) {
			p.report.Better = append(p.report.Better, ch)
		}
		c.first = p.back(c, n, f.Window)
	case f.Word == watch.Cleared && n == p.nights-1:
		p.report.Cleared = append(p.report.Cleared, p.describe(c, f, n))
	case f.Word == watch.Suspect && n == p.nights-1:
		p.report.Suspects = append(p.report.Suspects, p.describe(c, f, n))
	}
}

// back is the night on which the last count nights of a series began.
func (p *play) back(c *course, n, count int) int {
	for ; n > c.first; n-- {
		if c.run[n] >= 0 {
			if count--; count <= 0 {
				break
			}
		}
	}
	return n
}

// finish sums up after the last night.
func (p *play) finish() {
	r := p.report
	for _, c := range p.watched {
		if level, _ := p.watch.Level(c.watch); math.IsNaN(level) {
			r.Short++
		}
	}
	for _, ch := range p.open {
		if ch.Told.Before(p.options.Since) {
			r.Older++
		}
	}
	n := p.watch.Count()
	r.Count = Count{n.Again, n.Controls, n.Alarms, n.Allowed}
	for _, g := range p.families() {
		if s := p.watch.Persisting(g); !math.IsNaN(s.Mid) {
			r.Persists = append(r.Persists, Share{g, s.Mid, s.Low, s.High})
		}
	}
	p.silent()
	p.alike()
	p.spreads()
	for _, cs := range [][]Change{r.Changes, r.Better, r.Suspects, r.Cleared, r.Remarks} {
		slices.SortStableFunc(cs, func(a, b Change) int {
			return cmp.Or(b.Told.Compare(a.Told), cmp.Compare(math.Abs(math.Log(b.Size.Value)), math.Abs(math.Log(a.Size.Value))), cmp.Compare(a.Series, b.Series))
		})
	}
}

// alike finds devices on which most series that are off their level tonight
// have moved to the worse side together: that is the device or its runtime.
func (p *play) alike() {
	const least = 5 // series
	worse, all := map[string]int{}, map[string]int{}
	for i, c := range p.watched {
		if c.run[p.nights-1] < 0 {
			continue
		}
		device := c.fields["device"]
		all[device]++
		if f, ok := p.tonight[i]; ok && f.Score > 0 {
			worse[device]++
		}
	}
	for device, n := range worse {
		if n >= least && 2*n > all[device] {
			p.report.Alike = append(p.report.Alike, Alike{device, n, all[device]})
		}
	}
	slices.SortFunc(p.report.Alike, func(a, b Alike) int { return cmp.Compare(a.Device, b.Device) })
}

// silent lists the devices that reported on most of the fourteen nights before
// they fell silent, and did not on the last one.
func (p *play) silent() {
	const usual, most = 14, 7
	nights := map[string][]int{}
	last := map[string]int{}
	for i, r := range p.log.Runs {
		if p.of[i] < 0 {
			continue
		}
		if ns := nights[r.Device]; len(ns) == 0 || ns[len(ns)-1] != p.of[i] {
			nights[r.Device] = append(ns, p.of[i])
		}
		last[r.Device] = i
	}
	for device, ns := range nights {
		end := ns[len(ns)-1]
		missing := p.nights - 1 - end
		recent := 0
		for _, n := range ns {
			if n > end-usual {
				recent++
			}
		}
		if missing > 0 && recent >= min(most, end+1) && recent > 1 {
			r := p.log.Runs[last[device]]
			p.report.Silent = append(p.report.Silent, Silent{device, r.Name, r.Received, missing})
		}
	}
	slices.SortFunc(p.report.Silent, func(a, b Silent) int { return cmp.Compare(a.Device, b.Device) })
}
