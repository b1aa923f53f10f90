// Package watch decides, night by night, which of many series of runs have
// changed. It is the procedure of docs/regressions.md without anything that
// measures, stores or prints: logarithms in, words out.
//
// A night has three steps. Every series is screened against its own level and
// noise, loosely. The suspects are measured again at once, tonight's build
// interleaved with the last accepted one, and so are some series that nobody
// suspects: they tell which share of a night's deviation comes back when it
// is measured again. What the second measurement shows beyond that share is
// confirmed; a change that it does not show, because it is not in the build,
// is told when the series alone proves it and has done so on three nights.
//
// The budget is the expected number of false alarms per night for the whole
// set of series. A sum of expectations needs no independence, so it holds for
// series that move together too.
package watch

import (
	"math"
	"slices"

	"assay/bench/stat"
)

// A Plan says what a night may cost and how often it may be wrong.
type Plan struct {
	Budget   float64 // expected false alarms per night, all series together
	Share    float64 // of the series that may be measured again in a night, controls included
	Controls float64 // of the series that are measured again although nobody suspects them
	Least    float64 // smallest change that a second measurement confirms, relative
	Alone    bool    // nothing is measured again: the whole budget is for series alone
}

// Standard is the plan of assay regressions. Least is the tolerance of the
// A/A control: below it, something but the build may make the difference.
var Standard = Plan{Budget: 1.0 / 30, Share: 0.10, Controls: 0.02, Least: 0.01}

// Allowed is how many suspects of so many series may be measured again in a
// night, and how many controls.
func (p Plan) Allowed(series int) (suspects, controls int) {
	n := float64(series)
	controls = int(math.Ceil(n * p.Controls))
	return max(1, int(n*p.Share)-controls), controls
}

// ConfirmAlpha is the one-sided level at which one second measurement of so
// many series confirms: the budget's share over the suspects that a night may
// measure again (Bonferroni).
func (p Plan) ConfirmAlpha(series int) float64 {
	suspects, _ := p.Allowed(series)
	return p.Budget * confirmShare / float64(suspects)
}

// Trials of a second measurement: the pilot of Stein's rule, and the most
// that it may ask for. At the strict level of a night (200 series)
// Student's factor is 7.1 for the usual pilot of 5 and 4.8 for one of 8, so that
// the three more trials are the cheapest way to a narrow interval.
const (
	Pilot     = 8
	MaxTrials = 20
)

// A Ratio is what a second measurement showed: the log of tonight's build ÷
// the accepted one, its standard error, the degrees of freedom of that, and the
// number of trials.
type Ratio struct {
	Mid, SE float64
	DF, N   int
}

// Interval is the ratio's two-sided interval, on logs.
func (r Ratio) Interval(level float64) stat.Interval {
	h := stat.TQuantile(level, r.DF) * r.SE
	return stat.Interval{Low: r.Mid - h, Mid: r.Mid, High: r.Mid + h}
}

// Word is what is said of a series after a night.
type Word string

// The words. A series about which there is nothing to say has none.
const (
	Suspect      Word = "suspect"      // screened, not told apart from noise yet
	Cleared      Word = "cleared"      // suspected, measured again, and not in the build
	Confirmed    Word = "confirmed"    // worse: the second measurement shows it
	Held         Word = "held"         // worse: the series alone proves it, and the build shows it too
	Unattributed Word = "unattributed" // worse: the series alone proves it, the build does not show it
	Better       Word = "better"       // the series alone proves it
	Open         Word = "open"         // told on an earlier night and not over
)

// Told reports whether a person is told that the series has got worse.
func (w Word) Told() bool { return w == Confirmed || w == Held || w == Unattributed }

// A Finding is what a night says about one series.
type Finding struct {
	Series    int // position among the series
	Word      Word
	Window    int           // nights whose mean is furthest off the level
	Deviation stat.Interval // that mean minus the level, on logs; positive is worse
	Score     float64       // the same in standard errors
	Ratio     *Ratio        // of the second measurement, positive is worse; nil if there was none
	Bound     float64       // what noise may have left in Ratio: the persisting share of tonight's deviation
	Trials    int           // how many the second measurement still needs to decide, 0 if it has or cannot
}

// A Series is what is watched.
type Series struct {
	Worse int    // −1 where lower is worse, otherwise higher is
	Group string // series of one group repeat the same share of a night's deviation
}

