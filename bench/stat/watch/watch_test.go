package watch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const nights = 60

// set is a number of series of independent noise, and a watch over them.
type set struct {
	*Watch
	rnd  *rand.Rand
	sd   float64
	add  func(series, night int) float64 // true change, on logs
	last []float64                       // tonight's noise
	kept bool                            // changes are not in the build
	p    float64                         // share of the noise that persists
	deaf bool                            // nothing can be measured again
}

func newSet(plan Plan, n int, sd float64) *set {
	return &set{
		Watch: New(plan, slices.Repeat([]Series{{}}, n)), rnd: rand.New(rand.NewPCG(7, 7)), sd: sd,
		add: func(int, int) float64 { return 0 }, last: make([]float64, n),
	}
}

func (s *set) step(night int) []Finding {
	x := make([]float64, len(s.last))
	for i := range x {
		s.last[i] = s.sd * s.rnd.NormFloat64()
		x[i] = 3 + s.last[i] + s.add(i, night)
	}
	return s.Night(x, s.Schedule(), func(i int) (Ratio, bool) {
		mid := s.p * s.last[i]
		if !s.kept {
			mid += s.add(i, night)
		}
		var logs []float64
		for range Pilot {
			logs = append(logs, mid+0.003*s.rnd.NormFloat64())
		}
		return Of(logs), !s.deaf
	})
}

// follow returns the first night on which series 0 was given one of words, −1
// for never, and all told findings of other series.
func (s *set) follow(n int, words ...Word) (night int, f Finding, others int) {
	night = -1
	for k := range n {
		for _, g := range s.step(k) {
			if g.Series != 0 && g.Word.Told() {
				others++
			}
			if g.Series == 0 && night < 0 && slices.Contains(words, g.Word) {
				night, f = k, g
			}
		}
	}
	return night, f, others
}

func from(at int, size float64) func(int, int) float64 {
	return func(i, n int) float64 {
		if i == 0 && n >= at {
			return size
		}
		return 0
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   float64
		p      float64
		kept   bool
		deaf   bool
		alone  bool
		want   Word
		within int // nights
	}{
		{"a step in the build", 0.10, 0, false, false, false, Confirmed, 1},
		{"a small step in the build", 0.03, 0, false, false, false, Confirmed, 12},
		{"a quarter of the noise persists", 0.10, 0.25, false, false, false, Confirmed, 2},
		{"all of the noise persists", 0.10, 1, false, false, false, Held, 6},
		{"a step that the build does not show", 0.10, 0, true, false, false, Unattributed, 6},
		{"nothing can be measured again", 0.10, 0, false, true, false, Unattributed, 6},
		{"a plan without second measurements", 0.10, 0, false, false, true, Unattributed, 6},
		{"better", -0.10, 0, false, false, false, Better, 6},
	} {
		plan := Standard
		plan.Alone = c.alone
		s := newSet(plan, 50, 0.02)
		s.p, s.kept, s.deaf, s.add = c.p, c.kept, c.deaf, from(nights, c.size)
		night, f, others := s.follow(nights+20, Confirmed, Held, Unattributed, Better)
		if f.Word != c.want || night < nights || night >= nights+c.within {
			t.Errorf("%s: night %d: %+v, want %q within %d nights of %d", c.name, night, f, c.want, c.within, nights)
		}
		if others > 0 {
			t.Errorf("%s: %d series were told that had not changed", c.name, others)
		}
		if f.Ratio != nil && !c.kept && math.Abs(f.Ratio.Mid-c.size) > 0.01+c.p*4*s.sd {
			t.Errorf("%s: the second measurement shows %.3f", c.name, f.Ratio.Mid)
		}
	}
}

// TestSign turns a metric round: of throughput, less is worse.
// TestStepInAControl: a series that changes on the night of its turn as a
// control is confirmed that night. What it repeats is the change, not noise.
func TestStepInAControl(t *testing.T) {
	const series = 50 // one control each night, in turn
	s := newSet(Standard, series, 0.01)
	s.add = from(2*series, 0.3)
	if night, _, others := s.follow(2*series+1, Confirmed); night != 2*series || others > 0 {
		t.Errorf("confirmed on night %d, want %d; %d others told", night, 2*series, others)
	}
	if p := s.Persisting(""); p.High > 0.3 {
		t.Errorf("%.2f of a night's deviation is said to persist", p.High)
	}
}

