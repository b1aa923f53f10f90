package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"assay/bench/energy"
	"assay/bench/runner"
	"assay/bench/verdict"
)

// drawn is what a fake worker tells the fake meter: how many watts it drew when.
type drawn struct {
	Watts float64
	At    time.Duration // runner.Monotonic
}

// hold is how long a fake worker's power is believed after it was told.
const hold = 100 * time.Millisecond

// draw tells the fake meter, a few times within hold, what is drawn now.
func (s *fakeSession) draw() {
	now := runner.Monotonic()
	if s.Plug == "" || now-s.told < hold/20 {
		return
	}
	s.told = now
	b, err := json.Marshal(drawn{s.Watts, now})
	if err == nil {
		err = os.WriteFile(s.Plug+".new", b, 0o644)
	}
	if err == nil {
		os.Rename(s.Plug+".new", s.Plug) // where it fails the meter shows too little, and the test fails
	}
}

// idleWatts of the fake device.
const idleWatts = 5

// plug is a fake meter of power: what its file tells, above the idle power, with
// 0.2 % of noise. After gone readings it vanishes.
type plug struct {
	path string
	rnd  *rand.Rand
	gone int64
	n    atomic.Int64
}

func (*plug) Domain() energy.Domain { return energy.Domain{Name: "plug", Kind: energy.Power} }

func (p *plug) Read(context.Context) (energy.Reading, error) {
	if n := p.n.Add(1); p.gone > 0 && n > p.gone {
		return energy.Reading{}, errors.New("no such device")
	}
	w := idleWatts * (1 + 0.002*p.rnd.NormFloat64())
	at := runner.Monotonic()
	var d drawn
	if b, err := os.ReadFile(p.path); err == nil && json.Unmarshal(b, &d) == nil && at-d.At < hold {
		w += d.Watts
	}
	return energy.Reading{At: at, Value: w}, nil
}

func (*plug) Close() error { return nil }

// withMeter asks for energy in windows of a fraction of a second.
func withMeter(set Setup, p *plug) Setup {
	set.Plan.Trials, set.Plan.Rounds, set.Plan.Cold = 2, 2, 0
	set.Plan.Precision = 5 // a busy machine must not make latency untrusted here
	set.Plan.Energy = &EnergyPlan{Rounds: 3, Idle: 200 * time.Millisecond, Window: 400 * time.Millisecond, Settle: time.Millisecond}
	set.Meter = func(context.Context, string) (energy.Meter, error) {
		p.rnd = rand.New(rand.NewPCG(1, 2))
		return energy.Meter{Name: "plug", Scope: energy.Wall, Total: []energy.Sensor{p}, Error: 0.03}, nil
	}
	return set
}

// TestEnergy goes the whole way with real workers. Its windows are so short that
// a busy machine smears them, and may make them invalid: the values are proved
// by TestEnergyControl, and how exact the method is by bench/energy.
func TestEnergy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plug")
	const most = "energy.net <= 1J"
	set := withMeter(testSetup(t), &plug{path: file})
	announced := ""
	set.Announce = func(text string) { announced = text }
	g := testGroup(t, []string{most}, script{Spin: 4 * spin, Watts: 5, Plug: file}, script{Spin: spin, Watts: 5, Plug: file})
	r := mustRun(t, context.Background(), set, g)
	cases := r.Groups[0].Cases
	if want := "plug (wall): plug: windows of 400ms, idle windows of 200ms"; !strings.Contains(announced, want) || !strings.Contains(announced, "9 windows and 4 idle windows in 3 rounds") {
		t.Errorf("announced %q, want %q", announced, want)
	}
	for i := range cases {
		c := &cases[i]
		for _, name := range []string{"energy.net", "energy.gross", "power"} {
			e, ok := c.Value(name)
			if why := c.Missing[name]; ok == (why != "") || ok && (!(e.Value > 0) || e.N < 2 || e.Source != "plug (wall)") {
				t.Errorf("%s: %s %+v, missing %q", c.Variant, name, e, why)
			}
		}
	}
	if v := cases[1].Verdicts[0]; v.Word != verdict.Pass && v.Word != verdict.Inconclusive { // few and short windows have wide intervals
		t.Errorf("verdict %+v", v)
	}
	checkEnergyInfo(t, r.Groups[0].Energy)
	if len(r.Groups[0].Untrusted) > 0 {
		t.Errorf("untrusted: %q", r.Groups[0].Untrusted)
	}
}

func checkEnergyInfo(t *testing.T, i *EnergyInfo) {
	t.Helper()
	if i == nil || i.Meter != "plug (wall): plug" || i.Scope != "wall" || i.Kind != "power" || i.Rounds != 3 || i.Error != 0.03 {
		t.Fatalf("energy info %+v", i)
	}
	if i.Idle < 0 || i.Idle > idleWatts+5 || i.Window != 0.4 || i.IdleTime != 0.2 || i.Cost <= 0 || i.Cost > 0.5 || i.Period <= 0 || i.Every < 0.01 || i.Seconds <= 0 {
		t.Errorf("energy info %+v", i)
	}
	if notes := strings.Join(i.Notes, "; "); !strings.Contains(notes, "shorter than the method wants: window of 400ms instead of 10s") {
		t.Errorf("notes %q", notes)
	}
}

