package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/bench/memory"
	"assay/bench/verdict"
)

// bytesOf wants a metric within 5 % of a known size, and 1 MB of what a worker
// takes for itself.
func bytesOf(t *testing.T, c *CaseResult, name string, want int) {
	t.Helper()
	v, ok := c.Value(name)
	if d := v.Value - float64(want); !ok || d < -0.05*float64(want) || d > 0.05*float64(want)+1e6 {
		t.Errorf("%s of %s: %+v, want %d bytes", name, c.Variant, v, want)
	}
}

// TestFootprint: phases of a known size are told apart, compared and judged.
func TestFootprint(t *testing.T) {
	if err := memory.ResetPeak(os.Getpid()); err != nil {
		t.Skip(err)
	}
	const mb = 1 << 20
	const less, more, arena, gpu = "memory.load <= 0.5x", "memory.run <= 2x", "memory.arena <= 30MiB", "memory.shared <= 1x"
	set := testSetup(t)
	set.Plan.Trials, set.Plan.MaxTrials, set.Plan.Cold = 3, 3, 0
	set.Shared = func(int) (*memory.Shared, error) { return nil, fmt.Errorf("no GPU here: %w", errors.ErrUnsupported) }
	g := testGroup(t, []string{less, more, arena, gpu},
		script{Spin: spin, Memory: appetite{Hold: 32 * mb, Spike: 96 * mb, Grow: 24 * mb, Arena: 8 * mb}},
		script{Spin: spin, Memory: appetite{Hold: 32 * mb, Grow: 96 * mb, Arena: 32 * mb}})
	r := mustRun(t, context.Background(), set, g)
	base, cand := &r.Groups[0].Cases[0], &r.Groups[0].Cases[1]
	bytesOf(t, base, "memory.load", 128*mb)
	bytesOf(t, base, "memory.run", 24*mb)
	bytesOf(t, base, "memory.arena", 8*mb)
	bytesOf(t, cand, "memory.load", 32*mb)
	bytesOf(t, cand, "memory.run", 96*mb)
	for _, c := range []struct {
		metric string
		more   float64 // of the candidate
	}{{"memory.steady", 72 * mb}, {"memory.peak", 0}} { // 128 MiB both, before and after
		b, _ := base.Value(c.metric)
		v, _ := cand.Value(c.metric)
		if d := v.Value - b.Value - c.more; d < -6*mb || d > 6*mb {
			t.Errorf("%s: baseline %.1f MB, candidate %.1f MB, want %.1f MB more", c.metric, b.Value/1e6, v.Value/1e6, c.more/1e6)
		}
	}
	w := words(*cand)
	if w[less] != verdict.Pass || w[more] != verdict.Fail || w[arena] != verdict.Fail || w[gpu] != verdict.Skipped {
		t.Errorf("verdicts %v", w)
	}
	if why := cand.Missing["memory.shared"]; !strings.Contains(why, "no GPU here") {
		t.Errorf("why memory.shared is missing: %q", why)
	}
	if _, ok := cand.Value("memory.shared"); ok {
		t.Error("a metric that is not told has a value")
	}
	noGroupLeft(t)
}

// TestDiesBetweenPhases: what was seen of a worker that dies when it is asked
// for its stats is kept; one that dies before it runs costs its case.
func TestDiesBetweenPhases(t *testing.T) {
	set := testSetup(t)
	set.Plan.Cold = 0
	g := testGroup(t, []string{"memory.arena <= 1x"},
		script{Spin: spin, Memory: appetite{Arena: 4096}},
		script{Spin: spin, Memory: appetite{DieAt: "stats"}},
		script{Spin: spin, Memory: appetite{DieAt: "bind"}})
	r := mustRun(t, context.Background(), set, g)
	late, early := &r.Groups[0].Cases[1], &r.Groups[0].Cases[2]
	if v, ok := late.Value("memory.peak"); late.Status != OK || !ok || v.N != 5 {
		t.Errorf("died when asked for stats: %s %q, peak %+v", late.Status, late.Reason, v)
	}
	if why := late.Missing["memory.arena"]; !strings.Contains(why, "died") || words(*late)["memory.arena <= 1x"] != verdict.Inconclusive {
		t.Errorf("why its arena is missing: %q, %v", why, words(*late))
	}
	if early.Status != Errored || !strings.Contains(early.Reason, "died") || len(early.Samples) != 0 {
		t.Errorf("died at bind: %s %q, %d samples", early.Status, early.Reason, len(early.Samples))
	}
	if base := &r.Groups[0].Cases[0]; base.Status != OK {
		t.Errorf("the baseline: %s %q", base.Status, base.Reason)
	}
	noGroupLeft(t)
}

// noGroupLeft looks for cgroups of this process that outlive their workers.
func noGroupLeft(t *testing.T) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, dir := range []string{"/sys/fs/cgroup/memory" + f[2], "/sys/fs/cgroup" + f[2], "/sys/fs/cgroup" + filepath.Dir(f[2])} {
			left, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("assay-%d-*", os.Getpid())))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		}
	}
}