func TestSign(t *testing.T) {
	w := New(Standard, []Series{{Worse: -1}, {Worse: 1}, {}})
	rnd := rand.New(rand.NewPCG(1, 1))
	told := map[int]Word{}
	for n := range nights + 10 {
		x := []float64{0.01 * rnd.NormFloat64(), 0.01 * rnd.NormFloat64(), 0.01 * rnd.NormFloat64()}
		if n >= nights {
			for i := range x {
				x[i] -= 0.2
			}
		}
		for _, f := range w.Night(x, w.Schedule(), nil) {
			if f.Word.Told() || f.Word == Better {
				told[f.Series] = f.Word
			}
		}
	}
	if told[0] != Unattributed || told[1] != Better || told[2] != Better {
		t.Errorf("a fall by a fifth is %v", told)
	}
}

func TestNothingIsSaidOfShortSeries(t *testing.T) {
	s := newSet(Standard, 5, 0.02)
	s.add = from(leastBase/2, 1)
	for n := range leastBase {
		if f := s.step(n); len(f) > 0 {
			t.Fatalf("night %d of a series that began with it: %+v", n, f)
		}
	}
	if v, _ := New(Standard, []Series{{}}).Level(0); !math.IsNaN(v) {
		t.Errorf("a series without nights has the level %g", v)
	}
}

// TestMissingNights passes over what does not count.
func TestMissingNights(t *testing.T) {
	w := New(Standard, []Series{{}, {}})
	for n := range 40 {
		x := []float64{float64(n%3) * 0.01, math.NaN()}
		if n%4 == 0 {
			x[0] = math.Inf(1)
		}
		if n%5 == 0 {
			x = x[:0] // fewer values than series
		}
		w.Night(x, w.Schedule(), nil)
	}
	if v, noise := w.Level(0); math.Abs(v-0.01) > 0.01 || noise.N > 24 {
		t.Errorf("level %g from %+v", v, noise)
	}
	if v, _ := w.Level(1); !math.IsNaN(v) {
		t.Errorf("a series without a value has the level %g", v)
	}
}

// TestConstantSeries has no noise at all: what is finer than the floor is not
// told, what is coarser is.
func TestConstantSeries(t *testing.T) {
	for size, want := range map[float64]bool{0: false, 0.0005: false, 0.05: true} {
		s := newSet(Standard, 3, 0)
		s.add = from(nights, size)
		if night, f, _ := s.follow(nights+10, Confirmed, Held, Unattributed); (night >= 0) != want {
			t.Errorf("a step of %g in a constant series: %+v on night %d", size, f, night)
		}
	}
}

// TestEpisodeIsToldOnce counts a step that stays, then one that comes back
// after a calm.
func TestEpisodeIsToldOnce(t *testing.T) {
	s := newSet(Standard, 50, 0.02)
	s.add = func(i, n int) float64 {
		if i == 0 && (n >= 60 && n < 70 || n >= 140) {
			return 0.2
		}
		return 0
	}
	var told []int
	for n := range 147 {
		for _, f := range s.step(n) {
			if f.Series == 0 && f.Word.Told() {
				told = append(told, n)
			}
		}
	}
	if len(told) != 2 || told[0] != 60 || told[1] < 140 {
		t.Errorf("told on nights %v, want 60 and one after 140", told)
	}
}

func TestRestart(t *testing.T) {
	s := newSet(Standard, 50, 0.02)
	s.add = from(60, 0.2)
	for n := range 75 {
		s.step(n)
		if n == 72 {
			s.Restart(0, n-60+1)
		}
	}
	// Thirteen nights of the new level: their mean is within 4 standard errors.
	if v, noise := s.Level(0); math.Abs(v-3.2) > 4*0.02/math.Sqrt(13) || noise.N > 15 {
		t.Errorf("after an acknowledged step of 0.2 the level is %.3f from %+v, want 3.200", v, noise)
	}
}

