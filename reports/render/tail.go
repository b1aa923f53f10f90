package render

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/unit"
	"assay/bench/verdict"
	"assay/reports"
)

// accuracyName is the accuracy column's heading: agreement with the baseline
// stands in only where nothing in the run has labels.
func accuracyName(r *bench.Result) string {
	if anyCase(r, func(c *bench.CaseResult) bool { _, ok := c.Value("top1"); return ok }) {
		return "top-1"
	}
	if anyCase(r, func(c *bench.CaseResult) bool {
		_, ok := c.Value("agreement")
		return ok || c.Task == "" && c.Status == bench.OK
	}) {
		return "agreement"
	}
	return "top-1"
}

func anyCase(r *bench.Result, is func(*bench.CaseResult) bool) bool {
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			if is(&r.Groups[i].Cases[j]) {
				return true
			}
		}
	}
	return false
}

// accuracyBase says what the accuracy rests on: "top-1 on 2,000 of 10,000
// samples, stratified".
func accuracyBase(r *bench.Result) string {
	if r.Accuracy == "" || r.Accuracy == notMeasured {
		return "accuracy not measured"
	}
	return accuracyName(r) + " on " + plain(r.Accuracy)
}

// totals says what the evidence is: the control, trials and rounds, the time.
func totals(r *bench.Result) []string {
	var out []string
	var worst *bench.Control
	controls := 0
	trials, rounds := [2]int{math.MaxInt, 0}, [2]int{math.MaxInt, 0}
	for i := range r.Groups {
		g := &r.Groups[i]
		if g.AA != nil {
			controls++
			if worst == nil || math.Abs(math.Log(g.AA.Ratio.Value)) > math.Abs(math.Log(worst.Ratio.Value)) {
				worst = g.AA
			}
		}
		if g.Trials > 0 {
			trials = [2]int{min(trials[0], g.Trials), max(trials[1], g.Trials)}
			rounds = [2]int{min(rounds[0], g.Rounds), max(rounds[1], g.Rounds)}
		}
	}
	if worst != nil {
		text := controlText(worst)
		if controls > 1 {
			text += fmt.Sprintf(" (worst of %d)", controls)
		}
		out = append(out, text)
	}
	if trials[1] > 0 {
		out = append(out, span(trials[0], trials[1], "trial")+" × "+span(rounds[0], rounds[1], "round"))
	}
	return append(out, duration(r.Ended.Sub(r.Started)))
}

// controlText is "A/A 1.002× ±0.4 %".
func controlText(a *bench.Control) string {
	text := "A/A " + unit.Precise(a.Ratio.Value)
	if a.Ratio.High > a.Ratio.Low && a.Ratio.Value > 0 {
		text += " " + unit.PlusMinus((a.Ratio.High-a.Ratio.Low)/2/a.Ratio.Value, "x")
	}
	return text
}

// counts is "1 fail, 2 pass": cases by the verdict that decides them.
func counts(r *bench.Result) string {
	vs := reports.Judged(r)
	switch {
	case anyCase(r, func(c *bench.CaseResult) bool { return len(c.Verdicts) > 0 }):
		return verdict.Tally(vs)
	case len(vs) > 0:
		return "no gates; " + verdict.Tally(vs)
	}
	return "no gates, so no verdicts"
}

// skippedGates names the optional gates that nothing was measured for.
func skippedGates(r *bench.Result) []string {
	var out []string
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			for _, v := range r.Groups[i].Cases[j].Verdicts {
				if !v.Optional || v.Word != verdict.Skipped || r.Groups[i].Cases[j].Status != bench.OK {
					continue
				}
				if text := plain(fmt.Sprintf("optional gate %s skipped: %s", v.Gate, v.Reason)); len(out) < 20 && !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	return out
}

// nextSteps says what would help, once per cause.
func nextSteps(r *bench.Result) []string {
	var trials, samples, rounds, untrusted bool
	anyCase(r, func(c *bench.CaseResult) bool {
		for _, v := range c.Verdicts {
			m := metric.Lookup(v.Metric)
			exact, energy := m != nil && m.Exact, strings.HasPrefix(v.Metric, "energy.") || v.Metric == "power"
			trials = trials || v.Word == verdict.Inconclusive && !exact && !energy
			rounds = rounds || v.Word == verdict.Inconclusive && energy && v.Value > 0
			samples = samples || v.Word == verdict.Inconclusive && exact
			untrusted = untrusted || v.Word == verdict.Untrusted
		}
		return false
	})
	var out []string
	if trials {
		out = append(out, "more trials decide an inconclusive latency: raise max_trials and budget under run: in the suite")
	}
	if rounds {
		out = append(out, "more rounds decide an inconclusive energy: raise rounds under energy: in the suite")
	}
	if samples {
		out = append(out, "more samples decide an inconclusive accuracy: raise samples under run: in the suite (0 is all)")
	}
	if untrusted {
		out = append(out, "assay doctor says what disturbs this device and how to mend it")
	}
	return out
}

// notPaying says that a candidate is no faster than its baseline, where the
// run's own notes do not explain it already; "" where it is faster.
func notPaying(g *bench.GroupResult, c *bench.CaseResult) string {
	e, ok := c.Speedup()
	if !ok || e.Low > 1 || len(c.Notes) > 0 || len(g.Untrusted) > 0 {
		return ""
	}
	text := fmt.Sprintf("%s does not pay on %s: not faster than the baseline (%s)", c.Variant, c.Engine, ratioText(e))
	if size, ok := c.Ratio("size"); ok && size.Value >= 0.995 {
		text += ", and its file is no smaller"
	}
	return strings.TrimSpace(text)
}
