package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/bench/host"
	"assay/bench/metric"
	"assay/bench/verdict"
)

const spin = 200 * time.Microsecond

// words returns the verdicts of a case, by gate.
func words(c CaseResult) map[string]verdict.Word {
	out := map[string]verdict.Word{}
	for _, v := range c.Verdicts {
		out[v.Gate] = v.Word
	}
	return out
}

func TestRun(t *testing.T) {
	const fast, exact = "latency.p50 <= 0.9x", "top1 >= -1pt"
	g := testGroup(t, []string{fast, exact}, script{Spin: spin}, script{Spin: spin / 4}, script{Spin: spin, Wrong: 5})
	r := mustRun(t, context.Background(), testSetup(t), g)
	cases := r.Groups[0].Cases
	if len(cases) != 3 || r.Groups[0].Trials != 5 || r.Groups[0].Rounds != 3 || r.Partial != "" {
		t.Fatalf("got %d cases, %d trials, %d rounds, partial %q", len(cases), r.Groups[0].Trials, r.Groups[0].Rounds, r.Partial)
	}
	ratio, ok := cases[1].Ratio(metric.P50.Name)
	if !ok || ratio.Value < 0.1 || ratio.Value > 0.6 || ratio.Low > ratio.Value || ratio.High < ratio.Value {
		t.Errorf("a quarter of the work: ratio %+v", ratio)
	}
	if w := words(cases[1]); w[fast] != verdict.Pass || w[exact] != verdict.Pass {
		t.Errorf("a quarter of the work, equal answers: %v", w)
	}
	if w := words(cases[2]); w[fast] == verdict.Pass || w[exact] != verdict.Fail {
		t.Errorf("equal work, a fifth of the answers wrong: %v", w)
	}
	for name, want := range map[string]float64{"top1": 0.8, "agreement": 0.8} {
		if v, ok := cases[2].Value(name); !ok || v.Value != want {
			t.Errorf("%s: got %+v, want %v", name, v, want)
		}
	}
	for _, name := range []string{"latency.p50", "latency.p90", "latency.p99", "latency.start", "latency.load", "latency.first", "throughput", "memory.peak", "memory.steady", "size"} {
		if v, ok := cases[0].Value(name); !ok || !(v.Value > 0) || v.Low > v.High {
			t.Errorf("%s: got %+v, %v", name, v, ok)
		}
	}
	if aa := r.Groups[0].AA; aa == nil || !(aa.Ratio.Low <= aa.Ratio.Value && aa.Ratio.Value <= aa.Ratio.High) || aa.Ratio.N != 5 {
		t.Errorf("A/A control: %+v", r.Groups[0].AA)
	}
}

// TestFailures: a case that cannot be run costs itself, never the run.
func TestFailures(t *testing.T) {
	once := filepath.Join(t.TempDir(), "once")
	if err := os.WriteFile(once, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		script script
		want   Status
		reason string
	}{
		{"bad model", script{Load: "not an ONNX model"}, Errored, "not an ONNX model"},
		{"no support", script{Absent: "operator Foo"}, Skipped, "operator Foo"},
		{"crash", script{Spin: spin, DieAfter: 20, Say: "out of cheese"}, Errored, "out of cheese"},
		{"crash once", script{Spin: spin, DieAfter: 20, Once: once}, OK, ""},
		{"nonsense", script{Spin: spin, Nonsense: true}, Errored, "this is no frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := testGroup(t, []string{"latency.p50 <= 2x"}, script{Spin: spin}, c.script)
			r := mustRun(t, context.Background(), testSetup(t), g)
			got := r.Groups[0].Cases[1]
			if got.Status != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %s %q, want %s %q", got.Status, got.Reason, c.want, c.reason)
			}
			if base := r.Groups[0].Cases[0]; base.Status != OK || len(base.Values) == 0 {
				t.Errorf("the baseline was not measured: %s %s", base.Status, base.Reason)
			}
		})
	}
}

// TestHang: a hung worker is killed at its deadline and tried once more.
func TestHang(t *testing.T) {
	defer func(d time.Duration) { runDeadline = d }(runDeadline)
	runDeadline = 300 * time.Millisecond
	r := mustRun(t, context.Background(), testSetup(t), testGroup(t, nil, script{Spin: spin}, script{Spin: spin, HangAfter: 10}))
	if got := r.Groups[0].Cases[1]; got.Status != Errored {
		t.Errorf("got %s %q, want an error", got.Status, got.Reason)
	}
}

