package host

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Neighbour is another process that used the CPUs while we measured.
type Neighbour struct {
	Name  string  `json:"name"` // as the kernel cuts it, 15 bytes on Linux
	PID   int     `json:"pid"`
	Cores float64 `json:"cores"` // mean number of cores that it kept busy, with its children that came and went unseen
}

// A task is one process at one moment.
type task struct {
	pid, parent int
	started     float64       // tells apart two processes of one pid; any unit
	name        string        // may hold anything
	gone        bool          // it has ended since the last look but one
	used        time.Duration // CPU time since it started
	ended       time.Duration // CPU time of its children that have ended, theirs included; 0 where that is not told
}

// identity of a task: pids are used again.
type taskID struct {
	pid     int
	started float64
}

// neighbours keeps account of other processes from one look to the next. A
// process that starts and ends between two looks is not seen; its parent, which
// is told its time when it ends, answers for it (a build for its compilers).
type neighbours struct {
	self  int // pid whose tree is ours
	begun time.Time
	last  time.Time
	each  time.Duration // what the last look cost
	first map[taskID]time.Duration
	now   map[taskID]task
	seen  map[int]time.Duration // by pid of the parent: what of the time of its ended children is theirs here
}

// look enters the tasks of one moment; those of our own tree do not count.
func (n *neighbours) look(at time.Time, all []task) {
	opening := n.first == nil
	if opening {
		n.begun, n.first, n.now, n.seen = at, map[taskID]time.Duration{}, map[taskID]task{}, map[int]time.Duration{}
	}
	n.last = at
	n.bury(all)
	parent := make(map[int]int, len(all))
	for _, t := range all {
		parent[t.pid] = t.parent
	}
	for _, t := range all {
		if ours(t.pid, n.self, parent) {
			continue
		}
		id := taskID{t.pid, t.started}
		if opening {
			n.first[id] = t.used + t.ended
		}
		n.now[id] = t
	}
}

// bury enters the tasks that are gone into the account of their parents: what
// is known as theirs is not to be the parent's as well. Where a parent has gone
// with them, their time has gone on to its own parent.
func (n *neighbours) bury(all []task) {
	alive := make(map[taskID]bool, len(all))
	for _, t := range all {
		alive[taskID{t.pid, t.started}] = true
	}
	dead := map[int]int{} // parents by pid
	for id, t := range n.now {
		if !alive[id] && !t.gone {
			dead[t.pid] = t.parent
		}
	}
	for id, t := range n.now {
		if alive[id] || t.gone {
			continue
		}
		heir := t.parent
		for range 64 { // a table that was read while it changed may hold a circle
			up, ok := dead[heir]
			if !ok {
				break
			}
			heir = up
		}
		n.seen[heir] += t.used + t.ended
		t.gone = true
		n.now[id] = t
	}
}

// ours reports whether pid is self or descends from it. The depth is bounded:
// a table that is read while it changes may hold a circle.
func ours(pid, self int, parent map[int]int) bool {
	for range 64 {
		if pid == self {
			return true
		}
		up, ok := parent[pid]
		if !ok || up == pid {
			return false
		}
		pid = up
	}
	return false
}

// Limits of what is named: a process below a hundredth of a core is no
// neighbour to speak of, and more than three names are not read.
const (
	minCores = 0.01
	maxNamed = 3
)

// top names those that used most, and says how many cores all of them used.
func (n *neighbours) top() (most []Neighbour, all float64) {
	elapsed := n.last.Sub(n.begun).Seconds()
	if elapsed <= 0 {
		return nil, 0
	}
	var out []Neighbour
	for id, t := range n.now {
		used := t.used + t.ended - n.first[id]
		if !t.gone {
			used -= min(n.seen[t.pid], used)
		}
		cores := used.Seconds() / elapsed
		all += cores
		if cores >= minCores {
			out = append(out, Neighbour{Name: printable(t.name), PID: t.pid, Cores: cores})
		}
	}
	slices.SortFunc(out, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(b.Cores, a.Cores), cmp.Compare(a.PID, b.PID))
	})
	return out[:min(len(out), maxNamed)], all
}

// printable makes a name fit for a message: a process may call itself anything.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 64)]
}
