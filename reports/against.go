package reports

import (
	"fmt"
	"strings"

	"assay/bench"
	"assay/bench/loadgen"
	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/verdict"
)

// limits of Against: what a run may lose to an earlier one. Timing is given
// 5 %, since runs are not interleaved and drift between them of a few percent
// is usual, and energy 10 %, which feels heat as well; exact metrics need no such room, but a release is not stopped for
// less than these.
var limits = []string{"top1 >= -0.5pt", "memory.peak <= 1.1x", "size <= 1.05x", "energy.net <= 1.1x"}

// mainLimit is what the main metric of a case's scenario may lose.
func mainLimit(scenario string) string {
	mt := bench.MainMetric(scenario)
	if mt.Better > 0 {
		return mt.Name + " >= 0.95x"
	}
	return mt.Name + " <= 1.05x"
}

// Against judges r by an earlier run: one verdict per case of base and limit.
// A case that base measured and r did not is undecided, never passed over. It
// returns an error where the runs cannot be compared.
func Against(r, base *bench.Result) ([]verdict.Verdict, error) {
	c, err := Compare(base, r)
	if err != nil {
		return nil, err
	}
	changes := map[string]*Change{}
	for i := range c.Changes {
		x := &c.Changes[i]
		changes[changeKey(x.Task, x.Model, x.Variant, x.Engine, x.Provider, x.Threads, x.Batch, x.Scenario, x.Metric)] = x
	}
	now := index(r)
	var out []verdict.Verdict
	for i := range base.Groups {
		g := &base.Groups[i]
		for j := range g.Cases {
			was := &g.Cases[j]
			if was.Status != bench.OK {
				continue
			}
			for _, text := range append([]string{mainLimit(was.Scenario)}, limits...) {
				gate, err := verdict.Parse(text)
				if err != nil {
					return nil, err
				}
				if _, ok := was.Value(gate.Metric); !ok || gate.Metric == metric.EnergyNet.Name && r.Plan.Energy == nil {
					continue // energy is opt-in: a run that did not ask for it owes none
				}
				x := changes[changeKey(was.Task, was.Model, was.Variant, was.Engine, was.Provider, was.Threads, was.Batch, was.Scenario, gate.Metric)]
				where := was.Engine
				if was.Scenario != "" && was.Scenario != loadgen.SingleStream {
					where += ", " + was.Scenario
				}
				gate.Text = fmt.Sprintf("%s %s on %s: %s against run %s", was.Model, was.Variant, where, text, base.Run)
				out = append(out, verdict.Decide(gate, evidence(g, was, now[CaseKey(&was.Case)], x, gate), confidence))
			}
		}
	}
	return out, nil
}

func changeKey(task, model, variant, eng, provider string, threads, batch int, scenario, name string) string {
	return strings.Join([]string{task, model, variant, eng, provider, fmt.Sprint(threads, batch), scenario, name}, "\x00")
}

// evidence is what a change says about a limit, or why there is none.
func evidence(g *bench.GroupResult, was *bench.CaseResult, now shared, x *Change, gate verdict.Gate) verdict.Evidence {
	m := metric.Lookup(gate.Metric)
	switch {
	case x != nil:
		i := stat.Interval{Low: x.Ratio.Low, Mid: x.Ratio.Value, High: x.Ratio.High}
		return verdict.Evidence{N: x.Ratio.N, Of: "trials", At: func(float64) stat.Interval { return i }}
	case now.b == nil:
		return verdict.Evidence{Word: verdict.Skipped, Reason: "this run does not hold the case"}
	case now.b.Status == bench.Errored:
		return verdict.Evidence{Word: verdict.Error, Reason: now.b.Reason}
	case now.b.Status == bench.Skipped:
		return verdict.Evidence{Word: verdict.Skipped, Reason: now.b.Reason}
	case now.b.Missing[gate.Metric] != "":
		return verdict.Evidence{Word: verdict.Inconclusive, Reason: now.b.Missing[gate.Metric]}
	case m != nil && m.Timing && len(now.gb.Untrusted) > 0:
		return verdict.Evidence{Word: verdict.Untrusted, Reason: now.gb.Untrusted[0]}
	case m != nil && m.Timing && len(g.Untrusted) > 0:
		return verdict.Evidence{Word: verdict.Untrusted, Reason: "the earlier run: " + g.Untrusted[0]}
	}
	if x, y := otherSource(was, now.b); x != "" && m != nil && m.Timing {
		return verdict.Evidence{Word: verdict.Skipped, Reason: fmt.Sprintf("not compared: %s measures something else than %s", x, y)}
	}
	return verdict.Evidence{Word: verdict.Skipped, Reason: "not measured alike in both runs"}
}
