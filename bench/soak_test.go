package bench

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"assay/bench/host"
	"assay/bench/runner"
	"assay/bench/verdict"
)

// heated is a soak of 600 s in blocks of 1 s on a device whose inference takes
// slow(t) ms at the time t.
func heated(slow func(t float64) float64) []stretch {
	var out []stretch
	for t := 1.0; t <= 600; t++ {
		s := stretch{at: t, took: 1, p50: slow(t) / 1000, samples: 1000 / slow(t)}
		if int(t)%10 == 0 {
			s.celsius, s.mhz = 40+t/20, 2000/slow(t)
		}
		out = append(out, s)
	}
	return out
}

func TestSoakInfo(t *testing.T) {
	for _, c := range []struct {
		name             string
		slow             func(float64) float64
		burst, sustained float64 // ms
		drift            float64
	}{
		{"steady", func(float64) float64 { return 2 }, 2, 2, 0},
		{"throttles after two minutes", func(t float64) float64 {
			if t > 120 {
				return 3
			}
			return 2
		}, 2, 3, 0},
		// From 400 s on: 3 + t/600 is 3.667 at first, 4 at last; the medians of the halves lie at 450 and 550 s.
		{"never comes to rest", func(t float64) float64 { return 3 + t/600 }, 3 + 30.5/600, 3 + 500.5/600, (3+550.5/600)/(3+450.5/600) - 1},
	} {
		all := heated(c.slow)
		i := soakInfo(all, 600)
		if math.Abs(i.Burst.Latency*1000-c.burst) > 1e-9 || math.Abs(i.Sustained.Latency*1000-c.sustained) > 1e-9 {
			t.Errorf("%s: burst %v ms, sustained %v ms, want %v and %v", c.name, 1000*i.Burst.Latency, 1000*i.Sustained.Latency, c.burst, c.sustained)
		}
		if got := drift(all, 600); math.Abs(got-c.drift) > 1e-9 {
			t.Errorf("%s: drift %v, want %v", c.name, got, c.drift)
		}
		if len(i.Points) != soakPoints || i.Points[59].At != 600 || i.Points[59].Celsius != 70 {
			t.Errorf("%s: %d points, the last %+v", c.name, len(i.Points), i.Points[len(i.Points)-1])
		}
		// Readings at 10, 20 … 60 s and at 410, 420 … 600 s.
		if i.Burst.Celsius != 40+35.0/20 || i.Sustained.Celsius != 40+505.0/20 {
			t.Errorf("%s: %v °C and %v °C", c.name, i.Burst.Celsius, i.Sustained.Celsius)
		}
	}
	i := soakInfo(heated(func(t float64) float64 { return 2 }), 600)
	if i.Burst.Throughput != 500 || i.Sustained.MHz != 1000 {
		t.Errorf("%+v", i)
	}
	if i := soakInfo([]stretch{{at: 500, took: 500, p50: 500, samples: 1}}, 600); i.Burst.Latency != 500 {
		t.Errorf("an inference that is longer than the first minute: %+v", i)
	}
	if i := soakInfo(nil, 600); i.Burst.Latency != 0 || len(i.Points) != 0 {
		t.Errorf("of nothing: %+v", i)
	}
}

func soakSetup(t *testing.T, repeats int) (set Setup, announced *string) {
	set = testSetup(t)
	set.Plan = Plan{Trials: 2, MaxTrials: 2, Rounds: 1, Precision: 0.01, Block: 2 * time.Millisecond, Soak: &SoakPlan{Duration: 150 * time.Millisecond, Cool: time.Hour, Repeats: repeats}}
	set.Data = few
	// A device as cool as at the begin is not waited for.
	set.Observe = func() host.Condition {
		return host.Condition{Celsius: map[string]float64{"soc": 50, "case": 30}, MHz: 1500, Throttled: -1, Quota: -1}
	}
	text := ""
	set.Announce = func(s string) { text = s }
	return set, &text
}