// TestMeterless: without a meter energy is not measured, says why, and nothing
// else changes.
func TestMeterless(t *testing.T) {
	const less = "energy.net <= 0.7x"
	set := withMeter(testSetup(t), &plug{})
	set.Meter = func(context.Context, string) (energy.Meter, error) {
		return energy.Meter{}, fmt.Errorf("%w: rapl: permission denied", energy.ErrNoMeter)
	}
	r := mustRun(t, context.Background(), set, testGroup(t, []string{less, "latency.p50 <= 2x"}, script{Spin: spin}, script{Spin: spin}))
	c := r.Groups[0].Cases[1]
	if !strings.Contains(c.Missing["energy.net"], "permission denied") || r.Groups[0].Energy != nil {
		t.Errorf("missing %q, info %+v", c.Missing, r.Groups[0].Energy)
	}
	for _, v := range c.Verdicts {
		if v.Gate == less && (v.Word != verdict.Skipped || !strings.Contains(v.Reason, "permission denied")) {
			t.Errorf("verdict %+v", v)
		}
	}
	if _, ok := c.Ratio("latency.p50"); !ok {
		t.Error("no latency")
	}
}

// TestEnergyBudget: a schedule over its budget is refused with its numbers,
// before any worker starts.
func TestEnergyBudget(t *testing.T) {
	set := withMeter(testSetup(t), &plug{})
	*set.Plan.Energy = EnergyPlan{Rounds: 5, Settle: 30 * time.Second, Budget: time.Minute}
	set.Command = func(Case) (runner.Command, error) {
		t.Error("a worker was started")
		return runner.Command{}, errors.New("not wanted")
	}
	_, err := Run(context.Background(), set, []Group{testGroup(t, nil, script{Spin: spin}, script{Spin: spin})})
	// 6 idle windows of 30 s + 1 s + 30 s, 15 windows of 1 s + 10 s
	if err == nil || !strings.Contains(err.Error(), "15 windows and 6 idle windows in 5 rounds take up to 8m51s") || !strings.Contains(err.Error(), "energy.budget is 1m0s") {
		t.Errorf("got %v", err)
	}
}

// TestMeterVanishes: a meter that goes away in the middle costs the energy,
// with the reason, also of the groups that follow; timing is kept.
func TestMeterVanishes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plug")
	s := script{Spin: spin, Watts: 5, Plug: file}
	p := &plug{path: file}
	set := withMeter(testSetup(t), p)
	set.Progress = func(s Step) {
		if s.Phase == "energy" && p.gone == 0 {
			p.gone = p.n.Load() + 5
		}
	}
	r := mustRun(t, context.Background(), set, testGroup(t, []string{"energy.net <= 0.7x"}, s, s), testGroup(t, nil, s, s))
	for i, g := range r.Groups {
		c := g.Cases[1]
		if why := c.Missing["energy.net"]; !strings.Contains(why, "no such device") {
			t.Errorf("group %d: missing %q", i, why)
		}
		if _, ok := c.Ratio("latency.p50"); !ok || len(g.Untrusted) > 0 {
			t.Errorf("group %d: latency %v, untrusted %q", i, ok, g.Untrusted)
		}
	}
	if v := r.Groups[0].Cases[1].Verdicts[0]; v.Word != verdict.Inconclusive {
		t.Errorf("verdict %+v", v)
	}
	if r.Groups[0].Energy == nil || r.Groups[1].Energy != nil {
		t.Errorf("energy info %+v, %+v", r.Groups[0].Energy, r.Groups[1].Energy)
	}
}

// TestEnergyInterrupt: the rounds that are finished are kept.
func TestEnergyInterrupt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plug")
	s := script{Spin: spin, Watts: 5, Plug: file}
	ctx, cancel := context.WithCancelCause(context.Background())
	set := withMeter(testSetup(t), &plug{path: file})
	set.Progress = func(s Step) {
		if s.Phase == "energy" && s.Text == "round 3 of 3" {
			cancel(errors.New("interrupt"))
		}
	}
	r := mustRun(t, ctx, set, testGroup(t, nil, s, s))
	c := r.Groups[0].Cases[1]
	if e, ok := c.Value("energy.gross"); r.Partial == "" || r.Groups[0].Energy.Rounds != 2 || ok && e.N > 2 || !ok && c.Missing["energy.gross"] == "" {
		t.Errorf("gross %+v, partial %q, missing %q, info %+v", e, r.Partial, c.Missing, r.Groups[0].Energy)
	}
}

// virtual is a sensor on a virtual clock: 5 W, and what of says above it.
type virtual struct {
	now time.Duration
	of  func(time.Duration) float64
	rnd *rand.Rand
}

func (*virtual) Domain() energy.Domain { return energy.Domain{Name: "virtual", Kind: energy.Power} }

func (v *virtual) Read(context.Context) (energy.Reading, error) {
	return energy.Reading{At: v.now, Value: (idleWatts + v.of(v.now)) * (1 + 0.002*v.rnd.NormFloat64())}, nil
}

