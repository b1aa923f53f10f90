package bench

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"assay/bench/energy"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/unit"
	"assay/bench/verdict"
)

// energyMetrics are what an energy round tells of a case.
var energyMetrics = []*metric.Metric{metric.EnergyNet, metric.EnergyGross, metric.EnergyDelay, metric.PerJoule, metric.PowerActive}

// netMetrics are those that need the idle power to be told apart.
var netMetrics = []*metric.Metric{metric.EnergyNet, metric.EnergyDelay, metric.PerJoule}

// Limits of what a group's energy is believed on.
const (
	maxInvalid  = 1.0 / 3 // of a case's windows
	maxBelow    = 1.0 / 2 // of a case's windows, before its net energy is below detection
	energyShift = 0.02    // by which the net energy of the baseline may differ from its own: what the method claims
)

// How reasons for missing energy begin, beside those for which nothing was
// measured; reports print these words.
const (
	wordInvalid   = "invalid: "
	wordBelow     = "below detection"
	wordUntrusted = "untrusted: "
)

func (c *candidate) lackEach(ms []*metric.Metric, word verdict.Word, reason string) {
	for _, mt := range ms {
		c.lack(mt, word, reason)
	}
}

// tell turns the windows into values of the cases, and compares the baseline
// with itself.
func (e *energyRounds) tell() {
	for _, mt := range energyMetrics {
		e.m.sources[mt.Name] = e.meter.source()
	}
	for _, c := range e.m.cases {
		e.tellCase(c)
	}
}

// tellCase tells a case's values, or why it has none. Windows that are invalid
// are dropped whatever they hold; a case that loses too many is not believed.
// One window below detection makes nothing of the others: where they are many
// the net energy is below detection, since dropping the small ones alone would
// leave the large.
func (e *energyRounds) tellCase(c *candidate) {
	var got []energy.Joules
	var sets []int
	var bad []string
	below, n := 0, 0
	for _, w := range e.windows {
		if w.c != c || w.set+1 >= len(e.idles) { // no idle window follows: the run ended
			continue
		}
		n++
		j, err := energy.Evaluate(e.trace, e.idles[w.set], w.w, e.idles[w.set+1])
		if err != nil {
			j.Invalid = err.Error()
		}
		if j.Invalid != "" {
			bad = append(bad, j.Invalid)
			continue
		}
		if j.Below {
			below++
		}
		if !j.Below && !j.Claimed() {
			e.rough++
		}
		got, sets = append(got, j), append(sets, w.set)
		e.watts = append(e.watts, j.Idle)
	}
	e.discarded += len(bad)
	switch {
	case n == 0:
		c.lackEach(energyMetrics, verdict.Inconclusive, cmp.Or(e.silent, "no energy round was finished"))
		return
	case float64(len(bad)) > maxInvalid*float64(n):
		c.lackEach(energyMetrics, verdict.Inconclusive, fmt.Sprintf("%s%d of %d windows, the first: %s", wordInvalid, len(bad), n, oneLine(bad[0])))
		return
	case float64(below) >= maxBelow*float64(len(got)) || slices.ContainsFunc(got, func(j energy.Joules) bool { return j.Net <= 0 }):
		c.lackEach(netMetrics, verdict.Inconclusive, fmt.Sprintf("%s in %d of %d windows: less than %s per inference is not seen here", wordBelow, below, len(got), unit.Format(got[0].Limit, "J")))
	}
	for i, j := range got {
		c.tell(metric.EnergyGross, sets[i], j.Gross)
		c.tell(metric.PowerActive, sets[i], j.Active)
		c.tell(metric.EnergyNet, sets[i], j.Net)
		c.tell(metric.EnergyDelay, sets[i], j.Net*j.Each)
		c.tell(metric.PerJoule, sets[i], 1/j.Net)
	}
}

// info says by what the energy was measured, and judges the control: where it
// fails, energy is untrusted and timing is not.
func (e *energyRounds) info(took time.Duration) *EnergyInfo {
	mt := e.meter
	i := &EnergyInfo{
		Meter: mt.String(), Scope: string(mt.Scope), Kind: string(mt.Kind()), Estimated: mt.Estimated, Error: mt.Error,
		Period: mt.rate.Period.Seconds(), Every: e.trace.Every.Seconds(), Window: mt.schedule.Window.Seconds(), IdleTime: mt.schedule.Idle.Seconds(),
		Cost: e.trace.Share(mt.rate), Discarded: e.discarded, Seconds: took.Seconds(),
		Notes: slices.Concat(mt.Notes, mt.schedule.Notes),
	}
	if len(e.watts) > 0 {
		i.Idle = stat.Mean(e.watts)
	}
	if n := e.m.s.Plan.Energy.Rounds; len(e.idles) > 0 {
		i.Rounds = min(n, (len(e.idles)-1)/len(e.m.together()))
	}
	if e.rough > 0 {
		i.Notes = append(i.Notes, fmt.Sprintf("%d of %d windows alone tell the net energy less closely than to ±2 %%: the interval over the rounds says what that leaves", e.rough, len(e.watts)))
	}
	if mt.rate.Note != "" {
		i.Notes = append(i.Notes, mt.rate.Note)
	}
	if n := len(e.idles); e.restful < n {
		i.Notes = append(i.Notes, fmt.Sprintf("the power had not come to rest after %v before %d of %d idle windows", mt.schedule.Settle, n-e.restful, n))
	}
	switch {
	case e.silent != "" && len(e.watts) > 0: // else it is why there is no energy
		i.Notes = append(i.Notes, e.silent)
	case e.silent == "" && e.trace.Errors > 0:
		i.Notes = append(i.Notes, oneLine(fmt.Sprintf("%d readings failed, the last: %v", e.trace.Errors, e.trace.Err)))
	}
	i.AA = e.control()
	return i
}

// control compares the net energy of the baseline with itself.
func (e *energyRounds) control() *Control {
	control := e.m.cases[controlShift]
	logs := e.m.toldRatios(control, metric.EnergyNet.Name)
	reason := ""
	var aa *Control
	if len(logs) > 1 {
		iv := stat.SteinInterval(logs, len(logs), confidence).Exp()
		aa = &Control{
			Ratio:     metric.Estimate{Metric: metric.EnergyNet.Name, Unit: "ratio", Value: iv.Mid, Low: iv.Low, High: iv.High, N: len(logs), Source: e.meter.source()},
			Deviation: stat.SD(logs), Tolerance: energyShift,
		}
		if iv.Low > 1+energyShift || iv.High < 1-energyShift {
			reason = fmt.Sprintf("the A/A control of energy says %.3fx for the baseline against itself (%.3f to %.3f): something but the model makes the difference", iv.Mid, iv.Low, iv.High)
		}
	} else if len(e.m.baseline().tolds(metric.EnergyNet.Name)) > 1 {
		reason = "the A/A control of energy could not be measured: " + cmp.Or(control.reason, control.missing[metric.EnergyNet.Name].reason, "it shares no round with the baseline")
	}
	if reason != "" {
		for _, c := range e.m.cases {
			c.lackEach(energyMetrics, verdict.Untrusted, wordUntrusted+reason)
		}
	}
	return aa
}