// TestSoak: repeated soaks are evidence, a single one is not.
func TestSoak(t *testing.T) {
	const gate = "latency.sustained <= 1000s"
	for _, repeats := range []int{1, 2} {
		set, announced := soakSetup(t, repeats)
		g := testGroup(t, []string{gate, "throughput.sustained >= 0.0001x"}, script{Spin: spin}, script{Spin: 2 * spin})
		r := mustRun(t, context.Background(), set, g).Groups[0]
		for k, c := range r.Cases {
			least := float64(k+1) * spin.Seconds()
			for _, name := range []string{"latency.burst", "latency.sustained"} {
				if v := value(t, c, name); v.Value < least || v.N != repeats {
					t.Errorf("%s of %s: %+v, one inference takes %v s", name, c.Variant, v, least)
				}
			}
			if v := value(t, c, "throughput.sustained"); v.Value > 1/least {
				t.Errorf("%s holds %v samples per second, each takes %v s", c.Variant, v.Value, least)
			}
			if s := c.Soak; s == nil || s.Sustained.Celsius != 50 || s.Burst.MHz != 1500 || len(s.Points) == 0 || s.Duration != 0.15 {
				t.Errorf("curve of %s: %+v", c.Variant, s)
			}
		}
		v := r.Cases[1].Verdicts
		once := v[0].Word == verdict.Inconclusive && v[0].Reason == "measured once: how well it repeats is not known"
		if once != (repeats == 1) || repeats == 2 && (v[0].Word == verdict.Skipped || v[1].Word == verdict.Skipped) {
			t.Errorf("%d soaks: verdicts %+v", repeats, v)
		}
		if _, ok := r.Cases[1].Ratio("latency.sustained"); ok != (repeats > 1) {
			t.Errorf("%d soaks: ratio to the baseline %v", repeats, ok)
		}
		if want := map[int]string{1: "soak: 2 times 150ms without pause", 2: "soak: 6 times 150ms without pause"}[repeats]; !strings.HasPrefix(*announced, want) {
			t.Errorf("announced %q, want %q…", *announced, want)
		}
	}
}

// TestSoakThrottles: what a soak does to the device is its result, and does not
// take the trust from the rounds before it.
func TestSoakThrottles(t *testing.T) {
	set, _ := soakSetup(t, 1)
	observe, phase, n := set.Observe, "", int64(0)
	set.Progress = func(s Step) { phase = s.Phase }
	set.Observe = func() host.Condition {
		c := observe()
		if phase == "soak" || phase == "accuracy" {
			n++
		}
		c.Throttled = n
		return c
	}
	r := mustRun(t, context.Background(), set, testGroup(t, nil, script{Spin: spin}, script{Spin: spin})).Groups[0]
	if text := strings.Join(r.Untrusted, "; "); strings.Contains(text, "thrott") || n == 0 {
		t.Errorf("untrusted since %q, %d readings in the soak", text, n)
	}
}

// TestCool: a hot device is waited for, until it is cool or its time is up.
func TestCool(t *testing.T) {
	looks := 0
	s := &session{res: &Result{Before: host.Condition{Celsius: map[string]float64{"soc": 50}}}}
	s.Observe = func() host.Condition {
		looks++
		return host.Condition{Celsius: map[string]float64{"soc": 80 - 10*float64(looks)}}
	}
	m := &measured{s: s}
	m.cool(context.Background(), 100*time.Millisecond)
	if looks > 3 { // 70, 60, 50 °C
		t.Errorf("looked %d times at a device that is cool at the third", looks)
	}
	looks = -1000 // it stays hot
	begun := time.Now()
	if m.cool(context.Background(), 20*time.Millisecond); time.Since(begun) < 20*time.Millisecond {
		t.Error("a hot device was not waited for")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m.cool(ctx, time.Hour)
}

// TestSoakFailure: a case that cannot be soaked costs itself.
func TestSoakFailure(t *testing.T) {
	set, _ := soakSetup(t, 1)
	start, starts := set.Command, 0
	set.Command = func(c Case) (runner.Command, error) {
		if c.Variant != Baseline {
			if starts++; starts > set.Plan.Trials {
				return runner.Command{}, errors.New("no third worker")
			}
		}
		return start(c)
	}
	r := mustRun(t, context.Background(), set, testGroup(t, nil, script{Spin: spin}, script{Spin: spin})).Groups[0]
	if c := r.Cases[1]; c.Status != Errored || c.Reason != "no third worker" || c.Soak != nil {
		t.Errorf("%s %q", c.Status, c.Reason)
	}
	if c := r.Cases[0]; c.Status != OK || c.Soak == nil {
		t.Errorf("the other case: %s %+v", c.Status, c.Soak)
	}
}
