package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// children returns the processes that this test started, by the kernel's list.
func children(t *testing.T) []int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, l := range lists {
		b, err := os.ReadFile(l)
		if err != nil {
			continue // the thread has ended
		}
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// TestKill kills live workers with SIGKILL in the middle of rounds: once is
// made good by a fresh process, killing each of them again costs the case.
func TestKill(t *testing.T) {
	for _, c := range []struct {
		name  string
		kills int
		want  Status
	}{{"once", 1, OK}, {"again and again", 1000, Errored}} {
		t.Run(c.name, func(t *testing.T) {
			set := testSetup(t)
			killed := 0
			set.Probe = func([]int) Prober {
				return prober(func() {
					if pids := children(t); len(pids) == 3 && killed < c.kills { // baseline, control, candidate
						killed++
						syscall.Kill(pids[len(pids)-1], syscall.SIGKILL)
					}
				})
			}
			r := mustRun(t, context.Background(), set, testGroup(t, nil, script{Spin: spin}, script{Spin: spin}))
			worst := OK
			if strings.Contains(strings.Join(r.Groups[0].Untrusted, "; "), "killed") { // the control
				worst = Errored
			}
			for _, cr := range r.Groups[0].Cases {
				if cr.Status == Errored {
					worst = Errored
					if !strings.Contains(cr.Reason, "killed") {
						t.Errorf("reason %q does not say that it was killed", cr.Reason)
					}
				}
			}
			if killed == 0 {
				t.Fatal("no worker was killed: the kernel lists no children")
			}
			if worst != c.want {
				t.Errorf("after %d kills: %s, want %s", killed, worst, c.want)
			}
		})
	}
}

// A prober does something between blocks.
type prober func()

func (p prober) Read() (steal, mhz float64) { p(); return 0, 0 }
func (prober) Close() error                 { return nil }
