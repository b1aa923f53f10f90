package regress

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/reports"
)

// change fills in what a series is and on which run it is spoken of.
func (p *play) change(c *course, word watch.Word, n int) Change {
	f := c.fields
	ch := Change{
		Series: c.key, Device: f["device"], Model: f["model"], Variant: f["variant"], Engine: f["engine"], Case: unusual(f), Metric: c.metric.Name, Word: word, Causes: []string{},
	}
	if r := c.run[n]; r >= 0 {
		ch.Run, ch.Told = p.log.Runs[r].ID, p.log.Runs[r].Received
	}
	return ch
}

// unusual names what a case has besides model, variant and engine, where it
// is not what most have.
func unusual(f map[string]string) string {
	var out []string
	for _, k := range []struct{ key, usual string }{{"provider", "cpu"}, {"threads", "1"}, {"batch", "1"}, {"scenario", "single-stream"}} {
		if v := f[k.key]; v != k.usual && v != "" {
			out = append(out, k.key+" "+v)
		}
	}
	return strings.Join(out, ", ")
}

// stretch is the nights of a level that hold a value, and the values.
type stretch struct {
	x      []float64
	nights []int
}

func (c *course) stretch(to int) stretch {
	var s stretch
	for n := c.first; n <= to; n++ {
		if !math.IsNaN(c.x[n]) {
			s.x, s.nights = append(s.x, c.x[n]), append(s.nights, n)
		}
	}
	return s
}

// describe explains a finding: it cuts the level where the series says so
// (PELT), takes the cut nearest to the window that gave it away, and looks at
// the stretches on its two sides.
func (p *play) describe(c *course, f watch.Finding, n int) Change {
	ch := p.change(c, f.Word, n)
	s := c.stretch(n)
	_, noise := p.watch.Level(c.watch)
	from, to := s.around(noise, len(s.x)-f.Window)
	e := stat.Explain(s.x[from:to], noise)
	if e.Kind == stat.None || e.Kind == stat.Spread {
		at := max(len(s.x)-f.Window, 1) - from
		d := f.Deviation
		if c.metric.Better > 0 {
			d = d.Scale(-1)
		}
		e = stat.Change{Kind: stat.Step, At: at, Early: at, Late: at, Size: d, P: stat.MannWhitney(s.x[from:from+at], s.x[from+at:to])}
	}
	if e.Kind == stat.Spike && f.Word.Told() {
		e.Kind = stat.Step // its first night looks like a spike; the second measurement shows that it is none
	}
	ch.Kind, ch.Size, ch.P, ch.Trials = e.Kind, ratioOf(e.Size), e.P, f.Trials
	p.date(&ch, c, s.nights[from:to], e)
	if f.Ratio != nil {
		i := f.Ratio.Interval(0.95)
		if c.metric.Better > 0 {
			i = i.Scale(-1)
		}
		again := ratioOf(i)
		ch.Again = &again
		if a := c.accepted(); a >= 0 {
			ch.Accepted = p.log.Runs[a].ID
		}
	}
	return ch
}

// around returns the bounds of the two stretches beside the cut nearest to at.
func (s stretch) around(noise stat.Noise, at int) (from, to int) {
	n := len(s.x)
	cuts := stat.PELT(stat.Winsorise(s.x, noise.SD, 3), noise.SD, 3*math.Log(float64(max(n, 2)))*noise.Inflation(n), 3)
	bounds := append(append([]int{0}, cuts...), n)
	near, best := 0, math.MaxInt
	for i := 1; i+1 < len(bounds); i++ {
		if d := max(bounds[i]-at, at-bounds[i]); d < best {
			near, best = i, d
		}
	}
	if near == 0 || bounds[near+1]-bounds[near-1] < 6 || best > 10 {
		return 0, n
	}
	return bounds[near-1], bounds[near+1]
}