// TestBaselineFails: candidates cannot be compared, and that is said.
func TestBaselineFails(t *testing.T) {
	r := mustRun(t, context.Background(), testSetup(t), testGroup(t, []string{"latency.p50 <= 0.8x"}, script{Load: "broken"}, script{Spin: spin}))
	c := r.Groups[0].Cases[1]
	if len(c.Verdicts) != 1 || c.Verdicts[0].Word != verdict.Error || !strings.Contains(c.Verdicts[0].Reason, "baseline") {
		t.Errorf("got %+v", c.Verdicts)
	}
	if _, ok := c.Value(metric.P50.Name); !ok {
		t.Error("the candidate's own latency was not measured")
	}
}

// TestInterrupt: what is measured is kept, and the run says that it is partial.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	set := testSetup(t)
	groups := []Group{testGroup(t, []string{"latency.p50 <= 0.8x"}, script{Spin: spin}, script{Spin: spin / 2}), testGroup(t, nil, script{Spin: spin})}
	set.Progress = func(s Step) {
		if s.Phase == "cold" {
			cancel(errors.New("interrupt"))
		}
	}
	r := mustRun(t, ctx, set, groups...)
	if !strings.Contains(r.Partial, "interrupt") {
		t.Errorf("partial: %q", r.Partial)
	}
	if e, ok := r.Groups[0].Cases[1].Ratio(metric.P50.Name); !ok || e.N != 5 {
		t.Errorf("the finished trials are lost: %+v", e)
	}
	if c := r.Groups[1].Cases[0]; c.Status != Skipped || c.Reason == "" {
		t.Errorf("a group that was not reached: %s %q", c.Status, c.Reason)
	}
}

// TestPairs: where memory does not hold the group, candidates are interleaved
// with the baseline one at a time, and the result says so.
func TestPairs(t *testing.T) {
	set := testSetup(t)
	set.MemAvailable = func() int64 { return 64 << 20 }
	g := testGroup(t, nil, script{Spin: spin}, script{Spin: spin}, script{Spin: spin / 4}, script{Spin: spin * 4})
	r := mustRun(t, context.Background(), set, g)
	if r.Groups[0].Interleave != "pairs" || len(r.Groups[0].Doubts) == 0 {
		t.Errorf("interleave %q, doubts %q", r.Groups[0].Interleave, r.Groups[0].Doubts)
	}
	for i, want := range []float64{1, 0.25, 4} {
		e, ok := r.Groups[0].Cases[i+1].Ratio(metric.P50.Name)
		if !ok || e.N != 5 || e.Value < 0.5*want || e.Value > 2*want {
			t.Errorf("candidate %d: %+v, want about %v", i+1, e, want)
		}
	}
}

// thief steals a tenth of every block.
type thief struct{ at time.Time }

func (t thief) Read() (steal, mhz float64) { return 0.1 * time.Since(t.at).Seconds(), 0 }

func (thief) Close() error { return nil }

// TestUntrusted: stolen time and a throttled device replace verdicts on
// timing, and only those.
func TestUntrusted(t *testing.T) {
	const fast, exact = "latency.p50 <= 0.8x", "top1 >= -1pt"
	check := func(name string, set Setup, cause string) {
		t.Helper()
		r := mustRun(t, context.Background(), set, testGroup(t, []string{fast, exact}, script{Spin: spin}, script{Spin: spin / 2}))
		w := words(r.Groups[0].Cases[1])
		if w[exact] != verdict.Pass || w[fast] == verdict.Pass || w[fast] == verdict.Fail {
			t.Errorf("%s: %v", name, w)
		}
		if !strings.Contains(strings.Join(r.Groups[0].Untrusted, "; "), cause) {
			t.Errorf("%s: causes %q, want %q", name, r.Groups[0].Untrusted, cause)
		}
	}
	stolen := testSetup(t)
	stolen.Probe = func([]int) Prober { return thief{time.Now()} }
	check("steal", stolen, "hypervisor")

	hot := testSetup(t)
	n := int64(0)
	hot.Observe = func() host.Condition { n++; return host.Condition{Throttled: n, Quota: -1} }
	check("throttled", hot, "thrott")
}

func TestNothingToMeasure(t *testing.T) {
	if _, err := Run(context.Background(), testSetup(t), nil); err == nil {
		t.Error("no groups: want an error")
	}
}