func (*virtual) Close() error { return nil }

// TestEnergyControl: a baseline that differs from itself makes energy
// untrusted, and timing not.
func TestEnergyControl(t *testing.T) {
	const less = "energy.net <= 0.7x"
	others := []string{"energy.net <= 30mJ", "energy.delay <= 0.7x", "energy.efficiency >= 1.2x", "power <= 10.5W"}
	check := func(name string, control, cand float64, want verdict.Word, reason string) {
		t.Helper()
		s := newSession(testSetup(t), nil)
		s.Plan.Energy = &EnergyPlan{Rounds: 3}
		m := s.newMeasured(testGroup(t, append([]string{less}, others...), script{}, script{}))
		watts := []float64{5, control, cand}
		v := &virtual{rnd: rand.New(rand.NewPCG(3, 4)), of: func(at time.Duration) float64 {
			if k := int(at / (10 * time.Second)); k%4 > 0 {
				return watts[k%4-1]
			}
			return 0
		}}
		mt := energy.Meter{Name: "virtual", Scope: energy.Board, Total: []energy.Sensor{v}, Interval: 100 * time.Millisecond}
		e := &energyRounds{m: m, meter: &meter{Meter: mt}}
		rec := energy.NewRecorder(mt, 50*time.Millisecond)
		// 10 s each: idle, baseline, control, candidate; three times, then idle.
		for ; v.now < 130*time.Second; v.now += 50 * time.Millisecond {
			rec.Look(context.Background())
		}
		e.trace = rec.End(context.Background())
		window := func(k int) energy.Window {
			from := time.Duration(k)*10*time.Second + time.Second
			return energy.Window{From: from, To: from + 8*time.Second, Inferences: 1000}
		}
		for k := range 13 {
			if w := window(k); k%4 == 0 {
				w.Inferences = 0
				e.idles = append(e.idles, w)
			} else {
				e.windows = append(e.windows, caseWindow{m.cases[k%4-1], k / 4, w})
			}
		}
		e.tell()
		m.energy = e.info(time.Minute)
		s.res.Groups = append(s.res.Groups, *m.result())
		s.judge([]*measured{m})
		got := s.res.Groups[0]
		if v := got.Cases[1].Verdicts[0]; v.Word != want || !strings.Contains(v.Reason, reason) {
			t.Errorf("%s: verdict %+v, want %s %q", name, v, want, reason)
		}
		for _, v := range got.Cases[1].Verdicts[1:] {
			if want == verdict.Pass && v.Word != verdict.Pass {
				t.Errorf("%s: verdict %+v", name, v)
			}
		}
		// 1,000 inferences in 8 s, 5 W above idle: 40 mJ each, 8 ms.
		for metric, value := range map[string]float64{"energy.net": 0.04, "energy.gross": 0.08, "energy.delay": 0.00032, "energy.efficiency": 25, "power": 10} {
			e, ok := got.Cases[0].Value(metric)
			if want != verdict.Untrusted && (!ok || math.Abs(e.Value/value-1) > 0.01 || e.Low > value || e.High < value || e.Source != "virtual (board)") {
				t.Errorf("%s: %s %+v, want %v", name, metric, e, value)
			}
		}
		if len(got.Untrusted) > 0 {
			t.Errorf("%s: timing is untrusted: %q", name, got.Untrusted)
		}
		if want == verdict.Untrusted && (!strings.HasPrefix(got.Cases[1].Missing["energy.net"], wordUntrusted) || (got.Energy.AA == nil) != math.IsNaN(control)) {
			t.Errorf("%s: missing %q, info %+v", name, got.Cases[1].Missing, got.Energy)
		}
	}
	check("equal", 5, 2.5, verdict.Pass, "")
	check("worse", 5, 5, verdict.Fail, "1.00x")
	check("control off by 10 %", 5.5, 2.5, verdict.Untrusted, "the A/A control of energy says 1.10")
	check("control lost", math.NaN(), 2.5, verdict.Untrusted, "the A/A control of energy could not be measured: invalid: 3 of 3 windows")
	check("no load", 5, 0, verdict.Inconclusive, "below detection in 3 of 3 windows")
}

// TestEnergyWindows: where memory holds no more than pairs, each pair has idle
// windows of its own, and the schedule counts them.
func TestEnergyWindows(t *testing.T) {
	s := newSession(testSetup(t), nil)
	s.Plan.Energy = &EnergyPlan{Rounds: 3}
	g := testGroup(t, nil, script{}, script{}, script{})
	if idles, windows := s.energyWindows([]Group{g, g}); idles != 2*(3+1) || windows != 2*3*4 {
		t.Errorf("together: %d idle windows, %d windows", idles, windows)
	}
	s.MemAvailable = func() int64 { return 64 << 20 }
	// baseline, control and v1; then baseline and v2
	if idles, windows := s.energyWindows([]Group{g}); idles != 3*2+1 || windows != 3*5 {
		t.Errorf("in pairs: %d idle windows, %d windows", idles, windows)
	}
}