// date fills in when a change began, and what differs between its two sides.
func (p *play) date(ch *Change, c *course, nights []int, e stat.Change) {
	run := func(i int) *reports.LogRun {
		i = min(max(i, 0), len(nights)-1)
		return &p.log.Runs[c.run[nights[i]]]
	}
	begin := run(e.At)
	ch.Begin, ch.Since, ch.Early, ch.Late = begin.ID, begin.Received, run(e.Early).Received, run(e.Late).Received
	if e.At > 0 {
		ch.Causes = p.causes(c, run(e.At-1), begin)
	}
}

// causes are what differs between the last run of the old and the first of
// the new, as far as it concerns the series.
func (p *play) causes(c *course, a, b *reports.LogRun) []string {
	own := reports.FileFact(c.fields["model"], c.fields["variant"], c.fields["engine"])
	engine := c.fields["engine"]
	mine := func(facts map[string]string) map[string]string {
		out := map[string]string{}
		for k, v := range facts {
			other := strings.HasPrefix(k, "file of ") && k != own
			for _, name := range p.engines() {
				other = other || name != engine && (k == name || strings.HasPrefix(k, name+" "))
			}
			if !other {
				out[k] = v
			}
		}
		return out
	}
	return append([]string{}, reports.Differ(mine(a.Facts), mine(b.Facts))...)
}

// engines are the engines of all series.
func (p *play) engines() []string {
	if p.names == nil {
		for _, c := range p.courses {
			if !slices.Contains(p.names, c.fields["engine"]) {
				p.names = append(p.names, c.fields["engine"])
			}
		}
	}
	return p.names
}

// exact tells a change of a series without noise: any difference from the
// night before is one, and needs no second measurement. Values from other
// numbers of samples are not compared.
func (p *play) exact(c *course, n int) {
	if math.IsNaN(c.x[n]) {
		return
	}
	was := n - 1
	for was >= c.first && math.IsNaN(c.x[was]) {
		was--
	}
	if was < c.first || c.n[was] != c.n[n] || c.x[was] == c.x[n] {
		return
	}
	up := c.x[n] > c.x[was]
	word := watch.Better
	if up == (c.metric.Better < 0) {
		word = watch.Confirmed
	}
	ch := p.change(c, word, n)
	if ch.Told.Before(p.options.Since) {
		return
	}
	q := 1.0
	if c.x[was] != 0 {
		q = c.x[n] / c.x[was]
	}
	ch.Kind, ch.Size = stat.Step, Ratio{q, q, q}
	p.date(&ch, c, []int{was, n}, stat.Change{At: 1, Early: 1, Late: 1})
	if word == watch.Better {
		p.report.Better = append(p.report.Better, ch)
	} else {
		p.report.Changes = append(p.report.Changes, ch)
	}
}

// spreads remarks on series whose noise has changed and whose level has not:
// Mann–Whitney at the budget's level for all series together.
func (p *play) spreads() {
	limit := p.options.Plan.Budget / float64(max(len(p.watched), 1))
	for i, c := range p.watched {
		level, noise := p.watch.Level(i)
		if _, said := p.tonight[i]; said || math.IsNaN(level) {
			continue
		}
		s := c.stretch(p.nights - 1)
		e := stat.Explain(s.x, noise)
		if e.Kind != stat.Spread || e.P > limit || e.Size.Mid <= 0 || len(s.nights) == 0 {
			continue
		}
		ch := p.change(c, "", s.nights[len(s.nights)-1])
		ch.Kind, ch.Size, ch.P = e.Kind, ratioOf(e.Size), e.P
		p.date(&ch, c, s.nights, e)
		if !ch.Since.Before(p.options.Since) {
			p.report.Remarks = append(p.report.Remarks, ch)
		}
	}
}

// Name is how a person calls the series of a change.
func (c *Change) Name() string {
	s := fmt.Sprintf("%s %s on %s", c.Model, c.Variant, c.Engine)
	if c.Case != "" {
		s += " (" + c.Case + ")"
	}
	return s
}