// Watch is the state of all series.
type Watch struct {
	plan   Plan
	tracks []*track
	night  int
	pairs  map[string][]pair // from the controls, by group
	others common
	count  Count
	quants map[quant]float64
}

// New watches series.
func New(plan Plan, series []Series) *Watch {
	w := &Watch{plan: plan, quants: map[quant]float64{}, pairs: map[string][]pair{}}
	for _, s := range series {
		t := &track{sign: 1, group: s.Group, noise: stat.Noise{SD: math.NaN()}}
		if s.Worse < 0 {
			t.sign = -1
		}
		w.tracks = append(w.tracks, t)
	}
	return w
}

// Again measures a series again and returns tonight's build ÷ the accepted
// one, in the sign of the series; false where it cannot be measured.
type Again func(series int) (Ratio, bool)

// Night takes one value per series (the log of its run; NaN where there is
// none that counts), measures the suspects and the controls again, and returns
// what there is to say, by series. again may be nil: then nothing can be
// measured again.
func (w *Watch) Night(values []float64, controls []int, again Again) []Finding {
	w.pool()
	var suspects []*Finding
	all := map[int]*Finding{}
	for i, t := range w.tracks {
		t.fresh = false
		if i >= len(values) || math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			continue
		}
		t.push(float64(t.sign)*values[i], w.others)
		f := w.screen(i, t)
		if f == nil {
			continue
		}
		all[i] = f
		if f.Word == Suspect {
			suspects = append(suspects, f)
		}
	}
	if again == nil {
		again = func(int) (Ratio, bool) { return Ratio{}, false }
	}
	if !w.plan.Alone {
		w.measureAgain(suspects, controls, again)
	}
	out := make([]Finding, 0, len(all))
	for _, f := range all {
		w.tracks[f.Series].settle(f)
		if f.Word.Told() || f.Word == Better {
			w.forget(f.Series)
		}
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Finding) int { return a.Series - b.Series })
	w.night++
	return out
}

// Schedule returns the series that are tonight's controls: all of them in turn.
func (w *Watch) Schedule() []int {
	_, controls := w.plan.Allowed(len(w.tracks))
	var out []int
	for k := range min(controls, len(w.tracks)) {
		out = append(out, (w.night*controls+k)%len(w.tracks))
	}
	return out
}

// Restart begins a new level for a series: its last keep nights are kept, the
// ones before are forgotten. It follows an acknowledged step, and (with 0) a
// change of the device's condition.
func (w *Watch) Restart(series, keep int) { w.tracks[series].restart(keep) }

// Level returns the level and the noise of a series by its last night: the
// log of its values, in the sign of the series; NaN before there are enough.
func (w *Watch) Level(series int) (level float64, noise stat.Noise) {
	t := w.tracks[series]
	if len(t.base) == 0 || t.base[len(t.base)-1].n == 0 {
		return math.NaN(), t.noise
	}
	b := t.base[len(t.base)-1]
	return float64(t.sign) * b.level, b.noise
}

// pool takes the medians over all series, towards which short ones are drawn.
func (w *Watch) pool() {
	var rho, skew []float64
	for _, t := range w.tracks {
		if t.noise.N >= leastBase && t.noise.SD > 0 {
			rho, skew = append(rho, t.noise.Rho), append(skew, t.skew)
		}
	}
	if len(rho) > 0 {
		w.others = common{stat.Median(rho), stat.Median(skew)}
	}
}

// quant names a quantile of Student's t, which is slow to compute.
type quant struct {
	alpha float64
	df    int
}

// student is the one-sided quantile at level 1−alpha.
func (w *Watch) student(alpha float64, df int) float64 {
	q := quant{alpha, df}
	v, ok := w.quants[q]
	if !ok {
		v = stat.TQuantile(1-2*alpha, df)
		w.quants[q] = v
	}
	return v
}

// Of makes a Ratio of the log ratios of a second measurement, one per trial,
// by Stein's rule: the standard error is the pilot's.
func Of(logs []float64) Ratio {
	pilot := min(Pilot, len(logs))
	return Ratio{stat.Mean(logs), stat.SD(logs[:pilot]) / math.Sqrt(float64(len(logs))), pilot - 1, len(logs)}
}

// Confidence is the two-sided level at which Stein's rule plans a second
// measurement, so that its half-width is Least at the level of a decision.
func (w *Watch) Confidence() float64 {
	return 1 - 2*w.plan.ConfirmAlpha(len(w.tracks))
}
