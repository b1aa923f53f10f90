package watch

import (
	"cmp"
	"math"
	"slices"

	"assay/bench/stat"
)

// screenAlpha is the one-sided level at which one window makes a suspect. It
// is set by what second measurements may cost (docs/regressions.md).
const screenAlpha = 0.02

// Shares of the budget: what a second measurement may confirm wrongly, what
// series alone may, and what they may call better, which is as much again.
const (
	confirmShare = 0.5
	aloneShare   = 0.25
)

// mostShare is the persisting share of a night's deviation beyond which a
// second measurement repeats the night and proves nothing.
const mostShare = 0.6

// screen looks at a series through all windows; nil where there is nothing to
// say.
func (w *Watch) screen(i int, t *track) *Finding {
	s := w.sight(t)
	t.count(s)
	if !s.up && !s.down {
		t.home = w.night
	}
	f := &Finding{Series: i, Window: s.top.window, Score: s.top.z}
	f.Deviation = stat.Interval{Low: s.top.diff - 2*s.top.se, Mid: s.top.diff, High: s.top.diff + 2*s.top.se}
	switch {
	case t.open:
		if f.Word = Open; t.calmed(s.up) {
			return nil
		}
	case t.proved > 0:
		// Not said yet: the second measurement tells which word it is.
		if f.Word = Suspect; w.plan.Alone {
			f.Word = Unattributed
		}
	case t.proved < 0:
		f.Word = Better
	case s.suspect:
		f.Word = Suspect
	default:
		return nil
	}
	return f
}

// A sight is what all windows show of one night.
type sight struct {
	top           look // the mean that is furthest off
	suspect       bool // worth a second measurement
	up, down      bool // off the level at the level of screening
	worse, better bool // proved by the series alone
}

func (w *Watch) sight(t *track) sight {
	var s sight
	for _, k := range windows {
		l, ok := t.look(k)
		if !ok {
			continue
		}
		df := l.at.df()
		loose := w.student(screenAlpha, df)
		s.up, s.down = s.up || l.z > loose, s.down || l.z < -loose
		s.suspect = s.suspect || l.z > loose && len(t.x)-k >= t.cleared
		if k >= holds {
			q := w.student(w.aloneAlpha(), df)
			s.worse, s.better = s.worse || l.z > l.strict(q, 1), s.better || -l.z > l.strict(q, -1)
		}
		if math.Abs(l.z) > math.Abs(s.top.z) {
			s.top = l
		}
	}
	return s
}

// aloneAlpha is the level of one window of one series, one-sided.
func (w *Watch) aloneAlpha() float64 {
	share := aloneShare
	if w.plan.Alone {
		share = 1
	}
	n := 0
	for _, k := range windows {
		if k >= holds {
			n++
		}
	}
	return w.plan.Budget * share / float64(max(len(w.tracks), 1)*n)
}

// count counts the nights in a row on which the series has been off its
// level: a proof must have been a suspicion on the two nights before.
func (t *track) count(s sight) {
	if t.up++; !s.up {
		t.up = 0
	}
	if t.down++; !s.down {
		t.down = 0
	}
	t.proved = 0
	switch {
	case s.worse && t.up >= holds:
		t.proved = t.up
	case s.better && t.down >= holds:
		t.proved = -t.down
	}
}

// calmed ends an episode that has been over for five nights; one that comes
// and goes is told once.
func (t *track) calmed(off bool) bool {
	if t.calm++; off {
		t.calm = 0
	}
	if t.calm >= 5 {
		t.open, t.calm = false, 0
		return true
	}
	return false
}

// measureAgain measures the controls and the suspects that the night allows:
// first those that the series alone proves, then by score.
func (w *Watch) measureAgain(suspects []*Finding, controls []int, again Again) {
	most, _ := w.plan.Allowed(len(w.tracks))
	for _, i := range controls {
		w.control(i, again)
	}
	slices.SortStableFunc(suspects, func(a, b *Finding) int {
		pa, pb := w.tracks[a.Series].proved, w.tracks[b.Series].proved
		return cmp.Or(cmp.Compare(pb, pa), cmp.Compare(b.Score, a.Score))
	})
	for k, f := range suspects {
		t := w.tracks[f.Series]
		if k < most {
			if r, ok := again(f.Series); ok {
				r.Mid *= float64(t.sign)
				f.Ratio = &r
				w.count.Again++
			}
		}
		w.decide(f, t)
	}
}

// decide says what a second measurement makes of a suspect.
func (w *Watch) decide(f *Finding, t *track) {
	if r := f.Ratio; r != nil {
		i, least := r.Interval(0.95), math.Log1p(w.plan.Least)
		x := w.excess(t, f.Window, *r)
		f.Bound = x.bound
		switch {
		case x.confirmed:
			f.Word = Confirmed
			return
		case i.High < least:
			f.Word = Cleared
		case r.Mid > x.bound && r.Mid >= least:
			f.Trials = x.needed(*r)
		}
		if t.proved > 0 && i.Low > 0 {
			f.Word = Held
			return
		}
	}
	if t.proved > 0 {
		f.Word = Unattributed
	}
}

// An excess is what a second measurement shows beyond what noise may.
type excess struct {
	bound     float64 // the persisting share of tonight's deviation
	level     float64 // how far the level's own error may move that bound
	limit     float64 // Student's factor
	confirmed bool
}

// excess holds a second measurement against what it shows if nothing has
// changed: the persisting share of tonight's deviation, and its own error.
// The deviation was seen, so it needs no model, spikes included: only the
// share does. It is taken from the median before the window, which spikes
// move least. The level is that of the budget's share, over all the suspects
// that a night may measure again (Bonferroni), one-sided. r is in the sense
// of the track.
func (w *Watch) excess(t *track, window int, r Ratio) excess {
	share, x := w.Persisting(t.group).High, excess{}
	alpha := w.plan.ConfirmAlpha(len(w.tracks))
	if l, ok := t.look(window); ok {
		d := t.x[len(t.x)-1] - l.at.median
		x.bound = share * max(d, 0)
		x.level = share * stat.ZQuantile(1-2*alpha) * medianLoss * l.at.se()
	}
	x.limit = w.student(alpha, r.DF)
	x.confirmed = share < mostShare && r.Mid >= math.Log1p(w.plan.Least) && r.Mid-x.bound > math.Hypot(x.limit*r.SE, x.level)
	return x
}

// medianLoss is the standard error of a median over that of a mean: √(π/2).
const medianLoss = 1.2533

// needed is how many trials would decide if the ratio stayed where it is.
func (x excess) needed(r Ratio) int {
	d := r.Mid - x.bound
	room := d*d - x.level*x.level
	if room <= 0 {
		return 0 // no number of trials: the share is what is not known well enough
	}
	k := x.limit * r.SE
	return int(min(math.Ceil(float64(r.N)*k*k/room), stat.MaxNeeded))
}

// se is the standard error of a level.
func (b base) se() float64 {
	return b.noise.SD * math.Sqrt(b.v*b.noise.Inflation(b.n)/float64(b.n))
}