func TestPersisting(t *testing.T) {
	for _, p := range []float64{0, 0.25, 1} {
		s := newSet(Standard, 100, 0.02)
		s.p = p
		if got := s.Persisting(""); got.High != 1 {
			t.Errorf("the share is known without a control: %+v", got)
		}
		for n := range 60 {
			s.step(n)
		}
		// 2 controls on 45 nights: the share's error is 0.003/0.02/√90, and the
		// levels of the first nights have theirs.
		if got := s.Persisting(""); math.Abs(got.Mid-p) > 0.06 || got.High < p || got.High > p+0.6 {
			t.Errorf("share %g is estimated as %+v", p, got)
		}
	}
}

// TestSharesThatDiffer has series that repeat their nights among others that do
// not: the bound must hold for the former.
func TestSharesThatDiffer(t *testing.T) {
	w := New(Standard, slices.Repeat([]Series{{}}, 100))
	rnd := rand.New(rand.NewPCG(2, 2))
	x := make([]float64, 100)
	for range 80 {
		for i := range x {
			x[i] = 0.02 * rnd.NormFloat64()
		}
		w.Night(x, w.Schedule(), func(i int) (Ratio, bool) {
			mid := 0.001 * rnd.NormFloat64()
			if i%5 == 0 {
				mid += x[i]
			}
			return Ratio{Mid: mid, SE: 0.001, DF: Pilot - 1, N: Pilot}, true
		})
	}
	if got := w.Persisting(""); got.Mid < 0.1 || got.Mid > 0.35 || got.High < 1 {
		t.Errorf("a fifth of the series repeat all of a night: %+v, want 0.2 and a bound above 1", got)
	}
}

// TestCostIsBounded makes every series a suspect.
func TestCostIsBounded(t *testing.T) {
	s := newSet(Standard, 100, 0.02)
	s.add = func(_, n int) float64 {
		if n >= 30 {
			return 1
		}
		return 0
	}
	for n := range 31 {
		s.step(n)
	}
	c := s.Count()
	if c.Again > 31*8 || c.Again < 8 {
		t.Errorf("%d suspects were measured again in 31 nights, allowed are 8 a night", c.Again)
	}
	if c.Controls > 31*2 || c.Nights != 31 || c.Allowed != 8 {
		t.Errorf("counts: %+v", c)
	}
}

// TestUndecidedSaysWhatIsMissing gives a second measurement too rough to tell.
func TestUndecidedSaysWhatIsMissing(t *testing.T) {
	s := newSet(Standard, 50, 0.02)
	for n := range 100 {
		s.step(n)
	}
	x := slices.Repeat([]float64{3}, 50)
	x[7] = 3.2
	fs := s.Night(x, s.Schedule(), func(i int) (Ratio, bool) { return Ratio{Mid: 0.2, SE: 0.08, DF: Pilot - 1, N: Pilot}, i == 7 })
	k := slices.IndexFunc(fs, func(f Finding) bool { return f.Series == 7 })
	if k < 0 || fs[k].Word != Suspect || fs[k].Trials <= Pilot {
		t.Errorf("got %+v, want a suspect with the trials it needs", fs)
	}
}

func TestOf(t *testing.T) {
	r := Of([]float64{1, 2, 3})
	if r.Mid != 2 || r.DF != 2 || r.N != 3 || math.Abs(r.SE-1/math.Sqrt(3)) > 1e-12 {
		t.Errorf("got %+v", r)
	}
	if i := r.Interval(0.95); math.Abs(i.High-2-4.303/math.Sqrt(3)) > 0.01 { // t₀.₉₇₅ of 2 degrees of freedom
		t.Errorf("interval %+v", i)
	}
	if r := Of(nil); !math.IsNaN(r.Mid) {
		t.Errorf("of nothing: %+v", r)
	}
}
