package host

import (
	"math"
	"os"
	"os/exec"
	"reflect"
	"testing"
	"time"
)

func TestNeighbours(t *testing.T) {
	const sec = time.Second
	at := time.Unix(1_700_000_000, 0)
	n := neighbours{self: 100}
	n.look(at, []task{
		{pid: 1, name: "init", used: 50 * sec},
		{pid: 100, parent: 1, name: "assay", used: sec},
		{pid: 101, parent: 100, name: "worker", used: 0},
		{pid: 7, parent: 1, name: "stress", used: 30 * sec, started: 5},
		{pid: 8, parent: 1, name: "ends", used: 0, started: 5},
		{pid: 300, parent: 301, name: "circle"},
		{pid: 301, parent: 300, name: "circle"},
	})
	n.look(at.Add(5*sec), []task{
		{pid: 8, parent: 1, name: "ends", used: 4 * sec, started: 5},
		{pid: 100, parent: 1, name: "assay", used: 5 * sec},
		{pid: 101, parent: 100, name: "worker", used: 5 * sec},
		{pid: 102, parent: 101, name: "grandchild", used: 9 * sec},
	})
	n.look(at.Add(10*sec), []task{
		{pid: 1, name: "init", used: 50 * sec},
		{pid: 100, parent: 1, name: "assay", used: 9 * sec},
		{pid: 101, parent: 100, name: "worker", used: 9 * sec},
		{pid: 7, parent: 1, name: "stress", used: 37 * sec, started: 5},
		{pid: 8, parent: 1, name: "new \x1b[31m\n", used: 2 * sec, started: 99}, // the pid is used again
		{pid: 9, parent: 7, name: "late", used: sec, started: 50},
		{pid: 10, parent: 7, name: "idle", used: sec / 20, started: 50},
	})
	want := []Neighbour{{"stress", 7, 0.7}, {"ends", 8, 0.4}, {"new ?[31m?", 8, 0.2}}
	if got, all := n.top(); !reflect.DeepEqual(got, want) || math.Abs(all-1.405) > 1e-9 {
		t.Errorf("got %v, all %v; want %v, 1.405", got, all, want)
	}
	if got, _ := (&neighbours{}).top(); got != nil {
		t.Errorf("nobody looked, and saw %v", got)
	}
}

// TestShortLived: a build answers for compilers that nobody saw, and not for
// those that were seen.
func TestShortLived(t *testing.T) {
	const sec = time.Second
	at := time.Unix(1_700_000_000, 0)
	n := neighbours{self: 100}
	make := func(ended time.Duration) task {
		return task{pid: 5, parent: 1, name: "make", used: sec, ended: ended}
	}
	init := task{pid: 1, name: "init", used: sec, ended: 500 * sec}
	n.look(at, []task{init, make(70 * sec), {pid: 6, parent: 5, name: "ld", used: 3 * sec}})
	n.look(at.Add(5*sec), []task{init, make(72 * sec), {pid: 6, parent: 5, name: "ld", used: 5 * sec}}) // 2 s of what came and went
	n.look(at.Add(10*sec), []task{init, make(81 * sec)})                                                // ld has ended with 6 s, and 3 s more of others
	want := []Neighbour{{"make", 5, 0.6}, {"ld", 6, 0.2}}                                               // 2 + 3 s, and ld's last second
	if got, all := n.top(); !reflect.DeepEqual(got, want) || math.Abs(all-0.8) > 1e-9 {
		t.Errorf("got %v, all %v; want %v, 0.8", got, all, want)
	}
}

// TestHeir: of a family that is gone between two looks nothing is counted twice.
func TestHeir(t *testing.T) {
	const sec = time.Second
	at := time.Unix(1_700_000_000, 0)
	n := neighbours{self: 100}
	shell := func(ended time.Duration) task { return task{pid: 5, parent: 1, name: "sh", ended: ended} }
	n.look(at, []task{shell(0), {pid: 6, parent: 5, name: "make", used: sec}, {pid: 7, parent: 6, name: "cc", used: 40 * sec}})
	n.look(at.Add(5*sec), []task{shell(0), {pid: 6, parent: 5, name: "make", used: sec}, {pid: 7, parent: 6, name: "cc", used: 45 * sec}})
	n.look(at.Add(10*sec), []task{shell(48 * sec)}) // 2 s more of one or the other
	want := []Neighbour{{"cc", 7, 0.5}, {"sh", 5, 0.2}}
	if got, all := n.top(); !reflect.DeepEqual(got, want) || math.Abs(all-0.7) > 1e-9 {
		t.Errorf("got %v, all %v; want %v, 0.7", got, all, want)
	}
}

// TestTasksHere: the table of this system holds this process and its child,
// and a child's time counts as ours, that of others does not.
func TestTasksHere(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), sleeper+"=1")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	for selfTime() > 0 && selfTime() < 30*time.Millisecond { // the table counts in ticks of 10 ms
	}
	all, err := tasks("/proc")
	if err != nil {
		t.Fatal(err)
	}
	parent := map[int]int{}
	for _, x := range all {
		parent[x.pid] = x.parent
		if x.pid == os.Getpid() && (x.name == "" || x.used <= 0) {
			t.Errorf("this process: %+v", x)
		}
	}
	if parent[child.Process.Pid] != os.Getpid() || !ours(child.Process.Pid, os.Getpid(), parent) || ours(os.Getppid(), os.Getpid(), parent) {
		t.Errorf("the child's parent is %d, we are %d", parent[child.Process.Pid], os.Getpid())
	}
}
