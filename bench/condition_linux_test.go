package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/host"
	"assay/bench/runner"
)

// Roles of this test binary beside the fake worker's: one measures a group
// on the real device, in a control group if one is named; one keeps every core
// busy until it is killed.
const (
	measuring = "ASSAY_TEST_MEASURE" // a Group as JSON
	within    = "ASSAY_TEST_CGROUP"  // cgroup.procs that the measuring child enters first
	busy      = "ASSAY_TEST_BUSY"
)

func init() {
	roles[measuring] = measureHere
	roles[busy] = keepBusy
}

// neighbour is what the busy child calls itself: the kernel keeps 15 bytes.
const neighbour = "assay-neighbour"

func keepBusy() {
	if err := os.WriteFile("/proc/self/comm", []byte(neighbour), 0); err != nil {
		fmt.Println(err)
		return
	}
	for range 4 * runtime.NumCPU() { // more than anything else that may run here
		go func() {
			for time.Now().After(time.Time{}) {
			}
		}()
	}
	fmt.Println("busy")
	time.Sleep(time.Minute)
}

// measureHere measures with everything that this device itself provides, and
// fake workers, and prints the group's result.
func measureHere() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if procs := os.Getenv(within); procs != "" {
		fail(os.WriteFile(procs, fmt.Appendf(nil, "%d", os.Getpid()), 0))
	}
	var g Group
	fail(json.Unmarshal([]byte(os.Getenv(measuring)), &g))
	exe, err := os.Executable()
	fail(err)
	set, err := Local()
	fail(err)
	set.Plan = Plan{Trials: 4, MaxTrials: 4, Rounds: 6, Precision: 0.01, Block: 20 * time.Millisecond}
	set.Command = func(Case) (runner.Command, error) {
		return runner.Command{Path: exe, Env: append(os.Environ(), "ASSAY_FAKE_WORKER=1")}, nil
	}
	set.Data = func(Case, []engine.Desc) (Dataset, error) { return labelled(100), nil }
	r, err := Run(context.Background(), set, []Group{g})
	fail(err)
	fail(json.NewEncoder(os.Stdout).Encode(r.Groups[0]))
}

// measuredBy measures a group in a child, which is not the parent of what
// disturbs it.
func measuredBy(t *testing.T, env ...string) GroupResult {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	group, err := json.Marshal(testGroup(t, nil, script{Spin: spin}, script{Spin: spin}))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(append(os.Environ(), measuring+"="+string(group)), env...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the measuring child: %v", err)
	}
	var g GroupResult
	if err := json.Unmarshal(out, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func holds(lines []string, words ...string) bool {
	return slices.ContainsFunc(lines, func(l string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l, w) })
	})
}

// TestQuota: a run in a control group with a CPU quota really is throttled, is
// untrusted for it, and says why.
func TestQuota(t *testing.T) {
	dir, err := limitedGroup(t, 20_000, 100_000)
	if err != nil {
		t.Skipf("no control group with a CPU quota can be made here: %v", err)
	}
	g := measuredBy(t, within+"="+filepath.Join(dir, "cgroup.procs"))
	if !holds(g.Untrusted, "the cgroup's CPU quota stopped us", "times: raise the quota") {
		t.Errorf("a fifth of a core, and the run is untrusted for %q", g.Untrusted)
	}
	if len(g.Cases) != 2 || g.Cases[1].Status != OK {
		t.Errorf("the run did not go on: %+v", g.Cases)
	}
}

// limitedGroup makes a control group that may use quota µs of CPU time per
// period, in whichever version of cgroups has the CPUs.
func limitedGroup(t *testing.T, quota, period int) (dir string, err error) {
	var errs []error
	name := fmt.Sprintf("assay-test-%d", os.Getpid())
	for _, v := range []struct {
		mount string
		files map[string]string
	}{
		{"/sys/fs/cgroup", map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, period)}},
		{"/sys/fs/cgroup/cpu", map[string]string{"cpu.cfs_period_us": fmt.Sprint(period), "cpu.cfs_quota_us": fmt.Sprint(quota)}},
	} {
		if _, err := os.Stat(filepath.Join(v.mount, "cgroup.procs")); err != nil {
			errs = append(errs, err) // it is no control group
			continue
		}
		dir := filepath.Join(v.mount, name)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			t.Cleanup(func() { os.Remove(dir) })
			for f, s := range v.files {
				err = errors.Join(err, os.WriteFile(filepath.Join(dir, f), []byte(s), 0))
			}
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// TestNeighbour: a process that takes the cores is named, whether it is a
// doubt or, where it takes more than half of the machine, a violation.
func TestNeighbour(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := exec.Command(exe)
	n.Env = append(os.Environ(), busy+"=1")
	out, err := n.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer n.Wait()
	defer n.Process.Kill()
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || said != "busy\n" {
		t.Fatalf("the neighbour said %q, %v", said, err)
	}
	g := measuredBy(t)
	if want := fmt.Sprintf("%s (pid %d, ", neighbour, n.Process.Pid); !holds(append(g.Untrusted, g.Doubts...), "other processes used", want) {
		t.Errorf("untrusted for %q, doubts %q: nobody names %s", g.Untrusted, g.Doubts, want)
	}
	if !slices.ContainsFunc(g.During.Neighbours, func(h host.Neighbour) bool { return h.PID == n.Process.Pid && h.Cores > 0.1 }) {
		t.Errorf("the result names %+v", g.During.Neighbours)
	}
}
