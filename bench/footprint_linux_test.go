package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"assay/bench/engine"
	"assay/bench/memory"
	"assay/bench/verdict"
)

// memorySetup measures memory and little else.
func memorySetup(t *testing.T, trials int) Setup {
	set := testSetup(t)
	set.Plan.Trials, set.Plan.MaxTrials, set.Plan.Cold = trials, trials, 0
	set.Data = func(Case, []engine.Desc) (Dataset, error) { return labelled(8), nil }
	return set
}

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
	set := memorySetup(t, 3)
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
	set := memorySetup(t, 3)
	g := testGroup(t, []string{"memory.arena <= 1x"},
		script{Spin: spin, Memory: appetite{Arena: 4096}},
		script{Spin: spin, Memory: appetite{DieAt: "stats"}},
		script{Spin: spin, Memory: appetite{DieAt: "bind"}})
	r := mustRun(t, context.Background(), set, g)
	late, early := &r.Groups[0].Cases[1], &r.Groups[0].Cases[2]
	if v, ok := late.Value("memory.peak"); late.Status != OK || !ok || v.N != 3 {
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

func init() {
	mapFile = func(path string) {
		f, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		st, err := f.Stat()
		if err != nil {
			panic(err)
		}
		b, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			panic(err)
		}
		var sum byte
		for i := 0; i < len(b); i += 4096 {
			sum += b[i]
		}
		eaten = append(eaten, b, []byte{sum})
	}
}

// TestShareOfControl: the control maps the baseline's file too, which must not
// make the baseline look the smaller.
func TestShareOfControl(t *testing.T) {
	if _, err := memory.Share(os.Getpid()); err != nil {
		t.Skip(err)
	}
	set := memorySetup(t, 3)
	g := testGroup(t, nil, script{Spin: spin, Memory: appetite{Map: true}}, script{Spin: spin, Memory: appetite{Map: true}})
	const size = 64 << 20
	for i := range g.Cases { // what follows the script is blank
		path := g.Cases[i].Artifact.Path
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, bytes.Repeat([]byte(" "), size-len(b))...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := mustRun(t, context.Background(), set, g)
	base, ok := r.Groups[0].Cases[0].Value("memory.steady")
	if e, ok2 := r.Groups[0].Cases[1].Ratio("memory.steady"); !ok || !ok2 || base.Value < size || e.Value < 0.95 || e.Value > 1.05 {
		t.Errorf("equal files: the baseline has %.1f MB, the candidate %.3f of it", base.Value/1e6, e.Value)
	}
}

// TestSharedSource: what a GPU holds says by what it is known.
func TestSharedSource(t *testing.T) {
	set := memorySetup(t, 2)
	set.Shared = func(pid int) (*memory.Shared, error) {
		return memory.FollowShared(fstest.MapFS{
			"proc/device-tree/compatible":          {Data: []byte("nvidia,tegra234\x00")},
			"sys/kernel/debug/nvmap/iovmm/clients": {Data: fmt.Appendf(nil, "user worker %d 4096K\n", pid)},
		}, pid)
	}
	const gpu = "memory.shared <= 4MiB"
	r := mustRun(t, context.Background(), set, testGroup(t, []string{gpu}, script{Spin: spin}, script{Spin: spin}))
	c := &r.Groups[0].Cases[1]
	v, _ := c.Value("memory.shared")
	e, _ := c.Ratio("memory.shared")
	if v.Source != memory.NvMap || e.Source != memory.NvMap || math.Abs(v.Value-4<<20) > 1 || words(*c)[gpu] != verdict.Pass {
		t.Errorf("%+v, %+v, %v", v, e, words(*c))
	}
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
